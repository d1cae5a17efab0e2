# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# shellcheck shell=bash
# What holds for a container of any engine: the tests that docker.bats and podman.bats have alike,
# each a function. `$USER_NETWORK` is the option for a network with a resolver of the engine's.

# shellcheck disable=SC2034,SC2154 # lib's and bats's
WEB4=203.0.113.10 MOVED4=203.0.113.11 WILD4=203.0.113.12

# In setup_file().
start_lab_with() {
	start_engine "$1" "web 60 A $WEB4" "mover 1 A $WEB4" "any.wild 60 A $WILD4" \
		"late.wild 60 A 203.0.113.13"
	engine network create named >/dev/null
}

setup() {
	lab_mark
	start_daemon
}

teardown() {
	[[ -z ${BATS_TEST_COMPLETED:-} ]] || remove_containers
	daemon_answers || start_daemon
	delete_policies
	stop_daemon
	if [[ -z ${BATS_TEST_COMPLETED:-} ]]; then
		printf 'status: %s\nstdout: %s\nstderr: %s\n' "${status:-}" "${output:-}" "${stderr:-}"
		tail -n 120 "$LAB_DIR/run/daemon.log"
		remove_containers
		end_everything
	fi
	nothing_left
}

attach() {
	lab_host cgfence attach "$@"
}

# container_reaches NAME ADDRESS PORT: its first process does, and it arrives.
container_reaches() {
	ask_container "$1" "probe --reply tcp $2 $3"
	[[ $output == "OK probe" ]] || lab_fail "$1 does not reach $2 $3: $output"
	lab_seen tcp "$2" "$3"
}

container_is_refused() {
	ask_container "$1" "probe tcp $2 $3"
	[[ $output == "EPERM "* ]] || lab_fail "$1 is not refused $2 $3: $output"
	lab_not_seen tcp "$2" "$3"
}

# container_finds NAME DNSNAME ADDRESS [PORT]: by its own resolver, and gets there.
container_finds() {
	ask_container "$1" "connects-musl 1 $2 ${4:-443}"
	[[ $output == "1 connected"* ]] || lab_fail "$1 does not find $2: $output"
	[[ -z $3 ]] || lab_seen tcp "$3" "${4:-443}"
}

# container_is_refused_to_ask NAME ADDRESS: that resolver.
container_is_refused_to_ask() {
	ask_container "$1" "probe udp-sendto $2 53"
	[[ $output == "EPERM "* ]] || lab_fail "$1 may ask $2: $output"
	ask_container "$1" "timeout 3 connects-musl 1 web.test 443"
	[[ $output == "1 connected"* ]]
}

# It is told so at once, and no one else was asked.
container_finds_no() {
	local begin=${EPOCHREALTIME/[.,]/}
	ask_container "$1" "connects-musl 1 $2 443"
	[[ $output == *"Name does not resolve"* ]] || lab_fail "$1 finds $2: $output"
	((${EPOCHREALTIME/[.,]/} - begin < 1500000 * LAB_PATIENCE)) || lab_fail "$2: not at once"
	lab_flush
	! lab_log_has packets "${2%%.*}" || lab_fail "asked for: $(lab_log packets | grep -F "${2%%.*}")"
}

# fence_is TARGET STATE: as `status` has it.
fence_is() {
	[[ $(fence_state "$1") == "$2" ]]
}

fence_state() {
	lab_host cgfence status --json | python3 -c 'import json, sys
for fence in json.load(sys.stdin)["fences"]:
    if fence["target"] == sys.argv[1]:
        print(fence["state"])' "$1"
}

# Pins of fences, by their directories.
pinned_fences() {
	lab_host sh -c 'ls /sys/fs/bpf/cgfence/links 2>/dev/null' || true
}

no_fence_is_pinned() {
	[[ -z $(pinned_fences) ]]
}

# --- the tests ----------------------------------------------------------------------------------

check_running() { # OPTION… for the container
	start_container box "$@"
	# It would reach both.
	container_reaches box "$EVIL4" 443
	container_reaches box "$WEB4" 443
	apply_policy web "allow web.test:443"
	lab_mark
	attach web container:box
	container_reaches box "$WEB4" 443
	container_finds box web.test "$WEB4"
	container_is_refused box "$EVIL4" 443
	container_is_refused box "$WEB4" 5432
	container_is_refused box "$EVIL6" 443
	lab_host cgfence status
	lab_host cgfence detach container:box
	lab_mark
	container_reaches box "$EVIL4" 443
	no_fence_is_pinned
}

