#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# Another build of cgfence is run while fences stand: newer or older, whole or killed on the way.

# shellcheck disable=SC2016,SC2034,SC2154 # inner shells expand for themselves; stderr is bats's
load lib
load servers
load live

BATS_TEST_TIMEOUT=$((${FAULTS_STRIDE:+9}240 * LAB_PATIENCE))

# Three builds: this one; one that gives another reason for denials, by which its programs can be
# told from this one's; and one that has another contract.
setup_file() {
	start_lab "kill0 60 A 198.18.3.0" "kill1 60 A 198.18.3.1" "kill4 60 A 198.18.3.4"
	cp "$LAB_DIR/etc/resolv.conf" "$LAB_DIR/run/resolv.conf"
	other_build newer bpf/policy.bpf.h 's/: CGF_REASON_NO_RULE;/: CGF_REASON_EXPIRED;/'
	other_build foreign bpf/maps.bpf.h 's/#define MAPS_MEANING .*/#define MAPS_MEANING 99/'
	install_live
	install "$ROOT/tests/tools/steady.py" "$LAB_DIR/bin/steady"
	install "$ROOT/tests/tools/kill-at.py" "$LAB_DIR/bin/kill-at"
}

# other_build NAME FILE SCRIPT: "cgfence-NAME", of a copy of the source in which sed has changed FILE.
other_build() {
	local copy=$BATS_FILE_TMPDIR/$1
	mkdir -p "$copy/build"
	cp -a "$ROOT"/{Makefile,bpf,include,user,vmlinux} "$copy"
	cp -a "$ROOT"/build/{bpf,user,cgfence.skel.h,notice.skel.h} "$copy/build"
	sed -i "$3" "$copy/$2"
	! cmp -s "$ROOT/$2" "$copy/$2" || lab_fail "$2 is as it was" || return
	make -s -C "$copy" build/cgfence
	install "$copy/build/cgfence" "$LAB_DIR/bin/cgfence-$1"
}

# What is pinned, seen from outside of the laboratory: a look costs no process.
pins() {
	echo "/proc/$LAB_PID/root/sys/fs/bpf/cgfence"
}

run_build() {
	lab_sudo "$1" run --quiet -- true
}

# The ids of the programs that are pinned, by hook; of all builds there are. `run` with its seccomp
# filter does not attach the one of BPF LSM.
pinned_programs() {
	lab_host sh -c 'for program in /sys/fs/bpf/cgfence/datapath/*/programs-*/*; do
		echo "${program##*/} $(bpftool --json prog show pinned "$program" | grep -o "\"id\":[0-9]*")"
	done' | grep -v ^socket_create | sort
}

# The ids of the programs that are attached, by hook, of all fences or the one of that session.
linked_programs() {
	lab_host sh -c 'for link in /sys/fs/bpf/cgfence/links/'"${1:+run-${SESSION_PID[$1]}}"'*/*; do
		echo "${link##*/} $(bpftool --json link show pinned "$link" |
			grep -o "\"prog_id\":[0-9]*" | sed s/prog_//)"
	done' | sort -u
}

all_have_the_pinned() {
	local linked
	linked=$(linked_programs)
	[[ -n $linked && $linked == "$(pinned_programs)" ]] || lab_fail "linked: $linked"
}

# --- one who goes on all the time ---------------------------------------------------------------

steady_start() {
	steady=$LAB_HOME/steady
	rm -rf "$steady"
	install -d -o "$LAB_DEV_UID" "$steady"
	ask "$1" "{ steady $steady $GITHUB4,github.test $EVIL4,evil.test >$steady/out 2>&1 & }"
	steady_goes_on 1
}

# steady_goes_on ROUNDS: that many more.
steady_goes_on() {
	local now
	now=$(steady_rounds)
	lab_until 60 steady_reaches $((now + $1)) ||
		lab_fail "stands still: $(cat "$steady"/{rounds,wrong,out})"
}

steady_rounds() {
	cat "$steady/rounds" 2>/dev/null || echo 0
}

steady_reaches() {
	(($(steady_rounds) >= $1))
}

