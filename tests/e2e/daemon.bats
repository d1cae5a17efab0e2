#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# `cgfence daemon` from its start to its end, and what is in force in between and after it.

# shellcheck disable=SC2016,SC2154 # inner shells expand for themselves; stderr is bats's
load lib
load live

setup_file() {
	start_lab
	install_live
}

teardown() {
	end_live
	nothing_left
}

# A policy on the cgroup web, with comments, a blank line and an order that is to stay.
start_kept() {
	policy_file kept <<-END
		# What the web server needs.

		allow $GITHUB4:$LIVE_PORT   # one
		allow [$GITHUB6]:$LIVE_PORT
		allow github.test:80
	END
	make_cgroup web
	start_daemon
	done_by attach kept "$LAB_CGROUP2/web"
}

fetches() { # URL
	in_cgroup web curl -sS --max-time 5 -o /dev/null "$1"
}

@test "a name that is allowed is reached, and another is no such host" {
	start_kept
	fetches http://github.test/
	run fetches http://evil.test/
	[[ $status == 6 ]]
	denied web "$EVIL4" 80
	lab_not_seen tcp "$EVIL4" 80
	# It was asked by a device of this network namespace, which has a name.
	done_by status
	[[ $output =~ \ (loopback|any|[a-z]+[0-9]+)\ +[1-9][0-9]*\ +.*learned && ! $output =~ number\ [0-9] ]] || lab_fail "$output"
}

@test "what is allowed and removed is in force when the command returns, and the file keeps its words" {
	local before
	start_kept
	before=$(lab_host cat "$POLICIES/kept.policy")
	run fetches http://gitlab.test/
	[[ $status == 6 ]]
	done_by allow kept gitlab.test:80
	fetches http://gitlab.test/
	[[ $(lab_host cat "$POLICIES/kept.policy") == "$before"$'\n'"allow gitlab.test:80" ]]
	done_by remove kept gitlab.test:80
	run fetches http://gitlab.test/
	[[ $status == 6 ]]
	[[ $(lab_host cat "$POLICIES/kept.policy") == "$before" ]]
}

@test "a policy that is applied again keeps what it has, at every moment" {
	local i
	start_kept
	pulse_start web
	for i in 1 2 3 4 5; do
		lab_host sh -c '{ cat "$0/kept.policy"; echo "allow 198.51.100.20:$1"; } >/run/kept.policy' \
			"$POLICIES" $((5000 + i))
		done_by apply /run/kept.policy
	done
	pulse_end
	lab_host rm /run/kept.policy
}

@test "SIGHUP reads the files again; one with an error is told with its place, and changes nothing" {
	start_kept
	policy_file other <<<"allow 198.51.100.20:443"
	kill -HUP "$DAEMON_PID"
	lab_until 5 daemon_said "other: made, .allow 198.51.100.20:443"
	daemon_mark
	printf 'allow %s:443\nalow x\n' "$EVIL4" | policy_file kept
	kill -HUP "$DAEMON_PID"
	lab_until 5 daemon_said "^cgfence: $POLICIES/kept.policy:2:1: .*what is in force stays"
	allowed web "$GITHUB4" "$LIVE_PORT"
	denied web "$EVIL4" 443
	client show kept
	[[ $output == *"$POLICIES/kept.policy:2:1"* ]]
	printf 'allow %s:443\n' "$GITHUB4" | policy_file kept
	kill -HUP "$DAEMON_PID"
	lab_until 5 is_denied web "$GITHUB4" "$LIVE_PORT"
	allowed web "$GITHUB4" 443
}

@test "a directory that cannot be read is an error of whoever has it read again" {
	start_kept
	lab_host chmod go+w "$POLICIES"
	api /v1/reload -X POST
	[[ $output == *'"storage"'*"others than root may write to '$POLICIES'"* ]]
	[[ $output != *"Operation not permitted"* ]]
	daemon_mark
	kill -HUP "$DAEMON_PID"
	lab_until 5 daemon_said "others than root may write to '$POLICIES'"
	! daemon_said "read again" || lab_fail "it says that it has read them"
	lab_host chmod go-w "$POLICIES"
	kill -HUP "$DAEMON_PID"
	lab_until 5 daemon_said "read again: 1 policy"
}

