#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# Everything that can fail around the daemon does. Whatever happens: nothing is allowed that should
# not be, nothing denied that should not be, and no fence is open for a moment.
#
# FAULTS_CHANGES=10000 makes as many changes under kills, FAULTS_EVERY=1 kills before each call of the
# kernel, and FAULTS_SEED=N does what an earlier run did. FAULTS_STRIDE=1 lets each call of bpf(2) fail
# while a daemon starts.

# shellcheck disable=SC2016,SC2154 # inner shells expand for themselves; stderr is bats's
load lib
load servers
load live

setup_file() {
	local i records=()
	for i in {0..7}; do
		records+=("kill$i 60 A 198.18.3.$i")
	done
	export BATS_TEST_TIMEOUT=$((${FAULTS_STRIDE:+3}240 * LAB_PATIENCE))
	start_lab "${records[@]}"
	install_live
	install_clients
	start_resolver odd internet odd-dns.py --address $ODD4 --address $ODD6 \
		--special 198.51.100.57
	export ODD_PID=${RESOLVER_PID[odd]}
	cp "$LAB_DIR/etc/resolv.conf" "$LAB_DIR/run/resolv.conf"
}

setup() {
	lab_mark
}

teardown() {
	silent CONT
	end_live
	mend_hosts
	cp "$LAB_DIR/run/resolv.conf" "$LAB_DIR/etc/resolv.conf.new"
	mv "$LAB_DIR/etc/resolv.conf.new" "$LAB_DIR/etc/resolv.conf"
	nothing_left
}

# A policy in force on a cgroup, and somebody who connects all the while.
start_kept() {
	make_cgroup web
	policy_file kept <<-END
		# What is here stays.
		allow $GITHUB4:$LIVE_PORT
		allow [$GITHUB6]:$LIVE_PORT
	END
	start_daemon "$@"
	done_by attach kept "$LAB_CGROUP2/web"
	pulse_start web
	daemon_mark
}

# fails CODE ARGUMENT…: the daemon refuses it with that code.
fails() {
	client "${@:2}" --json
	[[ $status == 125 && $output == *"\"$1\""* ]] || lab_fail "${*:2}: $status $output $stderr"
	client "${@:2}"
	[[ $status == 125 && $stderr == "cgfence: "* ]]
}

silent() { # whether it answers or not
	kill "-$1" "$ODD_PID"
}

# --- killed -------------------------------------------------------------------------------------

@test "killed at random moments of many changes: all that was answered is in force, nothing else" {
	lab_host mkdir /run/killed
	drive kill-daemon.py --changes "${FAULTS_CHANGES:-1000}" \
		${FAULTS_SEED:+--seed "$FAULTS_SEED"} /run/killed
	[[ -z $(lab_log accepts | grep " $EVIL4\$") ]]
	lab_not_seen tcp "$EVIL4" "$LIVE_PORT"
	lab_host rm -r /run/killed
}

@test "killed before any call of the kernel in whatever it does: what was asked for is done or not" {
	lab_host mkdir /run/each
	drive kill-each.py --every "${FAULTS_EVERY:-15}" \
		${FAULTS_SEED:+--seed "$FAULTS_SEED"} /run/each
	lab_host rm -r /run/each
}

@test "200 policies on 5 targets each are taken up within seconds, and no moment is open or shut" {
	lab_host mkdir /run/many
	drive many.py /run/many
	lab_not_seen tcp "$EVIL4" "$LIVE_PORT"
	lab_host rm -r /run/many
}

# With a resolver that does not answer the moment lasts.
@test "a name whose rule was changed while there was no daemon is denied at no moment" {
	use_resolvers $ODD4
	start_kept
	done_by allow kept plain.c633640a.known.example:1001
	allowed web "$GITHUB4" 1001
	stop_daemon KILL
	policy_file kept <<-END
		allow $GITHUB4:$LIVE_PORT
		allow [$GITHUB6]:$LIVE_PORT
		allow plain.c633640a.known.example:1001-1002
	END
	silent STOP
	start_daemon
	allowed web "$GITHUB4" 1001
	denied web "$GITHUB4" 1003
	silent CONT
	lab_until 20 is_allowed web "$GITHUB4" 1002
	pulse_end
}

# Old rules and new ones have ports of other widths, which the kernel looks up as it is told to.
@test "rules that cannot be put in force at a start open nothing and close nothing" {
	local rules="allow $GITHUB4:$LIVE_PORT
		allow [$GITHUB6]:$LIVE_PORT
		allow any:1000-1007
		allow github.test:22"
	make_cgroup web
	policy_file kept <<<"$rules"$'\n'"allow $GITHUB4:1008-1009"$'\n'"deny $EVIL4"
	start_daemon
	done_by attach kept "$LAB_CGROUP2/web"
	pulse_start web
	denied web "$EVIL4" 1001
	allowed web "$GITHUB4" 1009
	stop_daemon KILL
	policy_file kept <<<"$rules"$'\n'"allow $GITHUB4:1009"$'\n'"deny $EVIL4:1001"
	break_hosts
	start_daemon
	denied web "$EVIL4" 1001
	allowed web "$GITHUB4" 1009
	client status
	[[ $status == 1 && $output == *"/etc/hosts"*"what is in force stays"* ]]
	mend_hosts
	kill -HUP "$DAEMON_PID"
	lab_until 10 lab_host cgfence status
	denied web "$EVIL4" 1001
	allowed web "$EVIL4" 1002
	allowed web "$GITHUB4" 1009
	pulse_end
}

