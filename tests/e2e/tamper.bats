#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# Somebody changes by hand what a daemon has put in force: it is found and said, and within a second
# it is as it was; and what is said where there is no daemon.

# shellcheck disable=SC2016,SC2154 # inner shells expand for themselves; stderr is bats's
load lib
load live

setup_file() {
	start_lab
	install_live
	install "$TEST_TOOLS/undo.bpf.o" "$LAB_DIR/bin"
}

# A policy that has entries in every map.
setup() {
	lab_mark
	make_cgroup web
	policy_file kept <<-END
		allow $GITHUB4:$LIVE_PORT
		allow [$GITHUB6]:$LIVE_PORT
		allow 198.51.100.20:443
		allow github.test:443
		allow 198.18.0.0/16:7001
		deny 198.18.9.0/24
		listen 8080/tcp
	END
	start_daemon
	done_by attach kept "$LAB_CGROUP2/web"
	lab_until 5 is_allowed web "$GITHUB4" 443
	FENCE=$(lab_host ls "$PINS/links")
	daemon_mark
}

teardown() {
	end_live
	nothing_left
}

tamper() {
	lab_host python3 -B "$ROOT/tests/tools/tamper.py" "$@"
}

# What was put right in this very moment is said once more.
is_proved() {
	client status --json
	[[ $status == 0 ]]
}

# found PATTERN: within a second a line says so, and all is as it was.
found() {
	lab_until 1 daemon_said "kept.*($1).*put right" ||
		lab_fail "not said: $1; but: $(tail -c "+$((DAEMON_MARK + 1))" "$DAEMON_LOG")"
	lab_until 1 is_proved
	json_has 'o["whole"] and o["fences"][0]["proved"] and o["fences"][0]["repairs"] > 0'
	json_has 'o["fences"][0]["problems"] == []'
	daemon_mark
}

# All that the policy says holds.
holds() {
	allowed web "$GITHUB4" 443
	allowed web "$GITHUB4" "$LIVE_PORT"
	allowed web 198.51.100.20 443
	denied web "$EVIL4" 443
	denied web 198.18.9.1 7001
	denied web "$GITHUB4" 5432
}

links() {
	lab_host ls "$PINS/links/$FENCE"
}

outer() {
	lab_host sh -c 'ls -d "$0"/datapath/*/maps/"$1"' "$PINS" "$1"
}

@test "links that are detached are attached again, one or all" {
	local hook
	for hook in connect4 egress ingress setsockopt; do
		lab_host bpftool link detach pinned "$PINS/links/$FENCE/$hook"
		found "the $hook program is detached"
	done
	holds
	lab_host sh -c 'for link in "$0"/*; do bpftool link detach pinned "$link"; done' "$PINS/links/$FENCE"
	for hook in $(links); do
		lab_until 1 daemon_said "the $hook program is detached; put right"
	done
	found detached
	holds
}

@test "pins of links that are removed are put back, and no moment is open" {
	local before
	before=$(links)
	pulse_start web
	lab_host rm "$PINS/links/$FENCE/egress"
	found "egress"
	lab_host rm -r "$PINS/links/$FENCE"
	found "connect4"
	[[ $(links) == "$before" ]]
	lab_host sh -c 'cd "$0" && mv bind4 bind && mv bind6 bind4 && mv bind bind6' "$PINS/links/$FENCE"
	found "bind4"
	lab_host rm -r "$PINS/links"
	found "connect6"
	[[ $(links) == "$before" ]]
	holds
	pulse_end
}

@test "a program that was replaced is put back" {
	lab_host bpftool prog loadall "$LAB_DIR/bin/undo.bpf.o" "$PINS/undo"
	tamper program "$PINS/links/$FENCE/connect4" "$PINS/undo/undo"
	is_allowed web 198.51.100.77 443 || true
	found "the connect4 program was replaced"
	lab_host rm -r "$PINS/undo"
	holds
}

# What is in the maps; of some what the kernel counts is in the values.
contents() {
	lab_host sh -c 'cd "$0" && for map in allow prefixes listens names grants resolvers; do
		bpftool --json map dump pinned $map
	done' "$PINS/policies/kept" | python3 -c 'import json, sys
for number, line in enumerate(sys.stdin):
    for entry in sorted(json.loads(line), key=lambda entry: entry["key"]):
        print(number, *entry["key"], *(entry["value"] if number in (2, 3, 4) else []))'
}

@test "entries that are deleted, changed or added by hand are as the policy says" {
	local map what before
	before=$(contents)
	for map in allow prefixes listens names grants resolvers; do
		tamper delete "$PINS/policies/kept/$map"
		found "missing"
		[[ $(contents) == "$before" ]]
	done
	for what in change add; do
		for map in allow prefixes listens names grants resolvers; do
			tamper $what "$PINS/policies/kept/$map"
		done
		found "changed"
		lab_until 2 contents_are "$before"
	done
	tamper change "$PINS/policies/kept/allow"
	found "1 changed"
	tamper add "$PINS/policies/kept/prefixes"
	found "1 foreign"
	holds
}

contents_are() {
	[[ $(contents) == "$1" ]]
}

