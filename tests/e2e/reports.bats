#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# What the user is told: denials as they happen, one line each, and a summary.

# shellcheck disable=SC2016,SC2154 # inner shells expand for themselves; stderr is bats's
load lib

setup_file() {
	start_lab
}

# Each line of stdin is one JSON object; prints "N EXPRESSION…" evaluated for each as `o`.
json_lines() {
	python3 -c '
import json, sys
for line in sys.stdin:
    o = json.loads(line)
    assert isinstance(o, dict), line
    print(*[eval(e) for e in sys.argv[1:]])
' "$@"
}

@test "a denial is one line that says what was tried, and by whom" {
	try -- probe tcp "$EVIL4" 443
	[[ $(told "^cgfence: denied tcp $EVIL4:443 by probe\[[0-9]+\]$") == 1 ]]
	[[ $(told denied.*probe) == 1 ]]
}

@test "an IPv6 address stands in brackets" {
	try -- probe tcp "$EVIL6" 443
	[[ $(told "^cgfence: denied tcp \[$EVIL6\]:443 by probe\[[0-9]+\]$") == 1 ]]
}

@test "a mapped address is told as the IPv4 address it is" {
	try -- probe tcp-mapped "$EVIL4" 443
	[[ $(told "^cgfence: denied tcp $EVIL4:443 by probe") == 1 ]]
}

@test "a name that has the address is told with a question mark" {
	try --allow github.test:22 -- probe tcp "$GITHUB4" 80
	[[ $(told "^cgfence: denied tcp github.test\? $GITHUB4:80 by probe") == 1 ]]
}

@test "a denied UDP packet is told, sent with and without connect" {
	try -- sh -c "probe udp-sendto $EVIL4 443; probe udp-connect $EVIL4 5432"
	[[ $(told "^cgfence: denied udp $EVIL4:443 by probe") == 1 ]]
	[[ $(told "^cgfence: denied udp $EVIL4:5432 by probe") == 1 ]]
}

@test "a denied kind of socket is told" {
	try -- probe udplite "$EVIL4" 443
	[[ $(told "^cgfence: denied .*udplite.* by probe\[[0-9]+\]") == 1 ]]
}

@test "a denial is told while the command still runs" {
	session command --allow "$GITHUB4:443"
	ask command "probe tcp $EVIL4 443"
	lab_until 5 grep -q "denied tcp $EVIL4:443" "$BATS_TEST_TMPDIR/command/stderr"
	end_session command
}

@test "repetitions are told together, with their number" {
	try -- sh -c "for i in \$(seq 30); do probe tcp $EVIL4 443; done"
	(($(told "denied tcp $EVIL4:443") <= 3))
	[[ $(told "^cgfence: denied tcp $EVIL4:443 by probe\[[0-9]+\], 30 times$") == 1 ]]
}

@test "different addresses, ports and commands are told apart" {
	try -- sh -c "probe tcp $EVIL4 443; probe tcp $EVIL4 80; probe tcp $GITHUB4 443"
	[[ $(told "denied tcp") == 3 ]]
}

@test "the UDP probes by which getaddrinfo sorts addresses are not told" {
	try --no-dns-filter --allow github.test:22 -- curl -s http://evil.test/
	[[ $(told "denied tcp $EVIL4:80 by curl") == 1 ]]
	[[ $(told "denied tcp \[$EVIL6\]:80 by curl") == 1 ]]
	[[ $(told "denied udp") == 0 ]]
	try --no-dns-filter --allow github.test:22 -- git ls-remote ssh://git@evil.test/repo
	[[ $(told "denied tcp") == 2 ]]
	[[ $(told "denied udp") == 0 ]]
}

@test "nor are they for a name that is allowed" {
	try --allow github.test:22 -- git ls-remote ssh://git@github.test/repo
	[[ $status == 0 && $(told denied.*by) == 0 ]]
}

@test "the last line is a summary of what was allowed and denied" {
	try --allow "$GITHUB4:443" -- sh -c "probe tcp $GITHUB4 443; probe tcp $EVIL4 443"
	[[ $(tail -n 1 <<<"$stderr") =~ ^"cgfence: 1 allowed, 1 denied" ]]
}

@test "the summary does not count what was no one's attempt" {
	try --no-dns-filter --allow github.test:22 -- curl -4 -s http://evil.test/
	[[ $(told "denied tcp") == 1 ]]
	[[ $(tail -n 1 <<<"$stderr") =~ ^"cgfence: "[0-9]+" allowed, 1 denied" ]]
}

