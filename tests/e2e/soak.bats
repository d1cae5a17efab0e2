#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# A daemon that lives for long: names rotate, fences and rules come and go, clients too. In the end
# there is no more of anything than in the beginning.
#
# SOAK_SECONDS=14400 tests/e2e/soak.bats takes four hours; otherwise it is short.

# shellcheck disable=SC2154 # of bats
load lib
load servers
load live

setup_file() {
	export BATS_TEST_TIMEOUT=$(((${SOAK_SECONDS:-20} + 60) * LAB_PATIENCE))
	start_lab
	install_live
	install_clients
	start_resolver rotating internet rotating-dns.py --pool 32 \
		--address $ROTATING4 --address $ROTATING6
	use_resolvers $ROTATING4 $ROTATING6
}

teardown() {
	end_live
	nothing_left
}

@test "memory, descriptors, entries, pins and cgroups are flat" {
	lab_host mkdir /run/soak
	drive soak.py --seconds "${SOAK_SECONDS:-20}" /run/soak
	lab_not_seen tcp "$EVIL4" "$LIVE_PORT"
	lab_host rm -r /run/soak
}