@test "what somebody allows by hand is not allowed a second later, and its flows are cut" {
	local key value held=$BATS_TEST_TMPDIR/held in
	# 198.51.100.66 443 tcp, for ever
	key="0 0 0 0 0 0 0 0 0 0 255 255 198 51 100 66 187 1 6 16"
	value="255 255 255 255 255 255 255 255 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0"
	mkfifo "$BATS_TEST_TMPDIR/in"
	in_cgroup web python3 "$ROOT/tests/tools/peer.py" hold tcp "$GITHUB4" 443 \
		<"$BATS_TEST_TMPDIR/in" >"$held.allowed" 3>&- &
	exec {in}>"$BATS_TEST_TMPDIR/in"
	lab_until 5 grep -q held "$held.allowed"
	denied web "$EVIL4" 443
	# shellcheck disable=SC2086 # one word for each byte
	in_cgroup web sh -c 'bpftool map update pinned "$0/policies/kept/allow" key '"$key value $value"'
		exec python3 "$1" hold tcp "$2" 443' "$PINS" "$ROOT/tests/tools/peer.py" "$EVIL4" \
		<"$BATS_TEST_TMPDIR/in" >"$held.evil" 3>&- &
	found "1 foreign"
	lab_until 2 grep -qE 'ECONNABORTED|EPERM' "$held.evil"
	denied web "$EVIL4" 443
	echo still >&"$in"
	lab_until 5 grep -q still "$held.allowed"
	exec {in}>&-
}

# The grant of a name's addresses, as bytes.
grant_of_a_name() {
	lab_host bpftool --json map dump pinned "$PINS/policies/kept/names" |
		python3 -c 'import json, sys
print(*next(e["value"][:4] for e in json.load(sys.stdin) if e["value"][:4] != ["0x00"] * 4))'
}

bytes_of_an_hour_from_now() {
	python3 -c 'import time
print(*(time.monotonic_ns() + 3600 * 10**9).to_bytes(8, "little"))'
}

@test "what is written as if it had been learned, for ever or of no name, is found as well" {
	local evil="0 0 0 0 0 0 0 0 0 0 255 255 198 51 100 66 187 1 6 16" grant
	local forever="255 255 255 255 255 255 255 255 0 0 0 0 0 0 0 0 0 0 0 0"
	grant=$(grant_of_a_name)
	# shellcheck disable=SC2086 # one word for each byte
	lab_host bpftool map update pinned "$PINS/policies/kept/allow" key $evil \
		value $forever $grant 0 0 0 0 1 0 0 0
	found "1 foreign|1 changed"
	denied web "$EVIL4" 443
	# shellcheck disable=SC2086
	lab_host bpftool map update pinned "$PINS/policies/kept/allow" key $evil \
		value $forever 0 0 1 0 0 0 0 0 1 0 0 0
	found "1 foreign|1 changed"
	denied web "$EVIL4" 443
	# With an end it might be an answer's that is told of soon: it is looked at once more.
	# shellcheck disable=SC2046,SC2086
	lab_host bpftool map update pinned "$PINS/policies/kept/allow" key $evil \
		value $(bytes_of_an_hour_from_now) 0 0 0 0 0 0 0 0 0 0 0 0 $grant 0 0 0 0 1 0 0 0
	lab_until 3 daemon_said "1 foreign.*put right"
	denied web "$EVIL4" 443
}

@test "pins of maps that are removed are put back, and no moment is open" {
	local before
	before=$(lab_host ls "$PINS/policies/kept")
	pulse_start web
	lab_host rm "$PINS/policies/kept/allow"
	found "allow"
	lab_host rm -r "$PINS/policies/kept"
	found "names"
	lab_host rm -r "$PINS/policies"
	found "resolvers"
	[[ $(lab_host ls "$PINS/policies/kept") == "$before" ]]
	lab_host sh -c 'cd "$0" && rm names && bpftool map create "$PWD/names" type array key 4 value 4 entries 1 name odd' "$PINS/policies/kept"
	found "names"
	[[ $(lab_host bpftool map show pinned "$PINS/policies/kept/names") == *lpm_trie* ]]
	holds
	pulse_end
}

@test "slots that are emptied, or have another's map, are put right" {
	policy_file other <<<"allow any"
	done_by apply "$POLICIES/other.policy"
	tamper empty "$(outer allow_maps)" "$PINS/policies/kept/allow"
	found "allow"
	tamper empty "$(outer names_maps)" "$PINS/policies/kept/names"
	found "names"
	tamper swap "$(outer allow_maps)" "$PINS/policies/kept/allow" "$PINS/policies/other/allow"
	found "allow"
	tamper swap "$(outer prefixes_maps)" "$PINS/policies/kept/prefixes" "$PINS/policies/other/prefixes"
	found "prefixes"
	holds
}

# Words of struct cgf_target: its policy, the mode, the masks of ports, flags.
@test "a target that is changed is put right: its policy, its mode, its masks" {
	local word
	for word in 0 1 3 4 6; do
		tamper target "$(outer targets)" "$LAB_CGROUP2/web" $word
		found "which policy it has, and how"
	done
	holds
}

