#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# A throw-away laboratory for tests: a host, where the fence and its command run, and an internet
# behind a veth, with a DNS server, three sshd, and a recorder that says what got out.
#
#     . tests/tools/lab.sh
#     trap lab_stop EXIT
#     lab_start ["NAME TTL TYPE VALUE"…]     # more records for the zone test.
#     lab_host CMD…                          # as root, on the host, where the fence goes
#     lab_sudo CMD…                          # the same as if the user dev had called sudo
#     lab_internet CMD…                      # on the other side
#
#     tests/tools/lab.sh shell               # look around in one
#     tests/tools/lab.sh sweep               # remove what killed runs have left
#
# How it hides: one process has a mount, cgroup and PID namespace, and makes everything inside:
# network namespaces, bpffs, cgroup2, /run and /etc of its own. So labs do not see each other, the
# machine does not see them, and when that process is killed the kernel removes nearly all. The
# rest is one directory and one cgroup of the same name, cgf-lab.PID.XXXXXX, PID being the owner's.
#
# The internet has every address there is: any port that recorder.py listens on answers at any
# address, so a test may use new ones without preparation. The named hosts:
#     github.test  198.51.100.10  2001:db8:1::10    sshd, git repository /repo, http 80 and 8080
#     gitlab.test  198.51.100.20  2001:db8:1::20    the same
#     evil.test    198.51.100.66  2001:db8:1::66    the same
#     ns.test      198.51.100.53  2001:db8:1::53    knotd for test.
#                  198.51.100.54  2001:db8:1::54    a DNS server that never answers

# shellcheck disable=SC2034 # for lab-init.sh and for tests
LAB_TOOLS=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
LAB_HOST4=198.51.100.2
LAB_HOST6=2001:db8:1::2
LAB_GATEWAY4=198.51.100.1
LAB_GATEWAY6=2001:db8:1::1
LAB_NS4=198.51.100.53
LAB_NS6=2001:db8:1::53
LAB_SILENT_NS4=198.51.100.54
LAB_SILENT_NS6=2001:db8:1::54
LAB_SITES=(github gitlab evil)
declare -gA LAB_SITE4=([github]=198.51.100.10 [gitlab]=198.51.100.20 [evil]=198.51.100.66)
declare -gA LAB_SITE6=([github]=2001:db8:1::10 [gitlab]=2001:db8:1::20 [evil]=2001:db8:1::66)
LAB_HTTP_PORTS=80,8080
LAB_ECHO_PORTS=443,1001-1100,5432,8000-8009
LAB_GIT_UID=64041
LAB_DEV_UID=64042
LAB_DEV_GID=64142
LAB_DEADLINE_S=30
# How many times longer than here may anything take: for machines that are slow.
export LAB_PATIENCE=${LAB_PATIENCE:-1}
declare -gA LAB_MARKS=()

lab_fail() {
	echo "lab: $*" >&2
	return 1
}

# Ten milliseconds, without a process: reads a pipe in which nothing ever is.
lab_nap() {
	[[ -n ${LAB_NAP_FD:-} && -e /proc/self/fd/$LAB_NAP_FD ]] || exec {LAB_NAP_FD}<> <(:)
	read -rt 0.01 -u "$LAB_NAP_FD" || true
}

# lab_until SECONDS CMD…: until CMD succeeds; fails at the deadline.
lab_until() {
	local deadline=$((${EPOCHREALTIME/[.,]/} + $1 * LAB_PATIENCE * 1000000))
	shift
	until "$@"; do
		((${EPOCHREALTIME/[.,]/} < deadline)) || return 1
		lab_nap
	done
}

# Where the machine has cgroup2: hybrid machines have it in one of two places, or elsewhere.
lab_find_cgroup2() {
	local path
	for path in /sys/fs/cgroup /sys/fs/cgroup/unified; do
		if [[ $(stat -fc %T "$path" 2>/dev/null) == cgroup2fs ]]; then
			echo "$path"
			return
		fi
	done
	findmnt -nt cgroup2 -o TARGET | head -n 1
}

# --- the owner's side: start, stop, enter -------------------------------------------------------