@test "it ends by SIGTERM and by SIGINT with 0, and its fences stand" {
	local signal
	start_kept
	for signal in TERM INT; do
		kill "-$signal" "$DAEMON_PID"
		lab_until 5 daemon_ended
		denied web "$EVIL4" 443
		allowed web "$GITHUB4" "$LIVE_PORT"
		lab_host test ! -e /run/cgfence/cgfence.sock
		start_daemon
	done
	done_by status
}

@test "one that takes over after a kill opens nothing, shuts nothing, and knows what changed meanwhile" {
	start_kept
	pulse_start web
	stop_daemon KILL
	printf '\nallow 198.51.100.20:443\n' | lab_host sh -c 'cat >>"$0"' "$POLICIES/kept.policy"
	start_daemon
	lab_until 5 is_allowed web 198.51.100.20 443
	stop_daemon KILL
	start_daemon
	done_by status
	pulse_end
}

@test "who was killed holds no lock that the next one would fail for" {
	local i old
	start_kept
	for i in 1 2 3 4 5; do
		old=$DAEMON_PID
		kill -KILL "$old"
		# Before the kernel has taken it down.
		start_daemon
		[[ $DAEMON_PID != "$old" ]]
	done
	done_by status
}

@test "what went while there was no daemon is told by the next one" {
	start_kept
	stop_daemon KILL
	lab_host rmdir "$LAB_CGROUP2/web"
	make_cgroup web
	start_daemon
	daemon_said "$LAB_CGROUP2/web is gone, which had a fence"
	allowed web "$EVIL4" 443
}

@test "what a rule with a network or a word has let through is shown" {
	policy_file wide <<-END
		allow 198.51.100.0/24:443
		allow localhost
		allow $GITHUB4:80
	END
	make_cgroup web
	start_daemon
	done_by attach wide "$LAB_CGROUP2/web"
	allowed web "$GITHUB4" 443
	allowed web "$EVIL4" 443
	in_cgroup web probe tcp 127.0.0.1 9 || true
	in_cgroup web probe tcp ::1 9 || true
	api /v1/policies/wide
	json_has '[r["flows"] > 0 for r in o["rule_list"]] == [True, True, False]' ||
		lab_fail "$output"
}

@test "an audit lets through and tells, and enforces from the moment that it is told to" {
	start_kept
	done_by attach --persistent kept "$LAB_CGROUP2/web"
	{
		lab_host cat "$POLICIES/kept.policy"
		echo mode audit
	} | lab_host sh -c 'cat >/run/kept.policy'
	done_by apply /run/kept.policy
	allowed web "$EVIL4" 443
	lab_seen tcp "$EVIL4" 443
	api /v1/decisions
	[[ $output == *'"fence": "cgroup:web"'* || $output == *'"fence":"cgroup:web"'* ]]
	done_by remove kept 'mode audit'
	denied web "$EVIL4" 443
	lab_host rm /run/kept.policy
}

@test "when it has begun it has few capabilities left, and cannot have more" {
	start_kept
	[[ $(grep -E '^Cap(Eff|Prm|Bnd)' "/proc/$DAEMON_PID/status" | cut -f2 | sort -u) == 0000008000283004 ]]
	grep -qE '^NoNewPrivs:.1$' "/proc/$DAEMON_PID/status"
	# With these it does all that it has to.
	done_by allow kept gitlab.test:80
	make_cgroup more
	done_by attach kept "$LAB_CGROUP2/more"
	done_by detach "$LAB_CGROUP2/more"
}

# Epoll returns when something happens: the proof, every 750 ms while there is a fence.
@test "it sleeps if nothing happens" {
	local before after
	printf 'allow 198.51.100.20:443\n' | policy_file quiet
	start_daemon
	sleepy
	before=$(switches)
	lab_until 3 false || true
	after=$(switches)
	((after - before <= 1)) || lab_fail "woke up $((after - before)) times"
}

switches() {
	awk '/^voluntary/ { print $2 }' "/proc/$DAEMON_PID/status"
}

# What follows the start is over: watches are made in the first second.
sleepy() {
	local last=0
	until [[ $(switches) == "$last" ]]; do
		last=$(switches)
		lab_until 2 false || true
	done
}

