#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# fuzz.sh SECONDS FUZZER...: runs each for so long, from the corpus of its name; finds go to build/fuzz.
set -eu
seconds=$1
shift
for fuzzer in "$@"; do
	name=${fuzzer##*/fuzz_}
	dictionary=tests/fuzz/$name.dict
	[ -f "$dictionary" ] || dictionary=tests/fuzz/rule.dict
	mkdir -p "build/fuzz/$name.corpus"
	echo "fuzz: $name for $seconds s"
	"$fuzzer" -max_total_time="$seconds" -max_len=5000 -dict="$dictionary" \
		-artifact_prefix="build/fuzz/$name-" -verbosity=0 -print_final_stats=1 \
		"build/fuzz/$name.corpus" "tests/fuzz/corpus/$name" 2>&1 |
		grep -E 'number_of_executed_units|ERROR|SUMMARY|Test unit' || true
	! ls "build/fuzz/$name-"* >/dev/null 2>&1 || exit 1
done
