#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# What a fenced command may serve, to whom, and that a socket for that is good for nothing else.
# Every attempt that is refused is made by the same program that succeeds where it is allowed.

# shellcheck disable=SC2154 # stderr and output are bats's
load lib

# Host addresses as a client outside sees them, and what a server binds to for all of its family.
HOSTS=("$LAB_HOST4" "$LAB_HOST6")
MULTICAST_WAYS=("ip 233.252.0.7" "mcast 233.252.0.7" "ip ff0e::7" "mcast ff0e::7")
SOURCE_WAYS=("ip-source 233.252.0.7" "mcast-source 233.252.0.7" "mcast-source ff0e::7")

setup_file() {
	start_lab
	install "$ROOT/tests/tools/peer.py" "$LAB_DIR/bin/peer"
}

any_of() {
	[[ $1 == *:* ]] && echo :: || echo 0.0.0.0
}

bracketed() {
	[[ $1 == *:* ]] && echo "[$1]" || echo "$1"
}

# serve SESSION ARGUMENT…: the session's command serves so.
serve() {
	ask "$1" "peer serve ${*:2}"
	[[ $output == OK* ]] || lab_fail "peer serve ${*:2}: $output"
}

# call ARGUMENT…: what a client outside gets, in `$output`.
call() {
	run lab_internet peer call "$@"
}

answered() {
	call "$@"
	[[ $output == "OK probe" ]] || lab_fail "peer call $*: $output"
}

# Its client gets nothing at all, not even that there is no one.
unanswered() {
	call --timeout 0.7 "$@"
	[[ $output == TIMEOUT* ]] || lab_fail "peer call $*: $output"
}

# JSON denials of a hook with this port, or with none given any.
denials() {
	python3 -c '
import json, sys
lines = [json.loads(line) for line in sys.stdin if line.startswith("{")]
print(sum(o.get("hook") == sys.argv[1] and o.get("verdict") == sys.argv[2] and
          (len(sys.argv) < 4 or o.get("port") == int(sys.argv[3])) for o in lines))
' "$@" <<<"$stderr"
}

# --- without a rule ------------------------------------------------------------------------------

@test "without a listen rule a fixed port is not to be had" {
	local address protocol
	for address in 0.0.0.0 :: 127.0.0.1 ::1 "${HOSTS[@]}" ::ffff:127.0.0.1 "::ffff:$LAB_HOST4"; do
		for protocol in tcp udp; do
			try --allow github.test -- peer serve "$protocol" "$address" 8080
			[[ $status == 1 && $output == "EPERM bind" ]]
			try --listen 8080 -- peer serve "$protocol" "$address" 8080
			[[ $status == 0 && $output == "OK 8080" ]]
		done
	done
}

@test "a bind that is refused is told, once and with its port" {
	try -- peer serve tcp 0.0.0.0 8080
	[[ $(told "^cgfence: denied .*8080.* by ") == 1 ]]
	try --json -- sh -c "peer serve tcp 0.0.0.0 8080; peer serve udp :: 8081"
	[[ $(denials bind deny 8080) == 1 && $(denials bind deny 8081) == 1 ]]
	try --json --listen 8080-8081 -- sh -c "peer serve tcp 0.0.0.0 8080; peer serve udp :: 8081"
	[[ $output == $'OK 8080\nOK 8081' && $(denials bind deny) == 0 ]]
}

@test "port 0 can be bound to without a rule" {
	local address
	for address in 0.0.0.0 :: 127.0.0.1 ::1; do
		try -- sh -c "peer serve tcp $address 0 && peer serve udp $address 0"
		[[ $status == 0 && $output == "OK "*"OK "* ]]
	done
}

