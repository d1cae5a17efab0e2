#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# test.sh "KERNEL…" TEST…: runs the tests, which print TAP, under each kernel, one after another in one
# virtual machine; see get.sh for what a kernel is. As many kernels at a time as VMS says, or there are
# processors. Fails if any test did, or a kernel cannot be had.
set -u

cd "$(dirname "$0")/../.." || exit 1
read -ra kernels <<<"$1"
shift

if ((${#kernels[@]} > 1)); then
	printf '%s\n' "${kernels[@]}" | xargs -P "${VMS:-$(nproc)}" -I {} tests/kernels/test.sh {} "$@"
	exit
fi

directory=$(tests/kernels/get.sh "${kernels[0]}") || exit
tests/kernels/vm.sh "$directory" tests/kernels/suite.sh "kernel-${kernels[0]##*/}" "$@"