@test "programs whose pins are removed are pinned again" {
	local before
	before=$(lab_host sh -c 'ls "$0"/datapath/*/programs-*' "$PINS")
	lab_host sh -c 'rm -r "$0"/datapath/*/programs-*' "$PINS"
	lab_until 1 daemon_said "pin.*put right"
	[[ $(lab_host sh -c 'ls "$0"/datapath/*/programs-*' "$PINS") == "$before" ]]
	done_by status
	holds
}

@test "all that is pinned can be removed, and comes back" {
	pulse_start web
	lab_host rm -r "$PINS"
	lab_until 1 daemon_said "put right"
	lab_until 2 status_is 0
	holds
	pulse_end
}

@test "pins that are hidden by a mount are made again where they are looked for" {
	pulse_start web
	lab_host mount -t bpf bpf /sys/fs/bpf
	lab_until 1 daemon_said "put right"
	lab_until 2 status_is 0
	lab_host test -e "$PINS/policies/kept/allow" -a -e "$PINS/links/$FENCE/egress"
	holds
	lab_host umount -l /sys/fs/bpf
	lab_until 2 status_is 0
	holds
	pulse_end
}

status_is() {
	client status
	[[ $status == "$1" ]]
}

# Nothing can be pinned on another kind of file system.
@test "status says what does not hold, and since when, while it cannot be put right" {
	pulse_start web
	lab_host mount -t tmpfs tmpfs "$PINS/links/$FENCE"
	lab_until 2 status_is 1
	[[ $output == *"not whole"* && $output == *wrong*connect4* ]]
	lab_until 5 since_is_told
	client status --json
	[[ $status == 1 ]]
	json_has 'not o["whole"] and not o["fences"][0]["proved"]'
	json_has 'any(p["of"] == "connect4" and p["since_s"] >= 1 for p in o["fences"][0]["problems"])'
	daemon_said 'kept.*connect4.*cannot be put right'
	# Once, however often it was tried.
	[[ $(grep -c 'connect4.*cannot be put right' "$DAEMON_LOG") == 1 ]]
	holds
	lab_host umount "$PINS/links/$FENCE"
	lab_until 2 status_is 0
	holds
	pulse_end
}

since_is_told() {
	client status
	[[ $output =~ wrong.*connect4.*for\ [1-9] ]]
}

# The daemon's own round may be first.
found_by_status() {
	lab_host bpftool link detach pinned "$PINS/links/$FENCE/connect4"
	client status
	[[ $status == 1 ]]
}

@test "what status itself finds and puts right is said by that call, and the next one is whole" {
	lab_until 10 found_by_status
	[[ $output == *"not whole"* && $output =~ wrong.*connect4.*put\ right\ now ]]
	client status
	[[ $status == 0 && $output == *"stands whole"* ]]
	[[ $output =~ repaired.*s\ ago.*connect4 && $output != *wrong* ]]
	client status --json
	json_has 'o["whole"] and o["fences"][0]["whole"] and o["fences"][0]["problems"] == []'
	json_has 'o["fences"][0]["last_repair"]["problems"][0]["of"] == "connect4"'
	holds
}

@test "without a daemon status says what was done, and the next daemon puts it right" {
	stop_daemon TERM
	client status
	[[ $status == 1 && $output == "$LAB_CGROUP2/web: not whole"* ]]
	[[ $output == *"no daemon keeps it: start cgfence daemon"* ]]
	[[ $output == *"cgfence    gone: the fence stands"* && $output != *"removes this fence"* ]]
	[[ $output == *"namespace  known"* && $output != *"not known"* ]]
	client status "$LAB_CGROUP2/web"
	[[ $status == 1 && $output == "$LAB_CGROUP2/web: not whole"* ]]
	client status "$FENCE"
	[[ $status == 1 && $output == "$LAB_CGROUP2/web: not whole"* ]]
	client status "$LAB_CGROUP2/other"
	[[ $status == 125 && $stderr == *"there is no fence"* ]]
	holds
	lab_host bpftool link detach pinned "$PINS/links/$FENCE/connect4"
	lab_host rm "$PINS/links/$FENCE/sendmsg6"
	tamper empty "$(outer listens_maps)" "$PINS/policies/kept/listens"
	client status
	[[ $status == 1 ]]
	[[ $output == *"the connect4 program is detached"* ]]
	[[ $output == *"the sendmsg6 program has no link"* ]]
	[[ $output == *"the map listens of the policy is gone"* ]]
	client status --json
	[[ $status == 1 ]]
	json_has 'not o["whole"]'
	json_has '("link_detached", "connect4") in [(p["problem"], p["of"]) for p in o["fences"][0]["problems"]]'
	start_daemon
	lab_until 2 status_is 0
	daemon_said connect4
	holds
}

@test "a stopped daemon, and a killed one, leave every fence, and a restart opens none" {
	local signal
	pulse_start web
	for signal in TERM KILL INT KILL; do
		stop_daemon $signal
		holds
		client status
		[[ $status == 1 && $output == *"no daemon keeps it"* ]]
		start_daemon
		done_by status
	done
	pulse_end
}
