#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# The main job: a command that reaches only the names it was given, and is otherwise left alone.

# shellcheck disable=SC2016,SC2154 # inner shells expand for themselves; stderr is bats's
load lib

setup_file() {
	start_lab
}

@test "git clones over ssh from two names on port 22 through one fence" {
	try --allow github.test:22 --allow gitlab.test:22 -- sh -c \
		'git clone -q ssh://git@github.test/repo hub && git clone -q ssh://git@gitlab.test/repo lab'
	[[ $status == 0 ]]
	grep -q github.test "$LAB_HOME/hub/README"
	grep -q gitlab.test "$LAB_HOME/lab/README"
	lab_ssh_accepted github
	lab_ssh_accepted gitlab
}

@test "a third host on the same port is refused at once, over IPv4 and IPv6" {
	try --allow github.test:22 --allow gitlab.test:22 -- probe tcp "$EVIL4" 22
	[[ $status == 1 ]]
	refused tcp "$EVIL4" 22
	try --allow github.test:22 --allow gitlab.test:22 -- probe tcp "$EVIL6" 22
	refused tcp "$EVIL6" 22
}

@test "git from a host that is not allowed fails with a reason that a person understands" {
	try --allow github.test:22 -- git clone -q ssh://git@evil.test/repo evil
	[[ $status == 128 && $stderr == *"Could not resolve hostname evil.test: Name or service not known"* ]]
	lab_not_seen tcp "$EVIL4" 22
	lab_not_seen tcp "$EVIL6" 22
}

@test "another port of an allowed host is refused" {
	try --allow github.test:22 -- probe tcp "$GITHUB4" 80
	refused tcp "$GITHUB4" 80
	try --allow github.test:22 -- probe tcp "$GITHUB6" 80
	refused tcp "$GITHUB6" 80
}

@test "another protocol on an allowed port is refused" {
	try --allow "$GITHUB4:443/tcp" -- probe udp-sendto "$GITHUB4" 443
	refused udp "$GITHUB4" 443
	try --allow "$GITHUB4:443/udp" -- probe tcp "$GITHUB4" 443
	refused tcp "$GITHUB4" 443
}

@test "a rule without a protocol is for TCP and UDP" {
	try --allow "$GITHUB4:443" -- probe tcp "$GITHUB4" 443
	reached tcp "$GITHUB4" 443
	try --allow "$GITHUB4:443" -- probe udp-sendto "$GITHUB4" 443
	reached udp "$GITHUB4" 443
}

@test "with no rule at all nothing is reached, not even loopback" {
	try -- probe tcp "$EVIL4" 80
	refused tcp "$EVIL4" 80
	try -- probe tcp 127.0.0.1 80
	[[ $output == "EPERM connect" ]]
}

@test "children of the command are fenced like it" {
	try --allow github.test:22 -- sh -c "sh -c 'setsid -w probe tcp $EVIL4 443'"
	refused tcp "$EVIL4" 443
}

@test "the exit status is the command's" {
	try -- true
	[[ $status == 0 ]]
	try -- sh -c 'exit 7'
	[[ $status == 7 ]]
}

@test "the exit status is 128 and the signal if one ended the command" {
	try -- sh -c 'kill -TERM $$'
	[[ $status == 143 ]]
	try -- sh -c 'kill -KILL $$'
	[[ $status == 137 ]]
}

@test "the exit status is 127 if the command is not found and 126 if it cannot be executed" {
	run -127 --separate-stderr fence -- no-such-command
	[[ $stderr == *no-such-command* ]]
	try -- /etc/passwd
	[[ $status == 126 && $stderr == */etc/passwd* ]]
}

@test "standard input, output and error are the command's" {
	run --separate-stderr fence -- sh -c 'cat; echo to stderr >&2' <<<"from stdin"
	[[ $output == "from stdin" ]]
	[[ $stderr == *"to stderr"* ]]
}

@test "bytes pass through unchanged" {
	head -c 300000 /dev/urandom >"$BATS_TEST_TMPDIR/bytes"
	fence --quiet -- cat <"$BATS_TEST_TMPDIR/bytes" >"$BATS_TEST_TMPDIR/copy"
	cmp "$BATS_TEST_TMPDIR/bytes" "$BATS_TEST_TMPDIR/copy"
}

@test "what follows the command is the command's, with -- and without" {
	try -- echo --allow -p
	[[ $output == "--allow -p" ]]
	try echo --allow -p
	[[ $output == "--allow -p" ]]
}

@test "the working directory and the environment are kept" {
	run --separate-stderr lab_sudo NAME=value cgfence run -- sh -c 'pwd; echo "$NAME"'
	[[ $output == "$LAB_HOME"$'\n'value ]]
}

@test "the command runs as the user who called sudo" {
	# Whoever starts it as root may have groups of its own: none of them stays.
	run --separate-stderr lab_sudo setpriv --groups 0,4 cgfence run -- sh -c 'id -u; id -g; id -Gn'
	[[ $output == $'64042\n64142\ndev second' ]]
	try -- sh -c 'echo $HOME $USER $LOGNAME'
	[[ $output == "$LAB_HOME dev dev" ]]
}

@test "the command runs as --user, by name and by number" {
	try --user git -- id -un
	[[ $output == git ]]
	try --user 64041 -- id -un
	[[ $output == git ]]
}