steady_end() {
	touch "$steady/stop"
	lab_until 60 grep -qx end "$steady/wrong"
	[[ $(<"$steady/wrong") == end ]] || lab_fail "$(head "$steady/wrong")"
	lab_not_seen tcp "$EVIL4" 443
	lab_not_seen udp "$EVIL4" 443
}

decides() {
	ask "$1" "probe tcp $GITHUB4 443; probe tcp $EVIL4 443; probe udp-sendto $EVIL4 443"
	[[ $output == $'OK\nEPERM connect\nEPERM sendto' ]]
}

@test "newer and older builds replace each other under a fence, and no moment is open or shut" {
	local i
	session command --allow github.test:443
	steady_start command
	for i in 1 2 3 4 5; do
		run_build cgfence-newer
		all_have_the_pinned
		steady_goes_on 100
		run_build cgfence
		all_have_the_pinned
		steady_goes_on 100
	done
	steady_end
	end_session command
	[[ $status == 0 ]]
}

@test "the programs of the newer build decide, and the older cgfence tells of it" {
	session command --allow "$GITHUB4:443"
	ask command "probe tcp $EVIL4 444"
	run_build cgfence-newer
	ask command "probe tcp $EVIL4 445; probe tcp $GITHUB4 443"
	[[ $output == $'EPERM connect\nOK' ]]
	end_session command
	[[ $(told "denied tcp $EVIL4:444 by probe\[[0-9]+\]$") == 1 ]]
	[[ $(told "denied tcp $EVIL4:445 by probe\[[0-9]+\] \(address of an answer that has run out\)") == 1 ]]
	[[ $(told "1 allowed, 2 denied") == 1 ]]
}

@test "fences of two builds stand beside each other, each with its own rules" {
	session older --allow "$GITHUB4:443"
	SESSION_CGFENCE=cgfence-newer session newer --allow "$EVIL4:443"
	decides older
	ask newer "probe tcp $GITHUB4 443; probe tcp $EVIL4 443"
	[[ $output == $'EPERM connect\nOK' ]]
	end_session older
	[[ $status == 0 ]]
	ask newer "probe tcp $GITHUB4 443; probe tcp $EVIL4 443"
	[[ $output == $'EPERM connect\nOK' ]]
	end_session newer
	[[ $status == 0 ]]
}

@test "a name that moves after an upgrade is followed by the older cgfence" {
	lab_dns_set moves 1 A "$GITHUB4"
	session command --allow moves.test:443
	run_build cgfence-newer
	lab_dns_set moves 1 A 198.51.100.77
	lab_until 20 ask_for command "probe tcp 198.51.100.77 443" OK
	ask command "probe tcp $EVIL4 443"
	[[ $output == "EPERM connect" ]]
	end_session command
	[[ $status == 0 ]]
}

@test "an older cgfence that is killed after an upgrade leaves what the newer one can remove" {
	session command --allow "$GITHUB4:443"
	run_build cgfence-newer
	kill -KILL "${SESSION_PID[command]}"
	decides command
	run_build cgfence-newer
	decides command
	end_session command
	lab_until 10 no_process_left
	run_build cgfence-newer
	nothing_left
}

no_process_left() {
	! lab_host grep -q . "$LAB_CGROUP2"/cgfence/run-*/cgroup.procs 2>/dev/null
}

@test "a build of another contract leaves a fence its programs, its maps and its cgfence" {
	local before
	session command --allow github.test:443
	steady_start command
	before=$(linked_programs command)
	run_build cgfence-foreign
	[[ -n $before && $(linked_programs command) == "$before" ]]
	SESSION_CGFENCE=cgfence-foreign session foreign --allow "$EVIL4:444"
	steady_goes_on 100
	decides command
	ask foreign "probe tcp $GITHUB4 443"
	[[ $output == "EPERM connect" ]]
	end_session foreign
	steady_goes_on 100
	# Its maps are pinned no more, and so it is not of the contract that begins anew.
	run_build cgfence
	[[ $(linked_programs command) == "$before" ]]
	steady_goes_on 100
	steady_end
	end_session command
	[[ $status == 0 ]]
	[[ $(told "denied tcp .*$EVIL4:443 by") != 0 ]]
}