# injecting WHAT COMMAND…: into calls of bpf(2) by the daemon, as strace(1) has it.
injecting() {
	local tracer
	strace -f -qq -o "$LAB_DIR/run/strace" -e trace=bpf -e "inject=bpf:$1" -p "$DAEMON_PID" 3>&- &
	tracer=$!
	lab_until 10 grep -q "^TracerPid:.$tracer" "/proc/$DAEMON_PID/status"
	"${@:2}"
	kill "$tracer"
	wait "$tracer" || true
}

# slowly COMMAND…: each of these calls lasts long enough to be caught at.
slowly() {
	injecting delay_enter=10000 "$@"
	grep -q 'bpf(.*DELAYED' "$LAB_DIR/run/strace"
}

@test "of rules that cannot be put in force at a start a target that comes then has none, and is shut" {
	make_cgroup web
	policy_file kept <<-END
		allow $EVIL4:1001
		allow $GITHUB4:1001
		deny $EVIL4/31:1000-1007
	END
	start_daemon
	done_by attach --persistent kept "$LAB_CGROUP2/web"
	allowed web "$GITHUB4" 1001
	stop_daemon KILL
	lab_host rmdir "$LAB_CGROUP2/web"
	break_hosts
	start_daemon
	make_cgroup web
	lab_until 10 is_denied web "$GITHUB4" 1001
	denied web "$EVIL4" 1001
	client status
	[[ $status == 1 && $output == *"/etc/hosts"*"nothing is allowed until that is mended"* ]]
	# Over a restart too.
	stop_daemon KILL
	start_daemon
	denied web "$GITHUB4" 1001
	mend_hosts
	kill -HUP "$DAEMON_PID"
	lab_until 10 is_allowed web "$GITHUB4" 1001
	denied web "$EVIL4" 1001
	lab_until 10 lab_host cgfence status
	# And if it is mended while there is none, be it half attached.
	stop_daemon KILL
	lab_host rmdir "$LAB_CGROUP2/web"
	break_hosts
	start_daemon
	make_cgroup web
	lab_until 10 is_denied web "$GITHUB4" 1001
	stop_daemon KILL
	lab_host sh -c 'rm "$0"/links/*/connect4' "$PINS"
	mend_hosts
	daemon_mark
	start_daemon
	lab_until 10 is_allowed web "$GITHUB4" 1001
	denied web "$EVIL4" 1001
	lab_until 10 lab_host cgfence status
	! daemon_said 'put right' || lab_fail "it was not whole"
}

@test "that rules cannot be put in force at a start is told also where nothing is fenced by them" {
	policy_file kept <<<"allow $GITHUB4:1001"
	break_hosts
	start_daemon
	daemon_said "kept: cannot read /etc/hosts"
	make_cgroup web
	client attach kept "$LAB_CGROUP2/web"
	[[ $status == 125 && $stderr == *"/etc/hosts"* ]]
	mend_hosts
	kill -HUP "$DAEMON_PID"
	lab_until 10 lab_host cgfence attach kept "$LAB_CGROUP2/web"
	denied web "$EVIL4" 443
}

# What is pinned under its name is no map of it.
@test "of a policy whose maps cannot be opened targets that come are shut, and nothing else fails" {
	make_cgroup web
	make_cgroup more
	policy_file kept <<<"allow $GITHUB4:1001"
	start_daemon
	done_by attach kept "$LAB_CGROUP2/web"
	allowed web "$GITHUB4" 1001
	stop_daemon KILL
	lab_host sh -c 'mv "$0/counters" /sys/fs/bpf/aside && mkdir "$0/counters"' "$PINS/policies/kept"
	echo "$LAB_CGROUP2/more" | lab_host sh -c 'cat >"$0/kept.targets"' "$POLICIES"
	start_daemon
	# What is in force stays.
	allowed web "$GITHUB4" 1001
	denied web "$EVIL4" 1001
	lab_until 10 is_denied more "$EVIL4" 1001
	client status
	[[ $status == 1 ]]
	client check kept "$GITHUB4:1001"
	[[ $status == 125 && $stderr == *"cannot be used: cannot open policy kept"* ]]
	done_by detach "$LAB_CGROUP2/web"
	[[ -d /proc/$DAEMON_PID ]]
	lab_host sh -c 'rmdir "$0/counters" && mv /sys/fs/bpf/aside "$0/counters"' "$PINS/policies/kept"
	kill -HUP "$DAEMON_PID"
	lab_until 10 is_allowed more "$GITHUB4" 1001
	denied more "$EVIL4" 1001
	lab_until 10 lab_host cgfence status
	# What cannot be opened can be deleted.
	stop_daemon KILL
	lab_host sh -c 'rm "$0" && mkdir "$0"' "$PINS/policies/kept/counters"
	daemon_mark
	start_daemon
	daemon_said 'cannot open policy kept'
	done_by delete --force kept
	nothing_left
}

