#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# DNS questions are for the names that rules have: others are refused at once, by whatever way they go,
# and what got out is what the server was asked.

# shellcheck disable=SC2016,SC2030,SC2031,SC2154 # inner shells expand for themselves; stderr is bats's
load lib
load servers
load daemon

ALLOWED=plain.c6130001.odd.test
LEAK=leak.evil.example

setup_file() {
	start_lab
	install_clients
	start_resolver odd internet odd-dns.py --address $ODD4 --address $ODD6 --nothing cluster.local
}

setup() {
	use_resolvers $ODD4 $ODD6
	lab_mark
}

# Nothing of it has reached the server, nor any other host's port 53.
no_leak() {
	lab_flush || return
	! lab_log odd | grep -E ' odd |leak' || lab_fail "it was asked"
	! lab_log packets | grep -E '(^icmp| 53 from) .*leak' || lab_fail "it got out"
}

# slip WAY…, in a fence.
slip() {
	try --quiet --allow '*.odd.test:443' -- slip "$ODD4" "$ALLOWED" "$LEAK" "$@"
	echo "$output" >&2
	no_leak
	[[ $(wc -l <<<"$output") == "$#" && $output != *late* ]]
}

# status NAME TYPE [OPTION…]: the answer's code, for a command in a fence.
status() {
	echo "kdig @$ODD4 +retry=0 +timeout=$LAB_PATIENCE ${*:3} '$1' $2 | sed -n 's/.*status: \\([A-Z]*\\).*/\\1/p'"
}

# Of the session "command", which goes on.
kill_cgfence() {
	kill -KILL "${SESSION_PID[command]}"
	wait "${SESSION_PID[command]}" || true
}

@test "every library is told at once that a forbidden name does not exist" {
	local client
	for client in glibc musl cares go; do
		try --quiet --allow '*.odd.test:443' -- "connects-$client" 1 "$LEAK" 443
		[[ $status == 1 ]]
		[[ $output =~ "0 connected, "([0-9]+)" ms" ]]
		((BASH_REMATCH[1] < 200 * LAB_PATIENCE))
		case $client in
		glibc) [[ $output == *"resolve: Name or service not known"* ]] ;;
		musl) [[ $output == *"resolve: Name does not resolve"* ]] ;;
		cares) [[ $output == *"resolve: Domain name not found"* ]] ;;
		go) [[ $output == *"resolve: no such host"* ]] ;;
		esac
	done
	no_leak
}

@test "so is who asks by hand, of every type" {
	try --quiet --allow '*.odd.test:443' -- sh -c "$(status $LEAK A); $(status $LEAK AAAA)
		$(status $LEAK TXT); $(status $LEAK HTTPS); $(status $LEAK MX); $(status $LEAK A +noedns)"
	[[ $(grep -cx NXDOMAIN <<<"$output") == 6 ]]
	no_leak
}

@test "it is told, once for each name and type" {
	try --allow '*.odd.test:443' -- sh -c "$(status $LEAK A); $(status $LEAK AAAA)"
	[[ $(told "^cgfence: denied question $LEAK \\(A\\)") == 1 ]]
	[[ $(told "^cgfence: denied question $LEAK \\(AAAA\\)") == 1 ]]
}

@test "without cgfence it is refused as well" {
	session command --allow '*.odd.test:443'
	kill_cgfence
	for client in glibc cares go; do
		ask command "timeout $((5 * LAB_PATIENCE)) connects-$client 1 $LEAK 443"
		[[ $status == 1 && $output == *"0 connected"* ]]
		[[ $client != glibc || $output == *"Temporary failure in name resolution"* ]]
	done
	ask command "slip $ODD4 $ALLOWED $LEAK udp sendto"
	[[ $output == $'udp EPERM\nsendto EPERM' ]]
	ask command "connects-glibc 1 plain.c6130002.odd.test 443"
	[[ $status == 0 ]]
	no_leak
	close_session command
	lab_until 5 all_ended
	lab_host cgfence run --quiet -- true # removes what the killed one has left
}

@test "no datagram carries one past" {
	slip udp sendto tos mapped upper
	[[ $(grep -c NXDOMAIN <<<"$output") == 5 ]]
	slip oversize tail answer authority additional two none response status notify update junk short \
		pointer badlabel segments more halves
	[[ $output != *NOERROR* && $output != *silence* ]]
}

# leave PID COMMAND…: COMMAND asks by `slip` and ends while PID cannot answer; it can when this returns.
leave() {
	kill -STOP "$1"
	"${@:2}"
	kill -CONT "$1"
	[[ $output == *" sent" && $output != *late* ]]
}

# Else the kernel would send it for them: the answer to a socket that is gone, in an ICMP error.
@test "nor does the answer to who does not wait for it" {
	local server
	session command --allow '*.odd.test:443'
	for server in "$ODD4" "$ODD6"; do
		leave "${SESSION_PID[command]}" ask command "slip $server $ALLOWED $LEAK gone"
		ask command "slip $server $ALLOWED $LEAK udp" # answered after those
		[[ $output == "udp NXDOMAIN" ]]
		no_leak
	done
	end_session command
}

