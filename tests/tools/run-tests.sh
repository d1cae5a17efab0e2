#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# run-tests.sh SUITE TEST...: runs the tests of a suite, which print TAP, and keeps count of all suites
# of this `make check`. "run-tests.sh total" says again what failed, prints "N passed, N failed" and
# fails if any failed.
# A suite kernel-* is one in a virtual machine: see tests/kernels.
set -u
export CMOCKA_MESSAGE_OUTPUT=TAP

counts=${TEST_COUNTS:-build/tests/counts}
suite=$1
shift

# A test that dies without having said "not ok" has failed all the same.
run() { # NAME COMMAND...
	local name=$1 out=build/tests/$suite-${1##*/}.tap passed failed skipped status begin=$SECONDS
	shift
	"$@" >"$out" 2>&1
	status=$?
	passed=$(grep -c '^ok ' "$out")
	# bats says "ok … # skip", cmocka "not ok … # SKIP".
	skipped=$(grep -ciE '^(not )?ok .*# skip' "$out")
	failed=$(grep -E '^not ok ' "$out" | grep -vciE '# skip')
	[ $status = 0 ] || [ "$failed" != 0 ] || failed=1
	[ "$passed" != 0 ] || [ "$failed" != 0 ] || failed=1
	passed=$((passed - $(grep -ciE '^ok .*# skip' "$out")))
	printf '%-13s %-24s %4d passed, %d failed, %d skipped  %3d s\n' \
		"$suite" "${name##*/}" "$passed" "$failed" "$skipped" $((SECONDS - begin))
	if [ "$failed" != 0 ]; then
		cat "$out"
		failures "$name" "$out" >>"$counts.failed"
	fi
	echo "$passed $failed $skipped" >>"$counts"
}

# Each "not ok" with what the test said of it, or the end of what a test said that died.
failures() { # NAME OUT
	echo "--- failed: $suite ${1##*/}"
	awk '/^not ok / && !/# [Ss][Kk][Ii][Pp]/ { told = 1; print; more = 20; next }
		/^ok / || /^not ok / { more = 0 }
		more > 0 && /^#/ { print; more-- }
		END { exit !told }' "$2" || tail -n 20 "$2"
}

total() {
	local passed=0 failed=0 skipped=0 p f s
	while read -r p f s; do
		passed=$((passed + p)) failed=$((failed + f)) skipped=$((skipped + s))
	done <"$counts"
	[ ! -e "$counts.failed" ] || cat "$counts.failed"
	rm -f "$counts" "$counts.failed"
	echo "$passed passed, $failed failed, $skipped skipped"
	[ $failed = 0 ] && [ $passed != 0 ]
}

mkdir -p build/tests
case $suite in
total)
	total
	exit
	;;
unit)
	rm -f "$counts" "$counts.failed"
	;;
esac

for test in "$@"; do
	case $suite in
	valgrind)
		# Without fair scheduling a thread that is busy may never let another one run.
		run "$test" valgrind --quiet --fair-sched=yes --leak-check=full \
			--show-leak-kinds=definite,indirect \
			--errors-for-leak-kinds=definite,indirect --error-exitcode=99 \
			--suppressions=tests/tools/valgrind.supp --child-silent-after-fork=yes "$test"
		;;
	e2e)
		run "$test" bats --formatter tap "$test"
		;;
	e2e-sanitized)
		run "$test" env CGFENCE="$PWD/build/sanitize/cgfence" bats --formatter tap "$test"
		;;
	e2e-pure) # on a host with nothing but cgroup2
		run "$test" env LAB_CGROUP=pure bats --formatter tap "$test"
		;;
	kernel-*)
		tap=()
		[[ $test != *.bats ]] || tap=(bats --formatter tap)
		run "$test" "${tap[@]}" "$test"
		;;
	*)
		run "$test" "$test"
		;;
	esac
done
exit 0
