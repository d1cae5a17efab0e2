#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# Containers of Docker, as its server runs them.

# shellcheck disable=SC2034,SC2154 # status, stderr and output are bats's
load lib
load engines
load daemon
load containers

BATS_TEST_TIMEOUT=$((120 * LAB_PATIENCE))
USER_NETWORK=--network=named

setup_file() {
	start_lab_with docker
}

@test "a container in a network of the user's reaches what is allowed, and nothing else" {
	check_running "$USER_NETWORK"
}

@test "so does one in the default network" {
	check_running --network=bridge
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
	start_container user "$USER_NETWORK"
	start_container default --network=bridge
	apply_policy web "allow web.test:443" "allow *.wild.test:443"
	attach web container:user
	attach web container:default
	container_finds user web.test "$WEB4"
	container_finds default web.test "$WEB4"
	# What the one asks the other may not, though it could reach it.
	container_is_refused_to_ask user "$LAB_NS4"
	ask_container default "nslookup any.wild.test $LAB_NS4"
	[[ $output == *"$WILD4"* ]]
}
