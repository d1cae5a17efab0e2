#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# `cgfence status` says of every fence whether it stands, and how its names are kept.

# shellcheck disable=SC2016,SC2154 # inner shells expand for themselves; stderr is bats's
load lib

setup_file() {
	start_lab
}

status() {
	run --separate-stderr lab_host cgfence status "$@"
}

# Lines of the text that match a pattern.
shows() {
	grep -qE -- "$1" <<<"$output"
}

# json_has EXPRESSION: of the object `o` and its first fence `f`.
json_has() {
	python3 -c 'import json, sys
o = json.loads(sys.stdin.read())
f = o["fences"][0] if o["fences"] else {}
assert eval(sys.argv[1]), o' "$1" <<<"$output"
}

# The name of the one fence there is.
fence_name() {
	lab_host ls /sys/fs/bpf/cgfence/links
}

# A fence with a shell in it that has been given the addresses of a name.
learned_shell() {
	session shell --allow '*.test:80' "$@"
	ask shell "curl -sS -o /dev/null http://github.test/ && echo reached"
	[[ $output == reached ]]
}

gone() {
	local state
	state=$(cat "/proc/$1/stat" 2>/dev/null) || return 0
	[[ ${state##*) } == Z* ]]
}

kill_cgfence() {
	kill -KILL "${SESSION_PID[shell]}"
	lab_until 5 gone "${SESSION_PID[shell]}"
}

# What has ended and was not waited for is in no list of processes, and there all the same.
no_process_left() {
	! lab_host grep -q 'populated 1' "$LAB_CGROUP2"/cgfence/run-*/cgroup.events
}

# What a killed cgfence left is removed by the next run.
end_orphan() {
	end_session shell
	lab_until 5 no_process_left
	try -- true
}

@test "where no fence ever was there is none, and nothing is made" {
	status
	[[ $status == 0 && $output == "no fence"* && -z $stderr ]]
	status --json
	[[ $status == 0 ]]
	json_has 'o["event"] == "status" and o["whole"] and o["fences"] == []'
	run ! lab_host test -e /sys/fs/bpf/cgfence
}

@test "a fence that has learned shows what, and from whom" {
	local name
	learned_shell
	name=$(fence_name)
	status
	[[ $status == 0 && -z $stderr ]]
	shows "^$name: stands whole\$"
	shows "^  cgroup     $LAB_CGROUP2/cgfence/$name\$"
	shows "^  programs   of build [0-9a-f]{16}"
	shows "^  policy     $name, enforce\$"
	shows '^  processes  [1-9]$'
	shows '^  cgfence    running$'
	shows '^  questions  only for names in rules$'
	shows '^  namespace  known: answers in this network namespace are learned$'
	shows '^  allow      [0-9]+ of [0-9]+ entries, [1-9][0-9]* of them by answers, 0 run out$'
	shows '^  answers    [1-9][0-9]* entries written, where none lasted as long; 0 without room; 0 addresses not for names$'
	shows "^  $LAB_NS4 +eth0 +[1-9][0-9]* +[0-9]+ s ago +learned\$"
	shows "^  $LAB_NS6 +eth0 +0 +- +learned, no answer yet\$"
	[[ $output != *$'\x1b'* ]]
	end_session shell
	status
	[[ $status == 0 && $output == "no fence"* ]]
}

@test "in JSON it is one object" {
	learned_shell
	status --json
	[[ $status == 0 && ${#lines[@]} == 1 ]]
	json_has 'o["whole"] and f["whole"] and f["problems"] == [] and f["keeper"] and f["netns"]'
	json_has 'f["mode"] == "enforce" and f["dns_filter"] and f["policy"] == f["fence"]'
	json_has 'f["processes"] >= 1'
	json_has 'f["counters"]["learned"] >= f["allow"]["learned"] > 0'
	json_has '0 < f["allow"]["learned"] < f["allow"]["entries"] < f["allow"]["capacity"]'
	json_has "{r['address']: r['names'] for r in f['resolvers']} == {'$LAB_NS4': 'learned', '$LAB_NS6': 'unanswered'}"
	json_has 'all(r["device"] == "eth0" and r["answer_age_s"] in (None, 0, 1, 2, 3, 4, 5) for r in f["resolvers"])'
	end_session shell
}

@test "it is coloured on a terminal, and not with NO_COLOR" {
	session shell --allow "$GITHUB4:443"
	run lab_host script -qefc "cgfence status" /dev/null
	[[ $status == 0 && $output == *$'\x1b[1mrun-'* ]]
	run lab_host env NO_COLOR=1 script -qefc "cgfence status" /dev/null
	[[ $status == 0 && $output == *"stands whole"* && $output != *$'\x1b'* ]]
	end_session shell
}

@test "a fence whose cgfence was killed stands, goes on to learn, and has no keeper" {
	session shell --allow '*.test:80'
	kill_cgfence
	ask shell "curl -sS -o /dev/null http://github.test/ && echo reached"
	[[ $output == reached ]]
	status
	[[ $status == 0 ]]
	shows '^  cgfence    gone: names are learned still; refused questions get EPERM'
	shows "^  $LAB_NS4 +eth0 +[1-9][0-9]* +[0-9]+ s ago +learned\$"
	status --json
	json_has 'f["whole"] and not f["keeper"]'
	end_orphan
}

is_left() {
	status
	shows '^  cgfence    gone: the next cgfence run removes this fence$'
}

@test "a fence that nobody is in any more is said to be removed by the next run" {
	session shell --allow "$GITHUB4:443"
	kill_cgfence
	status
	run ! is_left
	end_session shell
	lab_until 5 is_left
	[[ $status == 0 ]]
	shows '^  processes  0$'
	try -- true
	status
	[[ $status == 0 && $output == "no fence"* ]]
}

@test "processes are counted, also in cgroups below" {
	session shell --audit
	status --json
	json_has 'f["processes"] == 1'
	lab_host sh -c "cd $LAB_CGROUP2/cgfence/run-* && mkdir below && cat cgroup.procs >below/cgroup.procs"
	status --json
	json_has 'f["processes"] == 1'
	end_session shell
}

@test "audit and unfiltered questions are said" {
	session shell --audit --no-dns-filter
	ask shell "probe tcp $EVIL4 443"
	status
	[[ $status == 0 ]]
	shows '^  policy     run-[0-9]+, audit: what it denies is let through$'
	shows '^  questions  any may be asked: --no-dns-filter$'
	shows '^  decisions  .* 0 denied, [1-9][0-9]* would be denied'
	status --json
	json_has 'f["mode"] == "audit" and not f["dns_filter"]'
	end_session shell
}

@test "of a resolver that a deny rule shuts names are polled" {
	session shell --allow github.test:80 --deny "$LAB_NS4"
	status
	[[ $status == 0 ]]
	shows "^  $LAB_NS4 +eth0 +0 +- +polled: a deny rule shuts it\$"
	shows "^  $LAB_NS6 .* learned, no answer yet\$"
	kill_cgfence
	status
	shows "^  $LAB_NS4 +eth0 +0 +- +neither learned nor polled: a deny rule shuts it\$"
	end_orphan
}

@test "a device of another network namespace has a number" {
	session shell --allow github.test:80 --dns "$LAB_NS4" --dns 127.0.0.1
	run --separate-stderr lab_host unshare --net cgfence status
	[[ $status == 0 ]]
	shows "^  $LAB_NS4 +number [0-9]+ "
	shows "^  127.0.0.1 +loopback "
	end_session shell
}

@test "a link that was detached by hand is said, and is no success" {
	learned_shell
	lab_host sh -c 'bpftool link detach pinned /sys/fs/bpf/cgfence/links/*/ingress'
	status
	[[ $status == 1 ]]
	shows '^run-[0-9]+: not whole$'
	shows '^  wrong      the ingress program is detached$'
	[[ $(grep -c wrong <<<"$output") == 1 ]]
	shows "^  $LAB_NS4 .* polled: not every program is attached\$"
	status --json
	[[ $status == 1 ]]
	json_has 'not o["whole"] and not f["whole"]'
	json_has '[(p["problem"], p["of"]) for p in f["problems"]] == [("link_detached", "ingress")]'
	end_session shell
}

@test "a link that is gone, or is another program's, is said" {
	session shell --allow "$GITHUB4:443"
	lab_host sh -c 'rm /sys/fs/bpf/cgfence/links/*/connect6
		cd /sys/fs/bpf/cgfence/links/* && mv bind4 bind && mv bind6 bind4 && mv bind bind6'
	status
	[[ $status == 1 && $(grep -c wrong <<<"$output") == 3 ]]
	shows '^  wrong      the connect6 program has no link$'
	shows '^  wrong      the bind4 program is not the fence'"'"'s$'
	shows '^  wrong      the bind6 program is not the fence'"'"'s$'
	shows '^  cgfence    running$'
	end_session shell
}

@test "a link on another cgroup is said" {
	session first --allow "$GITHUB4:443"
	local first
	first=$(fence_name)
	session second --allow "$GITHUB4:443"
	# The second one's link takes the place of the first one's, under whose name it is looked for.
	lab_host sh -c 'cd /sys/fs/bpf/cgfence/links && for fence in *; do
		[ "$fence" = "$1" ] || mv "$fence/egress" "$1/egress"; done' - "$first"
	status "$first"
	[[ $status == 1 && $(grep -c wrong <<<"$output") == 1 ]]
	shows '^  wrong      the egress program is on another cgroup$'
	end_session second
	end_session first
}

@test "maps that are not those that are pinned are said" {
	session shell --allow "$GITHUB4:443"
	lab_host sh -c 'rm /sys/fs/bpf/cgfence/policies/*/resolvers'
	status
	[[ $status == 1 && $(grep -c wrong <<<"$output") == 1 ]]
	shows '^  wrong      the map resolvers that decides is not the one that is pinned$'
	end_session shell
}

is_unattached() {
	status
	shows 'no program is attached' && [[ $(grep -c wrong <<<"$output") == 1 ]]
}

@test "a cgroup that is gone is said" {
	session shell --allow "$GITHUB4:443"
	kill_cgfence
	end_session shell
	lab_until 5 no_process_left
	lab_host sh -c "rmdir $LAB_CGROUP2/cgfence/run-*"
	# The kernel lets go of the programs a little later, of one after the other.
	lab_until 5 is_unattached
	[[ $status == 1 && $(grep -c wrong <<<"$output") == 1 ]]
	shows '^  wrong      no program is attached: the cgroup is gone, or somebody has detached them$'
	shows '^  cgroup     \(none\)$'
	try -- true
	status
	[[ $status == 0 && $output == "no fence"* ]]
}

@test "fences are listed by name, or only those that are named" {
	local first names
	session first --allow "$GITHUB4:443"
	first=$(fence_name)
	session second --audit
	names=$(fence_name | sort -V)
	status
	[[ $status == 0 && $(grep -oE '^run-[0-9]+' <<<"$output") == "$names" ]]
	[[ $(grep -B 1 "^${names##*$'\n'}" <<<"$output" | head -n 1) == "" ]]
	status "$first"
	[[ $status == 0 && $(grep -oE '^run-[0-9]+' <<<"$output") == "$first" ]]
	status "$first" no-such-fence
	[[ $status == 125 && -z $output && $stderr == "cgfence: status: there is no fence 'no-such-fence'; a fence is called by its target, "* ]]
	end_session second
	end_session first
}

@test "only root is told, and a wrong option is an error" {
	run --separate-stderr lab_host setpriv --reuid "$LAB_DEV_UID" --clear-groups cgfence status
	[[ $status == 125 && -z $output && $stderr == "cgfence: status: only root can"* ]]
	status --nonsense
	[[ $status == 125 && $stderr == *"see cgfence status --help" ]]
	run --separate-stderr lab_host unshare --mount sh -c 'mount -t tmpfs none /sys/fs/bpf && cgfence status'
	[[ $status == 125 && $stderr == *"no BPF file system is mounted at /sys/fs/bpf"* ]]
}
