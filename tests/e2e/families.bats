#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# Sockets of families that no cgroup hook sees, such as AF_PACKET and AF_VSOCK. The seccomp filter
# refuses them; without it the fence does, where the kernel runs BPF LSM, and where it does not,
# cgfence says so. No packet is needed to judge: a socket that is not made sends none.

# shellcheck disable=SC2154 # stderr is bats's
load lib

OWN="1 2 10 16" # AF_UNIX, AF_INET, AF_INET6, AF_NETLINK
OTHERS=$(seq 0 45 | grep -vwE "${OWN// /|}" | tr '\n' ' ')
FAMILIES=$ROOT/tests/tools/families.py
DOCKER_CAPS=chown,dac_override,fowner,fsetid,kill,setgid,setuid,setpcap,net_bind_service,net_raw
DOCKER_CAPS+=,sys_chroot,mknod,audit_write,setfcap
DOCKER=(--user root --no-seccomp --keep-caps "$DOCKER_CAPS")

setup_file() {
	start_lab
	install "$ROOT/tests/tools/attempt.py" "$LAB_DIR/bin/attempt"
	sed -i '1i #!/usr/bin/python3' "$LAB_DIR/bin/attempt"
}

only_where_held() {
	families_are_held || skip "this kernel does not run BPF LSM"
}

only_where_not_held() {
	! families_are_held || skip "this kernel runs BPF LSM"
}

# After a try of families.py: none but those that the fence judges, and not because of the kernel.
only_own() {
	[[ $status == 0 && $output == "made $OWN"$'\n'"refused ${OTHERS% }" ]]
}

@test "without a fence there are others" {
	run lab_host attempt packet sock-packet
	[[ $output == $'packet OK\nsock-packet OK' ]]
}

@test "as it is, the command gets sockets of four families, and none of any other" {
	try -- python3 "$FAMILIES"
	only_own
	try --user root --keep-caps all -- python3 "$FAMILIES"
	only_own
	try --user root --keep-caps all -- attempt sock-packet
	[[ $output == "sock-packet EAFNOSUPPORT" ]]
	[[ $(told "AF_VSOCK|AF_PACKET") == 0 ]]
}

@test "without the filter, BPF LSM refuses all others, to root with capabilities as well" {
	only_where_held
	try "${DOCKER[@]}" -- python3 "$FAMILIES"
	only_own
	try --user root --no-seccomp --keep-caps all -- python3 "$FAMILIES"
	only_own
	try --no-seccomp -- python3 "$FAMILIES"
	only_own
	try "${DOCKER[@]}" -- attempt packet sock-packet vsock unix netlink
	[[ $output == $'packet EAFNOSUPPORT\nsock-packet EAFNOSUPPORT\nvsock EAFNOSUPPORT\nunix OK\nnetlink OK' ]]
}

@test "and no packet gets out by them" {
	only_where_held
	local way
	for way in packet sock-packet; do
		lab_host probe $way "$EVIL4" 443 # the control
		lab_seen udp "$EVIL4" 443
		lab_mark
		try "${DOCKER[@]}" -- probe $way "$EVIL4" 443
		[[ $status == 1 && $output == "EAFNOSUPPORT socket" ]]
		lab_not_seen udp "$EVIL4" 443
	done
	try "${DOCKER[@]}" --allow "$GITHUB4:443" -- probe tcp "$GITHUB4" 443
	reached tcp "$GITHUB4" 443
}

@test "nor in a user namespace of the command's own" {
	only_where_held
	try --no-seccomp -- unshare -Urn python3 "$FAMILIES"
	only_own
	try --no-seccomp -- unshare -Urn attempt sock-packet
	[[ $output == "sock-packet EAFNOSUPPORT" ]]
}

# Of the records on stderr: "HOOK REASON FAMILY TYPE" of each.
recorded() {
	python3 -c '
import json, sys
for line in sys.stdin:
    o = json.loads(line)
    if o["event"] == "decision":
        print(o["hook"], o["reason"], o["family"], o["socket_type"], o["verdict"], o["mode"])' <<<"$stderr"
}

@test "it is told, by the hook socket with the reason socket_family" {
	only_where_held
	try "${DOCKER[@]}" --json -- attempt packet vsock
	[[ $(recorded) == $'socket socket_family packet raw deny enforce\nsocket socket_family vsock stream deny enforce' ]]
	try "${DOCKER[@]}" -- attempt packet vsock
	[[ $(told "denied socket packet raw .* by attempt\[[0-9]+\] \(sockets of this family") == 1 ]]
	[[ $(told "denied socket vsock stream .* by attempt\[[0-9]+\] \(sockets of this family") == 1 ]]
	[[ $(told "no cgroup hook sees|does not run BPF LSM") == 0 ]]
}

@test "in audit mode they are made, and told" {
	only_where_held
	try "${DOCKER[@]}" --audit --json -- attempt packet
	[[ $output == "packet OK" && $(recorded) == "socket socket_family packet raw allow audit" ]]
}

@test "where neither holds them, cgfence says so" {
	only_where_not_held
	try --no-seccomp -- true
	[[ $status == 0 && $(told "^cgfence: --no-seccomp:.*AF_VSOCK.*BPF LSM.*not active") == 1 ]]
	try "${DOCKER[@]}" -- attempt packet
	[[ $output == "packet OK" && $(told "^cgfence: --keep-caps: cap_net_raw: .*AF_PACKET.*BPF LSM.*not active") == 1 ]]
	[[ $(told "AF_VSOCK.*BPF LSM.*not active") == 1 ]]
}
