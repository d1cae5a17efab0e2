#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# `cgfence check`, and what is said of names that allow nothing: it agrees with what a process in
# the fence may reach.

# shellcheck disable=SC2154 # stderr is bats's
load lib
load live

setup_file() {
	start_lab "private 60 A 10.1.2.3" "both 60 A 203.0.113.40" "both 60 A 10.1.2.4"
	install_live
}

setup() {
	lab_mark
	make_cgroup web
	start_daemon
}

teardown() {
	end_live
	nothing_left
}

# in_force NAME: the policy from stdin, on the cgroup web.
in_force() {
	policy_file "$1"
	api /v1/reload -X POST
	done_by attach "$1" "$LAB_CGROUP2/web"
}

# check_says VERDICT PATTERN DESTINATION
check_says() {
	client check web "$3"
	[[ $output =~ $2 ]] || lab_fail "check $3: $output $stderr"
	if [[ $1 == allowed ]]; then
		[[ $status == 0 && $output == "$3: allowed"* ]]
	else
		[[ $status == 1 && $output == "$3: denied"* ]]
	fi
}

@test "a name that has only a private address is denied, and said so by all that could" {
	local private='private.test has only the address 10.1.2.3, which is private: '
	in_force web <<<"allow github.test:80"
	done_by allow web private.test:443
	[[ $output == *"warning: $private"*"'private.test:443 private'"* ]]
	denied web 10.1.2.3 443
	check_says denied "\\($private" private.test:443
	done_by show web
	[[ $output == *"warning    $private"* ]]
	done_by show --json web
	json_has 'o["rule_list"][1]["warning"].startswith("private.test has only the address")'
	json_has 'o["rule_list"][0]["warning"] is None'
	done_by remove web private.test:443
	done_by allow web "private.test:443 private"
	[[ $output != *warning* ]]
	check_says allowed 'private.test:443 private' private.test:443
	allowed web 10.1.2.3 443
}

@test "of a name that has private addresses beside others the others are allowed" {
	in_force web <<<""
	done_by allow web both.test:443
	[[ $output == *"warning: both.test has the address 10.1.2.4, which is private: "* ]]
	check_says allowed '203.0.113.40 allowed' both.test:443
	allowed web 203.0.113.40 443
	denied web 10.1.2.4 443
}

@test "a name that cannot be resolved is denied, and which is told as long as it is so" {
	in_force web <<<""
	done_by allow web nosuch.test:22
	[[ $output == *"warning: cannot resolve nosuch.test: no such host"* ]]
	check_says denied '\(cannot resolve nosuch.test: no such host\)' nosuch.test:22
	done_by show web
	[[ $output == *"warning    cannot resolve nosuch.test: no such host"* ]]
}

@test "a name below a wildcard that nobody has asked for yet is allowed once it is looked up" {
	in_force web <<<"allow *.test:80"
	check_says allowed 'allow \*\.test:80' github.test:80
	check_says denied 'no rule of it has this port' github.test:81
}

@test "a name that only a deny rule has is denied by that" {
	in_force web <<<$'allow github.test:80\ndeny evil.test'
	check_says denied '\(deny evil\.test\)|deny evil\.test' evil.test:443
	check_says denied 'no rule has the name' other.test:443
}

@test "what audit lets through is denied by the rules, and that it passes is said" {
	in_force web <<-'END'
		mode audit
		allow github.test:80
	END
	check_says denied '\(let through: mode audit\)' "$EVIL4:80"
	client check --json web "$EVIL4:80"
	[[ $status == 1 ]]
	json_has 'o["verdict"] == "deny" and o["mode"] == "audit"'
	allowed web "$EVIL4" 80
	check_says allowed '' github.test:80
	[[ $output != *audit* ]]
}

@test "allow takes what follows the word, and says where other rules go" {
	in_force web <<<"allow github.test:80"
	for rule in "deny gitlab.test:80" "allow gitlab.test:80"; do
		client allow web "$rule"
		[[ $status == 125 && $stderr == *"what follows 'allow'"*"cgfence apply"* ]]
	done
}

@test "a destination has a port, but for icmp" {
	in_force web <<<"allow github.test:80/tcp"
	client check web github.test
	[[ $status == 125 && $stderr == *"give a port"* && -z $output ]]
	api '/v1/policies/web/check?destination=github.test'
	json_has 'o["error"]["code"] == "invalid_destination"'
	check_says denied 'no rule' github.test/icmp
	check_says allowed 'allow github.test:80/tcp' github.test:80
	check_says denied 'no rule' github.test:80/udp
}

@test "watch of a policy that there is not is an error, and its lines have the time" {
	local watcher
	in_force web <<<"allow github.test:80"
	client watch nopolicy
	[[ $status == 125 && $stderr == *"there is no policy 'nopolicy'"* && -z $output ]]
	lab_exec host timeout 20 cgfence watch web >"$BATS_TEST_TMPDIR/watched" 2>&1 3>&- &
	watcher=$!
	lab_until 10 is_watched
	grep -qE "^[0-2][0-9]:[0-5][0-9]:[0-6][0-9] .*: denied tcp $EVIL4:" "$BATS_TEST_TMPDIR/watched"
	kill "$watcher"
}

# Whoever follows is told of a denial that comes then.
is_watched() {
	denied web "$EVIL4" $((RANDOM % 1000 + 2000))
	[[ -s $BATS_TEST_TMPDIR/watched ]]
}

@test "a target of a kind that there is not is an error with those that there are" {
	local target
	in_force web <<<"allow github.test:80"
	for target in contaner:shop Container:shop; do
		client attach web "$target"
		[[ $status == 125 && $stderr == *"'$target' is no target: there is no such kind of target"* ]]
		[[ $stderr == *"pid:N, unit:NAME or container:NAME"* ]]
		client detach "$target"
		[[ $status == 125 && $stderr == *"there is no such kind of target"* ]]
	done
}
