# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# shellcheck shell=bash
# For tests of names: DNS servers of their own on the lab's internet, or on its host, and clients.

# shellcheck disable=SC2034 # for the tests
ODD4=198.51.100.56 ODD6=2001:db8:1::56
ROTATING4=198.51.100.55 ROTATING6=2001:db8:1::55
declare -gA RESOLVER_PID=()

# In setup_file(), after start_lab.
install_clients() {
	install -m 644 "$ROOT"/tests/tools/dns_*.py "$LAB_DIR/bin"
	install "$ROOT/tests/tools/ask.py" "$LAB_DIR/bin/ask"
	install "$ROOT/tests/tools/slip.py" "$LAB_DIR/bin/slip"
	install "$TEST_TOOLS"/connects-{glibc,musl,cares,go} "$LAB_DIR/bin"
}

# start_resolver NAME WHERE TOOL ARGUMENT…: WHERE is host or internet; its log is log/NAME.
start_resolver() {
	local name=$1 where=$2 tool=$3 out=$LAB_DIR/run/$1.out
	shift 3
	: >>"$LAB_DIR/log/$name"
	lab_exec "$where" python3 -B "$ROOT/tests/tools/$tool" --log "$LAB_DIR/log/$name" "$@" \
		>"$out" 2>&1 3>&- &
	RESOLVER_PID[$name]=$!
	disown
	lab_until 5 grep -q ready "$out" || lab_fail "$(<"$out")"
}

stop_resolver() {
	kill "${RESOLVER_PID[$1]}"
	lab_until 5 resolver_ended "${RESOLVER_PID[$1]}"
	unset "RESOLVER_PID[$1]"
}

resolver_ended() {
	[[ ! -d /proc/$1 ]]
}

# use_resolvers ADDRESS… [-- LINE…]: what resolv.conf says from now on; replaced, as programs do.
use_resolvers() {
	local new=$LAB_DIR/etc/resolv.conf.new
	: >"$new"
	while (($#)) && [[ $1 != -- ]]; do
		echo "nameserver $1" >>"$new"
		shift
	done
	(($# < 2)) || printf '%s\n' "${@:2}" >>"$new"
	mv "$new" "$LAB_DIR/etc/resolv.conf"
}

# asked SERVER PATTERN: a line of what SERVER was asked since the mark.
asked() {
	lab_log "$1" | grep -qE -- "$2"
}

# Addresses that SERVER has given, ever.
given_by() {
	sed -n 's/.* given //p' "$LAB_DIR/log/$1" | tr ' ' '\n' | sort -u
}

# Addresses that were connected to at PORT since the mark.
connected_to() {
	lab_log packets | awk -v port="$1" '$1 == "tcp" && $3 == port { print $2 }' | sort -u
}

# never_ungiven SERVER PORT: all that was connected to at PORT had been given.
never_ungiven() {
	local strange
	lab_flush || return
	strange=$(comm -13 <(given_by "$1") <(connected_to "$2"))
	[[ -z $strange ]] || lab_fail "connected to what was never given: $(head -n 5 <<<"$strange")"
}
