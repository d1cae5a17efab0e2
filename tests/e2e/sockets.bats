#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# `cgfence sockets` lists what processes in a fence hold that the fence does not judge.

# shellcheck disable=SC2016,SC2030,SC2031,SC2154 # inner shells expand for themselves; stderr is bats's
load lib

setup_file() {
	start_lab
}

# The cgroup of the one fence there is.
fence_directory() {
	lab_host find "$LAB_CGROUP2/cgfence" -mindepth 1 -maxdepth 1 -name 'run-*'
}

sockets() {
	run --separate-stderr lab_host cgfence sockets "$@"
}

# A fence with a shell in it; its cgroup is `$directory`.
fenced_shell() {
	session shell --allow "$GITHUB4:443"
	directory=$(fence_directory)
}

# bring CODE: a process outside that runs CODE, in Python, and then goes into the fence and stays
# until it is ended. Its number is in `$pid`.
bring() {
	local out=$BATS_TEST_TMPDIR/brought
	lab_exec host python3 -c 'import os, signal, socket, sys
exec(sys.argv[1])
open(sys.argv[2] + "/cgroup.procs", "w").write("0")
print("ready", flush=True)
signal.pause()
' "$1" "$directory" >"$out" 2>&1 &
	pid=$!
	lab_until 5 grep -q ready "$out" || lab_fail "$(<"$out")"
}

end_brought() {
	kill "$pid"
	wait "$pid" || true
	end_session shell
}

json_has() { # EXPRESSION: of the objects `o`
	python3 -c 'import json, sys
o = [json.loads(line) for line in sys.stdin]
assert eval(sys.argv[1]), o' "$1" <<<"$output"
}

@test "a fence whose command has only sockets of its own has none" {
	fenced_shell
	sockets "$directory"
	[[ $status == 0 && -z $stderr && $output == "$directory: no sockets "* ]]
	ask shell "exec 9<>/dev/null; bash -c 'exec 9<>/dev/tcp/$GITHUB4/443 && echo ready >ready && read -u 9' \
		</dev/null >/dev/null 2>&1 & echo started"
	lab_until 5 test -e "$LAB_HOME/ready"
	sockets "$directory"
	[[ $status == 0 && $output == "$directory: no sockets "* ]]
	sockets --json "$directory"
	[[ $status == 0 && -z $output ]]
	rm "$LAB_HOME/ready"
	end_session shell
}

@test "a connection that a process brought along is listed" {
	fenced_shell
	bring "s = socket.create_connection(('$EVIL4', 443))"
	sockets "$directory"
	[[ $status == 1 && -z $stderr ]]
	[[ $(wc -l <<<"$output") == 2 && $output == "SOCKET "*"MADE IN"*"HELD BY"* ]]
	[[ $output == *"tcp "*"$LAB_HOST4:"*" $EVIL4:443 "*"python3[$pid] fd 3" ]]
	end_brought
}

@test "where it was made is told by path" {
	fenced_shell
	lab_host mkdir "$LAB_CGROUP2/origin"
	bring "open('$LAB_CGROUP2/origin/cgroup.procs', 'w').write('0')
s = socket.create_server(('', 7000))"
	sockets "$directory"
	[[ $status == 1 && $output == *" 0.0.0.0:7000 "*" listening "*" $LAB_CGROUP2/origin "* ]]
	lab_host rmdir "$LAB_CGROUP2/origin"
	sockets "$directory"
	[[ $status == 1 && $output == *" (gone) "* ]]
	end_brought
}

@test "a cgroup that the namespace does not show has no path" {
	fenced_shell
	bring 's = socket.create_server(("", 7002))'
	run --separate-stderr lab_host sh -c 'echo 0 >"$1/cgroup.procs"
		exec unshare --cgroup --mount sh -c "mount -t cgroup2 cgroup2 /mnt; cgfence sockets /mnt"' - "$directory"
	[[ $status == 1 && $output == *" 0.0.0.0:7002 "*" (out of sight) "*"python3[$pid] fd 3"* ]]
	end_brought
}

