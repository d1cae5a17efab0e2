#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# The kernel's ways to reach an address: each works where it is allowed, and nowhere else.

# shellcheck disable=SC2154 # stderr is bats's
load lib

TCP_WAYS=(tcp tcp-nb tcp-fastopen tcp-fastopen-connect tcp-mapped)
UDP_WAYS=(udp-connect udp-sendto udp-mapped udp-sendmmsg udp-tos udp-pktinfo)

setup_file() {
	start_lab
}

bracketed() {
	[[ $1 == *:* ]] && echo "[$1]" || echo "$1"
}

# probes ADDRESS WAY…: a script that tries them all; each line is a way and what came of it.
probes() {
	local address=$1 way
	shift
	for way; do
		echo "echo $way \$(probe ${REPLY_OPTION:-} $way $address 443)"
	done
}

# all RESULT WAY…: the output is this result for each way.
all() {
	local expected=$1 lines
	shift
	lines=$(printf '%s\n' "$@" | sed "s/\$/ $expected/")
	[[ $(sed -E 's/(EPERM) .*/\1/' <<<"$output") == "$lines" ]]
}

@test "TCP in every way works to an address that is allowed" {
	local address
	for address in "$GITHUB4" "$GITHUB6"; do
		lab_mark
		try --allow "$(bracketed "$address"):443/tcp" -- sh -c "$(probes "$address" "${TCP_WAYS[@]}")"
		all OK "${TCP_WAYS[@]}"
		lab_seen tcp "$address" 443
		[[ $(lab_packets tcp "$address" 443 | grep -c 'bytes 0') -ge ${#TCP_WAYS[@]} ]]
	done
}

@test "TCP in every way is refused with EPERM to any other address" {
	local address
	for address in "$EVIL4" "$EVIL6"; do
		try --allow github.test -- sh -c "$(probes "$address" "${TCP_WAYS[@]}")"
		all EPERM "${TCP_WAYS[@]}"
		lab_not_seen tcp "$address" 443
	done
}

@test "UDP in every way works to an address that is allowed, answer included" {
	local address
	for address in "$GITHUB4" "$GITHUB6"; do
		REPLY_OPTION=--reply
		try --allow "$(bracketed "$address"):443/udp" -- sh -c "$(probes "$address" "${UDP_WAYS[@]}")"
		all "OK probe" "${UDP_WAYS[@]}"
	done
	try --allow "$GITHUB4:443/udp" -- sh -c "$(probes "$GITHUB4" udp-4on6 udp-unspec)"
	all "OK probe" udp-4on6 udp-unspec
}

@test "UDP in every way is refused with EPERM to any other address" {
	local address
	for address in "$EVIL4" "$EVIL6"; do
		try --allow github.test -- sh -c "$(probes "$address" "${UDP_WAYS[@]}")"
		all EPERM "${UDP_WAYS[@]}"
		lab_not_seen udp "$address" 443
	done
	try --allow github.test -- sh -c "$(probes "$EVIL4" udp-4on6 udp-unspec)"
	all EPERM udp-4on6 udp-unspec
	lab_not_seen udp "$EVIL4" 443
}

@test "a UDP socket connected to what is allowed sends to no one else" {
	local way
	for way in udp-sendto udp-mapped udp-unspec udp-sendto; do
		try --allow "$GITHUB4:443" -- probe --first "$GITHUB4,443" "$way" "$EVIL4" 443
		refused udp "$EVIL4" 443
	done
	try --allow "$GITHUB6:443" -- probe --first "$GITHUB6,443" udp-sendto "$EVIL6" 443
	refused udp "$EVIL6" 443
}

@test "0.0.0.0 and :: are this host: refused unless loopback is allowed" {
	local address
	for address in 0.0.0.0 ::; do
		try --allow github.test -- probe tcp "$address" 9999
		[[ $output == "EPERM connect" ]]
		try --allow github.test -- probe udp-sendto "$address" 9999
		[[ $output == "EPERM sendto" ]]
		try --allow localhost -- probe udp-sendto "$address" 9999
		[[ $output == OK ]]
	done
}

@test "MPTCP sockets are not made, so that applications take TCP" {
	try --allow "$GITHUB4" -- probe mptcp "$GITHUB4" 443
	[[ $output == "EPROTONOSUPPORT socket" ]]
	lab_not_seen tcp "$GITHUB4" 443
	[[ $(told "^cgfence: denied.*by") == 0 ]]
}

@test "UDP-Lite, SCTP and ping sockets are not made, even to what is allowed" {
	local way
	for way in udplite sctp ping; do
		try --allow any -- probe "$way" "$GITHUB4" 443
		[[ $status == 1 && $output == *" socket" ]]
		try --allow any -- probe "$way" "$GITHUB6" 443
		[[ $status == 1 && $output == *" socket" ]]
	done
	lab_not_seen udplite "$GITHUB4" 443
	lab_not_seen udplite "$GITHUB6" 443
	lab_not_seen icmp "$GITHUB4" 0
	lab_not_seen icmp6 "$GITHUB6" 0
}

@test "root gets no raw IP sockets" {
	try --user root --allow any -- probe raw "$EVIL4" 443
	[[ $status == 1 && $output == *" socket" ]]
	lab_not_seen udp "$EVIL4" 443
}

@test "Unix sockets are no one's concern" {
	try -- python3 -c 'import socket; a, b = socket.socketpair(); a.send(b"x"); print(b.recv(1))'
	[[ $output == "b'x'" ]]
}

@test "with prefixes instead of addresses the same holds" {
	try --allow 198.51.100.0/28:443 -- sh -c "$(probes "$GITHUB4" "${TCP_WAYS[@]}" "${UDP_WAYS[@]}")"
	all OK "${TCP_WAYS[@]}" "${UDP_WAYS[@]}"
	try --allow 198.51.100.0/28:443 -- sh -c "$(probes "$EVIL4" "${TCP_WAYS[@]}" "${UDP_WAYS[@]}")"
	all EPERM "${TCP_WAYS[@]}" "${UDP_WAYS[@]}"
	lab_not_seen udp "$EVIL4" 443
	lab_not_seen tcp "$EVIL4" 443
}

@test "0.0.0.0 from a socket that is bound elsewhere is still loopback" {
	local host=$LAB_HOST4 client=$LAB_DIR/unspecified.py
	cat >"$client" <<-'PY'
		import socket, sys
		own = sys.argv[1]
		def attempt(name, family, bind, target, option=None):
		    s = socket.socket(family)
		    s.settimeout(0.5)
		    try:
		        if bind:
		            s.bind((bind, 0))
		        if option:
		            s.setsockopt(*option)
		        s.connect((target, 9999))
		        print(name, "reached", s.getpeername()[0])
		    except OSError as error:
		        print(name, "failed")
		attempt("direct", socket.AF_INET, None, own)
		attempt("bound", socket.AF_INET, own, "0.0.0.0")
		attempt("mapped", socket.AF_INET6, "::ffff:" + own, "::ffff:0.0.0.0")
		attempt("six", socket.AF_INET6, "::ffff:127.0.0.1", "::")
	PY
	# The control: without a fence the address is reached, so the attempts mean something.
	lab_host sh -c "python3 -m http.server --bind 0.0.0.0 9999 >/dev/null 2>&1 & server=\$!
		until probe tcp $host 9999 | grep -q OK; do :; done
		python3 $client $host; $CGFENCE run --quiet --allow localhost:9999 --deny $host -- python3 $client $host
		kill \$server" >"$BATS_TEST_TMPDIR/out"
	grep -q "^bound reached $host" <(head -4 "$BATS_TEST_TMPDIR/out")
	[[ $(tail -n +5 "$BATS_TEST_TMPDIR/out" | grep -c "reached $host") == 0 ]]
	[[ $(tail -n +5 "$BATS_TEST_TMPDIR/out" | wc -l) == 4 ]]
}

@test "what is for loopback does not leave by a socket that is bound to a device" {
	local sender='import socket
for family, address in ((socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")):
    s = socket.socket(family, socket.SOCK_DGRAM)
    s.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, b"eth0")
    try:
        print(s.sendto(b"out", (address, 1009)))
    except OSError as error:
        print(error.strerror)'
	lab_host setpriv --reuid dev --clear-groups python3 -c "$sender"
	lab_seen udp 127.0.0.1 1009
	lab_mark
	try --allow localhost -- python3 -c "$sender"
	[[ $output == $'Operation not permitted\nOperation not permitted' ]]
	[[ $(told "loopback by way of another device") == 2 ]]
	lab_not_seen udp 127.0.0.1 1009
	lab_not_seen udp ::1 1009
}
