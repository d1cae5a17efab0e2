# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# shellcheck shell=bash
# For tests with real containers: Docker and Podman as a machine has them, with their sockets and
# stores where they are by default, on the lab's host. Nothing of them is seen outside of the lab,
# and all of it goes with it. The lab's host has nothing but cgroup2: in a hybrid machine's other
# hierarchies engines would leave directories.

ENGINE_DEADLINE_S=30
IMAGE=localhost/cgfence-test

# start_engine docker|podman ["NAME TTL TYPE VALUE"…]: in setup_file(), in place of start_lab. The
# engine's store is in memory, so that it does not matter what file system the machine has.
start_engine() {
	export LAB_CGROUP=pure ENGINE=$1
	start_lab "${@:2}"
	lab_host mount -t tmpfs -o mode=755 tmpfs /var/lib
	"start_$1" || return
	make_image "$LAB_DIR/image"
	lab_host tar -C "$LAB_DIR/image" -c . | engine import - "$IMAGE" >/dev/null
}

# A root file system with a shell and what asks and connects, all of it static.
make_image() {
	mkdir -p "$1"/{bin,dev,etc,proc,root,run,sys,tmp,var}
	install /bin/busybox "$TEST_TOOLS"/{probe,musl-client,connects-musl} "$1/bin"
	chroot "$1" /bin/busybox --install -s /bin
	echo root:x:0:0:root:/root:/bin/sh >"$1/etc/passwd"
	echo root:x:0: >"$1/etc/group"
}

start_docker() {
	lab_exec host dockerd --bip 172.28.0.1/24 --default-address-pool base=172.28.32.0/20,size=24 \
		--oom-score-adjust 0 >"$LAB_DIR/run/dockerd.log" 2>&1 3>&- &
	disown
	lab_until "$ENGINE_DEADLINE_S" docker_answers || lab_fail "$(<"$LAB_DIR/run/dockerd.log")"
}

docker_answers() {
	engine version >/dev/null 2>&1
}

# Podman needs no server. The limits are what containers get at most on a machine that may not
# raise them, and without the controllers that another hierarchy may have.
start_podman() {
	cat >"$LAB_DIR/etc/containers/containers.conf" <<-END
		[containers]
		default_ulimits = [ "nofile=1024:4096", "nproc=4096:4096" ]
		pids_limit = 0
		[engine]
		cgroup_manager = "cgroupfs"
		events_logger = "file"
		runtime = "runc"
		[network]
		network_backend = "netavark"
		default_subnet = "10.89.0.0/24"
		default_subnet_pools = [ { "base" = "10.89.16.0/20", "size" = 24 } ]
	END
}

# engine ARGUMENT…: docker or podman, without what a user may have configured.
engine() {
	local options=()
	[[ $ENGINE != podman ]] || options=(--log-level error)
	lab_host env HOME="$LAB_DIR/home" "$ENGINE" "${options[@]}" "$@"
}

# start_container NAME [OPTION…]: its first process does what `ask_container` asks for.
start_container() {
	# shellcheck disable=SC2016 # expanded by the inner shell
	engine run -d --name "$1" --stop-signal KILL "${@:2}" "$IMAGE" sh -c 'mkfifo /in /out
		while :; do read -r line </in && { eval "$line"; echo "end of output $?"; } >/out 2>&1; done' \
		>/dev/null
	lab_until "$ENGINE_DEADLINE_S" in_container "$1" test -p /out
}

# ask_container NAME COMMAND: `$output` and `$status` are the command's.
ask_container() {
	# shellcheck disable=SC2016 # expanded by the inner shell
	output=$(in_container "$1" timeout $((20 * LAB_PATIENCE)) \
		sh -c 'echo "$1" >/in; cat /out' - "$2")
	status=${output##*end of output }
	output=${output%end of output *}
	output=${output%$'\n'}
	echo "$1: $2: $output" >&2
}

# As if someone had called `docker exec`.
in_container() {
	engine exec "$@"
}

# For `lab_until`: what the container's command says begins so.
container_says() {
	ask_container "$1" "$2"
	[[ $output == "$3"* ]]
}

container_pid() {
	engine inspect --format '{{.State.Pid}}' "$1"
}

# The cgroup of a container, as the lab's host has it.
container_cgroup() {
	local line
	line=$(lab_host sed -n 's/^0:://p' "/proc/$(container_pid "$1")/cgroup")
	# shellcheck disable=SC2153 # it is the lab's
	echo "$LAB_CGROUP2$line"
}

# exec_beside_container NAME COMMAND…: replaces this shell with a program of the machine's, in the
# container's cgroup and network: for what the image has not.
exec_beside_container() {
	local pid cgroup
	pid=$(container_pid "$1")
	cgroup=$(container_cgroup "$1")
	shift
	# shellcheck disable=SC2016 # expanded by the inner shell
	lab_exec host sh -c 'echo $$ >"$1/cgroup.procs"; shift; exec nsenter "$@"' - \
		"$cgroup" --target "$pid" --net "$@"
}

# hold_in_container NAME ADDRESS PORT: a connection that a process of the container holds; `$in`
# and `$out` are its ends.
hold_in_container() {
	local pipe=$BATS_TEST_TMPDIR/hold-$2
	mkfifo "$pipe.in" "$pipe.out"
	engine exec -i "$1" nc "$2" "$3" <"$pipe.in" >"$pipe.out" 2>/dev/null 3>&- &
	exec {in}>"$pipe.in" {out}<"$pipe.out"
	ticks "$in" "$out"
}

# ticks IN OUT: it still carries bytes there and back.
ticks() {
	local line
	echo tick >&"$1"
	read -rt $((10 * LAB_PATIENCE)) -u "$2" line
	[[ $line == tick ]] || lab_fail "does not flow: $line"
}

# is_cut OUT: it ends without having been asked anything.
is_cut() {
	local line status=0
	read -rt $((10 * LAB_PATIENCE)) -u "$1" line || status=$?
	# Beyond 128 nothing came in time.
	[[ $status == 1 && -z $line ]] || lab_fail "not cut: $status $line"
}

# All that tests make of an engine.
remove_containers() {
	local list
	list=$(engine ps -aq)
	# shellcheck disable=SC2086 # one word for each
	[[ -z $list ]] || engine rm -f $list >/dev/null
	list=$(engine network ls --format '{{.Name}}' | grep '^test' || true)
	# shellcheck disable=SC2086
	[[ -z $list ]] || engine network rm $list >/dev/null
}
