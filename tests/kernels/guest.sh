#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# The first process on the host's files: makes a machine on which the tests run, with nothing but
# cgroup2, and runs /command. Output goes to the second serial line, the status to the third.
export HOME=/root TERM=dumb
# shellcheck source=/dev/null # vm.sh writes it
. /command
: "${kernel:?}" "${command:?}"

mount -t proc proc /proc
mount -t sysfs sys /sys
mkdir -p /dev/pts /dev/shm /dev/net
mount -t devpts devpts /dev/pts
mount -t tmpfs shm /dev/shm
mount -t tmpfs run /run
mount -t cgroup2 cgroup2 /sys/fs/cgroup
mount -t bpf bpf /sys/fs/bpf
mount -t securityfs security /sys/kernel/security
mount -t tracefs tracing /sys/kernel/tracing
[[ -e /dev/fd ]] || ln -s /proc/self/fd /dev/fd
mkdir -p /lib/modules
ln -sfn "$kernel/lib/modules/$(uname -r)" "/lib/modules/$(uname -r)"
modprobe -a tun veth
[[ -e /dev/net/tun ]] || mknod /dev/net/tun c 10 200
hostname cgfence-vm
ip link set lo up
# As login gives it: 5.10 counts BPF maps against it.
ulimit -l unlimited

stty -F /dev/ttyS1 raw
stty -F /dev/ttyS2 raw
echo started >/dev/ttyS2
# Everything here is 10 to 20 times slower than the tests expect.
export LAB_PATIENCE=20
cd "$PWD" && "${command[@]}" </dev/null >/dev/ttyS1 2>&1
echo $? >/dev/ttyS2
sync
echo o >/proc/sysrq-trigger
read -r </dev/ttyS0
