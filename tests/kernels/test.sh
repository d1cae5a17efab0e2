#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# test.sh "KERNEL…" TEST…: runs each test, which prints TAP, under each kernel: see get.sh for what a
# kernel is. Fails if any test did, or a kernel cannot be had.
set -u

cd "$(dirname "$0")/../.." || exit 1
export TEST_COUNTS=build/tests/counts-kernels
failed=()
read -ra kernels <<<"$1"
shift

for kernel in "${kernels[@]}"; do
	rm -f $TEST_COUNTS
	KERNEL_DIRECTORY=$(tests/kernels/get.sh "$kernel") || {
		failed+=("$kernel")
		continue
	}
	export KERNEL_DIRECTORY
	tests/tools/run-tests.sh "kernel-${kernel##*/}" "$@"
	printf 'kernel %s: ' "${kernel##*/}"
	tests/tools/run-tests.sh total || failed+=("$kernel")
done

[[ ${#failed[@]} == 0 ]] || {
	echo "kernels: failed: ${failed[*]}" >&2
	exit 1
}
