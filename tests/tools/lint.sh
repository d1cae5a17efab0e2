#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# What `make lint` checks: format, layers, licences, shell, and what clang-tidy finds.
# shellcheck disable=SC2317 # the checks are called by name
set -u

cd "$(dirname "$0")/../.." || exit 1
wrong=0
flags=(-std=gnu11 -D_GNU_SOURCE '-DCGFENCE_VERSION="lint"' '-DCGFENCE_BUILD_ID="lint"'
	'-DCGFENCE_CONTRACT_ID="lint"' '-DCGFENCE_SYSCONFDIR="/lint"' -Iinclude -Iuser -Ibuild)

check() { # WHAT COMMAND...
	local what=$1 out
	shift
	if out=$("$@" 2>&1); then
		printf 'lint: %-12s ok\n' "$what"
	else
		printf 'lint: %-12s WRONG\n%s\n' "$what" "$out"
		wrong=1
	fi
}

files() { # PATTERN...: of what git tracks, or will
	git ls-files --cached --others --exclude-standard -- "$@"
}

format() {
	files '*.c' '*.h' | xargs clang-format --dry-run --Werror
}

licences() {
	local file bad=0
	while read -r file; do
		head -n 3 "$file" | grep -q 'SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause' || {
			echo "$file: no SPDX line"
			bad=1
		}
	done < <(files '*.c' '*.h' '*.sh' '*.bash' '*.zsh' '*.bats' '*.py' '*.8' '*.7' '*.5' Makefile '.ci/*')
	return "$bad"
}

shell() {
	files '*.sh' '*.bash' '.ci/*' | xargs shellcheck -x
}

python() {
	files '*.py' | xargs -r python3 -c '
import ast, sys
for path in sys.argv[1:]:
    ast.parse(open(path).read(), path)'
}

# A test waits for what it needs, with a deadline.
no_sleep() {
	! files 'tests/*' | grep -v 'tools/lint.sh' | xargs grep -nE '(^|[^a-z_])sleep [0-9]'
}

no_goto() {
	! files 'user/*.c' 'bpf/*' | xargs grep -nE '\bgoto\b'
}

# Beyond 400 lines a file is hardly one noun.
short_files() {
	! files 'user/*.[ch]' 'bpf/*' 'include/*' | xargs wc -l | awk '$1 > 400 && $2 != "total"' | grep .
}

tidy() {
	local file bad=0
	while read -r file; do
		clang-tidy -quiet "$file" -- "${flags[@]}" 2>/dev/null || bad=1
	done < <(files 'user/*.c')
	return "$bad"
}

check format format
check layers tests/tools/lint-layers.sh
check licences licences
check shell shell
check python python
check sleep no_sleep
check goto no_goto
check length short_files
check clang-tidy tidy
exit $wrong
