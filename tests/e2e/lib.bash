# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# shellcheck shell=bash
# What the end-to-end tests share: one laboratory for each file, the product started as a user would
# start it, and questions to the servers. After every test nothing may be left of any fence.

bats_require_minimum_version 1.5.0

# shellcheck source=tests/tools/lab.sh
. "$BATS_TEST_DIRNAME/../tools/lab.sh"

ROOT=$(cd "$BATS_TEST_DIRNAME/../.." && pwd)
CGFENCE=${CGFENCE:-$ROOT/build/cgfence}
TEST_TOOLS=${TEST_TOOLS:-$ROOT/build/tests/tools}
export BATS_TEST_TIMEOUT=${BATS_TEST_TIMEOUT:-$((60 * LAB_PATIENCE))}
# shellcheck disable=SC2034 # for the tests
GITHUB4=${LAB_SITE4[github]} GITHUB6=${LAB_SITE6[github]}
# shellcheck disable=SC2034
EVIL4=${LAB_SITE4[evil]} EVIL6=${LAB_SITE6[evil]}
declare -gA SESSION_PID=() SESSION_IN=() SESSION_OUT=()

# A command that waits for a signal, says which one came, and exits with 3.
# shellcheck disable=SC2034
CATCHER=(python3 -c '
import os, signal
def catch(number, frame):
    print(signal.Signals(number).name, flush=True)
    os._exit(3)
for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGQUIT, signal.SIGUSR1,
               signal.SIGUSR2):
    signal.signal(number, catch)
print("ready", flush=True)
while True:
    signal.pause()
')

# start_lab ["NAME TTL TYPE VALUE"…]: in setup_file().
start_lab() {
	lab_start "$@"
	install "$CGFENCE" "$LAB_DIR/bin/cgfence"
	install "$TEST_TOOLS/probe" "$TEST_TOOLS/musl-client" "$LAB_DIR/bin"
}

teardown_file() {
	lab_stop
}

setup() {
	lab_mark
}

teardown() {
	if [[ -z ${BATS_TEST_COMPLETED:-} ]]; then
		printf 'status: %s\nstdout: %s\nstderr: %s\n' "${status:-}" "${output:-}" "${stderr:-}"
		end_everything
	fi
	nothing_left
}

# After a test that failed: the next one finds nothing of it.
end_everything() {
	local pids
	pids=$(find "$LAB_CGROUP_DIR" -mindepth 2 -name cgroup.procs -exec cat {} + 2>/dev/null)
	# shellcheck disable=SC2086 # one word for each process
	kill -KILL $pids "${SESSION_PID[@]}" 2>/dev/null
	lab_until 5 all_ended || true
	lab_host cgfence run --quiet -- true 2>/dev/null || true
}

all_ended() {
	[[ -z $(find "$LAB_CGROUP_DIR" -mindepth 2 -name cgroup.procs -exec cat {} + 2>/dev/null) ]]
}

# `cgfence run` as the user dev with sudo.
fence() {
	lab_sudo cgfence run "$@"
}

# The same, for `$status`, `$output` and `$stderr`.
try() {
	run --separate-stderr fence "$@"
}

# After `try … -- probe …`: it worked, and the packet arrived.
reached() {
	[[ $output == OK* ]]
	lab_seen "$@"
}

# After `try … -- probe …`: it failed with EPERM, and no packet arrived.
refused() {
	[[ $output == "EPERM "* ]]
	lab_not_seen "$@"
}

# Lines of cgfence's that match a pattern.
told() {
	grep -cE -- "$1" <<<"$stderr" || true
}

nothing_left() {
	local left
	left=$(left_over)
	[[ -z $left ]] || lab_fail "left behind: $left"
}

# What there is of fences: cgroups, and pins of policies and links.
left_over() {
	lab_host find "$LAB_CGROUP2/cgfence" -mindepth 1 -type d 2>/dev/null || true
	lab_host find /sys/fs/bpf/cgfence/policies /sys/fs/bpf/cgfence/links -mindepth 1 \
		2>/dev/null || true
}

# Whether the fence by itself holds the families that no cgroup hook sees.
families_are_held() {
	python3 "$BATS_TEST_DIRNAME/../tools/kernel.py" | grep -qx lsm
}

# policy NAME: makes `$NAME`.policy from stdin; its path is in `$policy`.
policy() {
	# shellcheck disable=SC2034
	policy=$BATS_TEST_TMPDIR/$1.policy
	cat >"$policy"
}

# --- a fence whose command is a shell that does what the test asks, one thing after another -----

# session NAME ARGUMENT…; of another build if SESSION_CGFENCE is its command.
session() {
	local directory=$BATS_TEST_TMPDIR/$1 name=$1 in out
	shift
	mkdir "$directory"
	mkfifo "$directory/in" "$directory/out"
	lab_exec_sudo "${SESSION_CGFENCE:-cgfence}" run "$@" -- sh \
		<"$directory/in" >"$directory/out" 2>"$directory/stderr" &
	SESSION_PID[$name]=$!
	exec {in}>"$directory/in" {out}<"$directory/out"
	SESSION_IN[$name]=$in
	SESSION_OUT[$name]=$out
	ask "$name" "true"
}

# ask NAME COMMAND: `$output` and `$status` are the command's.
ask() {
	local line lines=()
	echo "$2; echo \"end of output \$?\"" >&"${SESSION_IN[$1]}"
	while read -rt $((20 * LAB_PATIENCE)) -u "${SESSION_OUT[$1]}" line; do
		if [[ $line == "end of output "* ]]; then
			status=${line##* }
			output=$(printf '%s\n' "${lines[@]}")
			return
		fi
		lines+=("$line")
	done
	lab_fail "no answer to: $2"
}

# For `lab_until`: the session NAME reaches or not.
ask_for() {
	ask "$1" "$2" && [[ $output == "$3"* ]]
}

# The shell ends; `$status` is cgfence's and `$stderr` all that it said.
end_session() {
	close_session "$1"
	status=0
	wait "${SESSION_PID[$1]}" || status=$?
	unset "SESSION_PID[$1]"
	stderr=$(<"$BATS_TEST_TMPDIR/$1/stderr")
}

close_session() {
	local in=${SESSION_IN[$1]} out=${SESSION_OUT[$1]}
	exec {in}>&- {out}<&-
}