check_exec() {
	start_container box "$USER_NETWORK"
	apply_policy web "allow web.test:443"
	attach web container:box
	run in_container box probe tcp "$EVIL4" 443
	refused tcp "$EVIL4" 443
	run in_container --user 65534 box probe tcp "$EVIL4" 443
	refused tcp "$EVIL4" 443
	run in_container box probe udp-sendto "$EVIL4" 443
	refused udp "$EVIL4" 443
	run in_container box connects-musl 1 web.test 443
	[[ $output == "1 connected"* ]]
	lab_seen tcp "$WEB4" 443
}

check_cut() {
	local in out kept_in kept_out
	start_container box "$USER_NETWORK"
	hold_in_container box "$WEB4" 443
	kept_in=$in kept_out=$out
	hold_in_container box "$EVIL4" 443
	apply_policy web "allow web.test:443"
	attach web container:box
	is_cut "$out"
	ticks "$kept_in" "$kept_out"
	exec {in}>&- {out}<&- {kept_in}>&- {kept_out}<&-
}

check_names() {
	start_container box "$USER_NETWORK"
	apply_policy web "allow *.wild.test:443" "allow web.test:443"
	attach web container:box
	# No one but the container has asked for this one.
	container_is_refused box "$WILD4" 443
	container_finds box any.wild.test "$WILD4"
	container_is_refused box "$WILD4" 5432
	container_finds_no box evil.test
	container_finds_no box exfil.example
	run in_container box connects-musl 1 late.wild.test 443
	[[ $output == "1 connected"* ]]
}

check_peers() {
	start_container web "$USER_NETWORK"
	start_container other "$USER_NETWORK"
	start_container box "$USER_NETWORK"
	engine exec -d web httpd -f -p 80
	engine exec -d other httpd -f -p 80
	container_finds box other "" 80
	apply_policy web "allow web:80 private"
	attach web container:box
	lab_until 10 container_says box "connects-musl 1 web 80" "1 connected"
	ask_container box "connects-musl 1 other 80"
	[[ $output == *"Name does not resolve"* ]]
}

check_moved() {
	start_container box "$USER_NETWORK"
	lab_dns_set mover 1 A "$WEB4"
	apply_policy web "allow mover.test:443"
	attach web container:box
	container_reaches box "$WEB4" 443
	container_is_refused box "$MOVED4" 443
	lab_dns_set mover 1 A "$MOVED4"
	# The container asks for nothing: the daemon does.
	lab_until 10 container_says box "probe tcp $MOVED4 443" OK
	lab_seen tcp "$MOVED4" 443
}

check_removed() {
	local before
	start_container box "$USER_NETWORK"
	apply_policy web "allow web.test:443"
	attach web container:box
	fence_is container:box standing
	engine rm -f box >/dev/null
	lab_until 10 no_fence_is_pinned || lab_fail "still pinned: $(pinned_fences)"
	[[ -z $(fence_state container:box) ]]
	logged_by_daemon "container:box is gone"
	before=$(open_descriptors)
	# Its name is free for others, and none of them leaves anything.
	for _ in 1 2 3 4; do
		start_container box "$USER_NETWORK"
		attach web container:box
		container_is_refused box "$EVIL4" 443
		container_reaches box "$WEB4" 443
		engine rm -f box >/dev/null
		lab_until 10 no_fence_is_pinned
	done
	lab_until 10 has_few_descriptors "$before" ||
		lab_fail "$before files were open: $(open_descriptors)"
}

open_descriptors() {
	find "/proc/$DAEMON_PID/fd" -type l | wc -l
}

# One or two more than before may be of what goes on.
has_few_descriptors() {
	(($(open_descriptors) <= $1 + 2))
}

# By what people call it, and what nobody does.
check_found() {
	local id
	start_container box "$USER_NETWORK"
	id=$(engine inspect --format '{{.Id}}' box)
	apply_policy web "allow web.test:443"
	attach web "container:${id:0:12}"
	container_is_refused box "$EVIL4" 443
	run --separate-stderr attach web container:box
	[[ $status == 125 && $stderr == *"container:${id:0:12}"* ]]
	lab_host cgfence detach "container:${id:0:12}"
	run --separate-stderr attach web container:nobody
	[[ $status == 125 && $stderr == *nobody* ]]
	engine stop -t 0 box >/dev/null
	run --separate-stderr attach web container:box
	[[ $status == 125 && $stderr == *box* ]]
	no_fence_is_pinned
}

