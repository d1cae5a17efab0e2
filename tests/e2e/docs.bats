#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# The man pages and the completion say what the product does.

# shellcheck disable=SC2016,SC2154 # inner shells expand for themselves; stderr is bats's
load lib

MAN8=$ROOT/user/man/cgfence.8
MAN7=$ROOT/user/man/cgfence-api.7
MAN5=$ROOT/user/man/cgfence-policy.5
COMPLETION=$ROOT/user/completion/cgfence.bash
# The commands that only ask the daemon.
CLIENTS=(attach detach apply allow remove delete show check watch)

# Only the tests of policies need a laboratory, and start it themselves.
setup() {
	cd /
}

teardown() {
	[[ -n ${LAB_DIR:-} ]] || return 0
	local left
	left=$(left_over)
	lab_stop
	[[ -z $left ]] || lab_fail "left behind: $left"
}

options_of_help() {
	"$CGFENCE" run --help | grep -E '^ +-' | grep -oE -- '^ +(-[a-z], )?--[a-z-]+' |
		tr -s ', ' '\n' | grep . | sort
}

# Of any command.
options_of() {
	"$CGFENCE" "$1" --help | grep -oE -- '^ +(-[a-z], )?--[a-z]+' | tr -s ', ' '\n' | grep . | sort
}

# The options that a command has in the synopsis.
synopsis_of() {
	sed -n '/^\.Sh SYN/,/^\.Sh DESC/p' "$MAN8" |
		awk -v command="$1" '/^\.Cm/ { mine = (" " $0 " ") ~ (" " command " ") } mine' |
		grep -oE 'Fl [-a-z]+' | sed 's/^Fl /-/' | sort
}

# Items of the list under OPTIONS: "Fl p , Fl -policy Ar …" are -p and --policy.
options_of_page() {
	sed -n '/^\.Sh OPTIONS/,/^\.El/p' "$MAN8" | grep '^\.It Fl' | grep -oE 'Fl [-a-z]+' |
		sed 's/^Fl /-/' | sort
}