# shellcheck disable=SC2120 # the records are optional
lab_start() {
	local cgroup2
	cgroup2=$(lab_find_cgroup2)
	[[ $EUID == 0 ]] || lab_fail "must be root" || return
	[[ -n $cgroup2 ]] || lab_fail "no cgroup2 is mounted" || return
	unset -v "${!SUDO_@}" "${!GIT_@}" "${!SSH_@}" 2>/dev/null
	unset -v http_proxy https_proxy all_proxy no_proxy HTTP_PROXY HTTPS_PROXY ALL_PROXY NO_PROXY
	LAB_DIR=$(mktemp -d "${TMPDIR:-/tmp}/cgf-lab.$$.XXXXXX") || return
	LAB_CGROUP_DIR=$cgroup2/${LAB_DIR##*/}
	LAB_NETNS=cgf-$$
	LAB_HOME=$LAB_DIR/home/dev
	LAB_LOG=$LAB_DIR/log/packets
	LAB_CGROUP=${LAB_CGROUP:-machine}
	case $LAB_CGROUP in
	pure) LAB_CGROUP2=/sys/fs/cgroup ;;
	hybrid) LAB_CGROUP2=/sys/fs/cgroup/unified ;;
	*) LAB_CGROUP2=$cgroup2 ;;
	esac
	export LAB_DIR LAB_CGROUP_DIR LAB_NETNS LAB_HOME LAB_LOG LAB_CGROUP LAB_CGROUP2
	mkdir "$LAB_CGROUP_DIR" || return
	chmod 755 "$LAB_DIR"
	mkdir "$LAB_DIR"/{bin,home,log,run,internet}
	printf '%s\n' "$@" >"$LAB_DIR/internet/records"

	lab_init_start &
	LAB_PID=$!
	disown # or the shell would tell of its end
	export LAB_PID
	if ! lab_until "$LAB_DEADLINE_S" lab_started || [[ ! -e $LAB_DIR/ready ]]; then
		cat "$LAB_DIR/log/lab" >&2
		lab_stop
		lab_fail "did not start"
	fi
}

lab_started() {
	[[ -e $LAB_DIR/ready ]] || ! kill -0 "$LAB_PID" 2>/dev/null
}

# Becomes the first process of the lab. It dies with the owner, and with it all the servers do.
lab_init_start() {
	exec </dev/null >"$LAB_DIR/log/lab" 2>&1
	lab_close_fds
	echo "$BASHPID" >"$LAB_CGROUP_DIR/cgroup.procs"
	exec setpriv --pdeathsig KILL \
		unshare --mount --cgroup --pid --fork --kill-child bash "$LAB_TOOLS/lab-init.sh"
}

# Nothing of the owner's goes in: bats, for one, waits until all its descriptors are closed.
lab_close_fds() {
	local fd
	for fd in "/proc/$BASHPID/fd"/*; do
		fd=${fd##*/}
		((fd <= 2)) || eval "exec $fd>&-"
	done
}

lab_stop() {
	[[ -n ${LAB_DIR:-} ]] || return 0
	lab_remove "$LAB_DIR" "$LAB_CGROUP_DIR"
	unset -v LAB_DIR LAB_PID
}

# Kills what lives in the lab's cgroup, servers and commands alike, and removes cgroup and files.
lab_remove() {
	local directory=$1 cgroup=$2
	if [[ -d $cgroup ]]; then
		lab_until "$LAB_DEADLINE_S" lab_kill_all "$cgroup" || lab_fail "$cgroup: still in use"
		lab_until "$LAB_DEADLINE_S" lab_remove_cgroups "$cgroup" || lab_fail "$cgroup: stays"
	fi
	rm -rf --one-file-system "$directory"
}

lab_kill_all() {
	local pids
	pids=$(find "$1" -name cgroup.procs -exec cat {} + 2>/dev/null)
	[[ -n $pids ]] || return 0
	# shellcheck disable=SC2086 # one word for each process
	kill -KILL $pids 2>/dev/null
	return 1
}

lab_remove_cgroups() {
	find "$1" -depth -type d -exec rmdir {} + 2>/dev/null
	[[ ! -d $1 ]]
}

