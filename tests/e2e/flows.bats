#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# The life of a flow: it outlives the moves of its name, and ends at once when it is denied.

# shellcheck disable=SC2154 # status, stderr and output are bats's
load lib

# Each test has names and addresses of its own: entries last longer than a test. Names that move have
# a TTL of 1 s, so that they are asked for again at once.
setup_file() {
	local i records=()
	for i in {1..12}; do
		records+=("steady$i 60 A 203.0.113.$i" "steady$i 60 AAAA 2001:db8:3::$i")
		records+=("mover$i 1 A 203.0.113.$((100 + i))" "mover$i 1 AAAA 2001:db8:3::1:$i")
	done
	start_lab "${records[@]}" "grows 1 A 198.18.0.1"
	install "$ROOT/tests/tools/peer.py" "$LAB_DIR/bin/peer"
}

# hold SESSION FD PROTOCOL ADDRESS PORT [PREFIX…]: the session's command holds a connection there,
# which the test asks for by FD, a digit; FD + 1 is taken as well. PREFIX is a command in front.
hold() {
	local session=$1 fd=$2 what="$3 $4 $5"
	shift 5
	ask "$session" "mkfifo in$fd out$fd; $* peer hold $what <in$fd >out$fd 2>&1 &
		exec $fd>in$fd $((fd + 1))<out$fd; rm in$fd out$fd; read -r line <&$((fd + 1)); echo \"\$line\""
	[[ $output == "OK held" ]] || lab_fail "$what: $output"
}

# The connection still carries bytes there and back.
flows() {
	ask "$1" "echo tick >&$2; read -r line <&$(($2 + 1)); echo \"\$line\""
	[[ $output == "OK tick" ]] || lab_fail "does not flow: $output"
}

# Without having been asked anything, the application learns that its connection has ended, within
# what `ask` waits.
is_cut() {
	ask "$1" "read -r line <&$(($2 + 1)); echo \"\$line\""
	[[ $output == "ECONNABORTED recv" ]] || lab_fail "not cut: $output"
}

refuses() {
	ask_for "$1" "probe $2 $3 $4" EPERM
}

@test "a connection is cut when a denied name moves to its address" {
	local address=203.0.113.1
	session fence --allow steady1.test --allow steady2.test --deny mover1.test
	hold fence 3 tcp "$address" 443
	hold fence 5 tcp 203.0.113.2 443
	flows fence 3
	lab_dns_set mover1 1 A "$address"
	is_cut fence 3
	refuses fence tcp "$address" 443
	# What is not denied goes on.
	flows fence 5
	end_session fence
}

@test "so is one over IPv6" {
	session fence --allow steady2.test --deny mover2.test
	hold fence 3 tcp 2001:db8:3::2 443
	hold fence 5 tcp 203.0.113.2 443
	lab_dns_set mover2 1 AAAA 2001:db8:3::2
	is_cut fence 3
	refuses fence tcp 2001:db8:3::2 443
	flows fence 5
	end_session fence
}

@test "so is one to an address that a rule has, not a name" {
	session fence --allow any --deny mover3.test
	hold fence 3 tcp 203.0.113.3 443
	hold fence 5 tcp 203.0.113.2 443
	lab_dns_set mover3 1 A 203.0.113.3
	is_cut fence 3
	flows fence 5
	end_session fence
}

@test "so is a mapped one, which is of an IPv6 socket" {
	session fence --allow any --deny mover4.test
	hold fence 3 tcp ::ffff:203.0.113.4 443
	flows fence 3
	lab_dns_set mover4 1 A 203.0.113.4
	is_cut fence 3
	end_session fence
}

@test "a UDP socket that is connected is cut as well" {
	session fence --allow any --deny mover5.test
	hold fence 3 udp 203.0.113.5 443
	hold fence 5 udp 203.0.113.2 443
	flows fence 3
	lab_dns_set mover5 1 A 203.0.113.5
	is_cut fence 3
	flows fence 5
	end_session fence
}

@test "only what is denied is cut: other ports of the address go on" {
	session fence --allow any --deny mover6.test:443
	hold fence 3 tcp 203.0.113.6 443
	hold fence 5 tcp 203.0.113.6 5432
	hold fence 7 udp 203.0.113.6 5432
	lab_dns_set mover6 1 A 203.0.113.6
	is_cut fence 3
	flows fence 5
	flows fence 7
	end_session fence
}