@test "a listener on a port that the kernel chose is not answered, not even to allowed hosts" {
	local address=$LAB_HOST4 way port
	for way in "-" 0.0.0.0; do
		session "fence$way" --json --allow "$GITHUB4"
		serve "fence$way" tcp "$way" 0
		port=${output#OK }
		unanswered --from "$GITHUB4" tcp "$address" "$port"
		unanswered tcp "$address" "$port"
		end_session "fence$way"
		(($(denials ingress deny) > 0))
		session "other$way" --allow "$GITHUB4" --listen 1024-65535/tcp
		serve "other$way" tcp "$way" 0
		port=${output#OK }
		answered --from "$GITHUB4" tcp "$address" "$port"
		answered tcp "$address" "$port"
		end_session "other$way"
	done
}

@test "the same over IPv6" {
	local port
	session fence --allow "$GITHUB6"
	serve fence tcp :: 0
	port=${output#OK }
	unanswered --from "$GITHUB6" tcp "$LAB_HOST6" "$port"
	unanswered tcp "$LAB_HOST4" "$port"
	end_session fence
	session other --listen 1024-65535/tcp
	serve other tcp :: 0
	port=${output#OK }
	answered --from "$GITHUB6" tcp "$LAB_HOST6" "$port"
	answered tcp "$LAB_HOST4" "$port"
	end_session other
}

@test "nothing is served on loopback either" {
	local port
	try -- sh -c 'port=$(peer serve tcp 127.0.0.1 0); probe tcp 127.0.0.1 "${port#OK }"'
	[[ $output == "EPERM connect" ]]
	session fence
	serve fence tcp 127.0.0.1 0
	port=${output#OK }
	run lab_host peer call --timeout 0.7 tcp 127.0.0.1 "$port"
	[[ $output == TIMEOUT* ]]
	end_session fence
	session other --listen 1024-65535
	serve other tcp 127.0.0.1 0
	port=${output#OK }
	run lab_host peer call tcp 127.0.0.1 "$port"
	[[ $output == "OK probe" ]]
	end_session other
}

# --- with a listen rule --------------------------------------------------------------------------

@test "with a listen rule a TCP server binds, accepts and replies, over IPv4 and IPv6" {
	local host
	for host in "${HOSTS[@]}"; do
		session "fence$host" --listen 8080/tcp
		serve "fence$host" tcp "$(any_of "$host")" 8080
		answered tcp "$host" 8080
		answered --from "$([[ $host == *:* ]] && echo "$EVIL6" || echo "$EVIL4")" tcp "$host" 8080
		end_session "fence$host"
		[[ $(told "denied.* by ") == 0 ]]
	done
}

@test "a socket that could not be connected serves all the same" {
	session tried --allow 127.0.0.1:9 --listen 8080/tcp
	serve tried --tried 127.0.0.1,9 tcp 0.0.0.0 8080
	answered tcp "$LAB_HOST4" 8080
	end_session tried
	[[ $status == 0 ]]
}

@test "what is big arrives whole, in both directions" {
	local host
	for host in "${HOSTS[@]}"; do
		session "fence$host" --listen 8080/tcp
		serve "fence$host" tcp "$host" 8080
		call --bytes 8388608 --timeout 20 tcp "$host" 8080
		[[ $output == "OK 8388608" ]]
		end_session "fence$host"
	done
}

@test "an IPv6 socket serves IPv4 clients, too" {
	session fence --listen 8080
	serve fence tcp :: 8080
	serve fence udp :: 8080
	for protocol in tcp udp; do
		answered "$protocol" "$LAB_HOST4" 8080
		answered "$protocol" "$LAB_HOST6" 8080
	done
	end_session fence
}

@test "with a listen rule a UDP server replies, bound to all addresses or to one" {
	local host address
	for host in "${HOSTS[@]}"; do
		for address in "$(any_of "$host")" "$host"; do
			session "fence$address" --listen 8080/udp
			serve "fence$address" udp "$address" 8080
			answered udp "$host" 8080
			answered --from "$([[ $host == *:* ]] && echo "$EVIL6" || echo "$EVIL4")" udp "$host" 8080
			end_session "fence$address"
			[[ $(told "denied.* by ") == 0 ]]
		done
	done
}

@test "a UDP server that says from where it replies does so" {
	local host
	for host in "${HOSTS[@]}"; do
		session "fence$host" --listen 8080/udp
		serve "fence$host" --pktinfo udp "$(any_of "$host")" 8080
		answered udp "$host" 8080
		end_session "fence$host"
	done
}

@test "ranges, lists and several rules open their ports, and not the next ones" {
	local port
	session fence --listen 8000-8010/tcp --listen 8020,8030-8031/tcp --listen 8040
	for port in 8000 8005 8010 8020 8030 8031 8040; do
		serve fence tcp 0.0.0.0 "$port"
		answered tcp "$LAB_HOST4" "$port"
	done
	for port in 7999 8011 8019 8021 8029 8032 8039 8041 53; do
		ask fence "peer serve tcp 0.0.0.0 $port"
		[[ $output == "EPERM bind" ]]
	done
	end_session fence
}

@test "a rule for one protocol does not open the other" {
	try --listen 8080/tcp -- sh -c "peer serve udp 0.0.0.0 8080; peer serve tcp 0.0.0.0 8080"
	[[ $output == $'EPERM bind\nOK 8080' ]]
	try --listen 8080/udp -- sh -c "peer serve tcp 0.0.0.0 8080; peer serve udp 0.0.0.0 8080"
	[[ $output == $'EPERM bind\nOK 8080' ]]
}

@test "a listen rule allows to reach nothing" {
	local address
	for address in "$EVIL4" "$EVIL6"; do
		try --listen 443 -- sh -c "probe tcp $address 443; probe udp-sendto $address 443"
		[[ $output == $'EPERM connect\nEPERM sendto' ]]
		lab_not_seen tcp "$address" 443
		lab_not_seen udp "$address" 443
	done
	try --listen 8443 -- sh -c 'peer serve tcp 127.0.0.1 8443; probe tcp 127.0.0.1 8443'
	[[ $output == $'OK 8443\nEPERM connect' ]]
}

# --- deny, audit ---------------------------------------------------------------------------------

@test "a peer that a deny rule names is not answered" {
	local host=$LAB_HOST4 from
	session fence --listen 8080 --deny gitlab.test --deny "$EVIL4" --deny "[$EVIL6]:5000"
	serve fence tcp :: 8080
	serve fence udp :: 8080
	for protocol in tcp udp; do
		for from in "$EVIL4" "${LAB_SITE4[gitlab]}"; do
			unanswered --from "$from" "$protocol" "$host" 8080
			answered --from "$GITHUB4" "$protocol" "$host" 8080
		done
		unanswered --from "${LAB_SITE6[gitlab]}" "$protocol" "$LAB_HOST6" 8080
		unanswered --from "$EVIL6,5000" "$protocol" "$LAB_HOST6" 8080
		answered --from "$EVIL6,5001" "$protocol" "$LAB_HOST6" 8080
	done
	call --from "$GITHUB4,5000" udp "$host" 8080 heard
	[[ $output == *"$EVIL6 5001"* && $output != *"$EVIL6 5000"* && $output != *"$EVIL4 "* ]]
	end_session fence
}

@test "in audit mode everything is served, and what would have been refused is told" {
	local port
	session fence --audit --json
	serve fence tcp 0.0.0.0 8080
	serve fence udp 0.0.0.0 8080
	answered tcp "$LAB_HOST4" 8080
	answered udp "$LAB_HOST4" 8080
	serve fence tcp - 0
	port=${output#OK }
	answered tcp "$LAB_HOST4" "$port"
	end_session fence
	[[ $(denials bind allow 8080) == 2 ]]
	(($(denials ingress allow) > 0))
	[[ $(denials bind deny) == 0 && $(denials ingress deny) == 0 ]]
}

# --- what a server's socket is not good for ------------------------------------------------------

@test "a UDP server sends to no one who has not asked, and to no other port of who has" {
	local host=$LAB_HOST4 from=$GITHUB4
	for host in "${HOSTS[@]}"; do
		[[ $host == *:* ]] && from=$GITHUB6 evil=$EVIL6 || from=$GITHUB4 evil=$EVIL4
		lab_mark
		session "fence$host" --listen 8080/udp
		serve "fence$host" udp "$host" 8080
		answered --from "$from,5000" udp "$host" 8080
		call --from "$from,5000" udp "$host" 8080 "send $evil 5000"
		[[ $output == "OK EPERM sendto" ]]
		call --from "$from,5000" udp "$host" 8080 "send $from 5001"
		[[ $output == "OK EPERM sendto" ]]
		end_session "fence$host"
		lab_not_seen udp "$evil" 5000
		lab_not_seen udp "$from" 5001
		# The control: to who has asked it does.
		session "other$host" --listen 8080/udp
		serve "other$host" udp "$host" 8080
		answered --from "$evil,5000" udp "$host" 8080
		call --from "$from,5000" udp "$host" 8080 "send $evil 5000"
		[[ $output == "OK sent" ]]
		end_session "other$host"
		lab_seen udp "$evil" 5000
	done
}

@test "who has asked one UDP port is not sent to from another" {
	local host=$LAB_HOST4
	session fence --listen 8080-8081/udp
	serve fence udp 0.0.0.0 8080
	serve fence udp 0.0.0.0 8081
	answered --from "$EVIL4,5000" udp "$host" 8080
	call --from "$GITHUB4,5000" udp "$host" 8081 "send $EVIL4 5000"
	[[ $output == "OK EPERM sendto" ]]
	answered --from "$EVIL4,5000" udp "$host" 8081
	call --from "$GITHUB4,5000" udp "$host" 8081 "send $EVIL4 5000"
	[[ $output == "OK sent" ]]
	end_session fence
}

# misused OPTION… -- WAY ADDRESS PORT: `$output` is what came of it, for an accepted socket.
misused() {
	local options=()
	while [[ $1 != -- ]]; do
		options+=("$1")
		shift
	done
	shift
	lab_mark
	session "$1$2" --listen 8080/tcp "${options[@]}"
	serve "$1$2" tcp "$(any_of "$2")" 8080
	host=$([[ $2 == *:* ]] && echo "$LAB_HOST6" || echo "$LAB_HOST4")
	call tcp "$host" 8080 "misuse $*"
	call tcp "$host" 8080 outcome
	local result=${output#OK }
	end_session "$1$2"
	rm -r "$BATS_TEST_TMPDIR/$1$2"
	output=$result
}

@test "an accepted connection reaches no one but its peer" {
	local way address
	for address in "$EVIL4" "$EVIL6"; do
		for way in disconnect-connect disconnect-fastopen; do
			misused -- "$way" "$address" 443
			[[ $output == "EPERM "* ]]
			lab_not_seen tcp "$address" 443
			misused --allow "$(bracketed "$address"):443" -- "$way" "$address" 443
			[[ $output == OK ]]
			lab_seen tcp "$address" 443
		done
		# These the kernel itself refuses, fence or not, as the socket has a peer.
		for way in connect fastopen; do
			misused -- "$way" "$address" 443
			[[ $output == "EPERM "* || $output == "EISCONN "* ]]
			lab_not_seen tcp "$address" 443
		done
	done
}

@test "from a port that may be served no one else is reached" {
	local address any protocol
	for address in "$EVIL4" "$EVIL6"; do
		any=$(any_of "$address")
		for protocol in tcp udp; do
			try --listen 8080 -- peer call --from "$any,8080" "$protocol" "$address" 443
			[[ $output == "EPERM "* ]]
			lab_not_seen "$protocol" "$address" 443
			try --listen 8080 --allow "$(bracketed "$address"):443" -- \
				peer call --from "$any,8080" "$protocol" "$address" 443
			[[ $output == "OK probe" ]]
			lab_seen "$protocol" "$address" 443
			lab_mark
		done
	done
}

# --- loopback ------------------------------------------------------------------------------------

@test "where localhost is allowed, a server and a client inside the fence talk" {
	local address protocol port
	for address in 127.0.0.1 ::1 127.5.6.7; do
		for protocol in tcp udp; do
			for port in 8080 0; do
				try --allow localhost -- sh -c "port=\$(peer serve $protocol $address $port) || exit
					peer call $protocol $address \${port#OK }"
				[[ $output == "OK probe" ]]
			done
		done
	done
}

@test "a client with an unconnected socket gets its answer on loopback, too" {
	try --allow localhost:8080 -- sh -c "peer serve udp 127.0.0.1 8080; peer serve udp ::1 8080
		probe --reply udp-sendto 127.0.0.1 8080; probe --reply udp-sendto ::1 8080"
	[[ $output == $'OK 8080\nOK 8080\nOK probe\nOK probe' ]]
}

@test "where a port of localhost is allowed, it is served there and nowhere else" {
	local protocol address
	for protocol in tcp udp; do
		for address in 127.0.0.1 ::1; do
			try --allow localhost:8080 -- sh -c "peer serve $protocol $address 8080
				peer call $protocol $address 8080; peer serve $protocol $address 8081"
			[[ $output == $'OK 8080\nOK probe\nEPERM bind' ]]
		done
		for address in "${HOSTS[@]}"; do
			try --allow localhost:8080 -- peer serve "$protocol" "$address" 8080
			[[ $output == "EPERM bind" ]]
			try --allow localhost:8080 --listen 8080 -- peer serve "$protocol" "$address" 8080
			[[ $output == "OK 8080" ]]
		done
	done
}

@test "where it is served at every address, only loopback gets in" {
	local protocol address
	session fence --allow localhost:8080
	for protocol in tcp udp; do
		for address in 0.0.0.0 ::; do
			ask fence "peer serve $protocol $address 8081"
			[[ $output == "EPERM bind" ]]
		done
		serve fence "$protocol" :: 8080
		ask fence "peer call $protocol 127.0.0.1 8080; peer call $protocol ::1 8080"
		[[ $output == $'OK probe\nOK probe' ]]
		for address in "${HOSTS[@]}"; do
			unanswered "$protocol" "$address" 8080
		done
	done
	end_session fence
	try --allow localhost:8080 -- sh -c "peer serve tcp 0.0.0.0 8080; peer call tcp 127.0.0.1 8080"
	[[ $output == $'OK 8080\nOK probe' ]]
}

@test "a UDP socket may be connected, as ping does first, to what may be pinged" {
	try --allow "$GITHUB4/icmp" -- sh -c "probe udp-connect-only $GITHUB4 1025; probe udp-connect $GITHUB4 1025
		probe udp-sendto $GITHUB4 1025; probe udp-connect-only $EVIL4 1025"
	[[ $output == $'OK\nEPERM send\nEPERM sendto\nEPERM connect' ]]
	lab_not_seen udp "$GITHUB4" 1025
	try --allow any/icmp --deny "$GITHUB4" -- probe udp-connect-only "$GITHUB4" 1025
	[[ $output == "EPERM connect" ]]
}

@test "allowing localhost opens no port to the outside" {
	local port
	session fence --allow localhost
	serve fence tcp 0.0.0.0 0
	port=${output#OK }
	unanswered tcp "$LAB_HOST4" "$port"
	# The control: it does listen there.
	ask fence "peer call tcp 127.0.0.1 $port"
	[[ $output == "OK probe" ]]
	end_session fence
}

# --- answers to what was asked -------------------------------------------------------------------

@test "a UDP client with an unconnected socket gets the answer of whom it may ask" {
	local address
	for address in "$GITHUB4" "$GITHUB6"; do
		try --allow "$(bracketed "$address"):443/udp" -- probe --reply udp-sendto "$address" 443
		[[ $output == "OK probe" ]]
	done
	try --no-dns-filter -- musl-client 4 github.test 80
	[[ $stderr != *"Try again"* && $(told "denied udp") == 0 && $(told "denied tcp") -ge 1 ]]
}

@test "a UDP socket that is not connected hears those it may ask, and no others" {
	local port host=$LAB_HOST4
	session fence --allow "$GITHUB4:5000/udp" --allow "[$GITHUB6]:5000/udp"
	serve fence udp :: 0
	port=${output#OK }
	answered --from "$GITHUB4,5000" udp "$host" "$port"
	answered --from "$GITHUB6,5000" udp "$LAB_HOST6" "$port"
	unanswered --from "$GITHUB4,5001" udp "$host" "$port"
	unanswered --from "$EVIL4,5000" udp "$host" "$port"
	unanswered --from "$EVIL6,5000" udp "$LAB_HOST6" "$port"
	call --from "$GITHUB4,5000" udp "$host" "$port" heard
	[[ $output == "OK $GITHUB4 5000, $GITHUB6 5000" ]]
	end_session fence
	# The control: with a listen rule they are heard, and answered.
	session other --listen 1024-65535/udp
	serve other udp :: 0
	port=${output#OK }
	answered --from "$GITHUB4,5001" udp "$host" "$port"
	answered --from "$EVIL6,5000" udp "$LAB_HOST6" "$port"
	call --from "$EVIL4,5000" udp "$host" "$port" heard
	[[ $output == "OK $GITHUB4 5001, $EVIL6 5000, $EVIL4 5000" ]]
	end_session other
}

# --- multicast -----------------------------------------------------------------------------------

joins() {
	local way
	for way; do
		echo "peer join $way eth0"
	done
}

@test "multicast groups are joined only where a rule allows multicast" {
	local way
	for way in "${MULTICAST_WAYS[@]}"; do
		try --allow github.test -- sh -c "$(joins "$way")"
		[[ $output == "EPERM setsockopt" ]]
		try --allow multicast -- sh -c "$(joins "$way")"
		[[ $output == OK ]]
		try --allow 233.252.0.0/24 --allow ff0e::/16 -- sh -c "$(joins "$way")"
		[[ $output == OK ]]
	done
}

@test "lists of sources are refused whatever is allowed, as they carry what the caller likes" {
	local way
	for way in "${SOURCE_WAYS[@]}"; do
		try --json --allow any --allow multicast -- sh -c "$(joins "$way")"
		[[ $output == "EPERM setsockopt" && $(denials setsockopt deny) == 1 ]]
		try --audit --json -- sh -c "$(joins "$way")"
		[[ $output == OK && $(denials setsockopt allow) == 1 ]]
	done
}

# --- ICMP ----------------------------------------------------------------------------------------

@test "with an icmp rule a host answers ping, over IPv4 and IPv6" {
	local rule address
	while read -r rule address; do
		try --allow "$rule/icmp" -- sh -c "peer ping $address; peer ping --connect $address
			probe --reply ping $address 0"
		[[ $output == $'OK ping\nOK ping\nOK '* && $(told "denied.* by ") == 0 ]]
	done <<-END
		$GITHUB4 $GITHUB4
		$GITHUB6 $GITHUB6
		198.51.100.0/24 $GITHUB4
		2001:db8:1::/64 $GITHUB6
		github.test $GITHUB4
		github.test $GITHUB6
		any $GITHUB4
		any $GITHUB6
	END
}

# After an attempt over IPv4 and one over IPv6: the kernel does not tell an ICMPv6 socket that its
# packet was dropped.
not_pinged() {
	[[ $output =~ ^"EPERM "[a-z]+$'\n'("EPERM "[a-z]+|"TIMEOUT recv")$ ]]
}

@test "no other host is pinged" {
	local option
	for option in "" --connect; do
		try --allow github.test/icmp --allow any -- sh -c "peer ping $option $EVIL4; peer ping $option $EVIL6"
		not_pinged
		lab_not_seen icmp "$EVIL4" 0
		lab_not_seen icmp6 "$EVIL6" 0
	done
	try --allow any/icmp -- sh -c "peer ping $EVIL4; peer ping $EVIL6"
	[[ $output == $'OK ping\nOK ping' ]]
	lab_seen icmp "$EVIL4" 0
	lab_seen icmp6 "$EVIL6" 0
}

@test "without an icmp rule there are no ping sockets" {
	try --allow any --deny "$EVIL4/icmp" -- sh -c "peer ping $GITHUB4; peer ping $GITHUB6"
	[[ $output == $'EPROTONOSUPPORT socket\nEPROTONOSUPPORT socket' ]]
	lab_not_seen icmp "$GITHUB4" 0
	lab_not_seen icmp6 "$GITHUB6" 0
}

@test "an icmp rule allows neither TCP nor UDP" {
	try --allow any/icmp -- sh -c "probe tcp $GITHUB4 443; probe udp-sendto $GITHUB6 443; peer ping $GITHUB4"
	[[ $output == $'EPERM connect\nEPERM sendto\nOK ping' ]]
	lab_not_seen tcp "$GITHUB4" 443
	lab_not_seen udp "$GITHUB6" 443
}

@test "deny is for ping too, unless it is for a port or another protocol" {
	local rule
	for rule in "$EVIL4" "$EVIL4/icmp" 198.51.100.64/26 evil.test; do
		try --allow any/icmp --deny "$rule" -- sh -c "peer ping $EVIL4; peer ping $GITHUB4"
		[[ $output == "EPERM "*$'\nOK ping' ]]
		lab_not_seen icmp "$EVIL4" 0
	done
	for rule in "$EVIL4:443" "$EVIL4/tcp" "$EVIL4/udp"; do
		try --allow any/icmp --deny "$rule" -- peer ping "$EVIL4"
		[[ $output == "OK ping" ]]
	done
}

@test "a ping socket sends echo requests and nothing else" {
	# 42 and 160 are extended echo requests (RFC 8335), the one other kind that the kernel sends.
	lab_host peer ping --timeout 0.1 --type 42 "$GITHUB4" || true
	lab_seen icmp "$GITHUB4" 0
	lab_host peer ping --timeout 0.1 --type 160 "$GITHUB6" || true
	lab_seen icmp6 "$GITHUB6" 0
	lab_mark
	try --allow any/icmp -- sh -c "peer ping --type 42 $GITHUB4; peer ping --type 160 $GITHUB6"
	not_pinged
	lab_not_seen icmp "$GITHUB4" 0
	lab_not_seen icmp6 "$GITHUB6" 0
}