@test "--user root keeps root" {
	try --user root -- id -u
	[[ $output == 0 ]]
}

@test "a signal to cgfence reaches the command" {
	local signal pid
	for signal in TERM INT HUP QUIT USR1 USR2; do
		lab_exec_sudo cgfence run -- "${CATCHER[@]}" \
			>"$BATS_TEST_TMPDIR/$signal" 2>/dev/null &
		pid=$!
		lab_until 5 grep -q ready "$BATS_TEST_TMPDIR/$signal"
		kill -"$signal" "$pid"
		status=0
		wait "$pid" || status=$?
		[[ $status == 3 ]]
		grep -q "SIG$signal" "$BATS_TEST_TMPDIR/$signal"
	done
}

@test "a signal that the command does not catch gives 128 and the signal" {
	lab_exec_sudo cgfence run -- sh -c 'echo ready; exec sleep infinity' \
		>"$BATS_TEST_TMPDIR/out" 2>/dev/null &
	local pid=$!
	lab_until 5 grep -q ready "$BATS_TEST_TMPDIR/out"
	kill -TERM "$pid"
	wait "$pid" || status=$?
	[[ $status == 143 ]]
}

@test "two fences at once do not see each other's rules" {
	session one --allow "$GITHUB4:443"
	session two --allow "$EVIL4:443"
	ask one "probe tcp $GITHUB4 443; probe tcp $EVIL4 443"
	[[ $output == $'OK\nEPERM connect' ]]
	ask two "probe tcp $GITHUB4 443; probe tcp $EVIL4 443"
	[[ $output == $'EPERM connect\nOK' ]]
	end_session one
	ask two "probe tcp $GITHUB4 443; probe tcp $EVIL4 443"
	[[ $output == $'EPERM connect\nOK' ]]
	end_session two
}

@test "twenty fences at once all work and leave nothing" {
	local i pids=()
	for i in {1..20}; do
		fence --quiet --allow "$GITHUB4:$((8000 + i % 5))" -- \
			probe tcp "$GITHUB4" $((8000 + i % 5)) >"$BATS_TEST_TMPDIR/$i" &
		pids+=($!)
	done
	wait "${pids[@]}"
	[[ $(cat "$BATS_TEST_TMPDIR"/? "$BATS_TEST_TMPDIR"/?? | sort | uniq -c) == *"20 OK" ]]
}

@test "a process outside the fence is not affected" {
	session fenced --allow github.test:22
	run lab_host probe tcp "$EVIL4" 443
	reached tcp "$EVIL4" 443
	end_session fenced
}

@test "in audit mode everything is let through, and what would be denied is told" {
	try --audit --allow github.test:22 -- probe tcp "$EVIL4" 443
	reached tcp "$EVIL4" 443
	[[ $(told "^cgfence: would deny tcp .*$EVIL4:443 by probe\[[0-9]+\]$") == 1 ]]
}

@test "the programs are loaded once, and every later start uses them" {
	local before
	try -- true
	before=$(lab_host find /sys/fs/bpf/cgfence -path '*program*' -printf '%p %i\n' | sort)
	[[ -n $before ]]
	try -- true
	[[ $(lab_host find /sys/fs/bpf/cgfence -path '*program*' -printf '%p %i\n' | sort) == "$before" ]]
}

@test "the command has no file descriptor but the standard ones" {
	run --separate-stderr lab_sudo sh -c 'cgfence run -- ls /proc/self/fd 5<&-'
	[[ $output == $'0\n1\n2\n3' ]]
}

@test "what the caller has open is closed" {
	run --separate-stderr lab_sudo bash -c 'exec cgfence run -- ls /proc/self/fd 3</etc/passwd 5</ 99<&3'
	[[ $output == $'0\n1\n2\n3' ]]
}

@test "signals that the caller ignores stay ignored, and others do not become so" {
	run --separate-stderr lab_sudo env --default-signal --ignore-signal=PIPE,CHLD cgfence run -- grep SigIgn /proc/self/status
	[[ $output == *11000 ]]
	run --separate-stderr lab_sudo env --default-signal cgfence run -- grep SigIgn /proc/self/status
	[[ $output == *00000 ]]
}

@test "a fence inside a fence is held by both" {
	local outer=(--user root --keep-caps all --no-seccomp)
	try "${outer[@]}" --allow "$GITHUB4:443" -- cgfence run --user root --allow "$GITHUB4" -- sh -c \
		"probe tcp $GITHUB4 443; probe tcp $GITHUB4 80"
	[[ $output == OK*$'\n'"EPERM connect" ]]
	lab_not_seen tcp "$GITHUB4" 80
	try "${outer[@]}" --allow "$GITHUB4" -- cgfence run --user root --allow "$GITHUB4:443" -- \
		probe tcp "$GITHUB4" 80
	refused tcp "$GITHUB4" 80
}

@test "bpftool names the fields of a policy's maps" {
	session command --allow "$GITHUB4:22/tcp"
	run --separate-stderr lab_host sh -c \
		'bpftool map dump pinned /sys/fs/bpf/cgfence/policies/run-*/allow'
	end_session command
	[[ $output == *'"port": 22,'* && $output == *'"protocol": 6,'* && $output == *'"expires_ns":'* ]]
}
