#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# What `make demo` shows: one fence, two names on port 22, and nothing else. Servers, DNS and the
# internet are a laboratory on this machine. What counts is what the servers saw, not what the
# commands say: each step asks their logs.
set -u

# shellcheck source=tests/tools/lab.sh
. "$(dirname "${BASH_SOURCE[0]}")/lab.sh"

CGFENCE=${CGFENCE:-$(cd "$LAB_TOOLS/../.." && pwd)/build/cgfence}
FENCE=(cgfence run --allow github.test:22 --allow gitlab.test:22 --)
STEPS=0
AS_EXPECTED=0
STATUS=0
BOLD='' GREEN='' RED='' PLAIN=''
if [[ -t 1 && -z ${NO_COLOR:-} ]]; then
	BOLD=$'\e[1m' GREEN=$'\e[32m' RED=$'\e[31m' PLAIN=$'\e[m'
fi

# A command line as one would type it.
show_command() {
	local word
	printf '   %s$' "$BOLD"
	for word; do
		[[ $word =~ ^[A-Za-z0-9_@%+=:,./-]+$ ]] || word="'$word'"
		printf ' %s' "$word"
	done
	printf '%s\n' "$PLAIN"
}

step() {
	STEPS=$((STEPS + 1))
	STEP_FAILED=
	printf '\n%s. %s\n\n' "$STEPS" "$1"
	lab_mark
}

# Runs as root whom the user dev made so with sudo, and shows what it says.
run() {
	local show=("$@")
	[[ $1 != cgfence ]] || show=(sudo "$@")
	show_command "${show[@]}"
	lab_sudo "$@" 2>&1 | sed 's/^/   /'
	STATUS=${PIPESTATUS[0]}
	printf '\n'
}

check() {
	local text=$1
	shift
	if "$@"; then
		printf '   %sok%s      %s\n' "$GREEN" "$PLAIN" "$text"
	else
		STEP_FAILED=1
		printf '   %snot ok%s  %s\n' "$RED" "$PLAIN" "$text"
	fi
}

end_step() {
	[[ -n $STEP_FAILED ]] || AS_EXPECTED=$((AS_EXPECTED + 1))
}

# What sshd wrote, without the key: "Accepted publickey for git from 2001:db8:1::2 port 44652"
accepted() {
	lab_ssh_accepted "$1" 2>/dev/null && lab_log "$1" | grep -o 'Accepted.*port [0-9]*' | head -n 1
}

check_accepted() {
	local line
	line=$(accepted "$1")
	check "$1.test saw: ${line:-nothing}" test -n "$line"
}

untouched() {
	lab_not_seen tcp "${LAB_SITE4[$1]}" "$2" && lab_not_seen tcp "${LAB_SITE6[$1]}" "$2"
}

check_untouched() {
	check "$1.test saw: nothing on port $2" untouched "$@"
}

check_status() {
	check "exit status $STATUS" test "$STATUS" "$@"
}

cloned() {
	[[ -f $LAB_HOME/$1/README ]]
}

step_one_name() {
	step "What is allowed works: git over ssh, with the git that is there"
	run "${FENCE[@]}" git clone ssh://git@github.test/repo
	check_status -eq 0
	check "the repository is here" cloned repo
	check_accepted github
	end_step
}

step_two_names() {
	step "Two names share port 22 in one fence, with no proxy and no redirection"
	run "${FENCE[@]}" sh -c \
		'git clone ssh://git@github.test/repo hub && git clone ssh://git@gitlab.test/repo lab'
	check_status -eq 0
	check "both repositories are here" eval 'cloned hub && cloned lab'
	check_accepted github
	check_accepted gitlab
	end_step
}

step_other_host() {
	step "A third host on the same port fails at once"
	run "${FENCE[@]}" git clone ssh://git@evil.test/repo evil
	check_status -ne 0
	check_untouched evil 22
	end_step
}

step_other_client() {
	step "So it does for any other client"
	run "${FENCE[@]}" curl -sS --stderr - http://evil.test/
	check_status -ne 0
	check_untouched evil 80
	end_step
}

step_other_port() {
	step "Another port of an allowed host is not allowed"
	run "${FENCE[@]}" curl -sS --stderr - http://github.test/
	check_status -ne 0
	check_untouched github 80
	end_step
}

reached() {
	lab_logged tcp "${LAB_SITE4[$1]}" "$2" || lab_logged tcp "${LAB_SITE6[$1]}" "$2"
}

step_without() {
	step "Without the fence: the hosts were there all the time"
	run curl -sS http://evil.test/ http://github.test/
	check_status -eq 0
	check "evil.test saw: a request on port 80" lab_until 5 reached evil 80
	check "github.test saw: a request on port 80" lab_until 5 reached github 80
	end_step
}

introduce() {
	cat <<-END
		${BOLD}cgfence${PLAIN}: a command that reaches only the names it was given

		The hosts are namespaces of this machine, each with sshd on port 22 and a web
		server on port 80:

		   github.test   ${LAB_SITE4[github]}   ${LAB_SITE6[github]}
		   gitlab.test   ${LAB_SITE4[gitlab]}   ${LAB_SITE6[gitlab]}
		   evil.test     ${LAB_SITE4[evil]}   ${LAB_SITE6[evil]}
	END
}

main() {
	[[ $EUID == 0 ]] || lab_fail "make demo must be run as root" || exit 1
	[[ -x $CGFENCE ]] || lab_fail "$CGFENCE is not built: run make first" || exit 1
	trap lab_stop EXIT
	# shellcheck disable=SC2119
	lab_start || exit 1
	install "$CGFENCE" "$LAB_DIR/bin/cgfence"
	introduce
	step_one_name
	step_two_names
	step_other_host
	step_other_client
	step_other_port
	step_without
	printf '\ndemo: %s of %s as expected\n' "$AS_EXPECTED" "$STEPS"
	((AS_EXPECTED == STEPS))
}

main
