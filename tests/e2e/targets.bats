#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# What a policy can be attached to, and what becomes of it when that goes away, or comes back.

# shellcheck disable=SC2016,SC2154 # inner shells expand for themselves; stderr is bats's
load lib
load live

setup_file() {
	start_lab
	install_live
}

setup() {
	lab_mark
	policy_file one <<<"allow $GITHUB4:443"
	policy_file two <<<"allow $EVIL4:443"
	start_daemon
}

teardown() {
	end_live
	nothing_left
}

fences() {
	api /v1/fences
	[[ $status == 0 ]]
}

# refuses PATTERN ARGUMENT…: 125, said why, and nothing is attached by it.
refuses() {
	client "${@:2}"
	[[ $status == 125 && -z $output ]] || lab_fail "${*:2}: $status $output"
	[[ $stderr == "cgfence: "* && $stderr =~ $1 ]] || lab_fail "${*:2}: $stderr"
}

@test "a cgroup: attached, it is decided; detached, it is free" {
	make_cgroup a
	allowed a "$EVIL4" 443
	done_by attach one "$LAB_CGROUP2/a"
	[[ $output == *one*"$LAB_CGROUP2/a"* ]]
	denied a "$EVIL4" 443
	allowed a "$GITHUB4" 443
	fences
	json_has "[(f['policy'], f['cgroup'], f['state'], f['persistent']) for f in o['fences']] == [('one', '$LAB_CGROUP2/a', 'standing', False)]"
	done_by detach "$LAB_CGROUP2/a"
	allowed a "$EVIL4" 443
	fences
	json_has 'o["fences"] == []'
	lab_not_seen tcp "$EVIL4" 444
}

@test "fences are told of in the order of their names, also after a restart" {
	local order='[f["target"].split("/")[-1] for f in o["fences"]] == ["a", "b", "c"]'
	for name in c a b; do
		make_cgroup "$name"
		done_by attach one "$LAB_CGROUP2/$name"
	done
	fences
	json_has "$order"
	stop_daemon
	start_daemon
	fences
	json_has "$order"
}

@test "cgroups below are fenced with it, and those beside it are not" {
	make_cgroup a/b/c
	make_cgroup ab
	done_by attach one "$LAB_CGROUP2/a"
	denied a/b/c "$EVIL4" 443
	allowed a/b/c "$GITHUB4" 443
	allowed ab "$EVIL4" 443
	make_cgroup a/new
	denied a/new "$EVIL4" 443
}

@test "cgroups of odd names" {
	local name long
	long=$(printf 'x%.0s' {1..200})
	for name in 'with blanks' 'dots.and.service' 'percent%2Fsign' 'ü"quoted"' '-dash' 'a:b@c' "$long" \
		"${long}y" 'back\slash' "$long/$long"; do
		make_cgroup "$name"
		done_by attach one "$LAB_CGROUP2/$name"
		denied "$name" "$EVIL4" 443
		allowed "$name" "$GITHUB4" 443
	done
	fences
	json_has 'len(o["fences"]) == 10 and len({f["name"] for f in o["fences"]}) == 10'
	done_by status
	# The next daemon knows them all.
	stop_daemon KILL
	start_daemon
	fences
	json_has 'len(o["fences"]) == 10'
	done_by detach "$LAB_CGROUP2/percent%2Fsign"
	done_by detach "$LAB_CGROUP2/$long"
	done_by detach "$LAB_CGROUP2/-dash"
	denied "${long}y" "$EVIL4" 443
	allowed "$long" "$EVIL4" 443
}

@test "a path is the same however it is written" {
	make_cgroup a/b
	lab_host sh -c 'ln -s "$0/a" /run/link && cd "$0" && cgfence attach one a/../a/./b/'  "$LAB_CGROUP2"
	denied a/b "$EVIL4" 443
	refuses 'one' attach two "$LAB_CGROUP2//a/b"
	done_by detach /run/link/b
	allowed a/b "$EVIL4" 443
	lab_host rm /run/link
}

