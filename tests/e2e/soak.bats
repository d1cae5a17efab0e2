#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# A daemon that lives for long: names rotate, fences and rules come and go, clients too. In the end
# there is no more of anything than in the beginning.
#
# SOAK_SECONDS=14400 takes four hours, otherwise it is short; SOAK_SEED=N is what an earlier one did.

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
	drive soak.py --seconds "${SOAK_SECONDS:-20}" ${SOAK_SEED:+--seed "$SOAK_SEED"} /run/soak
	lab_not_seen tcp "$EVIL4" "$LIVE_PORT"
	lab_host rm -r /run/soak
}

# How often any thread of it went to sleep.
sleeps() {
	cat /proc/"$DAEMON_PID"/task/*/status | awk '/^voluntary_ctxt_switches/ { sum += $2 } END { print sum }'
}

# Nothing is to happen in this time.
for_seconds() {
	timeout "$1" tail -f /dev/null || true
}

# It opens inotify a second after it began.
is_asleep() {
	local before
	before=$(sleeps)
	for_seconds 1.5
	[[ $(sleeps) == "$before" ]]
}

# Where the kernel does not tell of changes by others a fence is proved every 750 ms.
bound() {
	if daemon_said "does not tell of what others change"; then
		echo 5
	else
		echo 0
	fi
}

# The host may call bpf() meanwhile.
hardly_wakes() {
	local before
	before=$(sleeps)
	for_seconds 3
	(($(sleeps) - before <= $(bound)))
}

@test "a daemon that has nothing to do is not woken" {
	local before
	policy_file idle <<<"allow $GITHUB4:443"
	start_daemon
	lab_until 20 is_asleep
	before=$(sleeps)
	for_seconds 3
	[[ $(sleeps) == "$before" ]] || lab_fail "woken $(($(sleeps) - before)) times"
	make_cgroup web
	done_by attach idle "$LAB_CGROUP2/web"
	lab_until 30 hardly_wakes
	done_by detach "$LAB_CGROUP2/web"
	lab_until 20 is_asleep
	before=$(sleeps)
	for_seconds 3
	[[ $(sleeps) == "$before" ]] || lab_fail "woken $(($(sleeps) - before)) times"
}