# --- killed on the way --------------------------------------------------------------------------

# No build is pinned under its name: the older is no more, and the newer not yet.
is_unfinished() {
	! compgen -G "$(pins)/datapath/*/programs-*" | grep -qv -- -new$
}

# kill_at_random LIMIT_US: at a moment of that time.
kill_at_random() {
	local pid end
	end=$((${EPOCHREALTIME/[.,]/} + RANDOM * $1 / 32768))
	lab_exec_sudo cgfence-newer run --quiet -- true 2>/dev/null &
	pid=$!
	until ((${EPOCHREALTIME/[.,]/} > end)); do :; done
	kill -KILL "$pid" 2>/dev/null || true
	wait "$pid" || true
}

BPF_LINK_UPDATE=29

# kill_at_link NUMBER: before that link has the newer program.
kill_at_link() {
	lab_sudo kill-at $BPF_LINK_UPDATE "$1" cgfence-newer run --quiet -- true
}

start_four() {
	local i
	for i in 1 2 3 4; do
		session "fence$i" --allow github.test:443
	done
	steady_start fence1
}

end_four() {
	local i
	steady_goes_on 100
	steady_end
	for i in 1 2 3 4; do
		end_session "fence$i"
		[[ $status == 0 ]]
	done
}

@test "an upgrade that is killed among the links leaves fences that hold, and the next run ends it" {
	local i linked hooks
	start_four
	hooks=$(linked_programs | wc -l)
	for i in 1 2 7 14 18 23 27 31 36 40; do
		kill_at_link "$i"
		is_unfinished
		linked=$(linked_programs | wc -l)
		# Two programs at some hook, but before the first of them; and after the last there is one.
		((i == 1 ? linked == hooks : linked > hooks))
		decides fence1
		decides fence4
		# The older build goes back, and the newer on: either ends it.
		if ((i % 2)); then run_build cgfence; else run_build cgfence-newer; fi
		! is_unfinished
		all_have_the_pinned
		decides fence2
		run_build cgfence
	done
	end_four
}

@test "so does one that is killed at any other moment" {
	local i begin took_us
	start_four
	begin=${EPOCHREALTIME/[.,]/}
	run_build cgfence-newer
	took_us=$((${EPOCHREALTIME/[.,]/} - begin))
	for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
		run_build cgfence
		kill_at_random "$took_us"
		decides fence2
		run_build cgfence-newer
		all_have_the_pinned
		decides fence3
	done
	end_four
}

# --- daemons of several builds ------------------------------------------------------------------

@test "a daemon of another build or contract takes over the fences, and no moment is open or shut" {
	local build i=0
	policy_file kept <<-END
		allow $GITHUB4:$LIVE_PORT
		allow [$GITHUB6]:$LIVE_PORT
	END
	make_cgroup web
	make_cgroup other
	start_daemon
	done_by attach --persistent kept "$LAB_CGROUP2/web"
	done_by attach kept "$LAB_CGROUP2/other"
	pulse_start web other
	for build in cgfence-newer cgfence-foreign cgfence-newer cgfence-foreign cgfence; do
		stop_daemon $([[ $((i++ % 2)) == 0 ]] && echo KILL || echo TERM)
		DAEMON_CGFENCE=$build start_daemon
		lab_until 10 stands_whole
		# Nothing is left of the one before.
		[[ $(lab_host ls "$PINS/policies" "$PINS/links" "$PINS/datapath" | grep -c %) == 0 ]]
		all_have_the_pinned
	done
	pulse_end
	end_live
}

@test "one that is killed while it takes over from another contract leaves no gap either" {
	lab_host mkdir /run/each
	drive kill-each.py --only "start of another build" --other cgfence-foreign \
		--every "${UPGRADE_EVERY:-30}" /run/each
	lab_host rm -r /run/each
}

