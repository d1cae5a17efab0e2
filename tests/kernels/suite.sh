#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# suite.sh NAME TEST…: in the virtual machine: runs the tests, and sums them up. Fails if any did.
set -u

name=$1
export TEST_COUNTS=build/tests/counts-$name
# As many connections as a slow machine makes in a minute.
export ROTATION_CONNECTS=${ROTATION_CONNECTS:-40}
tests/tools/run-tests.sh "$@"
total=$(tests/tools/run-tests.sh total)
status=$?
printf '%-13s %s\n' "$name" "$total"
exit $status
