#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# What the Makefile and its helpers promise.

setup() {
	cd "$BATS_TEST_DIRNAME/../.." || return
}

@test "install puts the program, its pages and completion where they belong, and uninstall takes all of it" {
	local root=$BATS_TEST_TMPDIR/root
	make --no-print-directory install DESTDIR="$root" PREFIX=/usr
	"$root/usr/sbin/cgfence" --version
	[[ -f $root/usr/share/man/man8/cgfence.8 && -f $root/usr/share/man/man5/cgfence-policy.5 ]]
	[[ -f $root/usr/share/man/man7/cgfence-api.7 ]]
	[[ -f $root/usr/share/bash-completion/completions/cgfence ]]
	[[ -f $root/usr/share/zsh/site-functions/_cgfence ]]
	[[ -d $root/etc/cgfence/policies.d ]]
	make --no-print-directory uninstall DESTDIR="$root" PREFIX=/usr
	[[ -z $(find "$root" -type f) && ! -e $root/etc/cgfence ]]
}

# In a copy, as the program becomes another one.
@test "with another SYSCONFDIR policies are looked for there, and the pages say so" {
	local root=$BATS_TEST_TMPDIR/root etc=$BATS_TEST_TMPDIR/opt/etc copy=$BATS_TEST_TMPDIR/copy
	mkdir -p "$copy/build"
	cp -a Makefile bpf user include vmlinux "$copy"
	cp -a build/*.skel.h build/bpf build/user "$copy/build"
	make --no-print-directory -C "$copy" install DESTDIR="$root" SYSCONFDIR="$etc"
	[[ -d $root$etc/cgfence/policies.d && ! -e $root/etc ]]
	[[ -z $(grep -rE '(^|[^t])/etc/cgfence' "$root/usr/local/share") ]]
	grep -rqF "$etc/cgfence/policies.d" "$root/usr/local/share/bash-completion"
	mkdir -p "$etc/cgfence/policies.d"
	echo 'allow nonsense:0' >"$etc/cgfence/policies.d/mine.policy"
	run "$root/usr/local/sbin/cgfence" run -p mine true
	[[ $status == 125 && $output == *"$etc/cgfence/policies.d/mine.policy:1:"* ]]
	make --no-print-directory -C "$copy" uninstall DESTDIR="$root" SYSCONFDIR="$etc"
	[[ -z $(find "$root" -type f) && ! -e $root$etc/cgfence ]]
}

@test "uninstall keeps the policies of the host" {
	local root=$BATS_TEST_TMPDIR/root
	make --no-print-directory install DESTDIR="$root"
	echo 'allow any' >"$root/etc/cgfence/policies.d/mine.policy"
	make --no-print-directory uninstall DESTDIR="$root"
	[[ $(find "$root" -type f) == "$root/etc/cgfence/policies.d/mine.policy" ]]
}

@test "on another distribution deps prints what is missing and stops" {
	mkdir "$BATS_TEST_TMPDIR/bin"
	run env -i PATH="$BATS_TEST_TMPDIR/bin" /bin/sh tests/tools/deps.sh clang libbpf-dev
	[[ $status == 1 ]]
	[[ $output == *"this is not Debian"*" clang libbpf-dev" ]]
}

@test "deps does nothing where everything is installed" {
	run tests/tools/deps.sh bash coreutils
	[[ $status == 0 && -z $output ]]
}

@test "the top level has what was agreed and nothing else" {
	local entry
	for entry in * .[!.]*; do
		case $entry in
		bpf | user | include | tests | vmlinux | Makefile | README.md | LICENSE* | build | .*) ;;
		*) echo "unexpected: $entry" && return 1 ;;
		esac
	done
}

@test "the demo is as expected" {
	run tests/tools/demo.sh
	[[ $status == 0 && $output == *"demo: 6 of 6 as expected" ]]
}
