#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# What README shows is run as it stands there, each line, with a real container of the name that it
# has there.

# shellcheck disable=SC2016,SC2034,SC2154 # inner shells expand for themselves; of bats
load lib
load engines
load daemon
load containers

BATS_TEST_TIMEOUT=$((120 * LAB_PATIENCE))

setup_file() {
	start_engine podman
	# The names that README has.
	printf '%s\n' "$GITHUB4 api.example.com api.stripe.com hooks.slack.com" '10.1.2.3 db.internal' |
		lab_host sh -c 'cat >>/etc/hosts'
}

# commands BEGIN END: the lines of blocks between lines that match; comments are not cut off.
commands() {
	sed -n "/$1/,/$2/p" "$ROOT/README.md" | sed -nE 's/^    ((sudo|mkdir|docker|systemctl) .*)/\1/p'
}

# run_line LINE: as README has it, and it must work.
run_line() {
	local line=$1
	case $line in
	"systemctl enable"*"without systemd: cgfence daemon &") start_daemon ;;
	"docker run "*…) run_first "${line#docker }" ;;
	"sudo cgfence watch"*) watch_denied "${line#sudo }" ;;
	sudo* | mkdir*) lab_sudo bash -ec "sudo() { \"\$@\"; }; cd '${LINE_DIR:-.}'; $line" || lab_fail "$line: $?" ;;
	*) lab_fail "cannot run: $line" ;;
	esac
}

# run_first "run OPTION… …": what the container does first is fenced.
run_first() {
	local words
	read -ra words <<<"${1%…}"
	run engine "${words[@]}" --rm "$IMAGE" probe tcp "$EVIL4" 443
	refused tcp "$EVIL4" 443
}

# watch_denied COMMAND: what the container is refused meanwhile is told.
watch_denied() {
	local pid
	# shellcheck disable=SC2086 # as README has it
	lab_exec host ${1%%#*} >"$BATS_TEST_TMPDIR/watched" 3>&- &
	pid=$!
	lab_until 10 is_told
	kill "$pid"
}

is_told() {
	ask_container shop "probe tcp $EVIL4 443" 2>/dev/null
	grep -qF "denied tcp $EVIL4:443" "$BATS_TEST_TMPDIR/watched"
}

# project_file NAME: from stdin, where the lines are run; they are the user's who called sudo.
project_file() {
	lab_host sh -c 'cat >"$0" && chmod a+rx "$0"' "/run/project/$1"
}

# The policy that it shows, and what it calls there: each reaches what the policy has, and no more.
make_project() {
	lab_host mkdir -p -m 777 /run/project /etc/cgfence/policies.d
	sed -n '/^    # .*build.policy$/,/^$/s/^    //p' "$ROOT/README.md" | project_file build.policy
	lab_host cp /run/project/build.policy /etc/cgfence/policies.d
	printf '#!/bin/sh -ex\nprobe tcp %s 22 | grep OK\nprobe tcp %s 443 | grep EPERM\n' \
		"$GITHUB4" "$EVIL4" | project_file release.sh
	printf 'all:\n\t./release.sh\n' | project_file Makefile
	printf '#!/bin/sh -ex\nprobe tcp %s 443 | grep OK\n' "$EVIL4" | project_file configure
}

@test "what README shows of a command in a fence is so" {
	local line count=0 LINE_DIR=/run/project
	lab_host sh -c 'echo "$1 github.com gitlab.com" >>/etc/hosts' - "$GITHUB4"
	make_project
	while IFS= read -r line; do
		[[ $line == *" run "* ]] || continue
		run_line "$line" </dev/null
		count=$((count + 1))
	done < <(commands '^## Use' '^\*\*What the command loses')
	((count == 3))
	lab_host grep -qF "$EVIL4" /run/project/what-it-reaches.log
	lab_host rm -r /etc/cgfence/policies.d/build.policy /run/project
}

@test "what README shows first of the daemon is so" {
	local line rules count=0
	start_container shop
	container_reaches shop "$EVIL4" 443
	while IFS= read -r line; do
		case $line in
		*"apply shop.policy"*"# allow "*)
			rules=${line#*# }
			lab_host sh -c 'echo "$1" >shop.policy' - "${rules//, /$'\n'}"
			;;
		esac
		run_line "$line" </dev/null
		count=$((count + 1))
	done < <(commands '^What runs already' '^It is for')
	((count > 3))
	lab_mark
	container_is_refused shop "$EVIL4" 443
	container_reaches shop "$GITHUB4" 443
	lab_host cgfence check shop db.internal:5432
}

@test "what README shows of policies that stay is so, to the end" {
	local line count=0
	stop_daemon
	start_container shop
	lab_host sh -c 'echo "allow 203.0.113.7:443" >web.policy'
	while IFS= read -r line; do
		lab_mark
		[[ $line != "sudo rm"* ]] || ! daemon_answers || stop_daemon
		run_line "$line" </dev/null
		count=$((count + 1))
		case $line in
		*"attach --persistent web container:shop"*) container_is_refused shop "$EVIL4" 443 ;;
		*"allow web api.example.com:443"*) container_reaches shop "$GITHUB4" 443 ;;
		*"links/container:shop")
			container_reaches shop "$EVIL4" 443
			[[ $(pinned_fences) == cgroup:fenced ]]
			;;
		esac
	done < <(commands '^## Containers, services' '^## How it decides')
	((count > 9))
	lab_host test ! -e /sys/fs/bpf/cgfence
	remove_containers
	lab_host rm -r /etc/cgfence
	lab_host rmdir "$LAB_CGROUP2/fenced"
}