@test "pid:N is the cgroup that the process is in" {
	local pid
	make_cgroup a
	in_cgroup a sh -c 'exec sleep infinity >/dev/null 2>&1 3>&- & echo $!' >"$BATS_TEST_TMPDIR/pid"
	pid=$(<"$BATS_TEST_TMPDIR/pid")
	done_by attach one "pid:$pid"
	denied a "$EVIL4" 443
	fences
	json_has "o['fences'][0]['target'] == 'pid:$pid' and o['fences'][0]['cgroup'] == '$LAB_CGROUP2/a'"
	json_has "o['fences'][0]['processes'] == 1"
	refuses one attach two "$LAB_CGROUP2/a"
	refuses "policy one is on $LAB_CGROUP2/a, as pid:$pid" attach --persistent one "$LAB_CGROUP2/a"
	[[ $stderr == *"cgfence detach 'pid:$pid' first"* && $stderr != *"File exists"* ]]
	lab_host test ! -s "$POLICIES/one.targets"
	refuses "as pid:$pid: detach that" detach "$LAB_CGROUP2/a"
	done_by detach "pid:$pid"
	allowed a "$EVIL4" 443
}

@test "a persistent attach that fails leaves the file as it was" {
	local pid before
	make_cgroup a
	in_cgroup a sh -c 'exec sleep infinity >/dev/null 2>&1 3>&- & echo $!' >"$BATS_TEST_TMPDIR/pid"
	pid=$(<"$BATS_TEST_TMPDIR/pid")
	done_by attach one "pid:$pid"
	refuses one attach --persistent two "$LAB_CGROUP2/a"
	lab_host test ! -e "$POLICIES/two.targets"
	# By hand, and not read yet.
	before="# what is fenced"$'\n'"$LAB_CGROUP2/a # soon"
	echo "$before" | lab_host sh -c 'cat >"$0"' "$POLICIES/two.targets"
	refuses one attach --persistent two "$LAB_CGROUP2/a"
	[[ $(lab_host cat "$POLICIES/two.targets") == "$before" ]]
}

@test "a process that has gone elsewhere, or another of its number, is not said to be fenced" {
	local pid
	make_cgroup a
	make_cgroup b
	in_cgroup a sh -c 'exec sleep infinity >/dev/null 2>&1 3>&- & echo $!' >"$BATS_TEST_TMPDIR/pid"
	pid=$(<"$BATS_TEST_TMPDIR/pid")
	done_by attach one "pid:$pid"
	lab_host sh -c 'echo "$1" >"$0/cgroup.procs"' "$LAB_CGROUP2/b" "$pid"
	refuses "pid:$pid is in $LAB_CGROUP2/b now, and the fence of that name on $LAB_CGROUP2/a" attach one "pid:$pid"
	allowed b "$EVIL4" 443
	denied a "$EVIL4" 443
	done_by detach "pid:$pid"
	done_by attach one "pid:$pid"
	denied b "$EVIL4" 443
}

@test "several targets of one policy change together" {
	local i
	for i in 1 2 3 4; do
		make_cgroup "t$i"
		done_by attach one "$LAB_CGROUP2/t$i"
	done
	done_by allow one "198.51.100.20:443"
	for i in 1 2 3 4; do allowed "t$i" 198.51.100.20 443; done
	done_by remove one "198.51.100.20:443"
	for i in 1 2 3 4; do denied "t$i" 198.51.100.20 443; done
	done_by detach "$LAB_CGROUP2/t2"
	allowed t2 198.51.100.20 443
	for i in 1 3 4; do denied "t$i" 198.51.100.20 443; done
	# Masks of ports and prefixes reach every target.
	done_by allow one "198.18.0.0/16:7001-7003" "198.51.100.66:8000-8003"
	for i in 1 3 4; do allowed "t$i" 198.51.100.66 8002; done
	api /v1/policies/one
	json_has 'o["fences"] == 3 and len(o["fence_list"]) == 3'
}

@test "of nested policies all must allow" {
	make_cgroup a/b
	done_by apply "$POLICIES/one.policy"
	done_by allow one 198.51.100.20:443
	done_by allow two 198.51.100.20:443
	done_by attach one "$LAB_CGROUP2/a"
	done_by attach two "$LAB_CGROUP2/a/b"
	allowed a "$GITHUB4" 443
	denied a "$EVIL4" 443
	denied a/b "$GITHUB4" 443
	denied a/b "$EVIL4" 443
	allowed a/b 198.51.100.20 443
	done_by detach "$LAB_CGROUP2/a"
	allowed a/b "$EVIL4" 443
	denied a/b "$GITHUB4" 443
	done_by status
}