# What is pinned as its link is none.
@test "of a fence that cannot be taken up the rules stay as they are, until it can be" {
	local link
	make_cgroup web
	policy_file kept <<<"allow any:$LIVE_PORT"$'\n'"deny $EVIL4"$'\n'"deny $EVIL6"
	start_daemon
	done_by attach kept "$LAB_CGROUP2/web"
	pulse_start web
	stop_daemon KILL
	policy_file kept <<<"allow any"$'\n'"deny $EVIL4:$LIVE_PORT"$'\n'"deny [$EVIL6]:$LIVE_PORT"
	link=$(lab_host sh -c 'echo "$0"/links/*/connect4' "$PINS")
	lab_host sh -c 'mv "$0" /sys/fs/bpf/aside && mkdir "$0"' "$link"
	start_daemon
	daemon_said 'cannot be taken up: .*; what is in force stays'
	client apply "$POLICIES/kept.policy"
	[[ $status == 125 && $stderr == *"cannot be taken up"*"or detach it and reload"* ]]
	denied web "$GITHUB4" 1001
	lab_host sh -c 'rmdir "$0" && mv /sys/fs/bpf/aside "$0"' "$link"
	lab_until 40 daemon_said 'its fences are taken up'
	denied web "$GITHUB4" 1001
	kill -HUP "$DAEMON_PID"
	lab_until 10 is_allowed web "$GITHUB4" 1001
	lab_until 10 lab_host cgfence status
	pulse_end
}

# More than there is room for beside as many others.
many_denied() { # PORT
	python3 -c 'import sys
for i in range(65000):
	print(f"deny 10.0.{i // 256}.{i % 256}:{sys.argv[1]}/tcp")' "$1"
}

@test "a change to audit that has no room, in place of rules that stayed, opens nothing" {
	make_cgroup web
	{ echo "allow $GITHUB4:$LIVE_PORT" && many_denied 1; } | policy_file wide
	start_daemon
	done_by attach wide "$LAB_CGROUP2/web"
	stop_daemon KILL
	policy_file wide <<<nonsense
	start_daemon
	allowed web "$GITHUB4" "$LIVE_PORT"
	{ echo "mode audit" && many_denied 2; } >"$LAB_DIR/run/wide.policy"
	client apply /run/wide.policy
	[[ $status == 125 && $stderr == *"no room"* ]]
	denied web "$EVIL4" 443
	daemon_said "its fences are shut"
	# It is not what is put right.
	timeout 2 tail -f /dev/null || true
	denied web "$EVIL4" 443
	echo "allow $GITHUB4:$LIVE_PORT" >"$LAB_DIR/run/wide.policy"
	done_by apply /run/wide.policy
	allowed web "$GITHUB4" "$LIVE_PORT"
	denied web "$EVIL4" 443
	done_by status
}

