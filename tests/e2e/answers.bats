#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# What a DNS answer teaches, at the moment that it comes in, and what teaches nothing. The addresses
# are in the names that are asked for, below a wildcard: no one who has not asked knows them.

# shellcheck disable=SC2016,SC2030,SC2031,SC2154 # inner shells expand for themselves; stderr is bats's
load lib
load servers

setup_file() {
	start_lab
	install_clients
	start_resolver odd internet odd-dns.py --address $ODD4 --address $ODD6 --special 198.51.100.57
	use_resolvers $ODD4 $ODD6
}

# asking [OPTION…] -- TYPE/NAME…: in a fence that allows the names at port 443.
asking() {
	local options=()
	while [[ $1 != -- ]]; do
		options+=("$1")
		shift
	done
	shift
	try --quiet "${allow[@]}" -- ask --server "$ODD4" "${options[@]}" "$@"
}

setup() {
	allow=(--allow '*.odd.test:443')
	lab_mark
}

# Each line of the output ends so, and there are as many as that.
all_say() {
	echo "$output" >&2
	[[ $(wc -l <<<"$output") == "$2" && $(grep -cE "^[^ ]+( $1)+\$" <<<"$output") == "$2" ]]
}

SHAPES=(plain uncompressed mixedcase chain-1 chain-8 backwards-3 pointers records-2
	records-70 company ttl-0 ttl-1 ttl-2147483647 ttl-2147483648 ttl-4294967295 late)

both_types() { # SHAPE…: as A/SHAPE.@.odd.test and AAAA/…
	jobs=("${@/#/A/}" "${@/#/AAAA/}")
	jobs=("${jobs[@]/%/.@.odd.test}")
}

@test "every shape of an answer over UDP teaches before the application has it" {
	both_types "${SHAPES[@]}"
	asking --edns 4096 -- "${jobs[@]}"
	all_say OK "${#jobs[@]}"
}

@test "so it does to a socket that is not connected" {
	both_types "${SHAPES[@]}"
	asking --way sendto --edns 4096 -- "${jobs[@]}"
	all_say OK "${#jobs[@]}"
}

@test "so it does without EDNS" {
	both_types plain uncompressed mixedcase chain-8 backwards-3 pointers
	asking --edns 0 -- "${jobs[@]}"
	all_say OK "${#jobs[@]}"
}

@test "so it does over IPv6" {
	both_types "${SHAPES[@]}"
	try --quiet "${allow[@]}" -- ask --server "$ODD6" --edns 4096 "${jobs[@]}"
	all_say OK "${#jobs[@]}"
}

@test "so it does over TCP" {
	both_types "${SHAPES[@]}" tcp
	asking --way tcp -- "${jobs[@]}"
	all_say OK "${#jobs[@]}"
}

@test "answers that come in fragments teach all of their addresses" {
	both_types records-100 records-200 records-255
	asking --edns 8192 -- "${jobs[@]}"
	all_say OK "${#jobs[@]}"
	try --quiet "${allow[@]}" -- ask --server "$ODD6" --edns 8192 "${jobs[@]}"
	all_say OK "${#jobs[@]}"
}

@test "a truncated answer teaches nothing, and the one over TCP does" {
	both_types tcp
	asking -- "${jobs[@]}"
	all_say EPERM "${#jobs[@]}"
	asking --retry -- "${jobs[@]}"
	all_say OK "${#jobs[@]}"
}

@test "an answer over TCP teaches in whatever pieces it comes" {
	both_types split-1 split-2 split-3 split-12 split-13 split-29 split-40 split-60
	asking --way tcp -- "${jobs[@]}"
	all_say OK "${#jobs[@]}"
}

@test "a large answer over TCP, in many segments, teaches all of its addresses" {
	both_types records-255
	asking --way tcp -- "${jobs[@]}"
	all_say OK "${#jobs[@]}"
}

