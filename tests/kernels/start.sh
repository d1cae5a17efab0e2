#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# Does `cgfence run` start, and a fence stand? Prints TAP.
set -u

connect() { # ADDRESS: what becomes of a connection to its port 9, on which no one listens
	build/cgfence run --quiet --allow 127.0.0.1:9/tcp -- build/tests/tools/probe tcp "$1" 9 2>&1
}

is() { # NUMBER NAME EXPECTED GOT
	if [[ $4 == "$3" ]]; then
		echo "ok $1 - $2"
	else
		printf 'not ok %d - %s\n# expected %s, got: %s\n' "$1" "$2" "$3" "$4"
		result=1
	fi
}

result=0
echo 1..3
echo "# Linux $(uname -r)"
is 1 "cgfence run gives the status of its command" 7 \
	"$(build/cgfence run --quiet -- sh -c 'exit 7' 2>&1 && echo 0 || echo $?)"
is 2 "what a rule allows is tried" "ECONNREFUSED connect" "$(connect 127.0.0.1)"
is 3 "what none allows is refused" "EPERM connect" "$(connect 127.0.0.2)"
exit $result