@test "files that cannot be policies are left out and told, and the others are in force" {
	printf 'allow 198.51.100.20:443\n' | policy_file fine
	printf 'nonsense\n' | policy_file wrong
	printf 'allow any\n' | policy_file run-7
	start_daemon
	daemon_said "wrong.policy:1:1: "
	daemon_said "run-7"
	done_by show fine
	lab_host test ! -e "$PINS/policies/run-7" -a ! -e "$PINS/policies/wrong"
	make_cgroup web
	done_by attach fine "$LAB_CGROUP2/web"
	client attach wrong "$LAB_CGROUP2/web"
	[[ $status == 125 ]]
	lab_host rm "$POLICIES/wrong.policy" "$POLICIES/run-7.policy"
}

@test "another directory and another socket, before or after the command's name" {
	lab_host mkdir -p /run/elsewhere
	lab_host sh -c 'echo "allow 198.51.100.20:443" >/run/elsewhere/there.policy'
	lab_exec host cgfence --socket /run/elsewhere/socket daemon --policy-dir /run/elsewhere \
		>"$LAB_DIR/run/elsewhere.log" 2>&1 3>&- &
	DAEMON_PID=$!
	disown
	lab_until 5 lab_host cgfence --socket /run/elsewhere/socket show there >/dev/null 2>&1
	done_by show there --socket /run/elsewhere/socket
	done_by delete there --socket /run/elsewhere/socket
	stop_daemon
	lab_host rm -r /run/elsewhere
}

@test "what it cannot be started with is said" {
	client daemon word
	[[ $status == 125 && $stderr == *"no argument"* ]]
	client daemon --nonsense
	[[ $status == 125 && $stderr == *"--help"* ]]
	client daemon --policy-dir /nowhere/at/all
	[[ $status == 125 && $stderr == "cgfence: "*"/nowhere/at/all"* ]]
	run --separate-stderr lab_host setpriv --reuid 64042 cgfence daemon
	[[ $status == 125 && $stderr == *"root"* ]]
	run --separate-stderr lab_host setpriv --bounding-set -sys_ptrace --inh-caps -sys_ptrace cgfence daemon
	[[ $status == 125 && $stderr == *CAP_SYS_PTRACE* ]]
}

# not_whole PATTERN: status says so, with its words.
not_whole() {
	client status
	[[ $status == 1 && $output =~ $1 ]] || lab_fail "status: $status $output $stderr"
}

targets_file() { # NAME, from stdin
	lab_host sh -c 'cat >"$0"' "$POLICIES/$1.targets"
}

@test "a target whose policy cannot be read is shut, at the start and by SIGHUP, until the file is mended" {
	make_cgroup web
	make_cgroup more
	echo "$LAB_CGROUP2/web" | targets_file kept
	printf 'allow %s:%s\nalow x\n' "$GITHUB4" "$LIVE_PORT" | policy_file kept
	start_daemon
	denied web "$GITHUB4" "$LIVE_PORT"
	denied web "$EVIL4" 443
	not_whole "$LAB_CGROUP2/web: not whole.*wrong .*$POLICIES/kept.policy:2:1: .*shut: nothing is allowed"
	client show kept
	[[ $output == *"$POLICIES/kept.policy:2:1: "*shut* ]]
	client check kept "$GITHUB4:$LIVE_PORT"
	[[ $status == 125 && $stderr == *"$POLICIES/kept.policy:2:1: "*shut* ]]
	# As before after another start.
	stop_daemon KILL
	start_daemon
	denied web "$GITHUB4" "$LIVE_PORT"
	not_whole "$POLICIES/kept.policy:2:1: "
	# One that comes while the daemon runs.
	echo "$LAB_CGROUP2/more" | targets_file late
	echo 'mode strict' | policy_file late
	kill -HUP "$DAEMON_PID"
	lab_until 5 is_denied more "$EVIL4" 443
	not_whole "late.policy:1:"
	printf 'allow %s:%s\n' "$GITHUB4" "$LIVE_PORT" | policy_file kept
	lab_host cp "$POLICIES/kept.policy" "$POLICIES/late.policy"
	kill -HUP "$DAEMON_PID"
	lab_until 5 is_allowed web "$GITHUB4" "$LIVE_PORT"
	lab_until 5 is_allowed more "$GITHUB4" "$LIVE_PORT"
	denied web "$EVIL4" 443
	denied more "$EVIL4" 443
	done_by status
}

