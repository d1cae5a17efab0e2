# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# shellcheck shell=bash
# shellcheck disable=SC2016,SC2154 # inner shells expand for themselves; of bats
# For tests of the daemon: one that runs on the lab's host, cgroups for it to fence, and one who
# connects from them a thousand times a second all the while.

# shellcheck disable=SC2034 # for the tests
LIVE_PORT=7000
POLICIES=/etc/cgfence/policies.d
PINS=/sys/fs/bpf/cgfence
DAEMON_PID='' DAEMON_LOG='' PULSE_PID=''

# In setup_file(), after start_lab. What listens on port 7000 of any address of the internet tells
# of all connections but those to github.test.
install_live() {
	install "$TEST_TOOLS/pulse" "$TEST_TOOLS/clock-jump.so" "$LAB_DIR/bin"
	lab_host mkdir -p "$POLICIES"
	: >>"$LAB_DIR/log/accepts"
	lab_exec internet python3 -B "$ROOT/tests/tools/accepts.py" --log "$LAB_DIR/log/accepts" \
		$LIVE_PORT "$GITHUB4" "$GITHUB6" >"$LAB_DIR/run/accepts.out" 2>&1 3>&- &
	disown
	lab_until 5 grep -q ready "$LAB_DIR/run/accepts.out" || lab_fail "$(<"$LAB_DIR/run/accepts.out")"
}

# --- the daemon ---------------------------------------------------------------------------------

# start_daemon [ARGUMENT…]: returns when it answers. DAEMON_ENVIRONMENT may have variables, and
# DAEMON_CGFENCE the command of another build.
start_daemon() {
	DAEMON_LOG=${DAEMON_LOG:-$LAB_DIR/run/daemon.$BATS_TEST_NUMBER}
	# shellcheck disable=SC2086 # one word for each variable
	lab_exec host env ${DAEMON_ENVIRONMENT:-} "${DAEMON_CGFENCE:-cgfence}" daemon "$@" >>"$DAEMON_LOG" 2>&1 3>&- &
	DAEMON_PID=$!
	disown
	lab_until 10 daemon_answers_or_ended || lab_fail "daemon: $(tail -n 5 "$DAEMON_LOG")" || return
	[[ -d /proc/$DAEMON_PID ]] || lab_fail "daemon: $(tail -n 5 "$DAEMON_LOG")"
}

# start_failing CALL [ARGUMENT…]: that call of bpf(2) by the daemon fails. False: it has ended.
start_failing() {
	cat >"$LAB_DIR/bin/cgfence-failing" <<-END
		#!/bin/sh
		exec strace -D -qq -o "$LAB_DIR/run/strace" -e trace=bpf -e inject=bpf:error=EPERM:when=$1 \
			"${DAEMON_CGFENCE:-cgfence}" "\$@"
	END
	chmod +x "$LAB_DIR/bin/cgfence-failing"
	DAEMON_CGFENCE=cgfence-failing start_daemon "${@:2}"
}

# Whether there was such a call.
was_injected() {
	grep -q 'bpf(.*INJECTED' "$LAB_DIR/run/strace"
}

daemon_answers_or_ended() {
	[[ ! -d /proc/$DAEMON_PID ]] || lab_host cgfence show >/dev/null 2>&1
}

# stop_daemon [SIGNAL]: and waits for its end.
stop_daemon() {
	[[ -n $DAEMON_PID ]] || return 0
	kill "-${1:-TERM}" "$DAEMON_PID" 2>/dev/null || true
	lab_until 10 daemon_ended
	DAEMON_PID=''
}

daemon_ended() {
	[[ ! -d /proc/$DAEMON_PID ]] || grep -q '^State:.Z' "/proc/$DAEMON_PID/status"
}

# daemon_said PATTERN: since the test began, or the mark.
daemon_said() {
	tail -c "+$((${DAEMON_MARK:-0} + 1))" "$DAEMON_LOG" | grep -qE -- "$1"
}

daemon_said_ever() {
	DAEMON_MARK=0 daemon_said "$1" 2>/dev/null
}

daemon_mark() {
	DAEMON_MARK=$(stat -c %s "$DAEMON_LOG")
}

# deny_too_many POLICY: it denies a name that has more addresses than can be denied, `${many[@]}`.
deny_too_many() {
	local i
	many=()
	for ((i = 0; i < 1100; i++)); do
		many+=("198.18.$((i / 200)).$((i % 200 + 1))")
	done
	lab_dns_set many 60 A "${many[@]}"
	policy_file "$1" <<<$'allow any\ndeny many.test'
}

# A client: `$status`, `$output`, `$stderr`.
client() {
	run --separate-stderr lab_host cgfence "$@"
}

# The same, and it must work.
done_by() {
	client "$@"
	[[ $status == 0 ]] || lab_fail "cgfence $*: $status, $output $stderr"
}

# timed COMMAND…: how long it took is in `$took_ms`.
timed() {
	local begin=${EPOCHREALTIME/[.,]/}
	"$@"
	# shellcheck disable=SC2034
	took_ms=$(((${EPOCHREALTIME/[.,]/} - begin) / 1000))
}

api() { # PATH [curl's ARGUMENT…]
	run --separate-stderr lab_host curl -sS --max-time 20 \
		--unix-socket /run/cgfence/cgfence.sock "http://cgfence$1" "${@:2}"
}

# json_has EXPRESSION: of `$output`, as `o`.
json_has() {
	python3 -c 'import json, sys
o = json.loads(sys.stdin.read())
assert eval(sys.argv[1]), o' "$1" <<<"$output"
}