# musl 1.2.3 does not ask over TCP, and has no room for more than 512 bytes.
@test "what the libraries make of it is allowed at once" {
	local shape client number=0xc6130000 line count=0
	for shape in plain uncompressed mixedcase chain-3 pointers records-20 company tcp split-20 chain-8; do
		for client in glibc musl cares go; do
			[[ $client != musl || $shape != @(tcp|split-20|chain-8) ]] || continue
			line+="timeout $((5 * LAB_PATIENCE)) connects-$client 1 $shape.$(printf %x $((number += 512))).odd.test 443;"
			((++count))
		done
	done
	try --quiet "${allow[@]}" -- sh -c "$line"
	echo "$output"
	[[ $(grep -c '^1 connected' <<<"$output") == "$count" && $(wc -l <<<"$output") == "$count" ]]
}

@test "64 questions at once on one socket all teach" {
	try --quiet "${allow[@]}" -- python3 -c '
import os, socket, sys
ANSWER_S = 5 * int(os.environ["LAB_PATIENCE"])
sys.path.insert(0, sys.argv[2])
import dns_wire as wire
udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
udp.connect((sys.argv[1], 53))
udp.settimeout(ANSWER_S)
names = [wire.labels_of(f"plain.{0xc6120000 + i:08x}.odd.test") for i in range(64)]
for number, name in enumerate(names):
    udp.send(wire.question(name, wire.A, number))
for name in names:
    udp.recv(512)
for name in names:
    socket.create_connection((wire.text_of(wire.address_in(name, wire.A)), 443), ANSWER_S)
    print("OK")' "$ODD4" "$LAB_DIR/bin"
	[[ $(grep -cx OK <<<"$output") == 64 ]]
}

# Their records are more than the ring has room for, and nobody is woken up for one of them.
@test "of 1000 answers in a row userspace knows every one" {
	local i names=()
	for ((i = 0; i < 1000; i++)); do
		names+=("plain.$(printf %x $((0xc6130000 + i))).odd.test")
	done
	try "${allow[@]}" -- sh -c 'exec kdig +short +retry=0 @"$0" "$@"' "$ODD4" "${names[@]}"
	[[ $(wc -l <<<"$output") == 1000 ]]
	[[ $(tail -n 1 <<<"$stderr") == *" 0 denied; 1000 names, 1000 addresses" ]]
}