@test "targets of a policy that there is no file of are shut, and the policy can be applied" {
	make_cgroup web
	echo "$LAB_CGROUP2/web" | targets_file kept
	start_daemon
	denied web "$GITHUB4" "$LIVE_PORT"
	not_whole "kept.policy: there is no such file"
	echo "allow $GITHUB4:$LIVE_PORT" | lab_host sh -c 'cat >/run/kept.policy'
	done_by apply /run/kept.policy
	lab_host rm /run/kept.policy
	allowed web "$GITHUB4" "$LIVE_PORT"
	denied web "$EVIL4" 443
	done_by status
	done_by delete --force kept
	allowed web "$EVIL4" 443
}

@test "a line that is no target, and a target that can never be, are told of with their place" {
	policy_file kept <<<"allow $GITHUB4:$LIVE_PORT"
	make_cgroup web
	printf '# what is fenced\n%s\nfoo:bar\n' "$LAB_CGROUP2/web" | targets_file kept
	start_daemon
	denied web "$EVIL4" 443
	not_whole "files: .*wrong .*$POLICIES/kept.targets:3: .*foo:bar"
	[[ $output != *'\x0a'* ]]
	client show kept
	[[ $output == *"$POLICIES/kept.targets:3: "* ]]
	printf '%s\npid:1\n' "$LAB_CGROUP2/web" | targets_file kept
	kill -HUP "$DAEMON_PID"
	lab_until 5 daemon_said "kept.targets:2: a process does not come again"
	not_whole "kept.targets:2: "
	printf '%s\n/nowhere\n' "$LAB_CGROUP2/web" | targets_file kept
	kill -HUP "$DAEMON_PID"
	lab_until 5 status_has 'wrong .*/nowhere'
	not_whole "$LAB_CGROUP2/web: stands whole"
	printf '%s\n' "$LAB_CGROUP2/web" | targets_file kept
	kill -HUP "$DAEMON_PID"
	lab_until 5 lab_host cgfence status
}

status_has() { # PATTERN
	client status
	[[ $output =~ $1 ]]
}

@test "what is in force stays if its file is broken or gone, also over a restart, and status says so" {
	start_kept
	make_cgroup more
	echo nonsense | policy_file kept
	kill -HUP "$DAEMON_PID"
	lab_until 5 status_has "not whole.*kept.policy:1:1: .*what is in force stays .for "
	not_whole "$POLICIES/kept.policy:1:1: "
	allowed web "$GITHUB4" "$LIVE_PORT"
	stop_daemon KILL
	echo "$LAB_CGROUP2/more" | targets_file kept
	start_daemon
	not_whole "$POLICIES/kept.policy:1:1: .*no name is looked up"
	allowed web "$GITHUB4" "$LIVE_PORT"
	denied web "$EVIL4" 443
	done_by check kept "$GITHUB4:$LIVE_PORT"
	client check kept "$EVIL4:443"
	[[ $status == 1 && $output == "$EVIL4:443: denied"* ]]
	client check kept github.test:80
	[[ $status == 125 && $stderr == *"check an address, or mend the file"* ]]
	# What comes meanwhile is fenced as the others are.
	allowed more "$GITHUB4" "$LIVE_PORT"
	denied more "$EVIL4" 443
	lab_host rm "$POLICIES/kept.policy" "$POLICIES/kept.targets"
	stop_daemon KILL
	start_daemon
	not_whole "its file is gone; what is in force stays"
	allowed web "$GITHUB4" "$LIVE_PORT"
	denied more "$EVIL4" 443
	echo "allow $EVIL4:443" | lab_host sh -c 'cat >/run/kept.policy'
	done_by apply /run/kept.policy
	lab_host rm /run/kept.policy
	denied web "$GITHUB4" "$LIVE_PORT"
	allowed web "$EVIL4" 443
	done_by status
}

