#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# Whatever ends a run, nothing of it stays; and a command whose cgfence is gone stays fenced.

# shellcheck disable=SC2016,SC2154 # inner shells expand for themselves; stderr is bats's
load lib

setup_file() {
	start_lab
}

# start NAME COMMAND…: runs it in a fence, until it has said "ready"; its pid is in `$pid`.
start() {
	out=$BATS_TEST_TMPDIR/$1
	shift
	lab_exec_sudo cgfence run --allow "$GITHUB4:443" -- "$@" >"$out" 2>"$out.stderr" &
	pid=$!
	lab_until 5 grep -q ready "$out"
}

end() {
	status=0
	wait "$pid" || status=$?
}

# Ended, whether or not its parent has asked for its status.
gone() {
	local state
	state=$(cat "/proc/$1/stat" 2>/dev/null) || return 0
	[[ ${state##*) } == Z* ]]
}

# A killed cgfence does not wait for its command, so the test does.
no_process_left() {
	! lab_host grep -q . "$LAB_CGROUP2"/cgfence/run-*/cgroup.procs 2>/dev/null
}

kill_cgfence() {
	kill -KILL "${SESSION_PID[$1]}"
	lab_until 5 gone "${SESSION_PID[$1]}"
}

# The command of a killed cgfence ends, and the next run removes what is left.
end_orphan() {
	end_session "$1"
	lab_until 5 no_process_left
	[[ -n $(left_over) ]]
	try -- true
	nothing_left
}

@test "while a command runs there is a cgroup and there are pins, and root owns them" {
	local path paths
	session command --allow "$GITHUB4:443"
	paths=$(left_over)
	[[ $paths == *"$LAB_CGROUP2/cgfence/run-"* ]]
	[[ $paths == */sys/fs/bpf/cgfence/links/* && $paths == */sys/fs/bpf/cgfence/policies/* ]]
	while read -r path; do
		[[ $(lab_host stat -c %u:%g "$path") == 0:0 ]]
		# Of the cgroup, files can be read by name, and that is all.
		[[ $(lab_host stat -c %a "$path") == ?00 || $path == "$LAB_CGROUP2"* && $(lab_host stat -c %a "$path") == 711 ]]
	done <<<"$paths"
	end_session command
}

@test "the command can neither leave its cgroup nor touch the pins" {
	try -- sh -c "echo \$\$ >$LAB_CGROUP2/cgroup.procs"
	[[ $status != 0 ]]
	try -- sh -c "rm -rf /sys/fs/bpf/cgfence/links/*/* 2>/dev/null; probe tcp $EVIL4 443"
	refused tcp "$EVIL4" 443
}

@test "nothing stays after success, failure, and a command that ends by a signal" {
	try -- true
	nothing_left
	try -- false
	nothing_left
	try -- sh -c 'kill -SEGV $$'
	nothing_left
}

@test "nothing stays if the command cannot be started" {
	run -127 --separate-stderr fence -- no-such-command
	nothing_left
	try -- /etc/passwd
	nothing_left
}

@test "nothing stays after a rule, a name or an option was wrong" {
	try --allow github.test:99999 -- true
	[[ $status == 125 ]]
	nothing_left
	try --allow nosuch.test -- true
	[[ $status == 125 ]]
	nothing_left
	try --user nobody-of-this-name -- true
	[[ $status == 125 ]]
	nothing_left
}

@test "nothing stays after SIGTERM and SIGHUP to cgfence" {
	start term sh -c 'echo ready; exec sleep infinity'
	kill -TERM "$pid"
	end
	[[ $status == 143 ]]
	nothing_left
	start hup sh -c 'echo ready; exec sleep infinity'
	kill -HUP "$pid"
	end
	[[ $status == 129 ]]
	nothing_left
}

@test "nothing stays after a signal while names are still being resolved" {
	lab_exec_sudo cgfence run --dns "$LAB_SILENT_NS4" --allow github.test:22 -- true &
	local pid=$!
	lab_seen udp "$LAB_SILENT_NS4" 53
	kill -TERM "$pid"
	end
	[[ $status == 143 ]]
	nothing_left
}

# As CATCHER, but it goes on after a SIGINT.
COUNTER=(python3 -c '
import os, signal
signal.signal(signal.SIGINT, lambda number, frame: print("SIGINT", flush=True))
signal.signal(signal.SIGUSR1, lambda number, frame: os._exit(3))
print("ready", flush=True)
while True:
    signal.pause()
')

@test "Ctrl-C on the terminal reaches the command once, and nothing stays" {
	local in out=$BATS_TEST_TMPDIR/out
	mkfifo "$BATS_TEST_TMPDIR/in"
	lab_exec_sudo script -qefc "cgfence run -- ${COUNTER[*]@Q}" /dev/null \
		<"$BATS_TEST_TMPDIR/in" >"$out" 2>&1 &
	local pid=$!
	exec {in}>"$BATS_TEST_TMPDIR/in"
	lab_until 5 grep -q ready "$out"
	printf '\003' >&"$in"
	lab_until 5 grep -q SIGINT "$out"
	# What cgfence had passed on too would be there before what it passes on now.
	local run
	run=$(lab_host find "$LAB_CGROUP2/cgfence" -name 'run-*')
	kill -USR1 "${run##*-}"
	end
	exec {in}>&-
	[[ $status == 3 ]]
	[[ $(grep -c SIGINT "$out") == 1 ]]
	nothing_left
}

@test "what the command leaves in the background is ended with it" {
	try -- sh -c 'sleep infinity >/dev/null 2>&1 & echo $!'
	[[ $status == 0 ]]
	[[ -n $output ]]
	gone "$output"
}

@test "even if it ignores SIGTERM, or has made itself a daemon" {
	try -- sh -c '(trap "" TERM HUP; exec setsid sleep infinity) >/dev/null 2>&1 & echo $!'
	[[ $status == 0 ]]
	[[ -n $output ]]
	gone "$output"
}

@test "after SIGKILL to cgfence the command stays fenced, and what is allowed still works" {
	session command --allow "$GITHUB4:443"
	kill_cgfence command
	ask command "probe tcp $EVIL4 443"
	refused tcp "$EVIL4" 443
	ask command "probe tcp $GITHUB4 443"
	reached tcp "$GITHUB4" 443
	end_orphan command
}

@test "another run neither removes nor opens the fence of a command that lives on" {
	session command --allow "$GITHUB4:443"
	kill_cgfence command
	try --allow any -- true
	[[ $(left_over) == *"$LAB_CGROUP2/cgfence/run-"* ]]
	ask command "probe tcp $EVIL4 443"
	refused tcp "$EVIL4" 443
	end_orphan command
}

@test "what a killed cgfence has left is removed by the next run, once the command is gone" {
	session command --allow "$GITHUB4:443"
	kill_cgfence command
	end_orphan command
}

@test "a running fence is not taken for a left-over by another" {
	session command --allow "$GITHUB4:443"
	try -- true
	ask command "probe tcp $GITHUB4 443; probe tcp $EVIL4 443"
	[[ $output == $'OK\nEPERM connect' ]]
	end_session command
	[[ $status == 0 ]]
}

@test "a killed run whose number another process has now is removed all the same" {
	lab_host mkdir -p "$LAB_CGROUP2/cgfence/run-$$"
	try -- true
	nothing_left
}

@test "pins whose cgroup someone else removed are removed by the next run" {
	local pid cgroups=$LAB_CGROUP2/cgfence
	lab_exec_sudo cgfence run -- sleep infinity 2>/dev/null &
	pid=$!
	lab_until 5 lab_host sh -c "cat $cgroups/run-*/cgroup.procs 2>/dev/null | grep -q ."
	kill -KILL "$pid"
	end
	lab_host sh -c "kill -KILL \$(cat $cgroups/run-*/cgroup.procs)"
	lab_until 5 lab_host sh -c "rmdir $cgroups/run-* 2>/dev/null"
	[[ -n $(left_over) ]]
	try -- true
	nothing_left
}

# cgfence takes signals as they come until it has a loop for them.
blocks_signals() {
	[[ $(<"/proc/$1/comm") == cgfence ]] && ! grep -q "^SigBlk:.0000000000000000" "/proc/$1/status"
}

@test "whoever waits for another cgfence can be stopped" {
	try -- true
	local holder pid hold
	mkfifo "$BATS_TEST_TMPDIR/hold"
	lab_exec_sudo timeout 20 flock /sys/fs/bpf/cgfence cat <"$BATS_TEST_TMPDIR/hold" >/dev/null &
	holder=$!
	exec {hold}>"$BATS_TEST_TMPDIR/hold"
	lab_until 5 eval '! lab_host flock -n /sys/fs/bpf/cgfence true'
	lab_exec_sudo cgfence run -- true 2>"$BATS_TEST_TMPDIR/err" &
	pid=$!
	lab_until 5 blocks_signals "$pid"
	kill -TERM "$pid"
	end
	[[ $status == 125 ]]
	grep -q "another cgfence" "$BATS_TEST_TMPDIR/err"
	exec {hold}>&-
	wait "$holder"
}
