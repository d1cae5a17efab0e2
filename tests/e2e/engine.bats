#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# What an engine of containers says, does not say, or says late: one of the test's, that does as it is
# told. Real ones are in docker.bats and podman.bats.

# shellcheck disable=SC2154 # stderr is bats's
load lib
load live

ONE=$(printf '1%.0s' {1..64})
TWO=$(printf '2%.0s' {1..64})

setup_file() {
	start_lab
	install_live
}

setup() {
	lab_mark
	policy_file one <<<"allow $GITHUB4:443"
	CONTAINERS=$BATS_TEST_TMPDIR/containers
	ASKED=$BATS_TEST_TMPDIR/asked
	mkdir "$CONTAINERS"
	make_cgroup "docker/$ONE"
	make_cgroup "docker/$TWO"
}

teardown() {
	stop_engine
	end_live
	nothing_left
}

start_engine() {
	lab_exec host python3 -B "$ROOT/tests/tools/engine.py" /run/docker.sock "$CONTAINERS" \
		>"$ASKED" 2>&1 3>&- &
	ENGINE_PID=$!
	disown
	lab_until 5 grep -q ready "$ASKED" || lab_fail "$(<"$ASKED")"
}

stop_engine() {
	[[ -z ${ENGINE_PID:-} ]] || kill -KILL "$ENGINE_PID"
	ENGINE_PID=''
	lab_host rm -f /run/docker.sock
}

# tell_engine NAME ID [stopped]
tell_engine() {
	echo "${@:2}" >"$CONTAINERS/$1.new"
	mv "$CONTAINERS/$1.new" "$CONTAINERS/$1"
}

targets_file() { # NAME, of policy "one"
	printf '%s\n' "$@" | lab_host sh -c 'cat >"$0"' "$POLICIES/one.targets"
}

# Who is asked makes no cgroup and is in none that is new, so nothing of that is an event.
is_standing() { # TARGET CGROUP
	api /v1/fences
	json_has "[f['state'] for f in o['fences'] if f['target'] == '$1' and f['cgroup'] == '$LAB_CGROUP2/$2'] == ['standing']" 2>/dev/null
}

status_has() { # PATTERN
	client status
	[[ $status == 1 && $output =~ $1 ]]
}

@test "a container whose engine does not answer is not said to wait, and is fenced when it does" {
	touch "$CONTAINERS/silent"
	tell_engine web "$ONE"
	start_engine
	start_daemon
	done_by attach --persistent one container:web
	[[ $output == *"whether its target is there is not known: "*"cannot ask Docker"* ]]
	[[ $output != *"is there, and not fenced"* && $output != *"not there now"* ]]
	status_has 'container:web: not fenced'
	[[ $output == *"wrong "*"is not known: "* ]]
	client status --json
	json_has '[(f["whole"], [p["problem"] for p in f["problems"]], f["warnings"]) for f in o["fences"]] == [(False, ["not_fenced"], [])]'
	rm "$CONTAINERS/silent"
	lab_until 15 is_standing container:web "docker/$ONE"
	denied "docker/$ONE" "$EVIL4" 443
	done_by status
}

@test "that a container is not there is said only if that is known" {
	start_engine
	start_daemon
	api /v1/fences -d '{"policy":"one","target":"container:web"}' -H 'Content-Type: application/json'
	json_has 'o["error"]["code"] == "no_such_target"'
	touch "$CONTAINERS/silent"
	api /v1/fences -d '{"policy":"one","target":"container:web"}' -H 'Content-Type: application/json'
	json_has 'o["error"]["code"] == "kernel" and "cannot ask Docker" in o["error"]["message"]'
}

@test "so it is if a reload finds it, and there is no other fence" {
	touch "$CONTAINERS/silent"
	tell_engine web "$ONE"
	start_engine
	start_daemon
	targets_file container:web
	kill -HUP "$DAEMON_PID"
	lab_until 10 daemon_said 'cannot attach to container:web: cannot ask Docker.*tried again'
	rm "$CONTAINERS/silent"
	lab_until 15 is_standing container:web "docker/$ONE"
}

@test "a container that its engine says runs a while after its cgroup was there is fenced" {
	tell_engine web "$ONE" stopped
	start_engine
	targets_file container:web
	start_daemon
	done_by status
	[[ $output == *"waits for its target"* ]]
	tell_engine web "$ONE"
	lab_until 10 is_standing container:web "docker/$ONE"
}

@test "an engine that does not answer keeps nobody waiting for long, and of no container it is known" {
	local i names=()
	for i in {1..30}; do names+=("container:c$i"); done
	touch "$CONTAINERS/silent"
	start_engine
	targets_file "${names[@]}"
	timed start_daemon
	((took_ms < 8000 * LAB_PATIENCE)) || lab_fail "$took_ms ms"
	client status --json
	json_has 'len(o["fences"]) == 30 and not any(f["whole"] for f in o["fences"])'
	# Nor when cgroups come and go.
	for i in {1..20}; do make_cgroup "new$i"; done
	timed client show one
	((took_ms < 5000 * LAB_PATIENCE)) || lab_fail "$took_ms ms"
}

@test "a container that was renamed keeps its fence, and one that has its name now is told of" {
	tell_engine web "$ONE"
	start_engine
	start_daemon
	done_by attach --persistent one container:web
	denied "docker/$ONE" "$EVIL4" 443
	tell_engine web "$TWO"
	client attach one container:web
	[[ $status == 125 && $stderr == *"docker/$TWO now"*"docker/$ONE"* ]] || lab_fail "$status $output $stderr"
	lab_until 20 status_has "container:web: not whole"
	[[ $output == *"in $LAB_CGROUP2/docker/$TWO now, and not fenced"* ]]
	daemon_said "$TWO now, and not fenced"
	denied "docker/$ONE" "$EVIL4" 443
	lab_host rmdir "$LAB_CGROUP2/docker/$ONE"
	lab_until 10 is_standing container:web "docker/$TWO"
	denied "docker/$TWO" "$EVIL4" 443
	done_by status
}

@test "what ran in a container before it was fenced is told" {
	local other
	tell_engine web "$ONE" stopped
	start_engine
	start_daemon
	done_by attach --persistent one container:web
	in_cgroup "docker/$ONE" tail -f /dev/null 3>&- &
	other=$!
	lab_until 5 lab_host grep -q . "$LAB_CGROUP2/docker/$ONE/cgroup.procs"
	tell_engine web "$ONE"
	lab_until 10 daemon_said 'attached to container:web, which has come; 1 process in it had no fence before'
	kill "$other"
}