# policy_file NAME: from stdin, where the daemon looks.
policy_file() {
	lab_host sh -c 'cat >"$0"' "$POLICIES/$1.policy"
}

# break_hosts: no name can be looked up by a daemon that starts; mend_hosts: again.
break_hosts() {
	lab_host sh -c 'mv /etc/hosts /run/hosts && mkdir /etc/hosts'
}

mend_hosts() {
	lab_host sh -c '[ ! -e /run/hosts ] || { rm -rf /etc/hosts && mv /run/hosts /etc/hosts; }'
}

# --- cgroups and who is in them -----------------------------------------------------------------

# A cgroup of the lab's; its path is seen from inside.
make_cgroup() {
	lab_host mkdir -p "$LAB_CGROUP2/$1"
}

# in_cgroup NAME COMMAND…
in_cgroup() {
	lab_host sh -c 'echo $$ >"$0/cgroup.procs" && exec "$@"' "$LAB_CGROUP2/$1" "${@:2}"
}

# allowed NAME ADDRESS PORT, denied NAME ADDRESS PORT: what a process in that cgroup may reach.
allowed() {
	run in_cgroup "$1" probe tcp "$2" "$3"
	[[ $output == OK* ]] || lab_fail "$1 to $2 $3: $output"
}

denied() {
	run in_cgroup "$1" probe tcp "$2" "$3"
	[[ $output == "EPERM "* ]] || lab_fail "$1 to $2 $3: $output"
}

is_denied() {
	[[ $(in_cgroup "$1" probe tcp "$2" "$3") == "EPERM "* ]]
}

is_allowed() {
	[[ $(in_cgroup "$1" probe tcp "$2" "$3") == OK* ]]
}

# pulse_start NAME…: in these cgroups; what must be allowed and denied is always the same. With
# PULSE_ANY=? who connects tells nothing, and the server side does.
pulse_start() {
	local name arguments=() allowed=${PULSE_ANY:-a} denied=${PULSE_ANY:-d}
	for name; do
		arguments+=(--cgroup "$LAB_CGROUP2/$name")
	done
	PULSE_OUT=$LAB_DIR/run/pulse.$BATS_TEST_NUMBER
	: >"$PULSE_OUT"
	lab_exec host pulse "${arguments[@]}" "$GITHUB4,$LIVE_PORT,$allowed" \
		"$EVIL4,$LIVE_PORT,$denied" "$GITHUB6,$LIVE_PORT,$allowed" "$EVIL6,$LIVE_PORT,$denied" >>"$PULSE_OUT" 2>&1 3>&- &
	PULSE_PID=$!
	disown
	lab_until 5 grep -q ready "$PULSE_OUT" || lab_fail "pulse: $(<"$PULSE_OUT")"
}

# No verdict was wrong, and nothing else got through.
pulse_end() {
	kill "$PULSE_PID"
	PULSE_PID=''
	lab_until 10 grep -q ^attempts "$PULSE_OUT" || lab_fail "pulse: $(<"$PULSE_OUT")"
	echo "# $(tail -n 1 "$PULSE_OUT")" >&3
	grep -q '^attempts [1-9][0-9]* wrong 0 ' "$PULSE_OUT" || lab_fail "$(head -n 20 "$PULSE_OUT")"
	[[ -z $(lab_log accepts) ]] || lab_fail "got out: $(lab_log accepts | head -n 5)"
}

# drive TOOL ARGUMENT…: a driver in Python, on the lab's host; what it prints is shown.
drive() {
	run lab_host python3 -B "$ROOT/tests/tools/$1" "${@:2}"
	printf '%s\n' "$output" | sed 's/^/# /' >&3
	[[ $status == 0 ]]
}

# --- the end ------------------------------------------------------------------------------------

# In teardown(), before nothing_left. What was deleted has left nothing.
end_live() {
	[[ -z $PULSE_PID ]] || kill -KILL "$PULSE_PID" 2>/dev/null || true
	PULSE_PID=''
	if [[ -z ${BATS_TEST_COMPLETED:-} ]]; then
		printf 'stdout: %s\nstderr: %s\n' "${output:-}" "${stderr:-}"
		echo "daemon: $(tail -n 20 "$DAEMON_LOG" 2>/dev/null)"
		echo "pulse: $(head -n 20 "${PULSE_OUT:-/dev/null}" 2>/dev/null)"
	else
		delete_all
		stop_daemon TERM
		! daemon_said_ever 'Sanitizer|runtime error' || lab_fail "$(<"$DAEMON_LOG")"
	fi
	stop_daemon KILL
	lab_host sh -c 'umount -q "$0"/links/* "$1"
		rm -rf "$0"/links/* "$0"/policies/* "$1"/* /run/cgfence' "$PINS" "$POLICIES" 2>/dev/null
	lab_until 5 remove_cgroups
}

delete_all() {
	local policy
	[[ -n $DAEMON_PID ]] || return 0
	for policy in $(lab_host ls "$PINS/policies"); do
		done_by delete --force "$policy"
	done
	nothing_left
}

# Processes that were in there have ended, or do now.
remove_cgroups() {
	lab_host find "$LAB_CGROUP2" -mindepth 1 -depth -type d ! -path "$LAB_CGROUP2/cgfence*" \
		-exec sh -c 'for cgroup; do
			xargs -r kill -KILL <"$cgroup/cgroup.procs"
			rmdir "$cgroup"
		done 2>/dev/null' - {} +
	[[ -z $(lab_host find "$LAB_CGROUP2" -mindepth 1 -type d ! -path "$LAB_CGROUP2/cgfence*") ]]
}