# Before the last thousand calls it reads, loads its programs and looks for a place.
@test "a call that fails while another contract takes over opens nothing, and closes nothing for good" {
	local call calls build=cgfence ended=0
	printf 'allow %s\nallow [%s]:%s\n' "$GITHUB4:$LIVE_PORT" "$GITHUB6" "$LIVE_PORT" | policy_file kept
	make_cgroup web
	start_daemon
	done_by attach --persistent kept "$LAB_CGROUP2/web"
	PULSE_ANY='?' pulse_start web
	stop_daemon KILL
	DAEMON_CGFENCE=cgfence-foreign start_failing 60000
	lab_until 15 lab_host cgfence-foreign status
	calls=$(wc -l <"$LAB_DIR/run/strace")
	for ((call = calls - 1000; call < calls; call += ${FAULTS_STRIDE:-97})); do
		for build in cgfence cgfence-foreign; do
			stop_daemon KILL
			if ! DAEMON_CGFENCE=$build start_failing "$call"; then
				ended=$((ended + 1))
				stop_daemon KILL
				DAEMON_CGFENCE=$build start_daemon
			fi
			lab_host "$build" status >/dev/null 2>&1 || kill -HUP "$DAEMON_PID"
			lab_until 15 lab_host "$build" status
			lab_until 15 is_allowed web "$GITHUB4" "$LIVE_PORT"
		done
	done
	echo "# $calls calls, $ended ended it" >&3
	pulse_end
	end_live
}

# It takes the fences over when its names are known, or not, which takes a while here.
@test "a target that goes and comes back while another contract takes over is fenced all the same" {
	local silent
	lab_exec host python3 -c 'import signal, socket
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.bind(("127.0.0.9", 53))
print("ready", flush=True)
signal.pause()' >"$BATS_TEST_TMPDIR/silent" 3>&- &
	silent=$!
	lab_until 5 grep -q ready "$BATS_TEST_TMPDIR/silent"
	printf 'allow %s\nallow slow.test:80\ndns 127.0.0.9\n' "$GITHUB4:$LIVE_PORT" | policy_file kept
	make_cgroup web
	DAEMON_CGFENCE=cgfence-foreign start_daemon
	done_by attach --persistent kept "$LAB_CGROUP2/web"
	stop_daemon KILL
	start_daemon
	! daemon_said 'of this version of cgfence now' || lab_fail "too late to see it"
	lab_host rmdir "$LAB_CGROUP2/web"
	make_cgroup web
	lab_until 60 is_standing_now
	denied web "$EVIL4" 443
	kill "$silent"
	end_live
}

is_standing_now() {
	api /v1/fences
	json_has '[f["state"] for f in o["fences"]] == ["standing"]' 2>/dev/null
}

# outlive NAME: whoever made a socket in that cgroup has left it, and keeps the socket.
outlive() {
	lab_exec host python3 -c 'import os, signal, socket, sys
def move(cgroup):
    open(cgroup + "/cgroup.procs", "w").write(str(os.getpid()))
move(sys.argv[1])
s = socket.socket()
move(sys.argv[2])
print("ready", flush=True)
signal.pause()' "$LAB_CGROUP2/$1" "$LAB_CGROUP2/outside" >"$BATS_TEST_TMPDIR/outlive" 3>&- &
	outlive=$!
	lab_until 5 grep -q ready "$BATS_TEST_TMPDIR/outlive"
}

# Nothing of it stands any more, and nothing is known of what is to take its place.
@test "a target that goes and comes back is shut where the fence of another contract cannot be replaced" {
	policy_file kept <<<"allow $GITHUB4:$LIVE_PORT"
	make_cgroup web
	DAEMON_CGFENCE=cgfence-foreign start_daemon
	done_by attach --persistent kept "$LAB_CGROUP2/web"
	stop_daemon KILL
	break_hosts
	start_daemon
	allowed web "$GITHUB4" "$LIVE_PORT"
	denied web "$EVIL4" 443
	# As long as that lives the kernel has what was on the old one.
	make_cgroup outside
	outlive web
	lab_host rmdir "$LAB_CGROUP2/web"
	make_cgroup web
	lab_until 10 is_denied web "$EVIL4" 443
	denied web "$GITHUB4" "$LIVE_PORT"
	kill "$outlive"
	mend_hosts
	kill -HUP "$DAEMON_PID"
	lab_until 10 is_allowed web "$GITHUB4" "$LIVE_PORT"
	denied web "$EVIL4" 443
	lab_until 10 lab_host cgfence status
	end_live
}