@test "--quiet says nothing, and the command still speaks" {
	try --quiet -- sh -c "probe tcp $EVIL4 443; echo spoken >&2"
	[[ $stderr == spoken ]]
	lab_not_seen tcp "$EVIL4" 443
}

@test "--json gives an object a line for denials and summary" {
	try --json -- sh -c "probe tcp $EVIL4 443; probe udp-sendto $EVIL6 5432"
	run json_lines 'o.get("verdict")' 'o.get("protocol")' 'o.get("address")' 'o.get("port")' \
		'o.get("comm")' <<<"$stderr"
	[[ $status == 0 ]]
	[[ $output == *"deny tcp $EVIL4 443 probe"* ]]
	[[ $output == *"deny udp $EVIL6 5432 probe"* ]]
	run json_lines 'o.get("denied")' <<<"$(tail -n 1 <<<"$stderr")"
	[[ $output == 2 ]]
}

@test "--json stays JSON whatever a command calls itself" {
	try --json -- bash -c \
		"printf '\\033]0;\"\\\\\\xff' >/proc/\$\$/comm; exec 3<>/dev/tcp/$EVIL4/443"
	run json_lines 'o.get("verdict")' <<<"$(grep -v ^bash: <<<"$stderr" | grep -v ': line')"
	[[ $status == 0 && $output == *deny* ]]
}

@test "nothing that a command calls itself reaches the terminal as a control character" {
	try -- bash -c "printf '\\033]0;x\\n' >/proc/\$\$/comm; (exec 3<>/dev/tcp/$EVIL4/443) 2>/dev/null"
	[[ $(told "denied tcp $EVIL4:443") == 1 ]]
	[[ $stderr != *$'\e'* ]]
}

@test "--log appends to a file what is said" {
	local log=$BATS_TEST_TMPDIR/log
	echo before >"$log"
	try --log "$log" -- probe tcp "$EVIL4" 443
	[[ $(told "denied tcp $EVIL4:443") == 1 ]]
	[[ $(head -n 1 "$log") == before ]]
	[[ $(grep -c "^cgfence: denied tcp $EVIL4:443 by probe" "$log") == 1 ]]
}

@test "--quiet with --log speaks to the file alone" {
	try --quiet --log "$BATS_TEST_TMPDIR/log" -- probe tcp "$EVIL4" 443
	[[ -z $stderr ]]
	grep -q "denied tcp $EVIL4:443" "$BATS_TEST_TMPDIR/log"
}

@test "--json with --log writes JSON to the file" {
	try --quiet --json --log "$BATS_TEST_TMPDIR/log" -- probe tcp "$EVIL4" 443
	json_lines 'o.get("verdict")' <"$BATS_TEST_TMPDIR/log" | grep -q deny
}

@test "a log that cannot be written is an error before the command runs" {
	try --log /nowhere/log -- echo ran
	[[ $status == 125 && -z $output && $stderr == *"/nowhere/log"* ]]
}

@test "a broken standard error does not break the fence" {
	run fence -- sh -c "probe tcp $EVIL4 443; exit 5" 2>&-
	[[ $status == 5 ]]
	lab_not_seen tcp "$EVIL4" 443
}

@test "in audit mode the summary says what would be denied" {
	try --audit --allow "$GITHUB4:443" -- sh -c "probe tcp $GITHUB4 443; probe tcp $EVIL4 443"
	[[ $(told "^cgfence: would deny tcp $EVIL4:443 by probe") == 1 ]]
	[[ $(tail -n 1 <<<"$stderr") =~ "1 would be denied" ]]
}

@test "a command that fills the pipe of standard error does not stop cgfence" {
	local fifo=$BATS_TEST_TMPDIR/fifo log=$BATS_TEST_TMPDIR/log
	mkfifo "$fifo"
	exec {reader}<>"$fifo"
	lab_sudo cgfence run --log "$log" -- sh -c '
		python3 -c "import fcntl, os
fcntl.fcntl(2, fcntl.F_SETFL, os.O_NONBLOCK)
try:
    while True: os.write(2, b\"x\" * 4096)
except BlockingIOError: pass
fcntl.fcntl(2, fcntl.F_SETFL, 0)"
		probe tcp '"$EVIL4"' 443; exit 5' 2>"$fifo" || status=$?
	exec {reader}>&-
	[[ $status == 5 ]]
	grep -q "denied tcp" "$log"
	grep -q "not shown" "$log"
}