@test "what processes outside the fence hold to the same address is left alone" {
	local in out
	mkfifo "$BATS_TEST_TMPDIR/in" "$BATS_TEST_TMPDIR/out"
	lab_exec host peer hold tcp 203.0.113.7 443 <"$BATS_TEST_TMPDIR/in" >"$BATS_TEST_TMPDIR/out" &
	exec {in}>"$BATS_TEST_TMPDIR/in" {out}<"$BATS_TEST_TMPDIR/out"
	read -rt $((10 * LAB_PATIENCE)) -u "$out" line
	[[ $line == "OK held" ]]
	session fence --allow any --deny mover7.test
	session other --allow any
	hold fence 3 tcp 203.0.113.7 443
	hold other 3 tcp 203.0.113.7 443
	lab_dns_set mover7 1 A 203.0.113.7
	is_cut fence 3
	flows other 3
	echo tick >&"$in"
	read -rt $((10 * LAB_PATIENCE)) -u "$out" line
	[[ $line == "OK tick" ]]
	exec {in}>&- {out}<&-
	end_session fence
	end_session other
}

@test "a connection in another network namespace is cut, too" {
	local netns=/run/netns/$LAB_NETNS-internet
	# That namespace has every address for its own, so the server answers there.
	session fence --user root --keep-caps all --no-seccomp --allow any --deny mover8.test
	hold fence 3 tcp 203.0.113.8 443 nsenter "--net=$netns"
	hold fence 5 tcp 203.0.113.2 443 nsenter "--net=$netns"
	flows fence 3
	lab_dns_set mover8 1 A 203.0.113.8
	is_cut fence 3
	flows fence 5
	end_session fence
}

# reach_in FROM PORT: a connection from outside to a server in the fence; sets `in` and `out`.
reach_in() {
	local pipe=$BATS_TEST_TMPDIR/$1
	mkfifo "$pipe.in" "$pipe.out"
	lab_exec internet peer hold --from "$1" tcp "$LAB_HOST4" "$2" <"$pipe.in" >"$pipe.out" &
	exec {in}>"$pipe.in" {out}<"$pipe.out"
	read -rt $((10 * LAB_PATIENCE)) -u "$out" line
	[[ $line == "OK held" ]]
}

# ticks IN OUT: it still carries bytes there and back.
ticks() {
	echo tick >&"$1"
	read -rt $((10 * LAB_PATIENCE)) -u "$2" line
	[[ $line == "OK tick" ]]
}

@test "a connection that was accepted is cut when its peer is denied, and no other" {
	local in out kept_in kept_out
	session fence --listen 8080,8081/tcp --deny mover9.test
	ask fence "peer serve tcp 0.0.0.0 8080; peer serve tcp 0.0.0.0 8081"
	reach_in 203.0.113.2 8081
	kept_in=$in kept_out=$out
	reach_in 203.0.113.9 8080
	ticks "$in" "$out"
	lab_dns_set mover9 1 A 203.0.113.9
	# The server's end is gone: reset if the kernel may still say so, and unknown if asked again.
	lab_until 15 no_connection_from 203.0.113.9
	ticks "$kept_in" "$kept_out"
	run lab_internet peer call --timeout 0.7 --from 203.0.113.9 tcp "$LAB_HOST4" 8080
	[[ $output == TIMEOUT* ]]
	run lab_internet peer call --from 203.0.113.2 tcp "$LAB_HOST4" 8080
	[[ $output == "OK probe" ]]
	exec {in}>&- {out}<&- {kept_in}>&- {kept_out}<&-
	end_session fence
}

no_connection_from() {
	[[ -z $(lab_host ss -Htn state established dst "$1") ]]
}

@test "a connection outlives the move of its name, and the name's new address is allowed" {
	session fence --allow mover10.test:443
	hold fence 3 tcp 203.0.113.110 443
	hold fence 5 tcp 2001:db8:3::1:10 443
	lab_dns_set mover10 1 A 203.0.113.210
	lab_dns_set mover10 1 AAAA 2001:db8:3::210
	lab_until 15 ask_for fence "probe tcp 203.0.113.210 443" OK
	lab_until 15 ask_for fence "probe tcp 2001:db8:3::210 443" OK
	flows fence 3
	flows fence 5
	end_session fence
}

@test "a fence that is shut cuts all its connections" {
	local i many=()
	for ((i = 0; i < 1100; i++)); do
		many+=("198.18.$((i / 200)).$((i % 200 + 1))")
	done
	session fence --allow any --deny grows.test
	hold fence 3 tcp 203.0.113.11 443
	flows fence 3
	lab_dns_set grows 1 A "${many[@]}"
	is_cut fence 3
	end_session fence
	[[ $(told "the fence is shut") == 1 ]]
}
