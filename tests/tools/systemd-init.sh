#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# Makes a machine for systemd, and becomes its first process:
#
#     systemd-init.sh DIRECTORY [COMMAND…]     # /lib/systemd/systemd
#
# To be run in mount, PID and cgroup namespaces of its own. What systemd does at boot, such as to
# empty /tmp, is not for the machine that the tests run on. So its root is an overlay in memory, the
# old root is gone when it starts, and it finds no units, generators and the like but those that are
# in DIRECTORY: units/ and etc/. Nothing is started unless all of that is so.
set -eu

directory=$1
shift
(($#)) || set -- /lib/systemd/systemd --log-target=null --unit=multi-user.target
root=$directory/root

make_root() {
	mkdir -p "$root"
	mount -t tmpfs -o mode=755 tmpfs "$root"
	mkdir "$root"/{upper,work,new}
	mount -t overlay -o "lowerdir=/,upperdir=$root/upper,workdir=$root/work" overlay "$root/new"
	root=$root/new
	mount -t proc proc "$root/proc"
	mount -t sysfs -o ro sysfs "$root/sys"
	mount -t cgroup2 cgroup2 "$root/sys/fs/cgroup"
	mount -t bpf bpf "$root/sys/fs/bpf"
	make_dev
	for path in /run /tmp /var/tmp /var/log /var/lib/systemd; do
		mount -t tmpfs -o mode=1777 tmpfs "$root$path"
	done
	chmod 755 "$root/run"
	mount --bind "$directory/etc" "$root/etc"
}

make_dev() {
	local device
	mount -t tmpfs -o mode=755 tmpfs "$root/dev"
	mkdir "$root"/dev/{shm,pts}
	mount -t devpts -o newinstance,ptmxmode=666 devpts "$root/dev/pts"
	ln -s pts/ptmx "$root/dev/ptmx"
	for device in null zero full random urandom tty; do
		: >"$root/dev/$device"
		mount --bind "/dev/$device" "$root/dev/$device"
	done
}

# All that systemd and its parts would read from the machine's directories.
hide_units() {
	local path
	for path in "$root"/{usr/lib,etc,usr/local/lib}/systemd/{system,user,system-generators} \
		"$root"/usr/lib/{tmpfiles.d,sysctl.d,sysusers.d,modules-load.d,binfmt.d,udev}; do
		[[ ! -d $path ]] || mount -t tmpfs -o mode=755 tmpfs "$path"
	done
	cp "$directory"/units/* "$root/usr/lib/systemd/system"
}

# The old root goes away: what cannot be reached cannot be changed.
enter_root() {
	cd "$root"
	mkdir -p old
	pivot_root . old
	cd /
	umount -l /old
	rmdir /old
}

# A last look, for this would be done to the machine.
is_own_machine() {
	[[ $$ == 1 && $(stat -fc %T /) == overlayfs && $(stat -fc %T /tmp) == tmpfs ]] &&
		[[ $(stat -fc %T /var/tmp) == tmpfs && ! -e /lib/systemd/system/sysinit.target.wants ]]
}

make_root
hide_units
enter_root
is_own_machine || exit 125
mount -o remount,bind,ro /proc/sys 2>/dev/null || {
	mount --bind /proc/sys /proc/sys
	mount -o remount,bind,ro /proc/sys
}
exec env -i container=lab PATH=/usr/sbin:/usr/bin:/sbin:/bin "$@"
