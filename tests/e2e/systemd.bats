#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# Services of a real systemd, fenced by the daemon as it is installed: by its unit, and hardened.

# shellcheck disable=SC2030,SC2031,SC2154 # status, stderr and output are bats's
load lib
load systemd

BATS_TEST_TIMEOUT=$((120 * LAB_PATIENCE))
WEB4=203.0.113.10 WILD4=203.0.113.12

setup_file() {
	local root=$BATS_FILE_TMPDIR/root
	start_systemd "web 60 A $WEB4" "any.wild 60 A $WILD4"
	install_in_systemd "$TEST_TOOLS/connects-musl"
	make -s -C "$ROOT" install PREFIX=/usr SYSCONFDIR=/etc DESTDIR="$root"
	install "$CGFENCE" "$root/usr/sbin/cgfence"
	cp -dR "$root/." "/proc/$SYSTEMD_PID/root"
	on_systemd mkdir /etc/systemd/system/cgfence.service.d
	# There is no journal.
	printf '[Service]\nStandardError=append:/run/daemon.log\n' | add_unit cgfence.service.d/log.conf
}

setup() {
	lab_mark
	on_systemd systemctl start cgfence
	add_service web
	on_systemd systemctl start web
}

teardown() {
	local path
	[[ -n ${BATS_TEST_COMPLETED:-} ]] || on_systemd tail -n 30 /run/daemon.log || true
	on_systemd systemctl start cgfence
	for path in "/proc/$SYSTEMD_PID/root/etc/cgfence/policies.d"/*.policy; do
		[[ ! -e $path ]] || on_systemd cgfence delete --force "$(basename "$path" .policy)"
	done
	on_systemd systemctl stop cgfence web
	[[ -z $(on_systemd find /sys/fs/bpf/cgfence/policies /sys/fs/bpf/cgfence/links -mindepth 1) ]]
}

apply_policy() {
	printf '%s\n' "${@:2}" >"/proc/$SYSTEMD_PID/root/run/$1.policy"
	on_systemd cgfence apply "/run/$1.policy"
}

service_reaches() {
	ask_service "$1" "probe --reply tcp $2 $3"
	[[ $output == "OK probe" ]] || lab_fail "$1 does not reach $2 $3: $output"
	lab_seen tcp "$2" "$3"
}

service_is_refused() {
	ask_service "$1" "probe tcp $2 $3"
	[[ $output == "EPERM "* ]] || lab_fail "$1 is not refused $2 $3: $output"
	lab_not_seen tcp "$2" "$3"
}

property() {
	on_systemd systemctl show --value -p "$1" "${2:-cgfence}"
}

fence_is() {
	[[ $(fence_state "$1") == "$2" ]]
}

fence_state() {
	on_systemd cgfence status --json | python3 -c 'import json, sys
for fence in json.load(sys.stdin)["fences"]:
    if fence["target"] == sys.argv[1]:
        print(fence["state"])' "$1"
}

@test "the unit says when the daemon is ready, and what it does" {
	[[ $(property ActiveState) == active && -n $(property StatusText) ]]
	on_systemd cgfence status
}

@test "a service reaches what its policy names, and nothing else" {
	service_reaches web "$EVIL4" 443
	lab_mark
	apply_policy out "allow web.test:443" "allow *.wild.test:443"
	on_systemd cgfence attach out unit:web.service
	service_reaches web "$WEB4" 443
	service_is_refused web "$EVIL4" 443
	service_is_refused web "$WILD4" 443
	ask_service web "connects-musl 1 any.wild.test 443"
	[[ $output == "1 connected"* ]]
	lab_seen tcp "$WILD4" 443
	ask_service web "connects-musl 1 evil.test 443"
	[[ $output == *"Name does not resolve"* ]]
	on_systemd cgfence status
	on_systemd cgfence detach unit:web
	lab_mark
	service_reaches web "$EVIL4" 443
}

@test "the fence stands while the daemon is stopped, killed and started anew" {
	local pid
	apply_policy out "allow web.test:443"
	on_systemd cgfence attach out unit:web
	on_systemd systemctl stop cgfence
	service_is_refused web "$EVIL4" 443
	service_reaches web "$WEB4" 443
	on_systemd systemctl start cgfence
	on_systemd cgfence status
	service_is_refused web "$EVIL4" 443
	pid=$(property MainPID)
	on_systemd kill -KILL "$pid"
	lab_until 10 is_another_process "$pid"
	service_is_refused web "$EVIL4" 443
	service_reaches web "$WEB4" 443
	lab_until 10 on_systemd cgfence status
}

is_another_process() {
	[[ $(property ActiveState) == active && $(property MainPID) != "$1" ]]
}

@test "a daemon that hangs is started anew, and the fence stands" {
	local pid
	apply_policy out "allow web.test:443"
	on_systemd cgfence attach out unit:web
	add_unit cgfence.service.d/watchdog.conf <<-END
		[Service]
		WatchdogSec=1
		TimeoutAbortSec=1
	END
	on_systemd systemctl restart cgfence
	pid=$(property MainPID)
	on_systemd kill -STOP "$pid"
	service_is_refused web "$EVIL4" 443
	lab_until 20 is_another_process "$pid"
	service_is_refused web "$EVIL4" 443
	on_systemd rm /etc/systemd/system/cgfence.service.d/watchdog.conf
	on_systemd systemctl daemon-reload
}

@test "systemctl reload reads the policies, and a bad one changes nothing" {
	local file=/proc/$SYSTEMD_PID/root/etc/cgfence/policies.d/out.policy
	apply_policy out "allow web.test:443"
	on_systemd cgfence attach out unit:web
	service_is_refused web "$WILD4" 443
	echo "allow any.wild.test:443" >>"$file"
	on_systemd systemctl reload cgfence
	lab_until 5 service_says web "probe tcp $WILD4 443" OK
	echo "allow any.wild.test:443443" >"$file"
	on_systemd systemctl reload cgfence
	lab_until 5 policy_has_a_problem out
	[[ $(property ActiveState) == active ]]
	service_reaches web "$WEB4" 443
	service_is_refused web "$EVIL4" 443
}

service_says() {
	ask_service "$1" "$2"
	[[ $output == "$3"* ]]
}

policy_has_a_problem() {
	on_systemd cgfence show --json | python3 -c 'import json, sys
wrong = [p["name"] for p in json.load(sys.stdin)["policies"] if p["problem"]]
sys.exit(sys.argv[1] not in wrong)' "$1"
}

@test "a persistent fence is back when its service is" {
	apply_policy out "allow web.test:443"
	on_systemd cgfence attach --persistent out unit:web
	on_systemd systemctl restart web
	lab_until 10 fence_is unit:web.service standing
	service_is_refused web "$EVIL4" 443
	on_systemd systemctl stop web
	lab_until 10 fence_is unit:web.service waiting
	on_systemd systemctl start web
	lab_until 10 fence_is unit:web.service standing
	service_is_refused web "$EVIL4" 443
	service_reaches web "$WEB4" 443
	on_systemd cgfence detach unit:web
}

@test "what starts in a slice is fenced from its first instruction" {
	echo "[Slice]" | add_unit jobs.slice
	on_systemd systemctl start jobs.slice
	apply_policy out "allow web.test:443" "allow *.wild.test:443"
	on_systemd cgfence attach out unit:jobs.slice
	add_unit job.service <<-END
		[Service]
		Type=oneshot
		Slice=jobs.slice
		ExecStart=-/usr/bin/probe tcp $EVIL4 443
		ExecStart=/usr/bin/probe tcp $WEB4 443
		ExecStart=/usr/bin/connects-musl 1 any.wild.test 443
		StandardOutput=append:/run/job.out
	END
	on_systemd systemctl start job
	[[ $(on_systemd cat /run/job.out) == "EPERM connect"*OK*"1 connected"* ]]
	lab_seen tcp "$WILD4" 443
	lab_not_seen tcp "$EVIL4" 443
	on_systemd cgfence detach unit:jobs.slice
	on_systemd systemctl stop jobs.slice
}

@test "the daemon has only the capabilities that it needs" {
	local pid bounding effective
	pid=$(property MainPID)
	bounding=$(on_systemd awk '/^CapBnd/ { print $2 }' "/proc/$pid/status")
	effective=$(on_systemd awk '/^CapEff/ { print $2 }' "/proc/$pid/status")
	# No sys_module, sys_rawio, sys_boot, mknod, setuid, setgid, dac_override.
	(((0x$effective & (1 << 16 | 1 << 17 | 1 << 22 | 1 << 27 | 1 << 6 | 1 << 7 | 1 << 1)) == 0))
	((0x$effective != 0 && (0x$effective & ~0x$bounding) == 0))
	[[ $(on_systemd awk '/^NoNewPrivs/ { print $2 }' "/proc/$pid/status") == 1 ]]
}