asks() {
	run lab_host sh -c 'echo $$ >"$0/cgroup.procs" && exec "$@"' "$LAB_CGROUP2/asks" "$@"
}

@test "nor in the fence of a daemon" {
	local server
	lab_host mkdir -p "$LAB_CGROUP2/asks"
	start_daemon
	apply_policy asks 'allow *.odd.test:443'
	lab_host cgfence attach asks "$LAB_CGROUP2/asks"
	for server in "$ODD4" "$ODD6"; do
		leave "$DAEMON_PID" asks slip "$server" "$ALLOWED" "$LEAK" gone
		asks slip "$server" "$ALLOWED" "$LEAK" udp
		[[ $output == "udp NXDOMAIN" ]]
		no_leak
	done
	delete_policies
	stop_daemon
	lab_host rmdir "$LAB_CGROUP2/asks"
}

# Its answer could not come.
@test "who cannot be told that there is no such name is refused at once" {
	try --quiet --allow '*.odd.test:443' -- slip "$ODD4" "$ALLOWED" "$LEAK" device
	[[ $output == "device EPERM" ]]
	try --quiet --allow '*.odd.test:443' -- slip "$ODD6" "$ALLOWED" "$LEAK" device link-local
	[[ $output == $'device EPERM\nlink-local EPERM' ]]
	no_leak
}

# As on a host with Docker. The kernel writes the address from before into the answer.
@test "nor does it where addresses are rewritten" {
	lab_host ip address add 172.17.0.1/16 dev eth0
	lab_host nft 'table ip nat {
		chain out { type nat hook postrouting priority 100; ip saddr 172.17.0.0/16 masquerade; }
	}'
	session command --allow '*.odd.test:443'
	leave "${SESSION_PID[command]}" ask command "slip $ODD4 $ALLOWED $LEAK masked masked-once"
	[[ $output == $'masked EPERM\nmasked-once sent' ]]
	ask command "slip $ODD4 $ALLOWED $LEAK udp"
	[[ $output == "udp NXDOMAIN" ]]
	end_session command
	lab_host nft flush ruleset
	lab_host ip address del 172.17.0.1/16 dev eth0
	no_leak
}

@test "no stream does" {
	slip tcp tcp-bytes tcp-halves tcp-after tcp-straddle tcp-long tcp-lying tcp-zero tcp-junk \
		tcp-urgent tcp-fastopen
	[[ $output != *NOERROR* && $output != *silence* ]]
	slip tcp-two
	[[ $output != *silence* ]]
}

# TCP sends again what was dropped, also for who has ended. A connection of such is kept by Linux 5.10
# when it is cut, but then it has nothing to send, and so no timer that runs.
none_sends_again() {
	! lab_host ss -Htano state connected exclude time-wait '( dport = :53 )' | grep -q timer:
}

@test "what a stream was refused does not get out when the fence is gone" {
	try --quiet --allow '*.odd.test:443' -- sh -c "slip $ODD4 $ALLOWED $LEAK tcp tcp-bytes tcp-after &
		exec slip $ODD4 $ALLOWED $LEAK tcp tcp-junk"
	lab_until 30 none_sends_again
	no_leak
}

@test "nor if cgfence was killed" {
	session command --allow '*.odd.test:443'
	kill_cgfence
	ask command "slip $ODD4 $ALLOWED $LEAK tcp tcp-bytes tcp-after tcp-junk"
	close_session command
	lab_until 5 all_ended
	lab_host cgfence run --quiet -- true # removes what the killed one has left
	lab_until 30 none_sends_again
	no_leak
}

@test "what is allowed goes by each of these ways" {
	try --quiet --allow '*.odd.test:443' -- slip "$ODD4" x.odd.test "$ALLOWED" udp sendto tos mapped upper \
		tcp tcp-two tcp-after
	[[ $(grep -c ' NOERROR$' <<<"$output") == 8 ]]
	(($(lab_log odd | grep -ci "A $ALLOWED") == 8))
}

@test "a question in a page that can be changed after it was judged is not sent" {
	slip pages tcp-pages
	[[ $output == $'pages EINVAL\ntcp-pages EINVAL' ]]
	(($(lab_log odd | grep -ci "A $ALLOWED") == 0))
}

@test "nor without the seccomp filter, where nothing is asked over TCP" {
	try --no-seccomp --allow '*.odd.test:443' -- slip "$ODD4" "$ALLOWED" "$LEAK" pages tcp-pages tcp udp
	[[ $output == $'pages EPERM\ntcp-pages EPERM\ntcp EPERM\nudp NXDOMAIN' ]]
	told 'denied tcp .* \(questions over TCP are for cgfence run alone, with its seccomp filter\)$' >/dev/null
	(($(lab_log odd | grep -ci "A $ALLOWED") == 0))
	no_leak
}

@test "no other host is asked, by any rule for every port" {
	try --quiet --allow any --allow '*.odd.test' -- sh -c "slip $EVIL4 $ALLOWED $LEAK udp sendto tcp
		slip $EVIL4 $LEAK $ALLOWED udp"
	[[ $output == $'udp EPERM\nsendto EPERM\ntcp EPERM\nudp EPERM' ]]
	no_leak
}