@test "flows that the policy does not allow are cut when it is attached, and the others are not" {
	make_cgroup a
	mkfifo "$BATS_TEST_TMPDIR/in"
	install "$ROOT/tests/tools/peer.py" "$LAB_DIR/bin/peer"
	in_cgroup a peer hold tcp "$EVIL4" 443 <"$BATS_TEST_TMPDIR/in" >"$BATS_TEST_TMPDIR/evil" 3>&- &
	exec {evil}>"$BATS_TEST_TMPDIR/in"
	in_cgroup a peer hold tcp "$GITHUB4" 443 <"$BATS_TEST_TMPDIR/in" >"$BATS_TEST_TMPDIR/github" 3>&- &
	lab_until 5 grep -q held "$BATS_TEST_TMPDIR/evil"
	lab_until 5 grep -q held "$BATS_TEST_TMPDIR/github"
	done_by attach one "$LAB_CGROUP2/a"
	lab_until 2 grep -q ECONNABORTED "$BATS_TEST_TMPDIR/evil"
	echo still >&"$evil"
	lab_until 5 grep -q still "$BATS_TEST_TMPDIR/github"
	# And when what allowed it is removed.
	done_by remove one "$GITHUB4:443"
	lab_until 2 grep -q ECONNABORTED "$BATS_TEST_TMPDIR/github"
	exec {evil}>&-
}

@test "a connection that began inside is cut from a port that is served, too" {
	make_cgroup a
	policy_file two <<-END
		allow $GITHUB4:443
		listen 1024-65535/tcp
	END
	lab_host sh -c 'kill -HUP "$1"' - "$DAEMON_PID"
	lab_until 5 daemon_said "the files were read again"
	install "$ROOT/tests/tools/peer.py" "$LAB_DIR/bin/peer"
	done_by attach two "$LAB_CGROUP2/a"
	mkfifo "$BATS_TEST_TMPDIR/in"
	in_cgroup a peer hold tcp "$GITHUB4" 443 <"$BATS_TEST_TMPDIR/in" >"$BATS_TEST_TMPDIR/github" 3>&- &
	exec {held}>"$BATS_TEST_TMPDIR/in"
	lab_until 5 grep -q held "$BATS_TEST_TMPDIR/github"
	done_by remove two "$GITHUB4:443"
	lab_until 2 grep -q ECONNABORTED "$BATS_TEST_TMPDIR/github"
	exec {held}>&-
}

@test "a policy that is on nothing cuts nothing" {
	policy_file two <<<"allow $GITHUB4:443"
	install "$ROOT/tests/tools/peer.py" "$LAB_DIR/bin/peer"
	mkfifo "$BATS_TEST_TMPDIR/in"
	lab_exec host peer hold tcp "$EVIL4" 443 <"$BATS_TEST_TMPDIR/in" >"$BATS_TEST_TMPDIR/evil" 2>&1 3>&- &
	exec {held}>"$BATS_TEST_TMPDIR/in"
	lab_until 5 grep -q held "$BATS_TEST_TMPDIR/evil"
	lab_host sh -c 'kill -HUP "$1"' - "$DAEMON_PID"
	lab_until 5 daemon_said "the files were read again"
	done_by remove two "$GITHUB4:443"
	done_by attach --persistent two "$LAB_CGROUP2/later"
	done_by apply "$(two_with_nothing)"
	# And when the last of its fences has gone.
	make_cgroup a
	done_by attach two "$LAB_CGROUP2/a"
	done_by detach "$LAB_CGROUP2/a"
	done_by allow two "$GITHUB4:443"
	done_by remove two "$GITHUB4:443"
	echo word >&"$held"
	lab_until 5 grep -q word "$BATS_TEST_TMPDIR/evil"
	exec {held}>&-
}

two_with_nothing() {
	echo "deny $EVIL4" >"$BATS_TEST_TMPDIR/two.policy"
	echo "$BATS_TEST_TMPDIR/two.policy"
}

