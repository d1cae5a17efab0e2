#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# The man pages and the completion say what the product does.

# shellcheck disable=SC2016,SC2154 # inner shells expand for themselves; stderr is bats's
load lib

MAN8=$ROOT/user/man/cgfence.8
MAN5=$ROOT/user/man/cgfence-policy.5
COMPLETION=$ROOT/user/completion/cgfence.bash

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
		printf '#include "%s.h"\n' cgfence policy resolver cgroup report
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
	run mandoc -T lint -W warning "$MAN8" "$MAN5"
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
	help=$("$CGFENCE" status --help | grep -oE -- '^ +(-[a-z], )?--[a-z]+' | tr -s ', ' '\n' | grep . | sort)
	[[ -n $help ]]
	diff <(echo "$help") <(sed -n '/^\.Sh STATUS/,/^\.Sh SOCKETS/p' "$MAN8" | grep '^\.It Fl' |
		grep -oE 'Fl [-a-z]+' | sed 's/^Fl /-/' | sort)
	diff <(echo "$help") <(complete_line "cgfence status -" | sort)
	[[ $(complete_line "cgfence st") == status ]]
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
	for page in "$MAN8" "$MAN5"; do
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
	[[ $(complete_line "cgfence r") == run ]]
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
