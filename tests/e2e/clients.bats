#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# Real clients through a fence that allows two names: what they reach, over IPv4 and IPv6, and what
# they do not.

# shellcheck disable=SC2016,SC2154 # inner shells expand for themselves; stderr is bats's
load lib

PYTHON='
import http.client, socket, sys
host, family = sys.argv[1], {"4": socket.AF_INET, "6": socket.AF_INET6}[sys.argv[2]]
http.client.socket.getaddrinfo = lambda host, port, *more, resolve=socket.getaddrinfo: resolve(
    host, port, family, socket.SOCK_STREAM)
connection = http.client.HTTPConnection(host, 80, timeout=5)
connection.request("GET", "/")
print(connection.getresponse().read().decode())
'
NODE='
const [host, family] = process.argv.slice(1);
require("http").get({ host, family: Number(family), agent: false }, (response) => {
    response.pipe(process.stdout);
}).on("error", (error) => { console.error(error.code); process.exit(1); });
'

setup_file() {
	start_lab
}

# What cgfence says goes to a file of its own: clients
# write their messages in pieces, and cgfence's lines may come to stand within them.
fenced() {
	rm -f "$BATS_TEST_TMPDIR/told"
	try --quiet --log "$BATS_TEST_TMPDIR/told" "$@"
}

# client PORT SCRIPT: the script gets the host and 4 or 6. It works for two hosts that are allowed,
# through one fence, and neither for a third host nor for another port.
client() {
	local port=$1 fetch="fetch() { $2
		}" family
	for family in 4 6; do
		local -n site=LAB_SITE$family
		lab_mark
		fenced --allow "github.test:$port" --allow "gitlab.test:$port" -- sh -c "$fetch
			fetch github.test $family && fetch gitlab.test $family"
		[[ $status == 0 ]]
		lab_seen tcp "${site[github]}" "$port"
		lab_seen tcp "${site[gitlab]}" "$port"
		[[ $(grep -c "denied.* by " "$BATS_TEST_TMPDIR/told") == 0 ]]
		fenced --allow "github.test:$port" -- sh -c "$fetch
			fetch evil.test $family"
		[[ $status != 0 ]]
		lab_not_seen tcp "${site[evil]}" "$port"
		grep -q '^cgfence: denied question evil\.test ' "$BATS_TEST_TMPDIR/told"
		lab_mark
		fenced --allow github.test:443 -- sh -c "$fetch
			fetch github.test $family"
		[[ $status != 0 ]]
		lab_not_seen tcp "${site[github]}" "$port"
	done
}

@test "git over ssh" {
	client 22 'GIT_SSH_COMMAND="ssh -$2" git ls-remote --exit-code "ssh://git@$1/repo"'
}

@test "ssh" {
	client 22 'ssh "-$2" "git@$1"'
}

@test "curl" {
	client 80 'curl "-$2" -sSf --max-time 5 "http://$1/"'
}

@test "wget" {
	client 80 'wget "-$2" -nv -T 5 -t 1 -O - "http://$1/"'
}

@test "python" {
	client 80 "python3 -c '$PYTHON' \"\$1\" \"\$2\""
}

@test "node" {
	client 80 "node -e '$NODE' \"\$1\" \"\$2\""
}

@test "a static program with musl, whose DNS goes by sendto" {
	client 80 'musl-client "$2" "$1" 80'
}

@test "bash, with no client at all" {
	try --allow github.test:80 -- bash -c 'exec 3<>/dev/tcp/github.test/80'
	[[ $status == 0 ]]
	try --allow github.test:80 -- bash -c 'exec 3<>/dev/tcp/evil.test/80'
	[[ $status != 0 && $stderr == *"Name or service not known"* ]]
	lab_not_seen tcp "$EVIL4" 80
	lab_not_seen tcp "$EVIL6" 80
}
