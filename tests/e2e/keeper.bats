#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# What the keeper makes of records: refused questions are answered at once and told, answers adopted.

# shellcheck disable=SC2016,SC2154 # inner shells expand for themselves; stderr is bats's
load lib

setup_file() {
	start_lab "inside 60 A 10.1.2.3"
}

# asks NAME OPTION…: kdig inside of a fence that has github.test only.
asks() {
	try --allow github.test:22 -- kdig +timeout=$((5 * LAB_PATIENCE)) +retry=0 "@${SERVER:-$LAB_NS4}" "$@"
}

@test "a question that is refused over UDP is answered with NXDOMAIN, at once" {
	local start=$EPOCHREALTIME
	asks evil.test A
	[[ $output == *"status: NXDOMAIN"* ]]
	(((${EPOCHREALTIME/./} - ${start/./}) < 3000000 * LAB_PATIENCE))
	[[ $(told '^cgfence: denied question evil\.test \(A\)') == 1 ]]
	run ! lab_log_has packets 'evil\x04test'
}

@test "so it is over IPv6, and for other types" {
	SERVER=$LAB_NS6 asks evil.test AAAA
	[[ $output == *"status: NXDOMAIN"* ]]
	SERVER=$LAB_NS6 asks evil.test HTTPS
	[[ $output == *"status: NXDOMAIN"* && $(told 'question evil\.test \(HTTPS\)') == 1 ]]
	run ! lab_log_has packets 'evil\x04test'
}

@test "a connection that asks over TCP is cut" {
	local start=$EPOCHREALTIME
	asks +tcp evil.test A
	[[ $output != *"status: NO"* ]]
	(((${EPOCHREALTIME/./} - ${start/./}) < 4000000 * LAB_PATIENCE))
	[[ $(told '^cgfence: denied question evil\.test \(A\)') == 1 ]]
	run ! lab_log_has packets 'evil\x04test'
}

@test "in JSON the question is an object's" {
	try --json --allow github.test:22 -- kdig +timeout=$((5 * LAB_PATIENCE)) +retry=0 "@$LAB_NS4" evil.test A
	[[ $(told '"question":"evil.test","type":"A"') == 1 ]]
	[[ $(told '"reason":"question"') == 1 ]]
}

@test "an address that the command was given by a wildcard's name is known by name" {
	try --allow '*.test:443' -- sh -c "getent ahosts evil.test; probe tcp $EVIL4 443; probe tcp $EVIL4 80"
	[[ $output == *OK*"EPERM connect"* ]]
	[[ $(told "denied tcp evil\.test\? $EVIL4:80") == 1 ]]
}

log_of() { # SESSION PATTERN
	grep -qE "$2" "$BATS_TEST_TMPDIR/$1/stderr"
}

# It is held for a second, as it may be a probe; and nothing else happens meanwhile.
@test "it is so in a line that is told later than the address was learned" {
	session command --allow '*.test:443'
	ask command "probe udp-connect $EVIL4 80; kdig +short @$LAB_NS4 evil.test A"
	[[ $output == "EPERM connect"*"$EVIL4" ]]
	lab_until 5 log_of command "denied udp .*$EVIL4:80"
	log_of command "denied udp evil\.test\? $EVIL4:80"
	end_session command
}

@test "the summary counts what was learned last" {
	try --allow '*.test:443' -- kdig +short "@$LAB_NS4" evil.test A
	[[ $output == "$EVIL4" ]]
	[[ $(tail -n 1 <<<"$stderr") == *"; 1 name, 1 address" ]]
}

@test "an address inside that a wildcard's name was answered with is told of, and not allowed" {
	try --allow '*.test:443' -- sh -c "getent ahosts inside.test; probe tcp 10.1.2.3 443"
	[[ $output == *"EPERM connect" ]]
	[[ $(told '^cgfence: inside\.test has the address 10\.1\.2\.3, which is private') == 1 ]]
	[[ $(told "if it is meant, allow 'inside.test:443 private', or the address too\$") == 1 ]]
}
