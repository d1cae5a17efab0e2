#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# What names hang on becomes something else while the command runs: /etc/hosts, /etc/resolv.conf, and
# the addresses of a name long before its answer runs out.

# shellcheck disable=SC2016,SC2154 # inner shells expand for themselves; stderr is bats's
load lib

setup_file() {
	start_lab "rotates 3600 A 203.0.113.1" "other 3600 A 203.0.113.5" "web 3600 A 203.0.113.7"
}

# replace FILE: by rename, with what stdin says.
replace() {
	lab_host sh -c 'cat >"$1.new" && mv "$1.new" "$1"' - "$1"
}

log_of() { # SESSION PATTERN
	grep -qE "$2" "$BATS_TEST_TMPDIR/$1/stderr"
}

# The kernel tells the session's cgfence of changes: its first second is over.
is_told() { # SESSION
	find "/proc/${SESSION_PID[$1]}/fd" -lname anon_inode:inotify | grep -q .
}

teardown() {
	printf '127.0.0.1 localhost\n::1 localhost\n' | replace /etc/hosts
	printf 'nameserver %s\nnameserver %s\n' "$LAB_NS4" "$LAB_NS6" | replace /etc/resolv.conf
	if [[ -z ${BATS_TEST_COMPLETED:-} ]]; then
		printf 'status: %s\nstdout: %s\nstderr: %s\n' "${status:-}" "${output:-}" "${stderr:-}"
		end_everything
	fi
	nothing_left
}

@test "a name in /etc/hosts gets the address that it has there now" {
	replace /etc/hosts <<<"203.0.113.80 pinned.test"
	session command --allow pinned.test:443
	ask command "probe tcp 203.0.113.80 443; probe tcp 203.0.113.81 443"
	[[ $output == $'OK\nEPERM connect' ]]
	replace /etc/hosts <<<"203.0.113.81 pinned.test"
	lab_until 5 ask_for command "probe tcp 203.0.113.81 443" OK
	end_session command
}

@test "a wildcard does not hold for a name in /etc/hosts, a rule of its own does" {
	replace /etc/hosts <<<"203.0.113.80 pinned.test"
	try --allow '*.test:443' -- sh -c "getent hosts pinned.test; probe tcp 203.0.113.80 443"
	[[ $output == "203.0.113.80"*"EPERM connect" ]]
	try --allow '*.test:443' --allow pinned.test:443 -- probe tcp "203.0.113.80" 443
	[[ $output == OK* ]]
}

@test "a name that /etc/hosts gets has its address from there" {
	session command --allow web.test:443
	ask command "probe tcp 203.0.113.7 443; probe tcp 203.0.113.80 443"
	[[ $output == $'OK\nEPERM connect' ]]
	replace /etc/hosts <<<"203.0.113.80 web.test"
	lab_until 5 ask_for command "probe tcp 203.0.113.80 443" OK
	end_session command
}

@test "so it is when the command has run for a while" {
	replace /etc/hosts <<<"203.0.113.80 pinned.test"
	session command --allow pinned.test:443
	run ! is_told command
	lab_until 5 is_told command
	replace /etc/hosts <<<"203.0.113.81 pinned.test"
	lab_until 5 ask_for command "probe tcp 203.0.113.81 443" OK
	replace /etc/hosts <<<"203.0.113.82 pinned.test"
	lab_until 5 ask_for command "probe tcp 203.0.113.82 443" OK
	end_session command
}

@test "the resolvers are those that resolv.conf names now, and it is said" {
	replace /etc/resolv.conf <<<"nameserver $LAB_NS4"
	session command --allow web.test:443
	ask command "probe tcp $LAB_NS4 53; probe tcp $LAB_NS6 53"
	[[ $output == $'OK\nEPERM connect' ]]
	replace /etc/resolv.conf <<<"nameserver $LAB_NS6"
	lab_until 5 ask_for command "probe tcp $LAB_NS6 53" OK
	ask command "probe tcp $LAB_NS4 53"
	[[ $output == "EPERM connect" ]]
	end_session command
	[[ $(told "^cgfence: /etc/resolv.conf has changed: asking $LAB_NS6 now$") == 1 ]]
}

@test "so they are when the command has run for a while" {
	replace /etc/resolv.conf <<<"nameserver $LAB_NS4"
	session command --allow web.test:443
	lab_until 5 is_told command
	replace /etc/resolv.conf <<<"nameserver $LAB_NS6"
	lab_until 5 ask_for command "probe tcp $LAB_NS6 53" OK
	end_session command
}

@test "a resolv.conf that names nobody changes nothing, and it is said" {
	session command --allow web.test:443
	replace /etc/resolv.conf </dev/null
	lab_until 5 log_of command "resolv.conf has changed and cannot be used: it names no server"
	ask command "probe tcp $LAB_NS4 53"
	[[ $output == "OK" ]]
	end_session command
}

@test "after a denial the names that have rules for its port are asked for again at once" {
	lab_dns_set rotates 3600 A 203.0.113.1
	session command --allow rotates.test:443 --allow other.test:80
	lab_dns_set rotates 3600 A 203.0.113.2
	lab_mark
	ask command "probe tcp 203.0.113.2 8443; probe tcp 203.0.113.2 443"
	[[ $output == $'EPERM connect\nEPERM connect' ]]
	lab_until 5 ask_for command "probe tcp 203.0.113.2 443" OK
	run ! lab_log_has packets 'other\x04test'
	# It would be seen.
	ask command "probe tcp 203.0.113.6 80"
	lab_until 5 lab_log_has packets 'other\x04test'
	end_session command
}
