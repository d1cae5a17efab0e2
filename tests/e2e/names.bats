#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# Names and the addresses they have, which change while the command runs.

# shellcheck disable=SC2016,SC2154 # inner shells expand for themselves; stderr is bats's
load lib

setup_file() {
	local i records=()
	for i in {1..2000}; do
		records+=("big 60 A 198.18.$((i / 250)).$((i % 250))")
	done
	start_lab "${records[@]}" \
		"pool 1 A 203.0.113.1" \
		"first 1 A 203.0.113.10" "second 1 A 203.0.113.10" \
		"alias 60 CNAME middle" "middle 60 CNAME target" "target 60 A 203.0.113.20" \
		"only4 60 A 203.0.113.30" "only6 60 AAAA 2001:db8:3::30" \
		"loopback 60 A 127.0.0.1" "private 60 A 10.1.2.3" "metadata 60 A 169.254.169.254" \
		"loopback6 60 AAAA ::1" "private6 60 AAAA fd00::5" "mapped 60 AAAA ::ffff:10.1.2.3" \
		"both 60 A 203.0.113.40" "both 60 A 10.1.2.4" \
		"vanish 1 A 203.0.113.50"
}

# with_file TARGET CMD…: CMD sees stdin's text as the file TARGET.
with_file() {
	local target=$1
	shift
	cat >"$BATS_TEST_TMPDIR/file"
	lab_sudo unshare --mount sh -c 'mount --bind "$1" "$2"; shift 2; exec "$@"' - \
		"$BATS_TEST_TMPDIR/file" "$target" "$@"
}

@test "a new address of a name is allowed once its old record has run out, and the old one still" {
	lab_dns_set pool 1 A 203.0.113.1
	session command --allow pool.test:443
	ask command "probe tcp 203.0.113.1 443; probe tcp 203.0.113.2 443"
	[[ $output == $'OK\nEPERM connect' ]]
	lab_not_seen tcp 203.0.113.2 443
	lab_dns_set pool 1 A 203.0.113.2
	lab_until 8 ask_for command "probe tcp 203.0.113.2 443" OK
	ask command "probe tcp 203.0.113.1 443; probe tcp 203.0.113.3 443"
	[[ $output == $'OK\nEPERM connect' ]]
	end_session command
}

@test "a name that is gone keeps its addresses for a while, and gets no others" {
	lab_dns_set vanish 1 A 203.0.113.50
	session command --allow vanish.test:443
	lab_mark
	lab_dns_set vanish 1 A
	lab_until 8 lab_log_has packets 'vanish\x04test'
	ask command "probe tcp 203.0.113.50 443; probe tcp 203.0.113.51 443"
	[[ $output == $'OK\nEPERM connect' ]]
	end_session command
}

@test "two names on one address each keep it for their own ports" {
	lab_dns_set first 1 A 203.0.113.10
	session command --allow first.test:443 --allow second.test:80
	ask command "probe tcp 203.0.113.10 443; probe tcp 203.0.113.10 80; probe tcp 203.0.113.10 8080"
	[[ $output == $'OK\nOK\nEPERM connect' ]]
	lab_dns_set first 1 A 203.0.113.11
	lab_until 8 ask_for command "probe tcp 203.0.113.11 443" OK
	ask command "probe tcp 203.0.113.10 80; probe tcp 203.0.113.11 80"
	[[ $output == $'OK\nEPERM connect' ]]
	end_session command
}

@test "aliases are followed" {
	try --allow alias.test:443 -- probe tcp 203.0.113.20 443
	reached tcp 203.0.113.20 443
}

@test "a name with addresses of one family only is enough" {
	try --allow only4.test:443 -- probe tcp 203.0.113.30 443
	reached tcp 203.0.113.30 443
	try --allow only6.test:443 -- probe tcp 2001:db8:3::30 443
	reached tcp 2001:db8:3::30 443
}

@test "a name in /etc/hosts has the address it has there" {
	run --separate-stderr with_file /etc/hosts cgfence run --allow pinned.test:443 -- \
		probe tcp 203.0.113.80 443 <<<"203.0.113.80 pinned.test"
	reached tcp 203.0.113.80 443
}

@test "a name at a loopback, private or metadata address allows nothing, and it is said" {
	local pair name address
	for pair in loopback/127.0.0.1 private/10.1.2.3 metadata/169.254.169.254 \
		loopback6/::1 private6/fd00::5 mapped/10.1.2.3; do
		name=${pair%/*} address=${pair#*/}
		try --allow "$name.test:443" -- probe tcp "$address" 443
		refused tcp "$address" 443
		[[ $(told "^cgfence: $name.test .*$address") == 1 ]]
	done
}

