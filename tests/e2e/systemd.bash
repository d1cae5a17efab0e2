# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# shellcheck shell=bash
# For tests with real services: systemd as the first process of a machine of its own in the lab,
# see tests/tools/systemd-init.sh, on the network of the lab's host.

SYSTEMD_DEADLINE_S=20

# start_systemd ["NAME TTL TYPE VALUE"…]: in setup_file(), in place of start_lab.
start_systemd() {
	export LAB_CGROUP=pure
	start_lab "$@"
	export SYSTEMD_PID='' SYSTEMD_DIR=$LAB_DIR/systemd
	mkdir -p "$SYSTEMD_DIR/units" "$LAB_CGROUP_DIR/systemd"
	cp -a "$LAB_DIR/etc" "$SYSTEMD_DIR/etc"
	copy_units {sysinit,basic,shutdown,multi-user}.target
	# shellcheck disable=SC2016,SC2153 # expanded by the inner shell; it is the lab's
	lab_exec host sh -c 'echo $$ >"$1/systemd/cgroup.procs"; shift; exec unshare --mount --uts --ipc \
		--cgroup --pid --fork --kill-child "$@"' - "$LAB_CGROUP2" \
		"$LAB_TOOLS/systemd-init.sh" "$SYSTEMD_DIR" >"$LAB_DIR/run/systemd.log" 2>&1 3>&- &
	SYSTEMD_PARENT=$!
	disown
	lab_until "$SYSTEMD_DEADLINE_S" systemd_runs || lab_fail "$(<"$LAB_DIR/run/systemd.log")"
	install_in_systemd "$LAB_DIR"/bin/*
}

# copy_units UNIT…: the machine's, without what is hung on them.
copy_units() {
	local unit
	for unit; do
		grep -vE '^(Wants|Requires|After|Before|Conflicts)=' "/lib/systemd/system/$unit" \
			>"$SYSTEMD_DIR/units/$unit"
	done
}

systemd_runs() {
	[[ -n $SYSTEMD_PID ]] || SYSTEMD_PID=$(pgrep -P "$SYSTEMD_PARENT") || return
	[[ $(<"/proc/$SYSTEMD_PID/comm") == systemd ]] &&
		on_systemd systemctl is-active --quiet multi-user.target
}

# install_in_systemd FILE…: as /usr/bin has it there.
install_in_systemd() {
	install "$@" "/proc/$SYSTEMD_PID/root/usr/bin"
}

# on_systemd COMMAND…: there, as root, outside of all of its units.
on_systemd() {
	(exec_on_systemd "$@")
}

exec_on_systemd() {
	lab_close_fds
	echo "$BASHPID" >"$LAB_CGROUP_DIR/cgroup.procs"
	exec nsenter --target "$SYSTEMD_PID" --mount --uts --ipc --cgroup --pid --net --root --wd \
		env -i --default-signal PATH=/usr/sbin:/usr/bin:/sbin:/bin "$@"
}

# add_unit NAME: from stdin.
add_unit() {
	cat >"/proc/$SYSTEMD_PID/root/etc/systemd/system/$1"
	on_systemd systemctl daemon-reload
}

# A service that does what `ask_service` asks for.
add_service() { # NAME [LINE…] of its [Service]
	local name=$1
	shift
	add_unit "$name.service" <<-END
		[Service]
		ExecStart=/bin/sh -c 'mkfifo /run/$name/in /run/$name/out; \\
			while read -r line </run/$name/in; do \\
			{ eval "\$\$line"; echo "end of output \$\$?"; } >/run/$name/out 2>&1; done'
		RuntimeDirectory=$name
		$(printf '%s\n' "$@")
	END
}

# ask_service NAME COMMAND: `$output` and `$status` are the command's.
# shellcheck disable=SC2034 # for the tests
ask_service() {
	lab_until "$SYSTEMD_DEADLINE_S" on_systemd test -p "/run/$1/out"
	# shellcheck disable=SC2016 # expanded by the inner shell
	output=$(on_systemd timeout $((20 * LAB_PATIENCE)) \
		sh -c 'echo "$2" >"/run/$1/in"; cat "/run/$1/out"' - "$1" "$2")
	status=${output##*end of output }
	output=${output%end of output *}
	output=${output%$'\n'}
	echo "$1: $2: $output" >&2
}