@test "a socket that was passed in is listed with who got it" {
	local code holder fd
	fenced_shell
	lab_exec host python3 -c 'import socket, sys
unix = socket.create_server(sys.argv[1], family=socket.AF_UNIX)
udp = socket.socket(type=socket.SOCK_DGRAM)
udp.connect((sys.argv[2], 443))
with unix.accept()[0] as peer:
    socket.send_fds(peer, [b"x"], [udp.fileno()])
    peer.recv(1)
' "$LAB_HOME/unix" "$EVIL4" &
	pid=$!
	lab_until 5 test -S "$LAB_HOME/unix"
	lab_host chmod 666 "$LAB_HOME/unix"
	code='import os, signal, socket
s = socket.socket(socket.AF_UNIX)
s.connect("unix")
fds = socket.recv_fds(s, 1, 1)[1]
open("passed", "w").write(f"{os.getpid()} {fds[0]}\n")
signal.pause()'
	echo "$code" >"$LAB_HOME/receive.py"
	ask shell "python3 receive.py >/dev/null 2>&1 & echo started"
	lab_until 5 grep -qs ' ' "$LAB_HOME/passed"
	read -r holder fd <"$LAB_HOME/passed"
	sockets "$directory"
	[[ $status == 1 && $output == *"udp "*" $EVIL4:443 "*"python3[$holder] fd $fd" ]]
	[[ $(wc -l <<<"$output") == 2 ]]
	end_session shell
	wait "$pid" || true
	rm "$LAB_HOME"/{unix,passed,receive.py}
}

@test "as JSON there is an object for each, with what is known" {
	fenced_shell
	bring "a = socket.create_connection(('$EVIL6', 443)); b = socket.socket()
c = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)"
	sockets --json "$directory"
	[[ $status == 1 && -z $stderr ]]
	json_has 'len(o) == 3 and all(x["event"] == "socket" for x in o)'
	json_has "all([h['pid'] for h in x['holders']] == [$pid] for x in o)"
	json_has '[x["holders"][0]["fd"] for x in o] == [3, 4, 5] and o[0]["holders"][0]["comm"] == "python3"'
	json_has '[x["reason"] for x in o] == ["made_outside", "unknown", "no_hook"]'
	json_has '[x["family"] for x in o] == ["inet6", "inet", "packet"]'
	json_has '[x["protocol"] for x in o][:2] == ["tcp", "tcp"] and o[0]["socket_type"] == "stream"'
	json_has "o[0]['remote'] == '$EVIL6' and o[0]['remote_port'] == 443 and o[0]['state'] == 1"
	json_has 'o[0]["cgroup_id"] > 0 and o[0]["cgroup"] and o[1]["cgroup_id"] is None'
	end_brought
}

@test "a process that names itself badly does no harm" {
	fenced_shell
	bring 's = socket.create_server(("", 7001)); open("/proc/self/comm", "wb").write(b"\x1b[31m\n\xff")'
	sockets "$directory"
	[[ $status == 1 && $output == *'\x1b[31m\x0a\xff['"$pid"'] fd 3'* && $output != *$'\e'* ]]
	sockets --json "$directory"
	json_has 'o[0]["holders"][0]["comm"] == r"\x1b[31m\x0a\xff"'
	end_brought
}

@test "what is no cgroup2 directory is an error that names it" {
	local path
	for path in /tmp /proc /sys/fs/bpf; do
		sockets "$path"
		[[ $status == 125 && -z $output && $stderr == "cgfence: sockets: $path: not a cgroup2 directory" ]]
	done
	sockets /nowhere
	[[ $status == 125 && $stderr == "cgfence: sockets: /nowhere: No such file or directory" ]]
	sockets "$LAB_CGROUP2/cgroup.procs"
	[[ $status == 125 && $stderr == *"cgroup.procs: Not a directory" ]]
}

@test "wrong arguments are errors" {
	sockets
	[[ $status == 125 && $stderr == *"no cgroup; see cgfence sockets --help" ]]
	sockets "$LAB_CGROUP2" "$LAB_CGROUP2"
	[[ $status == 125 && $stderr == *"only one cgroup"* ]]
	sockets --frobnicate "$LAB_CGROUP2"
	[[ $status == 125 && $stderr == *frobnicate* && $stderr == *"cgfence sockets --help"* ]]
	sockets --help
	[[ $status == 0 && $output == "Usage: cgfence sockets "* ]]
}

@test "who is not root is told so" {
	run --separate-stderr lab_host setpriv --reuid 64042 --regid 64042 --clear-groups \
		cgfence sockets "$LAB_CGROUP2"
	[[ $status == 125 && $stderr == *root* ]]
}
