#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# Whose answers teach: those of the resolvers, wherever they are, and of no one who takes their place.

# shellcheck disable=SC2016,SC2030,SC2031,SC2154 # inner shells expand for themselves; stderr is bats's
load lib
load servers

OTHER4=198.51.100.58

setup_file() {
	start_lab
	install_clients
	install "$ROOT/tests/tools/odd-dns.py" "$LAB_DIR/bin/odd-dns"
	install "$ROOT/tests/tools/forge.py" "$LAB_DIR/bin/forge"
	start_resolver odd internet odd-dns.py --address $ODD4 --address $ODD6
	start_resolver other internet odd-dns.py --address $OTHER4
	start_resolver host host odd-dns.py --address $LAB_HOST4 --address 127.0.0.53 --address ::1
	start_resolver docker host odd-dns.py --address 127.0.0.11 --port 40053
}

setup() {
	use_resolvers $ODD4 $ODD6
	lab_host nft flush ruleset
	lab_mark
}

# teaches ADDRESS: a resolver there does.
teaches() {
	use_resolvers "$1"
	try --quiet --allow '*.odd.test:443' -- sh -c "
		ask --server $1 A/plain.@.odd.test AAAA/plain.@.odd.test
		ask --server $1 --base c6130000 --way tcp A/split-7.@.odd.test
		for client in glibc musl cares go; do timeout $((10 * LAB_PATIENCE)) connects-\$client 20 count.odd.test 443; done"
	echo "$output" >&2
	[[ $(grep -c ' OK$' <<<"$output") == 3 && $(grep -c '^20 connected' <<<"$output") == 4 ]]
}

@test "a resolver on the network teaches, over IPv4 and IPv6" {
	teaches $ODD4
	teaches $ODD6
}

@test "so does one on the host itself, at its own address" {
	teaches $LAB_HOST4
}

@test "so does a stub on loopback" {
	teaches 127.0.0.53
	teaches ::1
}

# What asks 127.0.0.11 gets to where the server "docker" listens.
redirect() {
	lab_host nft -f - <<-END
		table ip docker {
			chain output {
				type nat hook output priority -100
				ip daddr 127.0.0.11 udp dport 53 dnat to 127.0.0.11:40053
				ip daddr 127.0.0.11 tcp dport 53 dnat to 127.0.0.11:40053
			}
		}
	END
	use_resolvers 127.0.0.11
}

@test "so does one that is redirected to another port, as Docker's is" {
	redirect
	teaches 127.0.0.11
	asked docker count.odd.test
	try --quiet --allow '*.odd.test:443' -- slip 127.0.0.11 x.odd.test leak.example udp tcp
	run ! asked docker leak
}

# Which its packets have, where they are judged.
ALL_PORTS=("--allow localhost" "--allow localhost:1024-65535" "--allow 127.0.0.0/8" "--allow any")

@test "there, too, a refused question is answered at once, and no rule for many ports lets it pass" {
	local rules
	redirect
	for rules in "" "${ALL_PORTS[@]}"; do
		# shellcheck disable=SC2086 # one word for each option
		try --quiet --allow '*.odd.test:443' $rules -- slip 127.0.0.11 x.odd.test leak.example udp \
			sendto tcp
		echo "$rules: $output" >&2
		[[ $output == $'udp NXDOMAIN\nsendto NXDOMAIN\ntcp '* ]]
		[[ $output != *"tcp NOERROR"* && $output != *silence* ]]
	done
	run ! asked docker leak
}

@test "nor does one keep it from teaching" {
	local rules
	redirect
	for rules in "--allow localhost" "--allow localhost:1024-65535"; do
		# shellcheck disable=SC2086 # one word for each option
		try --quiet --allow '*.odd.test:443' $rules -- ask --server 127.0.0.11 A/plain.@.odd.test \
			A/plain.@.odd.test
		[[ $(grep -c ' OK$' <<<"$output") == 2 ]]
		try --quiet --allow '*.odd.test:443' $rules -- ask --server 127.0.0.11 --way tcp \
			A/plain.@.odd.test
		[[ $output == *" OK" ]]
	done
}

@test "at the port that it really has it is asked by a rule for that one only" {
	local ask="kdig @127.0.0.11 -p 40053 +retry=0 +timeout=1 leak.example A" rules
	redirect
	for rules in "" "${ALL_PORTS[@]}"; do
		# shellcheck disable=SC2086 # one word for each option
		try --quiet --allow '*.odd.test:443' $rules -- sh -c "$ask; $ask +tcp"
		[[ $output != *"status: "* ]]
	done
	run ! asked docker leak
	try --quiet --allow 127.0.0.11:40053 -- sh -c "$ask; $ask +tcp"
	[[ $(grep -c 'status: NOERROR' <<<"$output") == 2 ]]
	asked docker leak
}

