#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# Whoever is fenced, or has a cgroup on the host, against the daemon that keeps the fences.

# shellcheck disable=SC2016,SC2030,SC2031,SC2154 # inner shells expand for themselves; stderr is bats's
load lib
load live

setup_file() {
	start_lab
	install_live
}

setup() {
	lab_mark
	make_cgroup web
	policy_file web <<-END
		allow $GITHUB4:443
		deny gitlab.test:1-65534
	END
	start_daemon
}

teardown() {
	end_live
	nothing_left
}

@test "a change that has no room leaves the rules as they were, in force as in the file" {
	local before i
	done_by attach web "$LAB_CGROUP2/web"
	before=$(lab_host cat "$POLICIES/web.policy")
	lab_until 5 knows_gitlab
	{
		echo "$before"
		echo "allow $EVIL4:443"
		for i in {1..1092}; do
			echo "deny 10.0.$((i / 256)).$((i % 256)):1-65534"
		done
	} >"$LAB_DIR/run/web.policy"
	client apply "$LAB_DIR/run/web.policy"
	[[ $status == 125 ]]
	[[ $(lab_host cat "$POLICIES/web.policy") == "$before" ]]
	client apply --json "$LAB_DIR/run/web.policy"
	[[ $status == 125 ]] && json_has 'o["error"]["code"] == "capacity"'
	allowed web "$GITHUB4" 443
	denied web "$EVIL4" 443
	# Nor does it come into force when there is room.
	done_by remove web 'deny gitlab.test:1-65534'
	allowed web "$GITHUB4" 443
	denied web "$EVIL4" 443
	done_by status
}

knows_gitlab() {
	api /v1/policies/web
	[[ $output == *198.51.100.20* ]]
}

@test "a daemon without a descriptor left does not take a fence down, nor forget it" {
	done_by attach web "$LAB_CGROUP2/web"
	prlimit --pid "$DAEMON_PID" --nofile=1:
	make_cgroup web/below
	lab_nap
	denied web/below "$EVIL4" 443
	# Proofs are made meanwhile.
	timeout 1 tail -f /dev/null || true
	prlimit --pid "$DAEMON_PID" --nofile=4096:
	done_by status --json
	json_has 'o["fences"][0]["target"].endswith("web") and o["whole"]'
	denied web/below "$EVIL4" 443
	run ! daemon_said 'is gone'
}

@test "a target that cannot be fenced when it comes is, as soon as it can be" {
	local other
	policy_file other <<<"allow $GITHUB4:5432"
	done_by apply "$LAB_DIR/etc/cgfence/policies.d/other.policy"
	lab_exec host sh -c 'echo $$ >"$0/cgroup.procs" && exec tail -f /dev/null' "$LAB_CGROUP2/web" 3>&- &
	other=$!
	lab_until 5 lab_host grep -q . "$LAB_CGROUP2/web/cgroup.procs"
	done_by attach other "pid:$(lab_host sh -c 'head -n 1 "$0"' "$LAB_CGROUP2/web/cgroup.procs")"
	lab_host sh -c 'echo "$1" >"$0"' "$POLICIES/web.targets" "$LAB_CGROUP2/web"
	api /v1/reload -X POST
	lab_until 5 daemon_said 'cannot attach to'
	denied web "$GITHUB4" 443
	done_by detach "$(lab_host ls "$PINS/links")"
	lab_until 5 is_denied web "$EVIL4" 443
	allowed web "$GITHUB4" 443
	kill "$other"
}

@test "who attaches is told of what the fence does not hold" {
	lab_exec host sh -c 'echo $$ >"$0/cgroup.procs" && exec setpriv --bounding-set -all,+net_raw \
		python3 -c "import socket, time
s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
time.sleep(60)"' "$LAB_CGROUP2/web" 3>&- &
	lab_until 5 lab_host sh -c 'grep -q . /proc/$(head -n 1 "$0/cgroup.procs")/net/packet && \
		[ $(wc -l </proc/$(head -n 1 "$0/cgroup.procs")/net/packet) -gt 1 ]' "$LAB_CGROUP2/web"
	done_by attach web "$LAB_CGROUP2/web" --json
	families_are_held || json_has 'any("CAP_NET_RAW" in w for w in o["warnings"])'
	json_has 'not any("CAP_SYS_ADMIN" in w for w in o["warnings"])'
	json_has 'any("1 socket " in w for w in o["warnings"])'
	done_by detach "$LAB_CGROUP2/web"
	make_cgroup user
	lab_exec host sh -c 'echo $$ >"$0/cgroup.procs" && exec setpriv --reuid 64042 --clear-groups \
		unshare --user --map-root-user --net tail -f /dev/null' "$LAB_CGROUP2/user" 3>&- &
	lab_until 5 lab_host sh -c 'grep -qx tail /proc/$(head -n 1 "$0/cgroup.procs")/comm' \
		"$LAB_CGROUP2/user"
	done_by attach web "$LAB_CGROUP2/user" --json
	json_has 'o["warnings"] == []'
}

# It could not even be killed then.
@test "a resolv.conf that is never read to its end does not hold the daemon up" {
	local way
	for way in bind link; do
		silent_host $way
		timed done_by attach web "$LAB_CGROUP2/web"
		((took_ms < 2000 * LAB_PATIENCE))
		done_by status
		denied web "$EVIL4" 443
		done_by detach "$LAB_CGROUP2/web"
		lab_host sh -c 'xargs kill -KILL <"$0/cgroup.procs"' "$LAB_CGROUP2/web"
		lab_until 5 lab_host sh -c '! grep -q . "$0/cgroup.procs"' "$LAB_CGROUP2/web"
	done
}

# Processes with mounts of their own, where resolv.conf is in a file system that does not answer.
silent_host() { # bind|link
	: >"$LAB_DIR/run/silent"
	lab_exec host sh -c 'echo $$ >"$0/cgroup.procs" && exec unshare --mount sh -c "
		python3 -B $1 /run/fuse & until [ -e /run/fuse/file ]; do timeout 0.1 tail -f /dev/null; done
		cp -r /etc /run/etc && mount --bind /run/etc /etc
		case $2 in
		bind) mount --bind /run/fuse/file /etc/resolv.conf ;;
		link) ln -sf /run/fuse/file /etc/resolv.conf ;;
		esac
		echo ready && exec tail -f /dev/null"' "$LAB_CGROUP2/web" "$ROOT/tests/tools/silent-fs.py" "$1" \
		>"$LAB_DIR/run/silent" 2>&1 3>&- &
	lab_until 10 grep -q ready "$LAB_DIR/run/silent" || lab_fail "$(<"$LAB_DIR/run/silent")"
}