@test "a denied name with more addresses than can be denied shuts the fences until the rules change" {
	deny_too_many wide
	make_cgroup web
	make_cgroup other
	start_daemon
	done_by attach wide "$LAB_CGROUP2/web"
	lab_until 15 is_denied web "$EVIL4" 443
	daemon_said 'what is to be denied does not fit.*its fences are shut'
	client check wide "$EVIL4:443"
	[[ $status == 1 && $output == *"denied"*"the fences are shut"* ]]
	# What is written for another reason does not open it.
	done_by attach wide "$LAB_CGROUP2/other"
	done_by allow wide 198.51.100.20:443
	client status
	denied web "$EVIL4" 443
	denied other "$EVIL4" 443
	done_by remove wide "deny many.test"
	allowed web "$EVIL4" 443
	allowed other "$EVIL4" 443
	done_by status
}

@test "a change of rules is refused while the file is broken, with the place in the file" {
	start_kept
	printf 'allow any:443\nalow x\n' | policy_file kept
	client allow kept gitlab.test:80
	[[ $status == 125 && $stderr == *"$POLICIES/kept.policy:2:1: "*"mend the file first"* ]]
	client remove kept github.test:80
	[[ $status == 125 && $stderr == *"$POLICIES/kept.policy:2:1: "* ]]
	lab_host rm "$POLICIES/kept.policy"
	client allow kept gitlab.test:80
	[[ $status == 125 && $stderr == *"the file of policy 'kept' is gone"* ]]
	denied web "$EVIL4" 443
}

@test "a change that would make a policy too large is refused, and changes nothing" {
	local before
	start_kept
	{
		echo "allow github.test:443"
		yes '# as much as there may be' | head -c $((4 * 1024 * 1024 - 30))
		echo
	} | policy_file kept
	done_by apply "$POLICIES/kept.policy"
	before=$(lab_host sha256sum "$POLICIES/kept.policy")
	client allow kept gitlab.test:80
	[[ $status == 125 && $stderr == *"kept.policy would be too large: a policy has at most"* ]]
	[ "$(lab_host sha256sum "$POLICIES/kept.policy")" = "$before" ]
	done_by remove kept github.test:443
	done_by allow kept gitlab.test:80
}

@test "what is waited for and detached is said to be free, and is when it comes" {
	start_kept
	done_by attach --persistent kept "$LAB_CGROUP2/later"
	[[ $output == *"the fence is made when it comes"* ]]
	done_by detach "$LAB_CGROUP2/later"
	[[ $output == *"not fenced any more when it comes"* ]]
	make_cgroup later
	allowed later "$EVIL4" 443
}

@test "the log says who changed what, and how it began and ended" {
	start_kept
	daemon_said "version [0-9.]+ has started: 1 policy, 0 fences"
	daemon_said "POST /v1/fences by uid 0, pid [0-9]+: 201 Created; kept: attached to $LAB_CGROUP2/web"
	done_by allow kept gitlab.test:80
	daemon_said "POST /v1/policies/kept/rules by uid 0, .*: 200 OK; kept: changed, .allow gitlab.test:80"
	done_by remove kept gitlab.test:80
	daemon_said "kept: changed, -allow gitlab.test:80"
	done_by allow kept a{1,2,3}.test:80 github.test:81
	daemon_said "changed, .allow a1.test:80, .allow a2.test:80, .allow a3.test:80, .allow github.test:81"
	done_by attach kept "$LAB_CGROUP2/web"
	daemon_said "200 OK; kept: is already on $LAB_CGROUP2/web"
	client attach nothing "$LAB_CGROUP2/web"
	daemon_said "404 Not Found; there is no policy 'nothing'"
	kill -HUP "$DAEMON_PID"
	lab_until 5 daemon_said "read again: 1 policy, 1 fence"
	done_by detach "$LAB_CGROUP2/web"
	daemon_said "kept: detached from $LAB_CGROUP2/web"
	stop_daemon TERM
	daemon_said "ends by SIGTERM, and what is in force stays: 1 policy, 0 fences"
	start_daemon
}

@test "a flag of the API is 1 or 0, and a policy that is not there is named" {
	start_kept
	api '/v1/policies/kept?force=2' -X DELETE
	[[ $output == *'"field":"force"'* ]]
	api '/v1/policies/kept?force=0' -X DELETE
	[[ $output == *in_use* ]]
	client show nothing
	[[ $status == 125 && $stderr == *"there is no policy 'nothing'"* ]]
	denied web "$EVIL4" 443
}