@test "fences of another contract stay where rules cannot be put in force, and are taken over when they can" {
	policy_file kept <<-END
		allow $GITHUB4:$LIVE_PORT
		allow [$GITHUB6]:$LIVE_PORT
	END
	make_cgroup web
	make_cgroup other
	DAEMON_CGFENCE=cgfence-foreign start_daemon
	done_by attach --persistent kept "$LAB_CGROUP2/web"
	done_by attach kept "$LAB_CGROUP2/other"
	pulse_start web other
	stop_daemon KILL
	break_hosts
	start_daemon
	client status
	[[ $status == 1 && $output == *"/etc/hosts"* ]]
	# Of which one is not persistent any more.
	lab_host sh -c ': >"$0"' "$POLICIES/kept.targets"
	kill -HUP "$DAEMON_PID"
	lab_until 10 daemon_said 'web is not in kept.targets any more; its fence stands'
	client attach kept "$LAB_CGROUP2/web"
	[[ $status == 125 && $stderr == *"/etc/hosts"* ]]
	mend_hosts
	kill -HUP "$DAEMON_PID"
	lab_until 10 stands_whole
	all_have_the_pinned
	pulse_end
	end_live
}

# What the other contract's maps deny cannot be read from them.
@test "what was denied stays so while another contract takes over and its names are not answered" {
	local build
	lab_dns_set few 60 A "$EVIL4"
	policy_file wide <<<$'allow any\ndeny few.test'
	make_cgroup web
	start_daemon
	done_by attach wide "$LAB_CGROUP2/web"
	lab_until 15 is_denied web "$EVIL4" 443
	use_resolvers "$LAB_SILENT_NS4"
	stop_daemon TERM
	# And so it is when the next is killed, and begins again.
	for build in KILL TERM; do
		daemon_mark
		DAEMON_CGFENCE=cgfence-foreign start_daemon
		lab_until 30 daemon_said 'stay beside its own, until all names that it denies'
		denied web "$EVIL4" 443
		allowed web "$GITHUB4" 443
		# Rules that change hold at once.
		printf 'allow any\ndeny few.test\ndeny %s\n' "$GITHUB4" >"$BATS_TEST_TMPDIR/wide.policy"
		done_by apply "$BATS_TEST_TMPDIR/wide.policy"
		denied web "$GITHUB4" 443
		done_by remove wide "deny $GITHUB4"
		allowed web "$GITHUB4" 443
		client status
		[[ $output =~ "cgfence    of another version: it stays until " ]]
		[[ $build != KILL ]] || stop_daemon KILL
	done
	use_resolvers "$LAB_NS4"
	lab_until 30 nothing_is_beside
	denied web "$EVIL4" 443
	allowed web "$GITHUB4" 443
	done_by status
	# Nor does it outlive what it stands beside.
	use_resolvers "$LAB_SILENT_NS4"
	stop_daemon TERM
	daemon_mark
	start_daemon
	lab_until 30 daemon_said 'stay beside its own, until all names that it denies'
	done_by detach "$LAB_CGROUP2/web"
	nothing_is_beside
	allowed web "$EVIL4" 443
	end_live
	cp "$LAB_DIR/run/resolv.conf" "$LAB_DIR/etc/resolv.conf"
}

nothing_is_beside() {
	[[ $(lab_host ls "$PINS/policies" "$PINS/links" | grep -c %old) == 0 ]]
}

# Of both fences, and there is no third.
stands_whole() {
	lab_host cgfence status --json >"$BATS_TEST_TMPDIR/status" || return
	grep -q '"cgroup:web"' "$BATS_TEST_TMPDIR/status" && grep -q '"cgroup:other"' "$BATS_TEST_TMPDIR/status" &&
		! grep -q % "$BATS_TEST_TMPDIR/status"
}
