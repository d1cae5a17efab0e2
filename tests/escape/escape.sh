#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# What `make escape` runs: every way out that we know, under each profile, judged by the wire.
#
#     escape.sh [--readme FILE]
#
# One column after another; in each, one fence has one command that makes all attempts in turn.
# Without a fence the same attempts must get out, or they prove nothing. judge.py makes the table.
set -u

# shellcheck source=tests/tools/lab.sh
. "$(dirname "${BASH_SOURCE[0]}")/../tools/lab.sh"

ESCAPE=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
ESCAPE_BUILD=${ESCAPE_BUILD:-$ESCAPE/../../build}
CGFENCE=${CGFENCE:-$ESCAPE_BUILD/cgfence}
# The attempts' own ports: an attempt and the records about it are known by them.
RULES=(--allow github.test:2000-2999 --allow gitlab.test:3000-3999 --allow localhost:9100
	--allow "[2001:db8:2::66]:2000-2999" --allow github.test/icmp --listen 7100
	--allow '*.allowed.test:9')
DOCKER_CAPS=chown,dac_override,fowner,fsetid,kill,setgid,setuid,setpcap,net_bind_service,net_raw
DOCKER_CAPS+=,sys_chroot,mknod,audit_write,setfcap
COLUMNS_TABLE=(control-user control-root user confined docker root full)
# shellcheck disable=SC2016 # expanded by that shell
# What a shell does next with what is typed.
TERMINAL_SHELL='; while read -rt 0.4 line; do eval "$line"; done'
declare -A PROFILES=(
	[user]="--no-seccomp --allow-inherited"
	[confined]=""
	[docker]="--user root --no-seccomp --keep-caps $DOCKER_CAPS"
	[root]="--user root"
	[full]="--user root --no-seccomp --keep-caps all"
)

escape_prepare() {
	# shellcheck disable=SC2119
	lab_start || return
	RESULTS=$LAB_DIR/escape
	FRAMES=$RESULTS/frames
	install -d -m 777 "$RESULTS"
	install "$CGFENCE" "$ESCAPE_BUILD/tests/escape/escape" "$LAB_DIR/bin"
	# It has room for what it does not read at once, and races need both processors.
	lab_exec internet nice -n 19 python3 "$LAB_TOOLS/recorder.py" --interface eth0 --log /dev/null \
		--frames "$FRAMES" --ready "$RESULTS/ready" --echo 2000-2999 &
	disown # or the shell would tell of its end
	lab_exec internet python3 "$ESCAPE/peer.py" --pipe "$RESULTS/peer" \
		--mptcp $(($(escape_port mptcp-sub) + 1000)) --mptcp $(($(escape_port mptcp-sub) + 1001)) &
	disown
	escape_prepare_mptcp
	escape_prepare_tun
	escape_prepare_helpers
	escape_prepare_resolvers
	lab_until 60 test -e "$RESULTS/ready" -a -p "$RESULTS/peer" -a -s "$RESULTS/listener" ||
		lab_fail "recorder, peer and listener did not start"
}

# Other processes' resolvers, which ask for whatever they are told to; and as most hosts have it,
# /etc/resolv.conf is beside the socket of one.
escape_prepare_resolvers() {
	local resolved=/run/systemd/resolve
	lab_host mkdir -p "$resolved"
	lab_host mv /etc/resolv.conf "$resolved/stub-resolv.conf"
	lab_host ln -s "..$resolved/stub-resolv.conf" /etc/resolv.conf
	lab_exec host python3 "$LAB_TOOLS/listener.py" --resolver "$LAB_NS4" /dev/null \
		/run/nscd/socket "$resolved/io.systemd.Resolve" >"$RESULTS/listener" &
	disown
}

