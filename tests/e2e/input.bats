#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# Bad input and poor machines: a clear error with 125, before the command runs, and nothing done.

# shellcheck disable=SC2016,SC2154 # inner shells expand; stderr is bats's, policy is lib's
load lib

setup_file() {
	start_lab
}

# After `try … -- echo ran`: cgfence said why, in these words, and did not run the command.
failed_with() {
	local words
	[[ $status == 125 && -z $output && $stderr == "cgfence: "* ]]
	for words; do
		[[ $stderr == *"$words"* ]]
	done
	nothing_left
}

# without SCRIPT: `cgfence run … -- echo ran` on a host that SCRIPT has made poorer.
without() {
	run --separate-stderr lab_sudo unshare --mount sh -ec "$1; shift; "'exec "$@"' - "$@" \
		cgfence run --allow "$GITHUB4:443" -- echo ran
}

# A line of blanks and one or more carets, below the line that is wrong.
has_caret() {
	grep -qE '^[[:blank:]]*\^+~*[[:blank:]]*$' <<<"$stderr"
}

@test "a bad rule on the command line is shown with a caret" {
	try --allow github.test:99999 -- echo ran
	failed_with --allow github.test:99999
	has_caret
	try --deny 198.51.100.300/33 -- echo ran
	failed_with --deny 198.51.100.300/33
	has_caret
}

@test "a bad line of a policy is shown with file, line, column and a caret" {
	policy bad <<-'END'
		# first
		allow github.test:22
		allow github.test:nosuchservice
		allow gitlab.test:22
	END
	try -p "$policy" -- echo ran
	failed_with "$policy:3:19: " "allow github.test:nosuchservice"
	has_caret
}

@test "one bad line and nothing of the policy is applied" {
	policy bad <<<$'allow github.test:22\nfrobnicate'
	try -p "$policy" --allow "$GITHUB4:443" -- probe tcp "$GITHUB4" 22
	failed_with "$policy:2:1: "
	lab_not_seen tcp "$GITHUB4" 22
}

@test "a name that is not ASCII gets an error that says so" {
	try --allow münchen.test:22 -- echo ran
	failed_with ASCII
}

@test "rules that are no rules are errors" {
	local rule
	for rule in '' ' ' : :22 github.test: github.test:0 github.test:22-21 github.test:22/icmp \
		-foo.test foo..test '*' '*.' '*.*.test' 'a*.test' 198.51.100.0/33 2001:db8::/129 \
		198.51.100.1/24 "$(printf 'a%.0s' {1..64}).test" 'github.test:22 gitlab.test:22' \
		http://github.test '[::1' '::1]:22' $'github.test\ngitlab.test'; do
		try --allow "$rule" -- echo ran
		[[ $status == 125 && -z $output ]] || lab_fail "accepted: '$rule'"
	done
	nothing_left
}

@test "wrong options and a missing command are errors" {
	try --frobnicate -- echo ran
	[[ $status == 125 && -z $output && $stderr == *frobnicate* ]]
	try --allow
	[[ $status == 125 ]]
	try --allow github.test:22
	[[ $status == 125 && $stderr == *command* ]]
	try --dns not-an-address -- echo ran
	failed_with not-an-address
	try --listen 0 -- echo ran
	failed_with --listen
}

@test "a policy that cannot be read is an error that names it" {
	try -p /nowhere/x.policy -- echo ran
	failed_with "/nowhere/x.policy" "No such file"
	try -p /etc -- echo ran
	failed_with "/etc" "directory"
	try -p no-policy-of-this-name -- echo ran
	failed_with no-policy-of-this-name
}

@test "10 MB of noise are refused quickly and in few words" {
	local start=$SECONDS
	policy noise < <(head -c 10000000 /dev/urandom)
	try -p "$policy" -- echo ran
	failed_with noise.policy
	((${#stderr} < 1000 && SECONDS - start < 5))
	[[ $stderr != *$'\e'* ]]
}

@test "so is noise that is small enough to be a policy" {
	policy noise < <(head -c 100000 /dev/urandom)
	try -p "$policy" -- echo ran
	failed_with noise.policy
	((${#stderr} < 10000))
	[[ $stderr != *$'\e'* ]]
}

@test "more rules than a policy may have are an error that says how many" {
	policy many < <(seq -f "allow 10.0.0.1:%.0f" 1 65535)
	echo $'allow 10.0.0.2:1\nallow 10.0.0.2:2' >>"$policy"
	try -p "$policy" -- echo ran
	failed_with 65536
}

@test "an unknown user is an error" {
	try --user nobody-of-this-name -- echo ran
	failed_with nobody-of-this-name
	run --separate-stderr lab_host SUDO_UID=x SUDO_GID=y cgfence run -- echo ran
	failed_with SUDO_UID
}

@test "who is not root is told so" {
	run --separate-stderr lab_host setpriv --reuid 64042 --regid 64042 --clear-groups \
		cgfence run -- echo ran
	failed_with root
}

@test "root without a capability is told which" {
	local capability
	for capability in bpf net_admin sys_admin setuid setgid setpcap kill; do
		run --separate-stderr lab_sudo setpriv --bounding-set -$capability \
			cgfence run -- echo ran
		failed_with "CAP_${capability^^}"
	done
}

@test "no BPF file system is an error that says how to mount it" {
	without 'while mountpoint -q /sys/fs/bpf; do umount /sys/fs/bpf; done'
	failed_with /sys/fs/bpf "mount -t bpf"
}

@test "no cgroup2 is an error that says so" {
	without 'findmnt -nt cgroup2 -o TARGET | xargs -n 1 umount'
	failed_with cgroup2
}

@test "a cgroup2 that is mounted elsewhere is found" {
	without "mkdir /run/elsewhere; mount --move $LAB_CGROUP2 /run/elsewhere ||
		{ mount --bind $LAB_CGROUP2 /run/elsewhere; umount $LAB_CGROUP2; }"
	[[ $status == 0 && $output == ran ]]
}

@test "a read-only cgroup2 is an error" {
	without "mount -o remount,bind,ro $LAB_CGROUP2"
	failed_with cgroup
}

@test "a kernel without BTF is good enough" {
	without 'mount -t tmpfs tmpfs /sys/kernel/btf; rm -rf /sys/fs/bpf/cgfence/datapath'
	[[ $status == 0 && $output == ran ]]
}

@test "an empty resolv.conf is no error where no name is asked for" {
	without 'mount --bind /dev/null /etc/resolv.conf'
	[[ $status == 0 && $output == ran ]]
}

@test "a directory that someone else has made among the pins is an error" {
	lab_host sh -c 'mv /sys/fs/bpf/cgfence /sys/fs/bpf/kept 2>/dev/null; mkdir /sys/fs/bpf/cgfence
		chown 64042 /sys/fs/bpf/cgfence'
	try -- true
	[[ $status == 125 && $stderr == *"not root's alone"* ]]
	lab_host sh -c 'chown 0 /sys/fs/bpf/cgfence; chmod 777 /sys/fs/bpf/cgfence'
	try -- true
	[[ $status == 125 && $stderr == *"not root's alone"* ]]
	lab_host sh -c 'rmdir /sys/fs/bpf/cgfence; mv /sys/fs/bpf/kept /sys/fs/bpf/cgfence 2>/dev/null || true'
}

@test "half of what sudo says of its user is an error, not root" {
	run --separate-stderr lab_host env SUDO_UID=64042 "$CGFENCE" run -- id -u
	[[ $status == 125 && $stderr == *"SUDO_GID"* ]]
}