@test "it does so if another rule allows the address" {
	try --allow private.test:443 --allow 10.0.0.0/8:443 -- probe tcp 10.1.2.3 443
	reached tcp 10.1.2.3 443
	try --allow loopback.test:9999 --allow localhost:9999 -- probe tcp 127.0.0.1 9999
	[[ $output == "ECONNREFUSED connect" ]]
}

@test "the ordinary addresses of a name that also has a private one are allowed" {
	try --allow both.test:443 -- sh -c "probe tcp 203.0.113.40 443; probe tcp 10.1.2.4 443"
	[[ $output == $'OK\nEPERM connect' ]]
	lab_not_seen tcp 10.1.2.4 443
}

@test "an unknown name is an error before the command runs, and names the resolvers" {
	try --allow nosuch.test:22 -- echo ran
	[[ $status == 125 && -z $output ]]
	[[ $stderr == *nosuch.test* && $stderr == *"no such host"* && $stderr == *"$LAB_NS4"* ]]
}

@test "one unknown name among known ones is an error" {
	try --allow github.test:22 --allow nosuch.test:22 -- echo ran
	[[ $status == 125 && -z $output && $stderr == *nosuch.test* && $stderr != *github.test* ]]
}

@test "a resolver that does not answer is an error within seconds, and is named" {
	local start=$SECONDS
	try --dns "$LAB_SILENT_NS4" --allow github.test:22 -- echo ran
	[[ $status == 125 && -z $output ]]
	[[ $stderr == *github.test* && $stderr == *"$LAB_SILENT_NS4"* ]]
	((SECONDS - start <= 10))
}

@test "the resolvers are those of the resolv.conf that the command sees" {
	run --separate-stderr with_file /etc/resolv.conf cgfence run --allow github.test:22 -- echo ran \
		<<<"nameserver $LAB_SILENT_NS6"
	[[ $status == 125 && -z $output && $stderr == *"$LAB_SILENT_NS6"* ]]
}

@test "one resolver of two that does not answer is no error" {
	try --dns "$LAB_SILENT_NS4" --dns "$LAB_NS4" --allow github.test:22 -- probe tcp "$GITHUB4" 22
	reached tcp "$GITHUB4" 22
}

@test "of a name with 2,000 addresses as many are allowed as fit, and it is said" {
	try --allow big.test:443 -- sh -c '
		for third in 0 1 2 3 4 5 6 7; do
			probe tcp 198.18.$third.100 443
		done | sort | uniq -c'
	[[ $status == 0 && $stderr == *big.test*1024*address* ]]
	[[ $output =~ [1-7]" EPERM connect" && $output =~ [1-7]" OK" ]]
}

@test "100 rules on one name all hold" {
	local port rules=()
	for port in {1001..1100}; do
		rules+=(--allow "github.test:$port")
	done
	try "${rules[@]}" -- sh -c "for port in \$(seq 1001 1100); do
		probe tcp $GITHUB4 \$port; done | sort | uniq -c; probe tcp $GITHUB4 443"
	[[ $output == *"100 OK"$'\n'"EPERM connect" ]]
}

@test "100 names with one rule each all hold" {
	local i rules=()
	for i in {1..100}; do
		lab_dns_set "host$i" 60 A "203.0.113.$((100 + i))"
		rules+=(--allow "host$i.test:443")
	done
	try "${rules[@]}" -- sh -c 'for i in $(seq 101 200); do
		probe tcp 203.0.113.$i 443; done | sort | uniq -c; probe tcp 203.0.113.99 443'
	[[ $output == *"100 OK"$'\n'"EPERM connect" ]]
}

@test "a denied name that gets more addresses than can be denied shuts the fence" {
	local i many=()
	for ((i = 0; i < 1100; i++)); do
		many+=("198.18.$((i / 200)).$((i % 200 + 1))")
	done
	lab_dns_set grows 1 A 198.18.0.1
	session command --allow any --deny grows.test
	ask command "probe tcp $EVIL4 443"
	[[ $output == OK* ]]
	lab_dns_set grows 1 A "${many[@]}"
	lab_until 15 ask_for command "probe tcp $EVIL4 443" EPERM
	end_session command
	[[ $(told "what is to be denied does not fit") == 1 && $(told "the fence is shut") == 1 ]]
}

@test "half an answer is enough for a name that is allowed, and not for one that is denied" {
	lab_exec host python3 "$ROOT/tests/tools/half-dns.py" >"$BATS_TEST_TMPDIR/half" &
	local server=$!
	lab_until 5 grep -q ready "$BATS_TEST_TMPDIR/half"
	try --dns 127.0.0.1 --allow half.test:443 -- probe tcp "$EVIL4" 443
	[[ $output == OK* ]]
	try --dns 127.0.0.1 --allow any --deny half.test -- echo ran
	kill "$server"
	[[ $status == 125 && -z $output && $stderr == *"cannot resolve half.test"* ]]
}
