#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# What the fence costs, side by side in one run, next to what it may cost. Never fails on a time.
#
# Everything is made in a mount, network, PID and cgroup namespace with a BPF file system of its
# own, in one directory and one cgroup that have the name of a laboratory's: so nothing on the
# machine is touched, what is killed leaves nothing in force, and `lab.sh sweep` finds the rest.
set -eu

# shellcheck source=tests/tools/lab.sh
. "$(dirname "${BASH_SOURCE[0]}")/../tools/lab.sh"

BENCH=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
BENCH_BUILD=${BENCH_BUILD:-$BENCH/../../build}
# Those that are named only: make bench BENCH_PARTS="connect packet"
BENCH_PARTS=${BENCH_PARTS:-start connect packet message throughput names daemon}
export BENCH_NAMES=10000 BENCH_TARGETS=1000 BENCH_NEAR=198.51.100.1 BENCH_FAR=198.51.100.2

bench_prepare() {
	BENCH_CGROUP2=$(lab_find_cgroup2)
	[[ $EUID == 0 ]] || lab_fail "make bench must be run as root"
	[[ -n $BENCH_CGROUP2 ]] || lab_fail "no cgroup2 is mounted"
	# The command shall stay root, and nothing of the caller's shall be in its way.
	unset -v "${!SUDO_@}"
	BENCH_DIR=$(mktemp -d "${TMPDIR:-/tmp}/cgf-lab.$$.XXXXXX")
	BENCH_CGROUP=$BENCH_CGROUP2/${BENCH_DIR##*/}
	export BENCH_DIR BENCH_CGROUP2
	trap bench_stop EXIT
	trap 'exit 129' HUP
	trap 'exit 130' INT
	trap 'exit 143' TERM
	mkdir "$BENCH_CGROUP" "$BENCH_DIR/dns"
	# Copies: someone may be building.
	install "$BENCH_BUILD"/{cgfence,tests/tools/pulse} "$BENCH_DIR"
	install "$BENCH_BUILD"/tests/bench/{connects,packets,messages,bench_resolver,cost,empty.bpf.o} "$BENCH_DIR"
}

bench_stop() {
	disown -a # or the shell would tell of its end
	lab_remove "$BENCH_DIR" "$BENCH_CGROUP"
}

# Dies with its owner, and with it all that it has started.
bench_enter() {
	echo "$BASHPID" >"$BENCH_CGROUP/cgroup.procs"
	exec setpriv --pdeathsig KILL unshare --mount --net --cgroup --pid --mount-proc --fork \
		--kill-child bash "${BASH_SOURCE[0]}" inside
}

# --- inside ---

bench_inside() {
	local part

	umount -R "$BENCH_CGROUP2"
	mount -t cgroup2 cgroup2 "$BENCH_CGROUP2"
	mount -t bpf bpf /sys/fs/bpf
	bench_networks
	bench_dns
	bench_introduce
	cd "$BENCH_DIR"
	for part in $BENCH_PARTS; do
		python3 "$BENCH/bench_$part.py"
	done
}

# A second network namespace behind a veth; what is sent to 198.18.0.0/15 goes there, and no further.
bench_networks() {
	mount -t tmpfs tmpfs /run # ip writes the names of namespaces there
	ip netns add far
	ip link add eth0 type veth peer name eth0 netns far
	ip link set lo up
	ip address add "$BENCH_NEAR/24" dev eth0
	ip link set eth0 up
	ip -n far link set lo up
	ip -n far address add "$BENCH_FAR/24" dev eth0
	ip -n far link set eth0 up
	ip -n far route add blackhole 198.18.0.0/15
	ip route add 198.18.0.0/15 via "$BENCH_FAR"
	bench_congestion "$BENCH_NEAR"
	nsenter --net=/run/netns/far bash "${BASH_SOURCE[0]}" congestion "$BENCH_FAR"
}

# The kernel's default, whatever the machine's: a network namespace may not set every algorithm,
# but its routes may. BBR sends each packet from a timer, and then timers are what is measured.
bench_congestion() {
	ip route replace "${BENCH_NEAR%.*}.0/24" dev eth0 src "$1" congctl cubic
}

bench_introduce() {
	printf 'Linux %s, %s CPUs, load %s. Times are the machine'\''s: compare within one run;\n' \
		"$(uname -r)" "$(nproc)" "$(cut -d ' ' -f 1 /proc/loadavg)"
	printf 'ratios and differences are what counts. Medians of interleaved rounds.\n'
}

# A knot of our own: each nN.bulk.test has one IPv4 and one IPv6 address, no two the same.
bench_dns() {
	{
		printf '@ 3600 SOA ns hostmaster 1 3600 600 86400 3600\n@ 3600 NS ns\nns 3600 A 127.0.0.1\n'
		seq "$BENCH_NAMES" | awk '{
			printf "n%d 3600 A 198.18.%d.%d\n", $1, int($1 / 256), $1 % 256
			printf "n%d 3600 AAAA 2001:db8::%x\n", $1, $1
		}'
	} >"$BENCH_DIR/dns/bulk.test.zone"
	cat >"$BENCH_DIR/dns/knot.conf" <<-END
		server:
		  listen: 127.0.0.1@53
		  rundir: $BENCH_DIR/dns
		  user: root:root
		  udp-workers: 1
		  tcp-workers: 1
		  background-workers: 1
		database:
		  storage: $BENCH_DIR/dns
		zone:
		  - domain: bulk.test
		    file: $BENCH_DIR/dns/bulk.test.zone
		    zonefile-sync: -1
		    journal-content: none
	END
	knotd -c "$BENCH_DIR/dns/knot.conf" >"$BENCH_DIR/dns/log" 2>&1 &
	lab_until "$LAB_DEADLINE_S" bench_dns_answers || lab_fail "knotd: $(<"$BENCH_DIR/dns/log")"
}

bench_dns_answers() {
	kdig +short +retry=0 +timeout=1 @127.0.0.1 "n$BENCH_NAMES.bulk.test" 2>/dev/null | grep -q .
}

case ${1:-} in
inside) bench_inside ;;
congestion) bench_congestion "$2" ;;
*)
	bench_prepare
	# In the background, so that a signal is not kept until it ends.
	bench_enter &
	wait $!
	;;
esac