# Packets from such a port are else those of connections that were let in.
@test "from a port that is served it is asked for allowed names only" {
	local ask="kdig @127.0.0.11 -b 127.0.0.1#7100 +retry=0 +timeout=1 +tcp"
	redirect
	try --quiet --listen 7100 --allow '*.odd.test:443' -- sh -c "$ask leak.example A"
	[[ $output != *"status: "* ]]
	run ! asked docker leak
	try --quiet --listen 7100 --allow '*.odd.test:443' -- sh -c "$ask x.odd.test A"
	[[ $output == *"status: NOERROR"* ]]
}

@test "so does the second, when the first does not answer" {
	use_resolvers $LAB_SILENT_NS4 $ODD4 -- "options timeout:1 attempts:1"
	try --quiet --allow '*.odd.test:443' -- sh -c 'for client in glibc musl cares go; do
		timeout $((10 * LAB_PATIENCE)) connects-$client 1 count.odd.test 443; done'
	[[ $(grep -c '^1 connected' <<<"$output") == 4 ]]
}

@test "a dns rule's resolver teaches in place of those of resolv.conf" {
	try --quiet --dns $OTHER4 --allow '*.odd.test:443' -- sh -c "
		ask --server $OTHER4 A/plain.@.odd.test; slip $ODD4 x.odd.test x.odd.test udp"
	[[ $output == *$' OK\nudp EPERM' ]]
}

@test "resolvers that change under a fence are followed" {
	session command --allow '*.odd.test:443'
	ask command "ask --server $ODD4 A/plain.c6130001.odd.test"
	[[ $output == *" OK" ]]
	use_resolvers $OTHER4
	lab_until 5 ask_for command "slip $OTHER4 x.odd.test x.odd.test udp" "udp NOERROR"
	ask command "connects-glibc 10 count.odd.test 443; ask --server $OTHER4 A/plain.c6130301.odd.test"
	[[ $output == "10 connected, "*" OK" ]]
	ask command "slip $ODD4 x.odd.test x.odd.test udp"
	[[ $output == "udp EPERM" ]]
	end_session command
}

@test "a denial has the names resolved again at once, and no more often than once a second" {
	use_resolvers $LAB_NS4
	lab_dns_set moving 3600 A 203.0.113.1
	session command --allow moving.test:443
	lab_dns_set moving 3600 A 203.0.113.2
	lab_until 3 ask_for command "probe tcp 203.0.113.2 443" OK
	lab_mark
	ask command "for i in \$(seq 1 300); do probe tcp 203.0.113.3 443; done | sort | uniq -c"
	[[ $output == *"300 EPERM connect" ]]
	lab_flush
	(($(lab_log packets | grep -c 'moving') <= 8))
	end_session command
}

@test "a denial at a port that no name has does not" {
	use_resolvers $LAB_NS4
	session command --allow github.test:443
	lab_mark
	ask command "probe tcp 203.0.113.3 22"
	lab_flush
	[[ -z $(lab_log packets | grep ' 53 from') ]]
	end_session command
}

# --- who takes the place of one --------------------------------------------------------------------

# A fence of root's, with what it takes to set up servers and networks in it.
session_of_root() {
	session command --user root --keep-caps sys_admin,net_admin,net_raw,net_bind_service --no-seccomp \
		--listen 53 "$@" --allow '*.odd.test:443'
}

# forged RESOLVER WAY…: by each of the ways there is an answer, and it does not teach.
forged() {
	local resolver=$1 way
	shift
	for way; do
		ask command "forge $way $resolver A/plain.c6130001.odd.test 2>&1; probe tcp 198.19.0.1 443"
		echo "$way: $output" >&2
		[[ $output == served$'\n'*"EPERM connect" ]]
	done
}

@test "without a fence each way to take a resolver's place works" {
	lab_host forge netns $ODD4 A/plain.c6130001.odd.test | grep -qx answered
	lab_host forge veth $ODD4 A/plain.c6130001.odd.test | grep -qx answered
	lab_host forge alias $ODD4 A/plain.c6130001.odd.test | grep -qx answered
	lab_host forge serve 127.0.0.54 A/plain.c6130001.odd.test | grep -qx answered
	lab_host forge raw $ODD4 A/plain.c6130001.odd.test | grep -qx served
}

@test "a server at the resolver's address in a network namespace made inside teaches nothing" {
	session_of_root
	forged $ODD4 netns veth
	ask command "ask --server $ODD4 A/plain.c6130002.odd.test"
	[[ $output == *" OK" ]]
	end_session command
}

@test "nor one at an alias of loopback" {
	session_of_root
	forged $ODD4 alias
	end_session command
}

@test "nor one at the address of a resolver on loopback that is not there" {
	use_resolvers 127.0.0.54
	session_of_root
	forged 127.0.0.54 serve
	end_session command
}

@test "nor a raw packet" {
	session_of_root
	ask command "forge raw $ODD4 A/late.c6130009.evil.example; forge raw $ODD4 A/no-.c6130009.odd.test
		probe tcp 198.19.0.9 443"
	[[ $output == *"EPERM connect" ]]
	end_session command
}
