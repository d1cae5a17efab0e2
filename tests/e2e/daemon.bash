# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# shellcheck shell=bash
# For tests with `cgfence daemon`: one on the lab's host, with its files and its socket where they
# are by default.

POLICY_DIR=/etc/cgfence/policies.d

start_daemon() {
	lab_host mkdir -p "$POLICY_DIR"
	lab_exec host cgfence daemon "$@" >>"$LAB_DIR/run/daemon.log" 2>&1 3>&- &
	DAEMON_PID=$!
	lab_until 10 daemon_answers || lab_fail "$(tail -n 30 "$LAB_DIR/run/daemon.log")"
}

daemon_answers() {
	lab_host cgfence show >/dev/null 2>&1
}

# Fences outlive it.
stop_daemon() {
	local status=0
	kill "$DAEMON_PID"
	wait "$DAEMON_PID" || status=$?
	DAEMON_PID=
	[[ $status == 0 ]] || lab_fail "the daemon ended with $status"
}

# apply_policy NAME RULE…
apply_policy() {
	printf '%s\n' "${@:2}" >"$LAB_DIR/run/$1.policy"
	lab_host cgfence apply "$LAB_DIR/run/$1.policy"
}

# All policies and fences that there are.
delete_policies() {
	local path
	for path in "$LAB_DIR$POLICY_DIR"/*.policy; do
		[[ -e $path ]] || continue
		path=${path##*/}
		lab_host cgfence delete --force "${path%.policy}"
	done
}

# logged_by_daemon PATTERN: since it was started.
logged_by_daemon() {
	grep -qE -- "$1" "$LAB_DIR/run/daemon.log"
}