# complete_line LINE: what bash would offer at its end, one a line, in a bash that has read no other
# file. Cut into words as readline does it, with ':' and '=' as words of their own.
complete_line() {
	bash --norc -c '
		. "$1"
		set -f
		COMP_LINE=$2 COMP_POINT=${#2} rest=$2
		COMP_WORDS=($(sed "s/[=:]/ & /g" <<<"$2"))
		[[ $2 != *[[:space:]=:] ]] || COMP_WORDS+=("")
		COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
		set +f
		_cgfence
		((${#COMPREPLY[@]} == 0)) || printf "%s\n" "${COMPREPLY[@]}"
	' - "$COMPLETION" "$1"
}

# Lines "NAME NUMBER" of a page: a comment that names a constant, and how the next line begins.
# Constants in milliseconds and nanoseconds are written in seconds.
limits_of_page() {
	awk '/^\.\\" [A-Z_]+$/ { name = $2; next }
		name { gsub("[,:;]", "", $1); unit = name ~ /_NS$/ ? 1000000000 : name ~ /_MS$/ ? 1000 : 1
			printf "%s %.0f\n", name, unit * $1; name = "" }' "$1"
}

# constants NAME…: the same lines from the headers.
constants() {
	{
		printf '#include "%s.h"\n' cgfence policy resolver cgroup report places server api
		printf 'constant %s\n' "$@"
	} | clang -E -P -D_GNU_SOURCE -I"$ROOT/include" -I"$ROOT/user" - |
		sed -n 's/^constant //p' | while IFS= read -r value; do
		echo "$1 $((${value//ULL/}))"
		shift
	done
}

# Rules in the displays of a page.
rules_of_page() {
	sed -n '/^\.Bd -literal/,/^\.Ed/p' "$1" | grep -E '^(allow|deny|listen|dns|mode) '
}

names_of() {
	sed -nE 's/^(allow|deny) ([a-z][a-z0-9.-]*[.][a-z]+).*/\2/p' "$1" | sort -u
}

# accepted NAME: as a policy whose names are all in /etc/hosts, `$policy` of that name is.
accepted() {
	local hosts=$BATS_TEST_TMPDIR/hosts i=0 name
	policy "$1"
	while IFS= read -r name; do
		echo "203.0.113.$((++i)) $name"
	done < <(names_of "$policy") >"$hosts"
	run --separate-stderr lab_sudo unshare --mount sh -c \
		'mount --bind "$1" /etc/hosts; shift; exec "$@"' - "$hosts" \
		cgfence run -p "$policy" -- echo ran
	[[ $status == 0 && $output == ran ]]
	[[ $stderr == *"; $(wc -l <"$hosts") name"* ]]
}

@test "the man pages are clean" {
	run mandoc -T lint -W warning "$MAN8" "$MAN7" "$MAN5"
	[[ $status == 0 && -z $output ]]
}

@test "the man pages are reached by the names that --help gives" {
	run "$CGFENCE" --help
	[[ $output == *"cgfence(8)"* && $output == *"cgfence-policy(5)"* ]]
	grep -qx '.Dt CGFENCE 8' "$MAN8"
	grep -qx '.Dt CGFENCE-POLICY 5' "$MAN5"
}

@test "every option is in --help and on the page, and no other" {
	[[ -n $(options_of_help) ]]
	diff <(options_of_help) <(options_of_page)
}

@test "every option of sockets is in --help, on the page and completed" {
	local help
	help=$("$CGFENCE" sockets --help | grep -oE -- '^ +(-[a-z], )?--[a-z]+' | tr -s ', ' '\n' | grep . | sort)
	[[ -n $help ]]
	diff <(echo "$help") <(sed -n '/^\.Sh SOCKETS/,/^\.Sh ENV/p' "$MAN8" | grep '^\.It Fl' |
		grep -oE 'Fl [-a-z]+' | sed 's/^Fl /-/' | sort)
	diff <(echo "$help") <(complete_line "cgfence sockets -" | sort)
	[[ $(complete_line "cgfence sockets /sy") == /sys ]]
	[[ $(complete_line "cgfence so") == sockets ]]
}

@test "every option of status is in --help, on the page and completed" {
	local help
	help=$(options_of status)
	[[ -n $help ]]
	diff <(echo "$help") <(sed -n '/^\.Sh STATUS/,/^\.Sh SOCKETS/p' "$MAN8" | grep '^\.It Fl' |
		grep -oE 'Fl [-a-z]+' | sed 's/^Fl /-/' | sort)
	diff <(echo "$help") <(complete_line "cgfence status -" | sort)
	[[ $(complete_line "cgfence st") == status ]]
}

# Its list of options has those of all the commands.
@test "every option of what asks the daemon is in --help, on the page and completed" {
	local command help all=
	for command in "${CLIENTS[@]}"; do
		help=$(options_of "$command")
		[[ -n $help ]]
		diff <(echo "$help") <(complete_line "cgfence $command -" | sort)
		diff <(grep -vx -e -h -e --help <<<"$help") <(synopsis_of "$command")
		all+=$help$'\n'
	done
	diff <(grep . <<<"$all" | sort -u) <(sed -n '/^\.Sh POLICIES THAT/,/^\.Sh THE DAEMON/p' "$MAN8" |
		grep '^\.It Fl' | grep -oE 'Fl [-a-z]+' | sed 's/^Fl /-/' | sort)
}

@test "every option of daemon is in --help, on the page and completed" {
	local help
	help=$("$CGFENCE" daemon --help | grep -oE -- '^ +(-[a-z], )?--[a-z-]+' | tr -s ', ' '\n' | grep . | sort)
	[[ -n $help ]]
	diff <(echo "$help") <(complete_line "cgfence daemon -" | sort)
	diff <(grep -vx -e -h -e --help <<<"$help") <(synopsis_of daemon)
	diff <(echo "$help") <(sed -n '/^\.Sh THE DAEMON/,/^\.Ss/p' "$MAN8" | grep '^\.It Fl' |
		grep -oE 'Fl [-a-z]+' | sed 's/^Fl /-/' | sort)
}

@test "every command is in --help, in the synopsis and completed, and says what it does" {
	local command commands
	commands=$("$CGFENCE" --help | sed -nE 's/^  ([a-z]+) .*/\1/p' | sort)
	[[ -n $commands ]]
	diff <(echo "$commands") <(complete_line "cgfence " | grep -v '^-' | sort)
	diff <(echo "$commands") <(sed -n '/^\.Sh SYN/,/^\.Sh DESC/p' "$MAN8" | grep '^\.Cm' |
		grep -oE '\<[a-z]+\>' | sort -u)
	for command in $commands; do
		run --separate-stderr "$CGFENCE" "$command" --help
		[[ $status == 0 && $output == "Usage: cgfence $command"* && -z $stderr ]]
	done
}

@test "what has no daemon to ask says so, and what to do" {
	local socket=$BATS_TEST_TMPDIR/none
	try_command() {
		run --separate-stderr "$CGFENCE" "$@"
		[[ $status == 125 ]]
		[[ -z $output || ($* == *--json* && $output == \{\"error\":*) ]]
		[[ $stderr == "cgfence: cannot connect to $socket: No such file or directory; is \`cgfence daemon\` running?" ]]
	}
	echo 'allow localhost' >"$BATS_TEST_TMPDIR/web.policy"
	try_command --socket "$socket" show
	try_command show --socket "$socket" web
	try_command --socket="$socket" check web 192.0.2.1:22
	try_command --socket "$socket" allow web localhost
	try_command --socket "$socket" remove web localhost 'deny any'
	try_command --socket "$socket" apply "$BATS_TEST_TMPDIR/web.policy"
	try_command --socket "$socket" delete web --force
	try_command --socket "$socket" attach --persistent web pid:1
	try_command --socket "$socket" detach pid:1
	try_command --socket "$socket" watch --json web
}

# Before any daemon is asked.
@test "wrong rules, files and names are shown with their place" {
	local file=$BATS_TEST_TMPDIR/web.policy
	failed() {
		run --separate-stderr "$CGFENCE" --socket "$BATS_TEST_TMPDIR/none" "$@"
		[[ $status == 125 && -z $output && $stderr != *connect* ]]
	}
	failed allow web github.com:22 github.com:shh
	[[ $stderr == *"cgfence: allow:12: no service \"shh\""*$'\n    github.com:shh\n'* ]]
	failed allow web inside.example:80 private
	[[ $stderr == *"'private' is a rule of its own here"* ]]
	failed remove web 'deny 10.0.0.0/99'
	[[ $stderr == *"cgfence: remove:15: "*$'\n    deny 10.0.0.0/99\n'* ]]
	failed allow ../web github.com:22
	[[ $stderr == *"'../web' is no name of a policy"* ]]
	failed allow web
	[[ $stderr == *"no rule"*"cgfence allow --help"* ]]
	failed check web '*.example'
	[[ $stderr == *"many destinations"* ]]
	failed check web ''
	[[ $stderr == "cgfence: check: '' is no destination, "* ]]
	failed check web 'a b'
	[[ $stderr == "cgfence: check: 'a b' is no destination, "* ]]
	failed attach web pid:1 pid:2
	[[ $stderr == *"no use for 'pid:2'"* ]]
	printf 'allow localhost\nalow any\n' >"$file"
	failed apply "$file"
	[[ $stderr == "cgfence: $file:2:1: "*$'\n    alow any\n    ^~~~' ]]
	failed apply "$BATS_TEST_TMPDIR/none.policy"
	[[ $stderr == *"cannot read"*"No such file"* ]]
	failed apply "$file" "${file%/*}/./web.policy"
	[[ $stderr == *"'web' is in two files"* ]]
}

# What it finds before any daemon is asked, and that there is none.
@test "with --json an error is written as JSON, and as text, by all that ask the daemon" {
	local file=$BATS_TEST_TMPDIR/web.policy
	failed_as() { # CODE LINE COLUMN ARGUMENT…
		run --separate-stderr "$CGFENCE" --socket "$BATS_TEST_TMPDIR/none" "${@:4}"
		[[ $status == 125 && $stderr == "cgfence: "* ]]
		python3 -c 'import json, sys
error = json.loads(sys.stdin.read())["error"]
assert error.pop("message") in sys.argv[4], error
assert [str(error.pop(k)) for k in ("code", "line", "column")] == sys.argv[1:4], error
assert error == {"field": None}, error' "$1" "$2" "$3" "$stderr" <<<"$output"
	}
	failed_as command None None show --json
	failed_as command None None watch --json
	failed_as command None None attach --json web pid:1 pid:2
	failed_as command None None status --json nope
	failed_as invalid_rule None 12 allow --json web github.com:22 github.com:shh
	failed_as invalid_rule None 12 check --json web github.com:99999
	printf 'allow localhost\nalow any\n' >"$file"
	failed_as invalid_policy 2 1 apply --json "$file"
	failed_as invalid_rule None 1 check --json web $'\xff\n'
}

@test "an empty target is none, and not the working directory" {
	run --separate-stderr "$CGFENCE" attach web ""
	[[ $status == 125 && $stderr == "cgfence: attach: the target is empty" ]]
	run --separate-stderr "$CGFENCE" detach ""
	[[ $status == 125 && $stderr == "cgfence: detach: the target is empty" ]]
}

@test "what is no command is told for what it is" {
	says() { # TEXT ARGUMENT…
		run --separate-stderr "$CGFENCE" "${@:2}"
		[[ $status == 125 && -z $output && $stderr == "cgfence: $1; see cgfence --help" ]]
	}
	says "there is no command 'go'" go
	says "there is no option '--foo'" --foo
	says "there is no option '-V'" -V
	says "--socket needs a PATH" --socket
	says "there is no such option" --sockets x
	says "no command" --socket x
}

@test "fences are completed" {
	cd "$BATS_TEST_TMPDIR"
	mkdir -p cgfence/links/run-{7,81}
	export COMPLETION
	export -f complete_line
	run unshare --mount bash -c 'mount --bind . /sys/fs/bpf && complete_line "cgfence status run-"'
	[[ $status == 0 && $output == $'run-7\nrun-81' ]]
}

@test "every word of status's JSON is on the page" {
	local word page
	page=$(sed -n '/dqstatus.(dq$/,/^\.Sh EXAMPLES/p' "$MAN8")
	[[ -n $page ]]
	while read -r word; do
		grep -qw -- "$word" <<<"$page" || lab_fail "$word"
	done < <(grep -oE '\{ "[a-z_]+",' "$ROOT/user/standing.c" | tr -d '{ ",'
		sed -n '/^#include/d; /json_pack/,/;/p' "$ROOT/user/json_standing.c" |
			grep -oE '"[a-z_]+"' | tr -d '"' | grep -vx -e event -e status)
}

@test "every option is completed, and no other" {
	diff <(options_of_help) <(complete_line "cgfence run -" | sort)
}

@test "the synopsis has every option but --help" {
	diff <(options_of_help | grep -vx -e -h -e --help -e --policy) \
		<(sed -n '/^\.Sh SYN/,/^\.Op Fl -$/p' "$MAN8" | grep -oE 'Fl [-a-z]*[a-z]' |
			sed 's/^Fl /-/' | sort)
}

@test "the capabilities of root on the page are those of the code" {
	diff <(sed -n '/^\.\\" capability_defaults$/,/^\.$/p' "$MAN8" | grep -oE '[A-Z_]{4,}' | sort) \
		<(sed -n '/^const uint64_t capability_defaults/,/;/p' "$ROOT/user/capability.c" |
			grep -oE 'CAP_[A-Z_]+' | sed 's/^CAP_//' | sort)
}

@test "every option is taken as the page writes it" {
	local line
	while read -r line; do
		run --separate-stderr "$CGFENCE" run "$line"
		[[ $stderr != *unrecognized* && $stderr != *ambiguous* ]]
	done < <(options_of_page)
}

@test "limits on the pages are those of the code" {
	local page limits
	for page in "$MAN8" "$MAN7" "$MAN5"; do
		limits=$(limits_of_page "$page")
		[[ -n $limits ]]
		# shellcheck disable=SC2046 # one word for each name
		diff <(echo "$limits") <(constants $(cut -d ' ' -f 1 <<<"$limits"))
	done
}

@test "every limit of cgfence.h is on a page" {
	local limits
	limits=$(grep -oE '^#define CGF_[A-Z_]+_MAX\b' "$ROOT/include/cgfence.h" | cut -d ' ' -f 2 | sort)
	[[ -n $limits ]]
	diff <(echo "$limits") <(cat "$MAN8" "$MAN5" | grep -oE '^\.\\" CGF_[A-Z_]+_MAX$' |
		cut -d ' ' -f 2 | sort -u)
}

@test "every limit that somebody who uses it meets is on a page" {
	local name
	for name in POLICY_SEARCHES_MAX PLACES_OF_FENCE_MAX SERVER_CLIENTS_MAX SERVER_RATE SERVER_BURST \
		SERVER_OTHERS_MAX SERVER_IDLE_S API_FOLLOWERS_MAX API_FOLLOWERS_OTHERS_MAX; do
		cat "$MAN8" "$MAN7" "$MAN5" | grep -qx '\.\\" '"$name" || lab_fail "$name"
	done
}

# members_of STRUCT…: of cgfence.h.
members_of() {
	local name
	for name; do
		sed -n "/^struct $name {/,/^};/p" "$ROOT/include/cgfence.h"
	done | sed -nE 's,^\s+(__u[0-9]+|struct [a-z_]+) ([a-z_]+)[;[].*,\2,p' |
		grep -vxE 'reserved|zero' | sort -u
}

@test "every map that is pinned, and each member of its keys and values, is on the page" {
	local word page words
	page=$(sed -n '/^\.Sh WHAT IS PINNED/,/^\.Sh EXIT/p' "$MAN8")
	words=$(members_of cgf_key cgf_entry cgf_prefix_key cgf_prefix cgf_listen_key cgf_listen \
		cgf_peer_key cgf_peer cgf_name_key cgf_name cgf_port_block cgf_grant cgf_resolver_key \
		cgf_resolver cgf_target cgf_counters)
	(($(wc -w <<<"$words") > 35))
	for word in $words $(sed -nE 's/^\} ([a-z_]+) SEC\("\.maps"\).*/\1/p' \
		"$ROOT/bpf/maps.bpf.h"); do
		grep -qw -- "$word" <<<"$page" || lab_fail "$word"
	done
}

@test "the example policy is one" {
	start_lab
	sed -n '/^\.\\" example begins/,/^\.\\" example ends/{/^\./!p}' "$MAN5" \
		>"$BATS_TEST_TMPDIR/example"
	(($(wc -l <"$BATS_TEST_TMPDIR/example") > 10))
	accepted build <"$BATS_TEST_TMPDIR/example"
	rules_of_page "$MAN5" >"$BATS_TEST_TMPDIR/rules"
	accepted every-rule < <(sort -u "$BATS_TEST_TMPDIR/rules")
}

@test "the errors on the page are those that are shown" {
	local expected
	expected=$(sed -n '/^\.Sh DIAGNOSTICS/,/^\.Ed/{/^\./!p}' "$MAN5" | sed -n '/^cgfence:/,$p')
	cd "$BATS_TEST_TMPDIR"
	printf '\n#\nallow github.com:shh\n' >build.policy
	run --separate-stderr "$CGFENCE" run -p ./build.policy true
	[[ $status == 125 && "${stderr/.\/build/build}" == "$(head -n 3 <<<"$expected")" ]]
	run --separate-stderr "$CGFENCE" run --allow 192.0.2.1/24 true
	[[ $status == 125 && $stderr == "$(tail -n 3 <<<"$expected")" ]]
}

@test "the words on the page have as many prefixes as those of the code" {
	local word prefixes count=0
	while read -r word prefixes; do
		[[ $(sed -n "/^static .* ${word/-/_}\[\] = {/,/^};/p" "$ROOT/user/rule_word.c" |
			grep -c PREFIX_) == $(wc -w <<<"$prefixes") ]]
		count=$((count + 1))
	done < <(sed -nE 's/^\.It Cm ([a-z-]+) Ta ([0-9].*)/\1 \2/p' "$MAN5")
	[[ $count == "$(grep -cE '^\s\[WORD_[A-Z_]+\] = ' "$ROOT/user/rule_word.c")" ]]
}

@test "commands and their options are completed" {
	[[ $(complete_line "cgfence ") == *run* ]]
	[[ $(complete_line "cgfence ru") == run ]]
	[[ $(complete_line "cgfence run --au") == --audit ]]
	[[ $(complete_line "cgfence run --allow github.test:22 --d") == $'--deny\n--dns' ]]
}

@test "arguments are completed" {
	[[ $(complete_line "cgfence run --user roo") == root ]]
	[[ $(complete_line "cgfence run --user=roo") == root ]]
	[[ $(complete_line "cgfence run --allow ") == *localhost* ]]
	[[ $(complete_line "cgfence run --deny li") == link-local ]]
	[[ $(complete_line "cgfence run --allow=lo") == localhost ]]
	[[ $(complete_line "cgfence run --allow github.test:22/t") == 22/tcp ]]
	[[ $(complete_line "cgfence run --allow github.test:22/i") == "" ]]
	[[ $(complete_line "cgfence run --allow github.test/i") == github.test/icmp ]]
	[[ $(complete_line "cgfence run --allow 2001:db8::/32/i") == /32/icmp ]]
	[[ $(complete_line "cgfence run --allow [2001:db8::/32]:22/t") == 22/tcp ]]
	[[ $(complete_line "cgfence run --allow [2001:db8::/32]:ss") == *ssh* ]]
	[[ $(complete_line "cgfence run --allow github.test:22,ss") == *22,ssh* ]]
	[[ $(complete_line "cgfence run --listen 80/u") == 80/udp ]]
	[[ $(complete_line "cgfence run --keep-caps net_r") == net_raw ]]
	[[ $(complete_line "cgfence run --keep-caps chown,net_r") == chown,net_raw ]]
}

@test "policies are completed, files and those of the host" {
	cd "$BATS_TEST_TMPDIR"
	mkdir -p etc/cgfence/policies.d
	touch etc/cgfence/policies.d/{build,blocked,'b$(touch x)'}.policy bare
	export COMPLETION
	export -f complete_line
	run unshare --mount bash -c 'mount --bind etc /etc && complete_line "cgfence run -p b" | sort'
	[[ $status == 0 && $output == $'bare\nblocked\nbuild' && ! -e x ]]
	[[ $(complete_line "cgfence run --log bar") == bare ]]
}

# answering: makes programs of `$BATS_TEST_TMPDIR/bin` that answer completion, as a daemon would.
answering() {
	local bin=$BATS_TEST_TMPDIR/bin
	mkdir -p "$bin"
	# The JSON of both kinds of writers, with blanks and without; and a name that must not be run.
	cat >"$bin/cgfence" <<-'EOF'
		#!/bin/sh
		echo "$*" >>"${0%/bin/*}/asked"
		case "$*" in
		"show web"*)
			echo '{"name":"web","rule_list":[{"rule":"allow git.test:22"},{"rule":"deny any"},
				{"rule":"allow 10.0.0.0/8:22"},{"rule":"allow *.git.test:22,80"},
				{"rule":"allow in.git.test:8000-8100 private"},{"rule":"allow db.test private"},
				{"rule":"listen 80"}]}'
			;;
		show*) echo '{"policies":[{"name":"web","names":3},{"name": "build"},{"name":"$(touch x)"}]}' ;;
		status*) echo '{"fences":[{"target":"container:web"},{"fence":"run-1"}]}' ;;
		esac
	EOF
	for engine in docker podman; do
		printf '#!/bin/sh\n[ "$*" = "ps --format {{.Names}}" ] && echo in-%s\n' $engine >"$bin/$engine"
	done
	printf '#!/bin/sh\necho "nginx.service loaded active running web"\n' >"$bin/systemctl"
	chmod +x "$bin"/*
	PATH=$bin:$PATH
	cd "$BATS_TEST_TMPDIR" || return
}

@test "what the daemon knows is completed" {
	answering
	[[ $(complete_line "cgfence show ") == $'web\nbuild' && ! -e x ]]
	[[ $(complete_line "cgfence --socket /a allow w") == web ]]
	[[ $(complete_line "cgfence allow --socket=/b w") == web ]]
	grep -qx -- "show --socket /a --json" asked
	grep -qx -- "show --socket /b --json" asked
	[[ $(complete_line "cgfence remove web gi") == git.test:22 ]]
	[[ $(complete_line "cgfence remove web de") == 'deny\ any' ]]
	[[ $(complete_line "cgfence remove web db") == 'db.test\ private' ]]
	[[ $(complete_line "cgfence remove web ") == *'listen\ 80'* ]]
	[[ $(complete_line "cgfence check web ") == $'git.test:22\ndb.test' ]]
	[[ $(complete_line "cgfence check web other.test:2") != *localhost* ]]
	[[ $(complete_line "cgfence detach ") == container:web ]]
	[[ $(complete_line "cgfence run -p we") == web ]]
}

@test "targets are completed" {
	answering
	[[ $(complete_line "cgfence attach web con") == container: ]]
	[[ $(complete_line "cgfence attach web container:") == $'in-docker\nin-podman' ]]
	[[ $(complete_line "cgfence attach web unit:ng") == nginx.service ]]
	[[ $(complete_line "cgfence attach web pid:$$") == *"$$"* ]]
	[[ $(complete_line "cgfence attach web /sy") == /sys ]]
}

@test "where no daemon answers, policies of the host are completed" {
	cd "$BATS_TEST_TMPDIR"
	mkdir -p etc/cgfence/policies.d
	touch etc/cgfence/policies.d/{build,web}.policy web.policy
	export COMPLETION
	export -f complete_line
	run unshare --mount bash -c 'mount --bind etc /etc && complete_line "cgfence attach "'
	[[ $status == 0 && $output == $'build\nweb' ]]
	[[ $(complete_line "cgfence apply w") == web.policy ]]
	[[ $(complete_line "cgfence allow web lo") == localhost ]]
	[[ $(complete_line "cgfence check web github.test:22/t") == 22/tcp ]]
}

# zsh_offers LINE
zsh_offers() {
	mkdir -p "$BATS_TEST_TMPDIR/zsh"
	cp "$ROOT/user/completion/cgfence.zsh" "$BATS_TEST_TMPDIR/zsh/_cgfence"
	timeout 60 zsh "$ROOT/tests/tools/complete.zsh" "$BATS_TEST_TMPDIR/zsh" "$1"
}

@test "zsh completes the same commands and options" {
	local command
	diff <(zsh_offers "cgfence ") <(complete_line "cgfence " | grep -v '^-' | sort)
	for command in run sockets status "${CLIENTS[@]}"; do
		diff <(zsh_offers "cgfence $command --") <(complete_line "cgfence $command --" | sort)
	done
}

@test "zsh completes what the daemon knows, and targets" {
	answering
	[[ $(zsh_offers "cgfence --socket=/a show w") == web ]]
	[[ $(zsh_offers "cgfence remove --socket /b web gi") == git.test:22 ]]
	[[ $(zsh_offers "cgfence remove web de") == 'deny\ any' ]]
	[[ $(zsh_offers "cgfence remove web db") == 'db.test\ private' ]]
	[[ $(zsh_offers "cgfence check web ") == $'db.test\ngit.test:22' ]]
	grep -qx -- "show --socket /a --json" asked
	grep -qx -- "show web --socket /b --json" asked
	[[ $(zsh_offers "cgfence detach ") == container:web ]]
	[[ $(zsh_offers "cgfence attach web container:") == $'container:in-docker\ncontainer:in-podman' ]]
	[[ $(zsh_offers "cgfence attach web unit:") == unit:nginx.service ]]
	mkdir empty
	touch empty/file
	[[ -z $(zsh_offers "cgfence attach web empty/") ]]
	[[ $(zsh_offers "cgfence allow web lo") == localhost && ! -e x ]]
}

@test "the command inside the fence is completed" {
	[[ $(complete_line "cgfence run --allow github.test:22 -- bas" | sort -u) == *bash* ]]
	[[ $(complete_line "cgfence run --audit bas" | sort -u) == *bash* ]]
	[[ $(complete_line "cgfence run --audit ls --al") != *--allow* ]]
	[[ $(complete_line "cgfence run -- ls /et") == /etc ]]
}

@test "where bash-completion is loaded, the command is completed by its own" {
	complete_with_helper() {
		bash --norc -c '
			. "$1"
			_command_offset() { COMPREPLY=("from ${COMP_WORDS[$1]}"); }
			COMP_LINE=$2 COMP_POINT=${#2} COMP_WORDS=($2) COMP_CWORD=6
			_cgfence
			printf "%s\n" "${COMPREPLY[@]}"
		' - "$COMPLETION" "$1"
	}
	[[ $(complete_with_helper "cgfence run --allow localhost -- git checko") == "from git" ]]
}
