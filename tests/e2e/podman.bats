#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# Containers of Podman, of root's, with netavark's networks and aardvark's names.

# shellcheck disable=SC2034,SC2154 # status, stderr and output are bats's
load lib
load engines
load daemon
load containers

BATS_TEST_TIMEOUT=$((120 * LAB_PATIENCE))
USER_NETWORK=--network=named

setup_file() {
	start_lab_with podman
}

@test "a container in a network with names reaches what is allowed, and nothing else" {
	check_running "$USER_NETWORK"
}

@test "so does one in the default network" {
	check_running --network=podman
}

@test "so does one in the host's network" {
	check_running --network=host
}

@test "a container is found by its id, too, if it runs" {
	check_found
}

@test "exec into a container is fenced" {
	check_exec
}

@test "what was connected before, and is not allowed, is cut" {
	check_cut
}

@test "names are learned from the container's own resolver, and no others are asked for" {
	check_names
}

@test "names of other containers, which that resolver alone knows" {
	check_peers
}

@test "a name that moves is followed" {
	check_moved
}

@test "a container that is removed is noticed, and nothing of its fence is left" {
	check_removed
}

@test "a persistent fence is back when the container is" {
	check_restarted
}

@test "so it is when another container has the name" {
	check_made_anew
}

@test "the first instruction of a container is fenced, if its parent is" {
	check_parent
}

@test "the container's resolv.conf does not make a resolver" {
	check_own_resolver
}

@test "each network has its own resolvers" {
	local one other
	engine network create testother >/dev/null
	start_container one "$USER_NETWORK"
	start_container other --network=testother
	one=$(in_container one awk '/^nameserver/ { print $2; exit }' /etc/resolv.conf)
	other=$(in_container other awk '/^nameserver/ { print $2; exit }' /etc/resolv.conf)
	[[ $one != "$other" ]]
	apply_policy web "allow web.test:443" "allow *.wild.test:443"
	attach web container:one
	attach web container:other
	container_finds one web.test "$WEB4"
	container_finds other web.test "$WEB4"
	container_is_refused_to_ask one "$other"
	container_is_refused_to_ask other "$one"
}

@test "a container is found by Podman's service as well as in its store" {
	local service
	lab_exec host env HOME="$LAB_DIR/home" podman system service --time 0 >"$LAB_DIR/run/service" \
		2>&1 3>&- &
	service=$!
	lab_until 10 lab_host test -S /run/podman/podman.sock
	check_found
	kill "$service"
	wait "$service" || true
}