@test "a rule that names the resolver's port 53 opens it" {
	try --quiet --allow "$ODD4:53" -- sh -c "$(status free.example A); $(status free.example A +tcp)"
	[[ $output == $'NOERROR\nNOERROR' ]]
	asked odd ' A free.example'
}

@test "--no-dns-filter lets every question pass, warns, and still learns" {
	try --no-dns-filter --allow "$ALLOWED:443" -- sh -c "connects-glibc 1 count.odd.test 443
		connects-glibc 1 $ALLOWED 443; slip $ODD4 $ALLOWED $LEAK udp"
	[[ $output == *"1 connected, "*"udp NOERROR"* && $(told 'tunnel') == 1 ]]
	asked odd 'leak'
}

# glibc wants it for its DNS sockets, and would be told ENOBUFS instead of no such name.
@test "a UDP socket has no queue of errors, unless every question passes" {
	local try=(python3 -c 'import socket
for family, level, option in ((2, 0, 11), (10, 41, 25)):
    udp = socket.socket(family, socket.SOCK_DGRAM)
    udp.setsockopt(level, option, 1)
    print(udp.getsockopt(level, option))
tcp = socket.socket()
tcp.setsockopt(0, 11, 1)
print(tcp.getsockopt(0, 11))')
	try -- "${try[@]}"
	[[ $output == $'0\n0\n1' ]]
	try --no-dns-filter -- "${try[@]}"
	[[ $output == $'1\n1\n1' ]]
}

@test "in audit mode questions pass, and are told" {
	try --audit --allow "$ALLOWED:443" -- slip "$ODD4" "$ALLOWED" "$LEAK" udp tcp
	[[ $output == $'udp NOERROR\ntcp NOERROR' && $(told "$LEAK") == 2 ]]
}

@test "search domains do not keep anyone waiting, and teach nothing" {
	local client
	use_resolvers "$ODD4" -- "search default.svc.cluster.local svc.cluster.local here.test" \
		"options ndots:5"
	for client in glibc musl cares go; do
		try --quiet --allow 'count.odd.test:443' -- "connects-$client" 1 count.odd.test 443
		echo "$client: $output" >&2
		[[ $output =~ ^"1 connected, "[0-9]+" ms"$ || $output == *"1 times connect"* ]]
		[[ $output =~ "connected, "([0-9]+)" ms" ]]
		((BASH_REMATCH[1] < 1000 * LAB_PATIENCE))
	done
	try --quiet --allow count.odd.test:443 -- sh -c \
		"probe tcp \$(kdig @$ODD4 +short count.odd.test.here.test A) 443"
	[[ $output == "EPERM connect" ]]
	asked odd "A count.odd.test.here.test"
}

@test "a name without a dot is found below the search domain" {
	use_resolvers "$ODD4" -- "search here.test"
	try --quiet --allow web:443 -- connects-glibc 20 web 443
	[[ $status == 0 ]]
	asked odd 'A web.here.test'
}

@test "localhost, reverse look-ups and services are refused, unless a rule has them" {
	try --quiet --allow count.odd.test:443 -- sh -c "$(status localhost A)
		$(status 10.100.51.198.in-addr.arpa PTR); $(status _http._tcp.count.odd.test SRV)
		$(status 1.0.0.0.ip6.arpa PTR)"
	[[ $output == $'NXDOMAIN\nNXDOMAIN\nNXDOMAIN\nNXDOMAIN' ]]
	run ! asked odd 'localhost|arpa|_http'
	try --quiet --allow '*.odd.test:443' -- sh -c "$(status _http._tcp.count.odd.test SRV)
		$(status count.odd.test HTTPS)"
	[[ $output == $'NOERROR\nNOERROR' ]]
	asked odd 'SRV _http._tcp.count.odd.test'
	asked odd 'HTTPS count.odd.test'
	try --quiet --allow '*.in-addr.arpa:9' -- sh -c "$(status 10.100.51.198.in-addr.arpa PTR)"
	asked odd 'PTR 10.100.51.198.in-addr.arpa'
}

@test "a denied name below an allowed wildcard is not asked for" {
	try --quiet --allow '*.odd.test:443' --deny '*.leak.odd.test' -- sh -c "$(status a.leak.odd.test A)
		$(status a.odd.test A)"
	[[ $output == $'NXDOMAIN\nNOERROR' ]]
	no_leak
}

@test "what one fence learns the other does not have" {
	session one --allow '*.one.odd.test:443'
	session two --allow '*.two.odd.test:443'
	ask one "ask --server $ODD4 A/plain.c6130001.one.odd.test A/plain.c6130002.two.odd.test"
	[[ $output == *"one.odd.test OK"*"two.odd.test EPERM" ]]
	ask two "probe tcp 198.19.0.1 443"
	[[ $output == "EPERM connect" ]]
	ask two "ask --server $ODD4 A/plain.c6130003.two.odd.test"
	[[ $output == *" OK" ]]
	ask one "probe tcp 198.19.0.3 443"
	[[ $output == "EPERM connect" ]]
	end_session one
	end_session two
}