@test "to detach it does not matter how a file calls the target" {
	make_cgroup a
	make_cgroup b
	policy_file two <<<"allow $GITHUB4:443"
	printf '%s\n' "$LAB_CGROUP2/a/  # one" "/$LAB_CGROUP2//b" "unit:foo" "nonsense" |
		lab_host sh -c 'cat >"$1/two.targets"' - "$POLICIES"
	lab_host sh -c 'kill -HUP "$1"' - "$DAEMON_PID"
	lab_until 5 daemon_said "attached to $LAB_CGROUP2/b"
	daemon_said "two.targets:4: no target: the path of a cgroup begins with '/'"
	done_by attach --persistent two "$LAB_CGROUP2/a"
	[[ $(lab_host sh -c 'wc -l <"$1/two.targets"' - "$POLICIES") == 4 ]]
	done_by detach "$LAB_CGROUP2/a"
	done_by detach "$LAB_CGROUP2/b"
	done_by detach unit:foo.service
	[[ $(lab_host cat "$POLICIES/two.targets") == nonsense ]]
	lab_host sh -c 'kill -HUP "$1"' - "$DAEMON_PID"
	lab_until 5 daemon_said "the files were read again"
	allowed a "$EVIL4" 443
	allowed b "$EVIL4" 443
}

@test "to detach cuts nothing that is allowed on loopback, nor of an audit" {
	make_cgroup a
	policy_file two <<<$'mode audit\nallow any:1'
	policy_file three <<<"allow 127.0.0.1:8099"
	lab_host sh -c 'kill -HUP "$1"' - "$DAEMON_PID"
	lab_until 5 daemon_said "the files were read again"
	install "$ROOT/tests/tools/peer.py" "$LAB_DIR/bin/peer"
	lab_host peer serve tcp 127.0.0.1 8099
	mkfifo "$BATS_TEST_TMPDIR/in"
	in_cgroup a peer hold tcp 127.0.0.1 8099 <"$BATS_TEST_TMPDIR/in" >"$BATS_TEST_TMPDIR/local" 2>&1 3>&- &
	exec {held}>"$BATS_TEST_TMPDIR/in"
	lab_until 5 grep -q held "$BATS_TEST_TMPDIR/local"
	done_by attach two "$LAB_CGROUP2/a"
	done_by detach "$LAB_CGROUP2/a"
	done_by attach three "$LAB_CGROUP2/a"
	done_by delete --force three
	daemon_said "three: detached from $LAB_CGROUP2/a"
	echo word >&"$held"
	lab_until 5 grep -q word "$BATS_TEST_TMPDIR/local"
	exec {held}>&-
}

has_state() {
	fences
	[[ $output == *"\"state\":\"$1\""* || $output == *"\"state\": \"$1\""* ]]
}

has_no_fence() {
	fences
	json_has 'o["fences"] == []' 2>/dev/null
}

@test "a target that goes away is noticed and said, and its fence is removed" {
	make_cgroup a
	make_cgroup b
	done_by attach one "$LAB_CGROUP2/a"
	done_by attach one "$LAB_CGROUP2/b"
	daemon_mark
	lab_host rmdir "$LAB_CGROUP2/a"
	lab_until 2 daemon_said "$LAB_CGROUP2/a.*gone"
	lab_until 15 pins_are 1
	denied b "$EVIL4" 443
	# Made anew it is another one.
	make_cgroup a
	allowed a "$EVIL4" 443
	done_by attach two "$LAB_CGROUP2/a"
	denied a "$GITHUB4" 443
	done_by status
}

pins_are() {
	(($(lab_host ls "$PINS/links" | wc -l) == $1))
}

