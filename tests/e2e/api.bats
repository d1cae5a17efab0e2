#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# The control API of a daemon that keeps a fence: who may ask, and what becomes of nonsense.
#
# API_REQUESTS=100000 sends so many malformed requests, otherwise it is short.

# shellcheck disable=SC2016,SC2154 # inner shells expand for themselves; of bats
load lib
load servers
load live

setup_file() {
	export BATS_TEST_TIMEOUT=$(((${API_REQUESTS:-4000} / 200 + 60) * LAB_PATIENCE))
	start_lab
	install_live
	# Users of the test's own, in a file that only the lab has.
	lab_host sh -c 'cp /etc/group /run/group && echo "cgfence:x:64043:" >>/run/group &&
		mount --bind /run/group /etc/group'
}

setup() {
	policy_file web <<<"allow $GITHUB4:443"
	start_daemon
	make_cgroup web
	done_by attach web "$LAB_CGROUP2/web"
}

teardown() {
	end_live
	nothing_left
}

as_user() { # GROUPS COMMAND…
	local groups=$1
	shift
	run --separate-stderr lab_host setpriv --reuid 64042 --regid 64042 --groups "$groups" "$@"
}

@test "members of the group may ask and change, and others may not even connect" {
	as_user 64042 cgfence show
	[[ $status == 125 && $stderr == *ermission* ]]
	as_user 64042 curl -sS --unix-socket /run/cgfence/cgfence.sock http://cgfence/v1/policies
	[[ $status == 7 ]]
	as_user 64043 cgfence show web
	[[ $status == 0 && $output == *"$GITHUB4:443"* ]]
	as_user 64043 cgfence allow web "$GITHUB4:5432"
	[[ $status == 0 ]]
	allowed web "$GITHUB4" 5432
}

# What it opens in its first second it has from then on: what is pinned, and whom it watches.
has_begun() {
	[[ $(find "/proc/$DAEMON_PID/fd" -lname anon_inode:inotify | wc -l) == 2 ]]
}

@test "malformed requests end nothing, change nothing, leave nothing behind, and open nothing" {
	local count=${API_REQUESTS:-4000}
	done_by status
	lab_until 10 has_begun
	# Each may ask 400 times at once, and none is to be told to wait.
	lab_host python3 -B "$ROOT/tests/tools/malformed.py" --count "$count" --users $((count / 350 + 1)) \
		--pid "$DAEMON_PID" /run/cgfence/cgfence.sock
	allowed web "$GITHUB4" 443
	denied web "$EVIL4" 443
	done_by status
}