check_restarted() {
	start_container box "$USER_NETWORK"
	apply_policy web "allow web.test:443"
	attach --persistent web container:box
	container_is_refused box "$EVIL4" 443
	engine restart -t 0 box >/dev/null
	lab_until 10 fence_is container:box standing
	lab_mark
	lab_until "$ENGINE_DEADLINE_S" in_container box test -p /out
	container_is_refused box "$EVIL4" 443
	container_finds box web.test "$WEB4"
	# Stopped it is waited for, by the next daemon, too.
	engine stop -t 0 box >/dev/null
	lab_until 10 fence_is container:box waiting
	stop_daemon
	start_daemon
	fence_is container:box waiting
	engine start box >/dev/null
	lab_until 10 fence_is container:box standing
	container_is_refused box "$EVIL4" 443
	lab_host cgfence detach container:box
}

# Another container, but of the name that was said.
check_made_anew() {
	start_container box "$USER_NETWORK"
	apply_policy web "allow web.test:443"
	attach --persistent web container:box
	engine rm -f box >/dev/null
	lab_until 10 fence_is container:box waiting
	start_container box "$USER_NETWORK"
	lab_until 10 fence_is container:box standing
	lab_mark
	container_is_refused box "$EVIL4" 443
	container_finds box web.test "$WEB4"
	lab_host cgfence detach container:box
}

# run_in_parent COMMAND…: the container's first instruction.
run_in_parent() {
	run --separate-stderr engine run --rm --cgroup-parent /parent "$USER_NETWORK" "$IMAGE" "$@"
}

# took_less_than MS: what connects-musl has just said.
took_less_than() {
	[[ $output =~ connected,\ ([0-9]+)\ ms ]]
	((BASH_REMATCH[1] < $1 * LAB_PATIENCE)) || lab_fail "not at once: $output"
}

check_parent() {
	lab_host mkdir "$LAB_CGROUP2/parent"
	apply_policy web "allow web.test:443" "allow *.wild.test:443"
	attach web "$LAB_CGROUP2/parent"
	run_in_parent probe tcp "$EVIL4" 443
	refused tcp "$EVIL4" 443
	run_in_parent probe tcp "$WEB4" 443
	[[ $output == OK* ]]
	# Its resolver is known by then.
	run_in_parent connects-musl 1 any.wild.test 443
	[[ $output == "1 connected"* ]]
	took_less_than 1000
	lab_seen tcp "$WILD4" 443
	run_in_parent connects-musl 1 evil.test 443
	[[ $output == *"Name does not resolve"* ]]
	took_less_than 1000
	start_container box --cgroup-parent /parent "$USER_NETWORK"
	container_finds box web.test "$WEB4"
	container_is_refused box "$EVIL4" 443
	remove_containers
	lab_host cgfence detach "$LAB_CGROUP2/parent"
	end_processes "$LAB_CGROUP_DIR/parent"
}

# Podman's conmon stays for a moment.
end_processes() {
	lab_until 10 lab_kill_all "$1"
	lab_until 10 lab_remove_cgroups "$1"
}

# A server beside the container's processes answers as one who rewrites its resolv.conf would like:
# 203.0.113.66 is what it says.
check_own_resolver() {
	local evil=203.0.113.66 forged=plain.cb007142.odd.test server
	start_container box "$USER_NETWORK"
	exec_beside_container box python3 -B "$BATS_TEST_DIRNAME/../tools/odd-dns.py" \
		--address 127.0.0.1 --log "$LAB_DIR/run/odd.log" >"$LAB_DIR/run/odd.out" 2>&1 3>&- &
	server=$!
	lab_until 5 grep -q ready "$LAB_DIR/run/odd.out" || lab_fail "$(<"$LAB_DIR/run/odd.out")"
	apply_policy web "allow web.test:443" "allow *.odd.test:443"
	attach web container:box
	ask_container box "echo nameserver $LAB_SILENT_NS4 >/etc/resolv.conf"
	ask_container box "timeout 1 connects-musl 1 web.test 443"
	[[ $output != "1 connected"* ]]
	lab_not_seen udp "$LAB_SILENT_NS4" 53
	lab_until 5 policy_shows web "$LAB_SILENT_NS4"
	ask_container box "echo nameserver 127.0.0.1 >/etc/resolv.conf"
	ask_container box "timeout 1 nslookup -type=a $forged"
	container_is_refused box "$evil" 443
	# Once more, when the daemon has seen that file.
	lab_until 5 policy_shows web 127.0.0.1
	ask_container box "timeout 1 nslookup -type=a $forged"
	container_is_refused box "$evil" 443
	container_reaches box "$WEB4" 443
	kill "$server"
}

# policy_shows NAME RESOLVER: of a place that its fences are in, trusted or not.
policy_shows() {
	lab_host cgfence show --json "$1" | grep -qF "\"$2\""
}