@test "a persistent target is fenced again when it comes back, and after a restart" {
	local i
	make_cgroup a
	done_by attach --persistent one "$LAB_CGROUP2/a"
	lab_host grep -qxF "$LAB_CGROUP2/a" "$POLICIES/one.targets"
	for i in 1 2 3; do
		denied a "$EVIL4" 443
		lab_host rmdir "$LAB_CGROUP2/a"
		lab_until 3 has_state waiting
		done_by status
		[[ $output == *": waits for its target"* && $output != *wrong* && $output != *"not whole"* ]]
		make_cgroup a
		lab_until 2 is_denied a "$EVIL4" 443
		lab_until 2 has_state standing
		allowed a "$GITHUB4" 443
	done
	# It comes back while there is no daemon.
	stop_daemon KILL
	denied a "$EVIL4" 443
	lab_host rmdir "$LAB_CGROUP2/a"
	make_cgroup a
	allowed a "$EVIL4" 443
	start_daemon
	lab_until 2 is_denied a "$EVIL4" 443
	done_by status
	# Only now nobody wants it any more.
	done_by detach "$LAB_CGROUP2/a"
	! lab_host grep -qF "$LAB_CGROUP2/a" "$POLICIES/one.targets"
	lab_host rmdir "$LAB_CGROUP2/a"
	make_cgroup a
	stop_daemon
	start_daemon
	allowed a "$EVIL4" 443
	has_no_fence
}

@test "a persistent target whose name is too long for a pin is fenced again after a restart, too" {
	local long
	long=$(printf 'x%.0s' {1..200})
	make_cgroup "$long"
	done_by attach --persistent one "$LAB_CGROUP2/$long"
	stop_daemon KILL
	start_daemon
	fences
	json_has "[f['target'] for f in o['fences']] == ['$LAB_CGROUP2/$long']"
	lab_host rmdir "$LAB_CGROUP2/$long"
	lab_until 3 has_state waiting
	done_by status
	make_cgroup "$long"
	lab_until 3 has_state standing
	denied "$long" "$EVIL4" 443
	stop_daemon KILL
	start_daemon
	done_by detach "$LAB_CGROUP2/$long"
	! lab_host grep -qF "$long" "$POLICIES/one.targets"
}

@test "who makes cgroups without end in a fence keeps nobody waiting, and they are not counted" {
	make_cgroup a
	done_by attach one "$LAB_CGROUP2/a"
	lab_host sh -c 'cd "$0" && seq 5000 | xargs mkdir' "$LAB_CGROUP2/a"
	fences
	json_has "o['fences'][0]['processes'] is None"
	done_by status
	denied a/5000 "$EVIL4" 443
	lab_host sh -c 'cd "$0" && seq 5000 | xargs rmdir' "$LAB_CGROUP2/a"
	fences
	json_has "o['fences'][0]['processes'] == 0"
}

# nest make|remove CGROUP: deeper than is looked at.
nest() {
	lab_host python3 -c 'import os, sys
fds = [os.open(sys.argv[2], os.O_RDONLY)]
for i in range(300):
    if sys.argv[1] == "make":
        os.mkdir("d", dir_fd=fds[-1])
    fds.append(os.open("d", os.O_RDONLY, dir_fd=fds[-1]))
for i in range(300, 0, -1):
    if sys.argv[1] == "remove":
        os.rmdir("d", dir_fd=fds[i - 1])' "$1" "$LAB_CGROUP2/$2"
}

is_seen() {
	fences
	[[ $output != *"cannot be seen"* ]]
}

@test "who nests cgroups deeper than is looked at is told of, once, and fenced" {
	local i
	make_cgroup a
	done_by attach one "$LAB_CGROUP2/a"
	nest make a
	lab_until 5 daemon_said "$LAB_CGROUP2/a: cannot see .* nested more than 256 deep"
	for i in {1..10}; do
		make_cgroup "a/more$i"
		lab_host cgfence show one >/dev/null
	done
	client status
	[[ $output == *"warning: which processes are inside cannot be seen now"* ]]
	(($(grep -c 'nested more than' "$DAEMON_LOG") == 1))
	denied a/more1 "$EVIL4" 443
	denied a/d/d/d "$EVIL4" 443
	nest remove a
	lab_until 5 is_seen
}

@test "a persistent target deep below cgroups that come and go" {
	make_cgroup a/b/c
	done_by attach --persistent one "$LAB_CGROUP2/a/b/c"
	lab_host sh -c 'cd "$0" && rmdir a/b/c a/b a' "$LAB_CGROUP2"
	lab_until 3 has_state waiting
	make_cgroup a/b
	allowed a/b "$EVIL4" 443
	make_cgroup a/b/c
	lab_until 2 is_denied a/b/c "$EVIL4" 443
	allowed a/b "$EVIL4" 443
}