# Removes the labs whose owner is gone.
lab_sweep() {
	local path name pid cgroup2
	cgroup2=$(lab_find_cgroup2)
	for path in "${TMPDIR:-/tmp}"/cgf-lab.* "$cgroup2"/cgf-lab.*; do
		name=${path##*/}
		pid=${name#cgf-lab.}
		pid=${pid%%.*}
		[[ -d $path && ! -d /proc/$pid ]] || continue
		echo "lab: removing $name"
		lab_remove "${TMPDIR:-/tmp}/$name" "$cgroup2/$name"
	done
}

# Replaces this shell, which must be a subshell, with CMD in the lab. For `lab_exec … &`: then $! is
# CMD's. A shell without job control has its children ignore SIGINT; CMD shall not.
lab_exec() {
	local net="/proc/$LAB_PID/root/run/netns/$LAB_NETNS-$1"
	shift
	lab_close_fds
	echo "$BASHPID" >"$LAB_CGROUP_DIR/cgroup.procs"
	exec nsenter --target "$LAB_PID" --mount --cgroup --net="$net" --wdns="$LAB_HOME" \
		env --default-signal PATH="$LAB_DIR/bin:/usr/sbin:/usr/bin:/sbin:/bin" "$@"
}

lab_host() {
	(lab_exec host "$@")
}

lab_internet() {
	(lab_exec internet "$@")
}

# The environment that sudo makes, HOME included: machines to test on often have no sudo.
lab_sudo_environment() {
	echo HOME=/root USER=root LOGNAME=root SHELL=/bin/bash \
		SUDO_USER=dev SUDO_UID=$LAB_DEV_UID SUDO_GID=$LAB_DEV_GID SUDO_COMMAND=cgfence
}

lab_exec_sudo() {
	# shellcheck disable=SC2046 # one word for each variable
	lab_exec host $(lab_sudo_environment) "$@"
}

lab_sudo() {
	(lab_exec_sudo "$@")
}

# lab_dns_set NAME TTL TYPE [VALUE…]: NAME.test has these records now, and no others of that type.
lab_dns_set() {
	local name=$1 ttl=$2 type=$3 value
	shift 3
	{
		printf 'server %s\nzone test.\nupdate delete %s.test. %s\n' "$LAB_NS4" "$name" "$type"
		for value; do
			printf 'update add %s.test. %s %s %s\n' "$name" "$ttl" "$type" "$value"
		done
		echo send
	} | lab_internet knsupdate -v
}

# --- what the server side saw -------------------------------------------------------------------

# From now on the questions below are about what comes after this.
lab_mark() {
	local log
	for log in "$LAB_DIR"/log/*; do
		LAB_MARKS[$log]=$(stat -c %s "$log")
	done
}

# lab_log NAME: the log since the last mark: packets, or the name of a site for its sshd.
lab_log() {
	local log=$LAB_DIR/log/$1
	tail -c "+$((${LAB_MARKS[$log]:-0} + 1))" "$log"
}

lab_packets() {
	lab_log packets | grep -F -- "$1 $2 $3 from "
}

lab_log_has() {
	lab_log "$1" | grep -qF -- "$2"
}

lab_logged() {
	lab_packets "$@" >/dev/null
}

# lab_seen PROTOCOL ADDRESS PORT: that packet arrives, or has.
lab_seen() {
	lab_until 5 lab_logged "$@" || lab_fail "$1 $2 $3 did not reach the internet"
}

# lab_not_seen PROTOCOL ADDRESS PORT: it has not. First a packet that nothing fences goes the same
# way, and once that is in the log, all that was sent before it is.
lab_not_seen() {
	lab_flush || return
	! lab_logged "$@" || lab_fail "got out: $(lab_packets "$@" | head -n 3)"
}

lab_flush() {
	local token="control-$RANDOM-${EPOCHREALTIME/[.,]/}"
	# shellcheck disable=SC2016 # expanded by the inner shell
	lab_host bash -c 'printf %s "$1" >"/dev/udp/$2/9"' - "$token" "$LAB_GATEWAY4"
	lab_until 5 lab_log_has packets "$token" || lab_fail "the recorder does not answer"
}

# lab_ssh_accepted SITE: its sshd has let someone in since the mark.
lab_ssh_accepted() {
	lab_until 5 lab_log_has "$1" "Accepted publickey for git from"
}

lab_shell() {
	trap lab_stop EXIT
	# shellcheck disable=SC2119
	lab_start || return
	ln -s "$(cd "$LAB_TOOLS/../.." && pwd)/build/cgfence" "$LAB_DIR/bin/cgfence"
	cat >&2 <<-'EOF'
		lab: github.test and gitlab.test (SSH, git), evil.test; HTTP on 80 and 8080 of each.
		lab: you are root, as if by sudo of the user dev, so "cgfence run …" runs as dev. Try
		lab:   cgfence run --allow github.test:22 -- git clone ssh://git@github.test/repo
	EOF
	lab_sudo bash --norc -i
}

if [[ ${BASH_SOURCE[0]} == "$0" ]]; then
	case ${1:-} in
	shell) lab_shell ;;
	sweep) lab_sweep ;;
	*)
		echo "Usage: ${0##*/} shell|sweep; or source it" >&2
		exit 2
		;;
	esac
fi