@test "long names teach" {
	local long=plain.@
	while ((${#long} < 190)); do
		long+=.abcdefghijklmnop
	done
	asking -- "A/$long.odd.test" "AAAA/$long.odd.test" \
		"A/plain.@.$(printf '%063d' 0).$(printf '%063d' 0).odd.test"
	all_say OK 3
}

@test "an address that a public name must not have teaches nothing" {
	local jobs=() address
	for address in 7f000001 7fffffff 00000000 00010203 0a000000 0affffff ac100000 ac1fffff 64400000 \
		647fffff a9fea9fe a9fe0000 c0a80001 c0a8ffff e0000001 efffffff f0000001 fffffffe \
		ffffffff; do
		jobs+=("A/plain.$address.odd.test")
		# Mapped, compatible, NAT64 and 6to4.
		jobs+=("AAAA/plain.00000000000000000000ffff$address.odd.test")
		jobs+=("AAAA/plain.0064ff9b0000000000000000$address.odd.test")
		jobs+=("AAAA/plain.2002${address}00000000000000000001.odd.test")
	done
	for address in 00000000000000000000000000000000 00000000000000000000000000000001 \
		fe800000000000000000000000000001 febf0000000000000000000000000001 \
		fc000000000000000000000000000001 fdffffffffffffffffffffffffffffff \
		ff020000000000000000000000000001 ff0e0000000000000000000000000001; do
		jobs+=("AAAA/plain.$address.odd.test")
	done
	asking --protocol udp -- "${jobs[@]}"
	all_say EPERM "${#jobs[@]}"
}

@test "it is counted and told, once for each name and address" {
	try "${allow[@]}" -- ask --server "$ODD4" --protocol udp A/-plain.7f000001.odd.test \
		A/-plain.7f000001.odd.test
	[[ $(told '^cgfence: plain\.7f000001\.odd\.test .*127\.0\.0\.1') == 1 ]]
}

@test "an address beside these is learned" {
	local jobs=() address
	for address in 0b000001 09ffffff ac0fffff ac200000 643fffff 64800000 a9fdffff a9ff0000 c0a7ffff \
		c0a90000 dfffffff 80000001 01000001; do
		jobs+=("A/plain.$address.odd.test")
	done
	jobs+=(AAAA/plain.0064ff9b000000000000000008080808.odd.test
		AAAA/plain.2002080808080000000000000001.odd.test)
	jobs[-1]=AAAA/plain.20020808080800000000000000000001.odd.test
	asking --protocol udp -- "${jobs[@]}"
	all_say OK "${#jobs[@]}"
}

@test "it is learned if the rule says private" {
	policy private <<<'allow *.odd.test:443 private'
	allow=(-p "$policy")
	asking --protocol udp -- A/plain.0a000001.odd.test A/plain.7f000001.odd.test \
		AAAA/plain.fd000000000000000000000000000001.odd.test
	all_say OK 3
}

@test "an answer that was not asked for, or is wrong, teaches nothing" {
	both_types wrongid wrongname wrongtype chaos unasked unlinked loop authority stranger strangeport \
		nxdomain servfail truncated question opcode noquestion twoquestions fewer cut length-0 \
		length-3 length-5 length-16 beyond circle forward outside label again no-
	asking --control -- "${jobs[@]}"
	all_say EPERM "${#jobs[@]}"
}

@test "neither does it over TCP" {
	both_types wrongid wrongname wrongtype chaos unasked unlinked loop authority nxdomain servfail \
		truncated question opcode noquestion twoquestions fewer cut length-0 length-3 length-5 \
		length-16 beyond circle forward outside label no- lying
	asking --way tcp -- "${jobs[@]}"
	all_say EPERM "${#jobs[@]}"
}

@test "only the addresses of the name are learned, and for its ports alone" {
	try --quiet "${allow[@]}" -- sh -c "ask --server $ODD4 A/-company.c6130001.odd.test
		probe tcp 198.19.0.1 443; probe tcp 198.51.100.66 443; probe tcp 198.19.0.1 80"
	[[ $output == *$'OK\nEPERM connect\nEPERM connect' ]]
}

@test "an alias to an allowed name does not make a name allowed" {
	try --quiet --allow '*.elsewhere.example:443' -- ask --server "$ODD4" A/chain-2.@.odd.test
	[[ $output != *OK* ]]
	! asked odd 'chain-2'
}

@test "a wildcard has every depth, not what it is below of, and no other name" {
	local allow=(--allow '*.wild.test:443')
	asking -- A/plain.@.wild.test A/plain.@.a.b.c.d.e.f.wild.test 'A/plain.@.WILD.Test'
	all_say OK 3
	asking --control -- A/plain.@.wild.test.evil A/plain.@.xwild.test 'A/plain.@.x\x2ewild.test' \
		'A/plain.@.x\x04wild.test' 'A/plain.@.xLwild.test' 'A/plain.@.x\x00wild.test' \
		'A/plain.@.test' 'A/plain.@.wild\x04test' 'A/plain.@.wild\x2etest' A/-wild.test
	[[ $output != *OK* ]]
	! asked odd 'evil|xwild|x.{1,4}wild|wild.x' # none of the questions got out
}

@test "a name that is exact has no name below it, nor above" {
	local allow=(--allow plain.c6130001.odd.test:443)
	asking --control -- A/plain.c6130001.odd.test
	[[ $output == *OK ]]
	asking --control -- A/x.plain.c6130002.odd.test A/plain.c6130003.odd.test
	[[ $output != *OK* ]]
}
