#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# Resolvers that are asked by Unix sockets, such as nscd and systemd-resolved: the command does not
# get to them, and libc asks by DNS instead.

# shellcheck disable=SC2016,SC2154 # inner shells expand for themselves; stderr is bats's
load lib

RESOLVED=/run/systemd/resolve
SOCKETS="/run/nscd/socket $RESOLVED/io.systemd.Resolve $RESOLVED/io.systemd.Resolve.Monitor"
SOCKETS+=" /run/avahi-daemon/socket"

# ask-by TOKEN PATH…: what came of connecting there, a line for each; the token goes with it.
ASK_BY='#!/usr/bin/python3
import errno, socket, sys
for path in sys.argv[2:]:
    try:
        connection = socket.socket(socket.AF_UNIX)
        connection.settimeout(5)
        connection.connect(path)
        connection.sendall(sys.argv[1].encode())
        print("OK", flush=True)
    except OSError as error:
        print(errno.errorcode[error.errno], flush=True)'

setup_file() {
	start_lab
	touch "$LAB_DIR/log/asked"
	cat >"$LAB_DIR/bin/ask-by" <<<"$ASK_BY"
	chmod 755 "$LAB_DIR/bin/ask-by"
	# shellcheck disable=SC2086 # one word for each
	start_listener $SOCKETS
}

# start_listener PATH…: what is asked there is in the log "asked".
start_listener() {
	local ready=$BATS_FILE_TMPDIR/ready-$BASHPID-$RANDOM
	lab_exec host python3 "$LAB_TOOLS/listener.py" "$LAB_DIR/log/asked" "$@" >"$ready" 3>&- &
	disown
	lab_until 10 grep -q ready "$ready" || lab_fail "the listener did not start"
}

# asked TOKEN TIMES: so many of the sockets have had the token.
asked() {
	(($(lab_log asked | grep -cF -- "$1") == $2))
}

# not_asked TOKEN: none has; what somebody outside asks later has got there.
not_asked() {
	local token=control-$RANDOM
	# shellcheck disable=SC2086
	lab_host ask-by "$token" $SOCKETS >/dev/null
	lab_until 5 asked "$token" 4 || lab_fail "the listener does not answer"
	asked "$1" 0 || lab_fail "was asked: $(lab_log asked)"
}

@test "without a fence the sockets are reached, as root and as a user" {
	# shellcheck disable=SC2086
	run lab_host ask-by root-outside $SOCKETS
	[[ $output == $'OK\nOK\nOK\nOK' ]]
	# shellcheck disable=SC2086
	run lab_host setpriv --reuid dev --clear-groups ask-by user-outside $SOCKETS
	[[ $output == $'OK\nOK\nOK\nOK' ]]
	lab_until 5 asked root-outside 4
	lab_until 5 asked user-outside 4
}

@test "inside they are not, whoever the command is, and fail at once" {
	local who
	for who in dev root "root --keep-caps dac_override,dac_read_search"; do
		# shellcheck disable=SC2086
		try --user $who -- ask-by inside $SOCKETS /var/run/nscd/socket
		[[ $output =~ ^(ENOENT$'\n'){4}ENOENT$ ]]
	done
	try --audit -- ask-by inside /run/nscd/socket
	[[ $output == ENOENT ]]
	not_asked inside
}

@test "with --no-dns-filter they are, and it says so" {
	# shellcheck disable=SC2086
	try --no-dns-filter -- ask-by unfiltered $SOCKETS
	[[ $output == $'OK\nOK\nOK\nOK' ]]
	lab_until 5 asked unfiltered 4
	[[ $(told "^cgfence: --no-dns-filter: .*any name.*DNS tunnels") == 1 ]]
	try -- true
	[[ $(told "no-dns-filter") == 0 ]]
}

# The command begins with what there is in /run/nscd, and the socket is made anew.
@test "a socket that is made later is not reached either, nor from within its directory" {
	run --separate-stderr lab_sudo sh -c 'cd /run/nscd && exec cgfence run -- ask-by inside socket ./socket'
	[[ $output == $'ENOENT\nENOENT' ]]
	lab_host rm /run/nscd/socket
	session late
	session late-root --user root
	start_listener /run/nscd/socket
	ask late "ask-by inside /run/nscd/socket"
	[[ $output == ENOENT ]]
	ask late-root "ask-by inside /run/nscd/socket"
	[[ $output == ENOENT ]]
	end_session late
	end_session late-root
	not_asked inside
}

# As most hosts with systemd-resolved have it. In a mount namespace of its own, for /etc.
@test "what /etc/resolv.conf leads to stays, and is no way to the sockets beside it" {
	local who expected
	for who in dev root; do
		# shellcheck disable=SC2086
		run --separate-stderr lab_sudo unshare --mount sh -ec 'resolved=$1 user=$2
			shift 2
			etc=$(mktemp -d -p /run) && cp -a /etc/. "$etc" && mount --bind "$etc" /etc
			mv /etc/resolv.conf "$resolved/stub-resolv.conf"
			ln -s "..$resolved/stub-resolv.conf" /etc/resolv.conf
			exec cgfence run --user "$user" --allow github.test -- sh -c "
				grep -c nameserver $resolved/stub-resolv.conf
				timeout 4 getent ahostsv4 github.test | head -n 1; ask-by inside $*"
			' - "$RESOLVED" $who $SOCKETS
		lab_host rm -f "$RESOLVED/stub-resolv.conf"
		expected=$'\nENOENT\nECONNREFUSED\nECONNREFUSED\nENOENT'
		[[ $output == $'2\n'"$GITHUB4 "*"$expected" ]]
	done
	not_asked inside
}

@test "getaddrinfo asks nscd without a fence, and by DNS inside, at once" {
	# The control: glibc asks at this socket, if there is one, and goes on without an answer.
	run lab_host getent ahostsv4 github.test
	[[ $output == "$GITHUB4 "* ]]
	lab_until 5 lab_log_has asked "/run/nscd/socket"
	lab_until 5 lab_log_has asked github.test
	lab_mark
	try --allow github.test -- timeout 4 getent ahostsv4 github.test
	[[ $status == 0 && $output == "$GITHUB4 "* ]]
	lab_seen udp "$LAB_NS4" 53
	try --user root --allow github.test -- timeout 4 getent ahostsv4 github.test
	[[ $status == 0 && $output == "$GITHUB4 "* ]]
	not_asked github.test
}

@test "where a cover would be seen outside the command is not run" {
	run --separate-stderr lab_host unshare --mount sh -c 'mkdir -p /run/plain/run/nscd
		for directory in bin dev etc lib lib64 proc sbin sys tmp usr var; do
			[ -d /$directory ] && mkdir -p /run/plain/$directory || continue
			mount --rbind /$directory /run/plain/$directory
		done
		mkdir -p "/run/plain/$1" && mount --rbind "$1" "/run/plain/$1"
		chroot /run/plain cgfence run --no-dns-filter -- echo ran
		exec chroot /run/plain cgfence run -- echo ran' - "$LAB_DIR"
	[[ $status == 125 && $output == ran && $stderr == *"cannot cover "* ]]
}