# The user has a TUN device of their own, and the host forwards what comes out of it.
escape_prepare_tun() {
	lab_host ip tuntap add escape0 mode tun user dev
	lab_host ip link set escape0 up
	# shellcheck disable=SC2016 # expanded by the inner shell
	lab_host sh -c 'cd /proc/sys/net && echo 1 >ipv4/ip_forward && echo 1 >ipv6/conf/all/forwarding
		for file in ipv4/conf/*/rp_filter; do echo 0 >"$file"; done'
	mknod -m 666 "$RESULTS/tun" c 10 200
}

# Programs that others run for an attempt, and a second /proc. A setting of the kernel that an
# attempt changes is put back by the attempt, and by us if that one dies.
escape_prepare_helpers() {
	install "$ESCAPE_BUILD/tests/escape/escape" "$RESULTS/escape"
	install -m 4755 "$ESCAPE_BUILD/tests/escape/escape" "$RESULTS/escape-setuid"
	install "$ESCAPE_BUILD/tests/escape/escape" "$RESULTS/escape-filecap"
	setcap cap_net_raw+ep "$RESULTS/escape-filecap"
	mkdir "$RESULTS/proc"
	mkfifo "$RESULTS/quiet"
	lab_host mkdir /sys/fs/bpf/laboratory
	lab_host mount -t proc proc "$RESULTS/proc"
	CORE_PATTERN=$(</proc/sys/kernel/core_pattern)
	# Another run's, that was killed.
	[[ $CORE_PATTERN != *cgf-lab.* ]] || CORE_PATTERN=core
}

# escape_port NAME: the attempt's own.
escape_port() {
	"$LAB_DIR/bin/escape" list | awk -v name="$1" '$1 == name { print $3 }'
}

# A server with several addresses tells its clients of them; the forbidden one is among them.
escape_prepare_mptcp() {
	lab_host ip mptcp limits set add_addr_accepted 8 subflows 8
	lab_internet ip mptcp limits set add_addr_accepted 8 subflows 8
	lab_internet ip mptcp endpoint add "${LAB_SITE4[evil]}" signal
	lab_internet ip mptcp endpoint add "${LAB_SITE6[evil]}" signal
} 2>/dev/null

escape_stop() {
	[[ -z ${CORE_PATTERN:-} || $(</proc/sys/kernel/core_pattern) == "$CORE_PATTERN" ]] ||
		echo "$CORE_PATTERN" >/proc/sys/kernel/core_pattern
	lab_stop
}

escape_flush() {
	local token
	token=control-$RANDOM-${EPOCHREALTIME/[.,]/}
	# shellcheck disable=SC2016 # expanded by the inner shell
	lab_host bash -c 'printf %s "$1" >"/dev/udp/$2/9"' - "$token" "$LAB_GATEWAY4"
	lab_until 30 grep -qF "$(printf %s "$token" | od -An -v -tx1 | tr -d ' \n')" "$FRAMES" ||
		lab_fail "the recorder does not answer"
}

# escape_column COLUMN: all the attempts of a column, one run for each kind.
escape_column() {
	local column=$1 begin kind name
	begin=$(stat -c %s "$FRAMES")
	{
		for kind in main stdin directory terminal; do
			escape_run "$column" "$kind"
		done
		# What breaks the fence has one of its own.
		for name in $(escape_alone); do
			escape_run "$column" alone "$name"
			lab_until 5 escape_ended
		done
	} >"$RESULTS/$column.said" 2>"$RESULTS/$column.errors"
	escape_flush || return
	tail -c "+$((begin + 1))" "$FRAMES" >"$RESULTS/$column.frames"
}

# escape_run COLUMN KIND: through a process that stays outside and leaves descriptors open.
escape_run() {
	local column=$1 kind=$2 uid=0 gid=0 command=()
	shift 2
	[[ ${PROFILES[$column]:-} == *"--user root"* || $column == control-root ]] ||
		uid=$LAB_DEV_UID gid=$LAB_DEV_GID
	case $column in
	control-user) command=(setpriv --reuid dev --regid dev --init-groups) ;;
	control-root) ;;
	*)
		# shellcheck disable=SC2206 # one word for each option
		command=(cgfence run ${PROFILES[$column]} "${RULES[@]}" --quiet --json
			--log "$RESULTS/$column.log" --)
		;;
	esac
	command+=(escape --kind "$kind" run "$column" "$RESULTS" "$@")
	command=(escape outside "$RESULTS" "$uid" "$gid" "$LAB_CGROUP2" "$kind" "${command[@]}")
	if [[ $kind == terminal ]]; then
		lab_sudo script -qec "${command[*]@Q}$TERMINAL_SHELL" /dev/null 0<>"$RESULTS/quiet" | tr -d '\r'
	else
		lab_sudo "${command[@]}" </dev/null
	fi
}

escape_alone() {
	"$LAB_DIR/bin/escape" list | awk -F '\t' '$4 ~ /alone/ { print $1 }'
}

# A command whose cgfence was killed ends by itself.
escape_ended() {
	! lab_host cat "$LAB_CGROUP2"/cgfence/run-*/cgroup.procs 2>/dev/null | grep -q .
}

main() {
	local column
	[[ $EUID == 0 ]] || lab_fail "make escape must be run as root" || exit 1
	trap escape_stop EXIT
	escape_prepare || exit 1
	for column in "${COLUMNS_TABLE[@]}"; do
		escape_column "$column" || exit 1
	done
	"$LAB_DIR/bin/escape" list >"$RESULTS/list"
	python3 "$LAB_TOOLS/kernel.py" >"$RESULTS/kernel"
	[[ -z ${ESCAPE_KEEP:-} ]] || cp -r "$RESULTS" "$ESCAPE_KEEP"
	python3 "$ESCAPE/judge.py" "$RESULTS" "$@"
}

main "$@"
