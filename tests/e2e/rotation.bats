#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# A name that has 256 addresses of each family, of which every answer has another four, with a TTL of
# a second: none of the applications that ask for it is denied what it was given.
#
# ROTATION_CONNECTS=10000 makes as many connections in each test; otherwise they are fewer.

# shellcheck disable=SC2016,SC2030,SC2031,SC2154 # inner shells expand for themselves; stderr is bats's
load lib
load servers

setup_file() {
	export BATS_TEST_TIMEOUT=$((300 * LAB_PATIENCE))
	start_lab
	install_clients
	start_resolver rotating internet rotating-dns.py --address $ROTATING4 --address $ROTATING6
	start_resolver vast internet rotating-dns.py --address $ODD4 --pool 131072
	use_resolvers $ROTATING4 $ROTATING6
}

setup() {
	EACH=$((${ROTATION_CONNECTS:-2000} / 4))
	lab_mark
}

# What the four clients say, and what cgfence says of connections: of an address with only a UDP
# port there may be probes.
all_clients() {
	printf 'for client in glibc musl cares go; do connects-%s %s %s 443; done' \
		'"$client"' "$1" "$2"
}

# After all_clients.
none_denied() {
	echo "$output" >&2
	[[ $(grep -cx "$1 connected, [0-9]* ms" <<<"$output") == 4 ]]
	[[ $(wc -l <<<"$output") == 4 ]]
	never_ungiven rotating 443
	(($(lab_log packets | grep -c '^tcp [^ ]* 443 from ') >= 4 * $1))
}

@test "none is denied" {
	try --allow rotate.test:443 -- sh -c "$(all_clients "$EACH" rotate.test)"
	none_denied "$EACH"
	[[ $(told 'denied tcp') == 0 ]]
}

@test "none is denied of a wildcard, which only answers teach" {
	try --allow '*.rotate.test:443/tcp' -- sh -c "$(all_clients "$EACH" a.b.rotate.test)"
	none_denied "$EACH"
	[[ $(told 'denied tcp') == 0 ]]
}

@test "none is denied while every core is busy" {
	local i busy=()
	for ((i = 0; i < $(nproc); i++)); do
		lab_exec host timeout $((120 * LAB_PATIENCE)) sh -c 'while :; do :; done' 3>&- &
		busy+=($!)
	done
	try --allow rotate.test:443 -- sh -c "$(all_clients "$EACH" rotate.test)"
	kill "${busy[@]}"
	none_denied "$EACH"
}

@test "none is denied to several processes at once" {
	try --allow rotate.test:443 -- sh -c "
		for client in glibc musl cares go; do connects-\$client $EACH rotate.test 443 & done; wait"
	none_denied "$EACH"
}

@test "none is denied when cgfence is killed in the middle" {
	session command --allow rotate.test:443
	ask command "($(all_clients "$EACH" rotate.test)) >$LAB_HOME/said 2>&1 & echo started"
	lab_until 10 lab_log_has packets '443 from'
	kill -KILL "${SESSION_PID[command]}"
	lab_until 120 clients_ended
	output=$(<"$LAB_HOME/said")
	rm "$LAB_HOME/said"
	none_denied "$EACH"
	ask command "probe tcp 198.18.1.1 443"
	[[ $output == "EPERM connect" ]]
	close_session command
	lab_until 5 all_ended
	lab_host cgfence run --quiet -- true # removes what the killed one has left
}

clients_ended() {
	[[ $(grep -c connected "$LAB_HOME/said" 2>/dev/null) == 4 ]]
}

# Of 131,072 addresses, few are given in the time: half of the attempts below go where none was.
@test "an address that was never given is not connected to" {
	use_resolvers $ODD4
	try --allow rotate.test:443/tcp -- sh -c '
		connects-glibc 200 rotate.test 443
		python3 -c "
import random, socket
for i in range(2000):
    number = random.randrange(131072)
    try:
        socket.create_connection((f\"198.{18 + number // 65536}.{number // 256 % 256}.{number % 256}\", 443), 5)
    except PermissionError:
        pass
print(\"tried\")"'
	use_resolvers $ROTATING4 $ROTATING6
	[[ $output == "200 connected, "*$'\n'tried ]]
	(($(connected_to 443 | wc -l) >= 190))
	never_ungiven vast 443
}
