#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# A whole run under valgrind; under the sanitizers run.bats is run as a whole.

# shellcheck disable=SC2016,SC2154 # inner shells expand for themselves; stderr is bats's
load lib

setup_file() {
	start_lab
}

# valgrind answers seccomp(2) as if the kernel had none, and cgfence starts nothing without a filter; how
# that is made is a unit test.
valgrind_fence() {
	run --separate-stderr lab_sudo valgrind --quiet --trace-children=no --child-silent-after-fork=yes \
		--suppressions="$ROOT/tests/tools/valgrind.supp" --leak-check=full \
		--show-leak-kinds=definite,indirect --errors-for-leak-kinds=definite,indirect \
		--error-exitcode=99 "$LAB_DIR/bin/cgfence" run --no-seccomp "$@"
}

# valgrind also warns of kernel interfaces that it does not know; those lines are not errors.
no_errors() {
	[[ $(grep -cE '^==[0-9]+==' <<<"$stderr") == 0 ]]
}

@test "a run that clones, is refused and ends is clean under valgrind" {
	valgrind_fence --allow github.test:22 --deny 198.51.100.66 -- sh -c \
		'git clone -q ssh://git@github.test/repo hub; probe tcp 198.51.100.66 80; exit 4'
	[[ $status == 4 && $stderr == *"denied tcp"* ]]
	no_errors
	lab_ssh_accepted github
}

@test "a run that fails at its start is clean under valgrind" {
	valgrind_fence --allow unknown.test -- true
	[[ $status == 125 ]]
	no_errors
	valgrind_fence --allow github.test:22 -- /etc/passwd
	[[ $status == 126 ]]
	no_errors
}
