#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# get.sh KERNEL: prints a directory with boot/vmlinuz-* and lib/modules. KERNEL is one already, or a
# version of Debian's, as 6.1: then the newest package of it is unpacked below build/kernels. It
# comes from where this machine has its packages, though the suite may be another; nothing of the
# machine's own apt is changed.
set -euo pipefail

cd "$(dirname "$0")/../.."
arch=amd64

fail() {
	echo "kernels: $*" >&2
	exit 1
}

suite_of() { # VERSION: where Debian has it
	case $1 in
	5.10) echo bullseye-security ;;
	6.1) echo bookworm-security ;;
	6.12) echo trixie-security ;;
	6.18) echo trixie-backports ;;
	*) fail "$1: not a directory, and Debian's suite of linux-image-$1.* is not known" ;;
	esac
}

# archive_of SUITE: the archive, of those the machine uses.
archive_of() {
	local label=Debian uri
	[[ $1 != *-security ]] || label=Debian-Security
	# shellcheck disable=SC2016 # apt-get expands them
	uri=$(apt-get indextargets --format '$(LABEL) $(REPO_URI)' 'Created-By: Packages' |
		awk -v label=$label '$1 == label { print $2; exit }')
	[[ -n $uri ]] || fail "no apt source is $label, whose $1 has $package"
	echo "$uri"
}

# An apt of its own, with nothing but that suite.
make_apt() { # SUITE DIRECTORY
	local archive
	archive=$(archive_of "$1")
	mkdir -p "$2"/{etc/{apt.conf,preferences,sources.list}.d,lists/partial,cache/archives/partial}
	: >"$2/status"
	printf 'deb [arch=%s signed-by=%s] %s %s main\n' $arch \
		/usr/share/keyrings/debian-archive-keyring.gpg "$archive" "$1" >"$2/etc/sources.list"
	cat >"$2/apt.conf" <<-END
		Dir::Etc "$2/etc";
		Dir::State "$2";
		Dir::State::lists "$2/lists";
		Dir::State::status "$2/status";
		Dir::Cache "$2/cache";
		APT::Architecture "$arch";
		APT::Sandbox::User "root";
		Acquire::Languages "none";
	END
	APT_CONFIG=$2/apt.conf apt-get update -q >&2 || fail "$1: apt-get update; $package is there"
}

newest() { # PATTERN
	apt-cache pkgnames linux-image | grep -xE "$1" | sort -V | tail -n 1
}

# unpack DIRECTORY PACKAGE: with the parts that newer packages are split into.
unpack() {
	local parts
	mkdir -p "$1/deb"
	parts=$(apt-cache depends --no-recommends --no-suggests "$2" |
		awk '$2 ~ /^linux-(binary|modules)-/ { print $2 }')
	# shellcheck disable=SC2086 # a list of words
	(cd "$1/deb" && apt-get download -q "$2" $parts >&2) || fail "$2: cannot be downloaded"
	find "$1/deb" -name '*.deb' -exec dpkg-deb -x {} "$1" \;
	rm -rf "$1/deb"
	# With /usr merged, that is where the modules are.
	[[ -d $1/lib/modules ]] || ln -s usr/lib "$1/lib"
}

get() { # VERSION DIRECTORY
	local suite pattern package
	suite=$(suite_of "$1")
	pattern="linux-image-${1//./\\.}\.[0-9]+(-[0-9]+|\+deb[0-9]+)-$arch"
	package="linux-image-$1.*-$arch"
	[[ -x /usr/bin/apt-get ]] || fail "this is not Debian: unpack $package of $suite, and name its directory"
	trap 'rm -rf "$directory".{apt,new}' EXIT
	make_apt "$suite" "$2.apt"
	export APT_CONFIG=$2.apt/apt.conf
	package=$(newest "$pattern") || fail "$suite has no package linux-image-$1.*-$arch"
	unpack "$2.new" "$package"
	mv "$2.new" "$2"
}

directory=$1
if [[ ! -d $1 ]]; then
	directory=$PWD/build/kernels/$1
	[[ -d $directory ]] || get "$1" "$directory"
fi
compgen -G "$directory/boot/vmlinuz-*" >/dev/null || fail "$directory: no boot/vmlinuz-*"
[[ -d $directory/lib/modules ]] || fail "$directory: no lib/modules"
cd "$directory" && pwd -P