# Where the file is gone the old ones stay, and are not known.
@test "rules that take the place of others open nothing for a moment, also where these only stayed" {
	local i gone rules=("deny $EVIL4
		deny $EVIL6" "deny $EVIL4:$LIVE_PORT
		deny [$EVIL6]:$LIVE_PORT")
	make_cgroup web
	policy_file kept <<<"allow any:$LIVE_PORT"$'\n'"${rules[0]}"
	start_daemon
	done_by attach kept "$LAB_CGROUP2/web"
	pulse_start web
	for gone in '' kept.policy; do
		for i in 1 0; do
			if [[ $gone ]]; then
				stop_daemon KILL
				lab_host rm "$POLICIES/$gone"
				start_daemon
			fi
			echo "allow any:$LIVE_PORT"$'\n'"${rules[i]}" >"$LAB_DIR/run/kept.policy"
			slowly done_by apply /run/kept.policy
			done_by status
		done
	done
	pulse_end
}

# other_rules NUMBER: one of two policies that deny the same, in turns; start_denied is under the first.
other_rules() {
	local rules=("deny $EVIL4
		deny $EVIL6" "deny $EVIL4:$LIVE_PORT
		deny [$EVIL6]:$LIVE_PORT")
	echo "allow any:$LIVE_PORT"$'\n'"${rules[$1 % 2]}" >"$LAB_DIR/run/kept.policy"
}

start_denied() {
	make_cgroup web
	other_rules 0
	policy_file kept <"$LAB_DIR/run/kept.policy"
	start_daemon
	done_by attach kept "$LAB_CGROUP2/web"
	pulse_start web
}

# each_call_fails STAYS: such rules take the place of each other, where they are in force or, if
# STAYS, only stayed; one call of the change fails, each once. It is refused, and what was stays, or
# tried until it is in force.
each_call_fails() {
	local call before
	start_denied
	refused=0 tried=0
	for ((call = 1; call < 200; call++)); do
		other_rules "$call"
		if [[ $1 ]]; then
			stop_daemon KILL
			policy_file kept <<<nonsense
			start_daemon
		fi
		before=$(lab_host cat "$POLICIES/kept.policy")
		injecting "error=EPERM:when=$call" client apply /run/kept.policy
		was_injected || break
		[[ -d /proc/$DAEMON_PID ]]
		if [[ $status != 0 && $stderr == *"its rules are tried until all of them are in force"* ]]; then
			tried=$((tried + 1))
		elif [[ $status != 0 ]]; then
			refused=$((refused + 1))
			[[ $(lab_host cat "$POLICIES/kept.policy") == "$before" ]]
			client status
			[[ ! $1 || $output == *"kept.policy:1:1"*"what is in force stays"* ]]
			[[ ! $1 ]] || done_by apply /run/kept.policy
		fi
		lab_until 10 lab_host cgfence status
		done_by apply /run/kept.policy
	done
	echo "# $call calls, $refused refused, $tried tried on" >&3
	pulse_end
}

@test "a call that fails where rules take the place of others that only stayed opens nothing, nor loses any" {
	each_call_fails stays
	((refused && tried))
}

@test "a call that fails where rules take the place of others opens nothing, nor loses any" {
	each_call_fails ''
	((refused))
}

# A daemon that cannot start leaves what is in force, and the next takes it up.
@test "a call that fails while a daemon starts opens nothing, nor loses any" {
	local call turn ended=0 again=0
	start_denied
	for ((turn = 1; turn < 2000; turn++)); do
		call=$((turn / 2 * ${FAULTS_STRIDE:-9} + 1))
		other_rules "$turn"
		stop_daemon KILL
		policy_file kept <"$LAB_DIR/run/kept.policy"
		if ! start_failing "$call"; then
			ended=$((ended + 1))
			stop_daemon KILL
			start_daemon
		fi
		was_injected || break
		if ! lab_host cgfence status >/dev/null 2>&1; then
			again=$((again + 1))
			kill -HUP "$DAEMON_PID"
		fi
		lab_until 10 lab_host cgfence status
	done
	echo "# $call calls, $ended ended it, $again were told" >&3
	pulse_end
}

@test "what two denied names share stays denied over kills until both have moved, and no longer" {
	lab_dns_set one 60 A "$EVIL4"
	lab_dns_set two 60 A "$EVIL4"
	policy_file shared <<<$'allow any\ndeny one.test:443\ndeny two.test:443'
	make_cgroup web
	start_daemon
	done_by attach shared "$LAB_CGROUP2/web"
	lab_until 15 is_shared
	# One of them moves.
	stop_daemon KILL
	lab_dns_set one 60 A 198.18.77.1
	start_daemon
	lab_until 15 is_denied web 198.18.77.1 443
	denied web "$EVIL4" 443
	# And the other.
	stop_daemon KILL
	lab_dns_set two 60 A 198.18.77.2
	start_daemon
	lab_until 15 is_allowed web "$EVIL4" 443
	denied web 198.18.77.2 443
	done_by status
}

# What is kept until all are known has ports that no rule says any more.
@test "what is not denied any more when all names have been answered is no change by somebody" {
	lab_dns_set one 60 A "$EVIL4"
	lab_dns_set two 60 A "$EVIL4"
	policy_file shared <<<$'allow any\ndeny one.test:442-443\ndeny two.test:442-443'
	make_cgroup web
	start_daemon
	done_by attach shared "$LAB_CGROUP2/web"
	lab_until 15 is_shared
	denied web "$EVIL4" 443
	use_resolvers "$LAB_SILENT_NS4"
	stop_daemon TERM
	policy_file shared <<<$'allow any\ndeny one.test:442\ndeny two.test:442'
	start_daemon
	denied web "$EVIL4" 443
	use_resolvers "$LAB_NS4"
	lab_until 30 is_allowed web "$EVIL4" 443
	# It is proved meanwhile.
	timeout 2 tail -f /dev/null || true
	done_by status --json
	json_has 'o["whole"] and o["fences"][0]["repairs"] == 0'
}

# Its processes see another resolv.conf than the daemon, and libc makes one.test of a name there.
@test "what a target has of a name in its search domain stays, by all rules that it has there" {
	local before
	lab_dns_set one 60 A "$GITHUB4"
	policy_file search <<<$'allow one:1001\nallow *.test:1002'
	make_cgroup web
	start_daemon
	lab_exec host sh -c 'echo $$ >"$0/cgroup.procs" && exec unshare --mount sh -c "
		printf \"nameserver $1\nsearch test\n\" >/run/search.conf
		mount --bind /run/search.conf /etc/resolv.conf && exec tail -f /dev/null"' \
		"$LAB_CGROUP2/web" "$LAB_NS4" 3>&- &
	lab_until 5 searching getent hosts one
	done_by attach search "$LAB_CGROUP2/web"
	denied web "$GITHUB4" 1001
	lab_until 5 searching getent hosts one
	allowed web "$GITHUB4" 1001
	allowed web "$GITHUB4" 1002
	before=$(grants_of search)
	stop_daemon KILL
	start_daemon
	allowed web "$GITHUB4" 1001
	allowed web "$GITHUB4" 1002
	denied web "$GITHUB4" 1003
	# It is the same name still, and by no other grant.
	[[ $(grants_of search) == "$before" ]]
}

grants_of() { # POLICY
	lab_host bpftool --json map dump pinned "$PINS/policies/$1/names" |
		grep -o '"grant":[0-9]*' | sort
}

searching() { # COMMAND…
	# shellcheck disable=SC2016
	lab_host sh -c 'read -r pid <"$0/cgroup.procs" && echo $$ >"$0/cgroup.procs" &&
		exec nsenter --mount="/proc/$pid/ns/mnt" "$@"' "$LAB_CGROUP2/web" "$@"
}

is_shared() {
	lab_host bpftool --json map dump pinned "$PINS/policies/shared/prefixes" | grep -q '"shared":1'
}

# What is to be denied is not known before it is answered, so until then nothing is allowed.
@test "what was shut stays so over kills and stops, until all that is denied is known to have room" {
	deny_too_many wide
	make_cgroup web
	make_cgroup other
	make_cgroup third
	PULSE_ANY='?' pulse_start web other
	start_daemon
	done_by attach wide "$LAB_CGROUP2/web"
	done_by attach --persistent wide "$LAB_CGROUP2/other"
	lab_until 15 is_denied web "$EVIL4" 443
	lab_until 15 is_denied other "$EVIL4" 443
	lab_mark
	use_resolvers "$LAB_SILENT_NS4"
	stop_daemon KILL
	start_daemon
	daemon_said 'wide: what it denies had no room, and its fences are shut until'
	! daemon_said 'stays as it is|cannot attach'
	client status
	[[ $status == 1 && $output =~ "wrong ".*"what it denies had no room" ]]
	done_by attach wide "$LAB_CGROUP2/web"
	[[ $output == *already* ]]
	lab_until 20 failures_are_counted
	# Answered, and it has no room still.
	daemon_mark
	use_resolvers "$LAB_NS4"
	lab_until 20 daemon_said 'what is to be denied does not fit.*its fences are shut'
	denied web "$EVIL4" 443
	# The cause is gone, which is not known before the first answer.
	lab_dns_set many 60 A "${many[@]:0:3}"
	use_resolvers "$LAB_SILENT_NS4"
	stop_daemon TERM
	start_daemon
	lab_until 20 failures_are_counted
	denied web "$EVIL4" 443
	denied other "$EVIL4" 443
	pulse_end
	lab_not_seen tcp "$GITHUB4" "$LIVE_PORT"
	lab_not_seen udp "$GITHUB6" "$LIVE_PORT"
	lab_not_seen udp "$EVIL4" "$LIVE_PORT"
	# By whatever is written first it opens, and is said to be open.
	daemon_mark
	use_resolvers "$LAB_NS4"
	lab_until 30 opens_while_attaching
	allowed other "$EVIL4" 443
	! daemon_said 'put right'
	denied web "${many[0]}" 443
	denied other "${many[2]}" 443
	lab_not_seen tcp "${many[0]}" 443
	done_by status
	daemon_said 'wide: what it denies has room, and its fences are not shut any more'
	lab_dns_set many 60 A
}

opens_while_attaching() {
	done_by attach wide "$LAB_CGROUP2/third"
	done_by detach "$LAB_CGROUP2/third"
	is_allowed web "$EVIL4" 443
}

# refused_for_room RULE…: a change to these, with nearly as many more as a policy may have.
refused_for_room() {
	local i
	{
		printf '%s\n' "$@"
		for ((i = 0; i < 65000; i++)); do
			echo "deny 10.0.$((i / 256)).$((i % 256)):1/tcp"
		done
	} >"$BATS_TEST_TMPDIR/wide.policy"
	client apply "$BATS_TEST_TMPDIR/wide.policy"
	[[ $status == 125 && $stderr == *"no room"* ]] || lab_fail "apply: $status $stderr"
	denied web "$EVIL4" 443
	denied web "${many[0]}" 443
	denied web "${many[1099]}" 443
	client status
	[[ $status == 1 && $output =~ "wrong ".*"what it denies" ]] || lab_fail "$output"
	[[ $(lab_host cat "$POLICIES/wide.policy") == $'allow any\ndeny many.test\ndeny some.test' ]]
}

@test "a change that has no room opens nothing that is shut, or was found so" {
	deny_too_many wide
	lab_dns_set some 60 A "${many[@]:0:700}"
	policy_file wide <<<$'allow any\ndeny many.test\ndeny some.test'
	make_cgroup web
	start_daemon
	done_by attach wide "$LAB_CGROUP2/web"
	lab_until 15 is_denied web "$EVIL4" 443
	lab_mark
	use_resolvers "$LAB_SILENT_NS4"
	refused_for_room "allow any" "deny some.test"
	refused_for_room "allow any" "deny many.test" "deny some.test"
	stop_daemon KILL
	start_daemon
	refused_for_room "allow any" "deny many.test" "deny some.test"
	refused_for_room "allow any" "deny some.test"
	lab_dns_set many 60 A
	use_resolvers "$LAB_NS4"
	lab_until 30 is_allowed web "$EVIL4" 443
	done_by status
	lab_dns_set some 60 A
}

# Addresses that are not answered any more are denied for a minute and more.
@test "what had no room is denied and the fence open when there is some, and nobody has to ask" {
	local i
	deny_too_many wide
	lab_dns_set some 1 A "${many[@]:0:1000}"
	{
		printf 'allow any\ndeny some.test\n'
		for ((i = 0; i < 65000; i++)); do
			echo "deny 10.0.$((i / 256)).$((i % 256)):1/tcp"
		done
	} | policy_file wide
	make_cgroup web
	start_daemon
	done_by attach wide "$LAB_CGROUP2/web"
	lab_until 15 is_denied web "$EVIL4" 443
	lab_mark
	lab_dns_set some 1 A "${many[@]:0:3}"
	lab_until 150 daemon_said 'wide: what it denies has room, and its fences are not shut any more'
	allowed web "$EVIL4" 443
	denied web "${many[1]}" 443
	done_by status
	lab_dns_set some 60 A
}

# --- storage ------------------------------------------------------------------------------------

# same_as_before: the file, and what is in force.
same_as_before() {
	[[ $(lab_host cat "$POLICIES/kept.policy") == "$before" ]]
	[[ $(lab_host ls -A "$POLICIES") == "$files" ]] || lab_fail "$(lab_host ls -lA "$POLICIES")"
	denied web 198.51.100.20 443
	done_by status
}

all_storage_fails() {
	before=$(lab_host cat "$POLICIES/kept.policy")
	files=$(lab_host ls -A "$POLICIES")
	lab_host sh -c 'for i in $(seq 1000); do echo "allow 198.51.100.20:$i"; done >"$0"' /run/kept.policy
	fails storage allow kept 198.51.100.20:443
	same_as_before
	fails storage remove kept "$GITHUB4:$LIVE_PORT"
	same_as_before
	fails storage apply /run/kept.policy
	same_as_before
	lab_host mv /run/kept.policy /run/fresh.policy
	fails storage apply /run/fresh.policy
	same_as_before
	fails not_found show fresh
	make_cgroup other
	fails storage attach --persistent kept "$LAB_CGROUP2/other"
	allowed other "$EVIL4" 443
	same_as_before
}

works_again() {
	done_by allow kept 198.51.100.20:443
	allowed web 198.51.100.20 443
	done_by remove kept 198.51.100.20:443
	[[ $(lab_host cat "$POLICIES/kept.policy") == "$before" ]]
	pulse_end
}

@test "where the disk is full a change fails, nothing changes, and it works once there is room" {
	lab_host mount -t tmpfs -o mode=755,size=8k,nr_inodes=8 tmpfs "$POLICIES"
	start_kept
	lab_host sh -c 'cat /dev/zero >"$0/fill" 2>/dev/null; i=0
		while : >"$0/fill$i"; do i=$((i + 1)); done' "$POLICIES" 2>/dev/null || true
	all_storage_fails
	lab_host sh -c 'rm "$0"/fill*' "$POLICIES"
	works_again
}

@test "where the directory is read-only a change fails, and nothing changes" {
	lab_host mount -t tmpfs -o mode=755 tmpfs "$POLICIES"
	start_kept
	lab_host mount -o remount,ro "$POLICIES"
	all_storage_fails
	# Nor does it hinder a restart.
	stop_daemon KILL
	start_daemon
	same_as_before
	lab_host mount -o remount,rw "$POLICIES"
	works_again
}

@test "a file that is wrong changes nothing, and is told with its place" {
	start_kept
	printf 'allow 198.51.100.20:443\nallow %s:port\n' "$EVIL4" | policy_file kept
	kill -HUP "$DAEMON_PID"
	lab_until 5 daemon_said 'kept.*:? ?(line )?2[:,]'
	denied web 198.51.100.20 443
	client show kept --json
	json_has 'o["problem"]'
	stop_daemon KILL
	start_daemon
	denied web 198.51.100.20 443
	printf '# fixed\nallow %s\nallow %s\nallow 198.51.100.20:443\n' "$GITHUB4:$LIVE_PORT" \
		"[$GITHUB6]:$LIVE_PORT" | policy_file kept
	kill -HUP "$DAEMON_PID"
	lab_until 5 is_allowed web 198.51.100.20 443
	client show kept --json
	json_has 'not o["problem"]'
	pulse_end
}

@test "a policy whose file vanished stands as it is, and can be ended" {
	start_kept
	lab_host rm "$POLICIES/kept.policy"
	stop_daemon KILL
	start_daemon
	denied web 198.51.100.20 443
	client show kept --json
	[[ $status == 0 ]]
	json_has 'o["problem"] and o["file"] is None'
	lab_host sh -c ': >"$0/kept.policy"' "$POLICIES"
	lab_host rm "$POLICIES/kept.policy"
	pulse_end
	done_by detach "$LAB_CGROUP2/web"
	allowed web 198.51.100.20 443
}

# --- resolvers ----------------------------------------------------------------------------------

@test "a resolver that is down keeps nobody waiting, what was known stays, and it recovers" {
	local known=plain.c633640a.known.example later=plain.c6336414.later.example
	use_resolvers $ODD4
	start_kept
	done_by allow kept $known:443
	allowed web "$GITHUB4" 443
	silent STOP
	timed done_by allow kept $later:443
	[[ $output == *$later* || $stderr == *$later* ]]
	((took_ms < 7000 * LAB_PATIENCE))
	# Nobody else waits meanwhile.
	lab_host cgfence allow kept plain.c633641e.silent.example:443 >/dev/null 2>&1 3>&- &
	timed client status
	[[ $output == *overdue* || $output == *"looked up"* ]]
	((took_ms < 500 * LAB_PATIENCE))
	timed done_by allow kept 198.51.100.30:443
	((took_ms < 1000 * LAB_PATIENCE))
	wait $! || true
	allowed web "$GITHUB4" 443
	denied web 198.51.100.20 443
	stop_daemon KILL
	timed start_daemon
	((took_ms < 2000 * LAB_PATIENCE))
	allowed web "$GITHUB4" 443
	lab_until 10 failures_are_counted
	silent CONT
	lab_until 30 is_allowed web 198.51.100.20 443
	pulse_end
}

# Names that have no answer keep the first reading for seconds.
@test "what is changed while the files are being read is read, too" {
	use_resolvers $ODD4
	start_kept
	silent STOP
	policy_file first <<<"allow plain.c633641e.silent.example:443"
	kill -HUP "$DAEMON_PID"
	lab_until 5 lab_host cgfence show first
	policy_file second <<<"allow 198.51.100.20:443"
	kill -HUP "$DAEMON_PID"
	lab_until 15 lab_host cgfence show second
	lab_until 10 daemon_said "read again: 3 policies"
	# And so is what is removed, while somebody waits for it.
	daemon_mark
	policy_file third <<<"allow plain.c633641f.silent.example:443"
	kill -HUP "$DAEMON_PID"
	lab_until 5 lab_host cgfence show third
	lab_host rm "$POLICIES/third.policy"
	kill -HUP "$DAEMON_PID"
	lab_until 15 daemon_said "read again: 3 policies"
	done_by show second
	silent CONT
	pulse_end
}

failures_are_counted() {
	api /metrics
	grep -qE '^cgfence_resolver_failures_total.* [1-9]' <<<"$output"
}

# A name that starts so is answered so; the eight digits are the address that it leads to, if it is
# believed: 198.18.4.N.
odd_name() {
	printf '%s.c61204%02x.odd.example' "$1" "$2"
}

@test "a resolver that lies, fails, truncates, loops or floods allows nothing, and others go on" {
	local shapes=(servfail loop nxdomain wrongid wrongname unlinked authority cut circle
		noquestion beyond stranger chaos question length-3) i=0 shape names=() believed=()
	use_resolvers $ODD4
	start_kept
	for shape in "${shapes[@]}"; do
		names+=("$(odd_name "$shape" $((i++))):443")
	done
	timed done_by allow kept "${names[@]}" "$(odd_name plain 99):443"
	((took_ms < 8000 * LAB_PATIENCE))
	for ((i = 0; i < ${#shapes[@]}; i++)); do
		is_denied web "198.18.4.$i" 443 || believed+=("${shapes[i]}")
	done
	[[ -z ${believed[*]} ]] || lab_fail "believed: ${believed[*]}"
	allowed web 198.18.4.99 443
	# An address that a public name must not have.
	done_by allow kept plain.0a000001.odd.example:443 plain.7f000001.odd.example:7001
	denied web 10.0.0.1 443
	denied web 127.0.0.1 7001
	done_by allow kept "$(odd_name flood-2000 50):443" "$(odd_name records-200 51):443" \
		"$(odd_name chain-8 52):443"
	allowed web 198.18.4.50 443
	allowed web 198.18.4.51 443
	allowed web 198.18.4.250 443
	allowed web 198.18.4.52 443
	client status
	[[ $status == 0 || $output == *names* ]]
	pulse_end
}

# --- full ---------------------------------------------------------------------------------------

@test "a policy that no map has room for is refused, and what was in force stays" {
	start_kept
	# 30 blocks of ports for each address, 1.2 million of them.
	seq 40000 | awk '{ printf "allow 198.%d.%d.%d:1-65534/tcp\n", 18 + int($1 / 65536), int($1 / 256) % 256, $1 % 256 }' |
		lab_host sh -c 'cat >/run/kept.policy'
	fails capacity apply /run/kept.policy
	denied web 198.18.0.7 443
	[[ $(lab_host cat "$POLICIES/kept.policy") == "# What is here stays."* ]]
	done_by status
	pulse_end
}

@test "a new policy that there are no descriptors for leaves no file, and the targets of its name" {
	local name soft
	start_kept
	soft=$(lab_host prlimit --pid "$DAEMON_PID" --nofile --output SOFT --noheadings)
	# For the client and the file, and not for the maps, but those that are made beforehand.
	lab_host prlimit --pid "$DAEMON_PID" --nofile="$(($(lab_host ls "/proc/$DAEMON_PID/fd" | wc -l) + 6)):"
	for name in late{1..9}; do
		echo "$LAB_CGROUP2/$name" | lab_host sh -c 'cat >"$0"' "$POLICIES/$name.targets"
		echo 'allow any' | lab_host sh -c 'cat >"$0"' "/run/$name.policy"
		client apply "/run/$name.policy"
		[[ $status == 0 ]] || break
	done
	[[ $status == 125 && $stderr == *"open files"* ]]
	lab_host prlimit --pid "$DAEMON_PID" --nofile="$soft:"
	[[ $(lab_host cat "$POLICIES/$name.targets") == "$LAB_CGROUP2/$name" ]]
	lab_host test ! -e "$POLICIES/$name.policy"
	done_by apply "/run/$name.policy"
	done_by status "$LAB_CGROUP2/web"
	lab_host sh -c 'rm /run/late?.policy'
	pulse_end
}

@test "a file that could not be read is what it was after a change in its place that failed" {
	local name soft
	start_kept
	for name in odd{1..9}; do
		echo 'allow nobody knows' | policy_file "$name"
		lab_host chmod 666 "$POLICIES/$name.policy"
	done
	kill -HUP "$DAEMON_PID"
	lab_until 5 daemon_said "others than root may write to '$POLICIES/odd9.policy'"
	soft=$(lab_host prlimit --pid "$DAEMON_PID" --nofile --output SOFT --noheadings)
	lab_host prlimit --pid "$DAEMON_PID" --nofile="$(($(lab_host ls "/proc/$DAEMON_PID/fd" | wc -l) + 6)):"
	for name in odd{1..9}; do
		echo 'allow any' | lab_host sh -c 'cat >"$0"' "/run/$name.policy"
		client apply "/run/$name.policy"
		[[ $status == 0 ]] || break
	done
	[[ $status == 125 && $stderr == *"open files"* ]]
	[[ $(lab_host cat "$POLICIES/$name.policy") == 'allow nobody knows' ]]
	[[ $(lab_host stat -c %a "$POLICIES/$name.policy") == 666 ]]
	client apply "/run/$name.policy"
	[[ $status == 125 ]]
	lab_host prlimit --pid "$DAEMON_PID" --nofile="$soft:"
	done_by apply "/run/$name.policy"
	[[ $(lab_host cat "$POLICIES/$name.policy") == 'allow any' ]]
	[[ -z $(lab_host find "$POLICIES" -name '.*.old') ]]
	lab_host sh -c 'rm /run/odd?.policy'
	pulse_end
}

@test "a map that answers have filled is made larger, and those who wait for room get it" {
	start_resolver vast internet rotating-dns.py --address $ROTATING4 --pool 131072 --give 16
	use_resolvers $ROTATING4
	start_kept
	done_by allow kept '*.rotate.test'
	in_cgroup web sh -c 'for i in $(seq 20); do connects-glibc 60 "n$i.rotate.test" 443 & done; wait' \
		>"$BATS_TEST_TMPDIR/said" 2>&1
	client show kept --json
	json_has 'o["entries"] > 10000 and o["capacity"] >= o["entries"]'
	lab_until 10 all_connect
	pulse_end
	stop_resolver vast
}

all_connect() {
	in_cgroup web connects-glibc 20 again.rotate.test 443 | grep -q '^20 connected'
}

@test "a ring buffer that nobody empties loses records, is told of, and changes no verdict" {
	start_kept
	kill -STOP "$DAEMON_PID"
	in_cgroup web python3 -c '
import socket
udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
for port in range(1, 10001):
    try:
        udp.sendto(b"x", ("198.51.100.66", port))
    except PermissionError:
        continue
    print("sent")'
	denied web "$EVIL4" 443
	allowed web "$GITHUB4" "$LIVE_PORT"
	kill -CONT "$DAEMON_PID"
	api /metrics
	grep -qE '^cgfence_records_lost_total\{.*kept.*\} [1-9]' <<<"$output"
	done_by status
	pulse_end
	lab_not_seen udp "$EVIL4" 9999
}

# --- daemons ------------------------------------------------------------------------------------

second_fails() {
	run --separate-stderr lab_host timeout 10 cgfence daemon "$@"
	[[ $status == 125 && $stderr == "cgfence: "* ]] || lab_fail "$status $stderr"
}

@test "a second daemon fails, with the same socket or another, and the first goes on" {
	local i begun=()
	start_kept
	second_fails
	[[ $stderr == *"process "[1-9]*" holds the lock '/run/cgfence/"* ]]
	lab_host mkdir /run/second
	second_fails --socket /run/second/socket
	[[ $stderr == *"  it is process "[1-9]* ]]
	second_fails --socket /run/second/socket --policy-dir /run/second
	done_by allow kept 198.51.100.20:443
	allowed web 198.51.100.20 443
	done_by status
	# And if they begin at once, one of them does.
	stop_daemon KILL
	for i in 1 2 3 4 5 6; do
		lab_exec host cgfence daemon --socket /run/second/$((i % 3)) >"$BATS_TEST_TMPDIR/$i" 2>&1 3>&- &
		begun+=($!)
	done
	disown -a
	lab_until 10 one_is_left
	done_by --socket "$(winner_socket)" status
	done_by status --socket "$(winner_socket)"
	pulse_end
	stop_daemon
	start_daemon
	lab_host rm -r /run/second
}

one_is_left() {
	local pid left=()
	for pid in "${begun[@]}"; do
		[[ ! -d /proc/$pid ]] || left+=("$pid")
	done
	DAEMON_PID=${left[0]}
	((${#left[@]} == 1)) && [[ -n $(winner_socket) ]]
}

winner_socket() {
	local path
	for path in /run/second/0 /run/second/1 /run/second/2; do
		! lab_host cgfence show --socket "$path" >/dev/null 2>&1 || echo "$path"
	done
}

@test "a socket that a killed daemon left is replaced, and a file that is none is not" {
	start_kept
	stop_daemon KILL
	lab_host test -S /run/cgfence/cgfence.sock
	start_daemon
	done_by status
	stop_daemon
	lab_host sh -c 'rm -f "$0"; echo mine >"$0"' /run/cgfence/cgfence.sock
	second_fails
	[[ $(lab_host cat /run/cgfence/cgfence.sock) == mine ]]
	lab_host rm /run/cgfence/cgfence.sock
	start_daemon
	pulse_end
}

# --- time ---------------------------------------------------------------------------------------

@test "a wall clock that jumps by years changes nothing" {
	local jump
	lab_dns_set jumps 1 A "$GITHUB4"
	echo 0 >"$LAB_DIR/run/jump"
	DAEMON_ENVIRONMENT="LD_PRELOAD=$LAB_DIR/bin/clock-jump.so CLOCK_JUMP=$LAB_DIR/run/jump" start_kept
	done_by allow kept jumps.test:443
	for jump in 315360000 -315360000 0 -86400 3600; do
		echo "$jump" >"$LAB_DIR/run/jump"
		allowed web "$GITHUB4" 443
		denied web "$EVIL4" 443
		timed done_by allow kept 198.51.100.20:443
		((took_ms < 1000 * LAB_PATIENCE))
		allowed web 198.51.100.20 443
		done_by remove kept 198.51.100.20:443
		done_by status
		lab_host bpftool map delete pinned "$PINS/policies/kept/names" key $(first_key names)
		lab_until 2 daemon_said "names.*put right"
		daemon_mark
	done
	pulse_end
}

first_key() {
	lab_host bpftool --json map dump pinned "$PINS/policies/kept/$1" |
		python3 -c 'import json, sys; print(*json.load(sys.stdin)[0]["key"])'
}

# --- cgroups ------------------------------------------------------------------------------------

@test "a cgroup that is removed under an attach leaves nothing" {
	local i
	start_kept
	for i in {1..40}; do
		make_cgroup "short$i"
		lab_host sh -c 'cgfence attach kept "$0" >/dev/null 2>"$1" & rmdir "$0"; wait $! || [ $? = 125 ]' \
			"$LAB_CGROUP2/short$i" /run/complaint
	done
	lab_until 20 only_web_is_pinned
	done_by status cgroup:web
	pulse_end
	lab_host rm /run/complaint
}

only_web_is_pinned() {
	(($(lab_host ls "$PINS/links" | wc -l) == 1))
}