@test "targets that are written by hand hold after a reload" {
	make_cgroup a
	lab_host sh -c 'printf "# mine\n%s\n\n%s # later\n" "$1/a" "$1/b" >"$0/one.targets"' "$POLICIES" "$LAB_CGROUP2"
	kill -HUP "$DAEMON_PID"
	lab_until 2 is_denied a "$EVIL4" 443
	make_cgroup b
	lab_until 2 is_denied b "$EVIL4" 443
	lab_host grep -qx "# mine" "$POLICIES/one.targets"
	daemon_said "attached to $LAB_CGROUP2/a$"
	daemon_said "attached to $LAB_CGROUP2/b, which has come"
	lab_host sh -c 'echo "$1/b" >"$0/one.targets"' "$POLICIES" "$LAB_CGROUP2"
	kill -HUP "$DAEMON_PID"
	lab_until 2 daemon_said "one: $LAB_CGROUP2/a is not in one.targets any more; its fence stands"
	denied a "$EVIL4" 443
}

@test "a process that is moved in is fenced from then on" {
	make_cgroup a
	done_by attach one "$LAB_CGROUP2/a"
	run lab_host sh -c 'probe tcp "$1" 443; echo $$ >"$0/cgroup.procs"; probe tcp "$1" 443' "$LAB_CGROUP2/a" "$EVIL4"
	[[ $output == $'OK\nEPERM connect' ]]
}

@test "what cannot be a target is an error, and nothing changes" {
	make_cgroup a
	done_by attach one "$LAB_CGROUP2/a"
	refuses "one" attach two "$LAB_CGROUP2/a"
	refuses "none|unknown|no policy" attach none "$LAB_CGROUP2"
	refuses "version 2" attach one /sys/fs/cgroup
	refuses "$LAB_CGROUP2/missing" attach one "$LAB_CGROUP2/missing"
	refuses "/tmp" attach one /tmp
	refuses "could be no cgroup" attach one /tmp/nowhere
	refuses "could be no cgroup" attach --persistent one /sys/fs/cgrup/nowhere
	refuses "could be no cgroup" attach --persistent one nowhere
	lab_host test ! -e "$POLICIES/one.targets"
	refuses "/etc/passwd" attach one /etc/passwd
	refuses "cgroup.procs" attach one "$LAB_CGROUP2/a/cgroup.procs"
	refuses "pid" attach one pid:0
	refuses "pid" attach one pid:x
	refuses "pid" attach one pid:4194305
	refuses "pid" attach one pid:-1
	refuses "" attach one container:
	refuses "no-such" attach one container:no-such
	refuses "no-such" attach one unit:no-such.service
	refuses "" attach one
	refuses "" attach
	refuses "$LAB_CGROUP2/b" detach "$LAB_CGROUP2/b"
	refuses "" attach ../one "$LAB_CGROUP2/a"
	refuses "" attach run-7 "$LAB_CGROUP2/a"
	denied a "$EVIL4" 443
	fences
	json_has 'len(o["fences"]) == 1'
	done_by status
}

@test "the same policy on the same cgroup once more changes nothing, or makes it persistent" {
	make_cgroup a
	done_by attach one "$LAB_CGROUP2/a"
	done_by attach one "$LAB_CGROUP2/a"
	[[ $output == *"is already on"* ]]
	lab_host test ! -e "$POLICIES/one.targets"
	done_by attach --persistent one "$LAB_CGROUP2/a"
	lab_host grep -qxF "$LAB_CGROUP2/a" "$POLICIES/one.targets"
	denied a "$EVIL4" 443
	fences
	json_has 'len(o["fences"]) == 1 and o["fences"][0]["persistent"]'
}

@test "a policy is deleted with its fences only if that is said" {
	make_cgroup a
	done_by attach one "$LAB_CGROUP2/a"
	refuses "one" delete one
	denied a "$EVIL4" 443
	done_by delete --force one
	allowed a "$EVIL4" 443
	lab_host test ! -e "$POLICIES/one.policy"
	has_no_fence
}
