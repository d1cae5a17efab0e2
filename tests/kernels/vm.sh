#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# vm.sh KERNEL_DIRECTORY COMMAND [ARG…]: runs the command as root under another kernel, in a virtual
# machine that needs no KVM. Its root is this machine's, read-only below an overlay: there is no
# image to be made, and nothing that is written stays. Output and exit status are the command's;
# 125: the kernel died, or complained, or VM_SECONDS were over.
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
kernel=$(readlink -f "$1")
shift
version=$(basename "$kernel"/lib/modules/*)
boots=3

# QEMU 7.2 and newer kernels do not go together: with two CPUs a patched jump label is executed half
# (oops at int3), with cmpxchg16b the slab allocator dies in one boot of four.
case $version in
5.* | 6.[0-9].*) cpus=2 ;;
*) cpus=1 ;;
esac

say() {
	echo "vm: $version: $*" >&2
}

# What the kernel needs to see this machine's files, in the order of loading.
copy_modules() { # DIRECTORY
	local module path name
	[[ -e $kernel/lib/modules/$version/modules.dep ]] || depmod -b "$kernel" "$version"
	for module in virtio_pci 9pnet_virtio 9p overlay; do
		modprobe -d "$kernel" -S "$version" --show-depends "$module"
	done | awk '$1 == "insmod" && !seen[$2]++ { print $2 }' | while read -r path; do
		name=$(basename "${path%.xz}")
		case $path in
		*.xz) xz -dc "$path" >"$1/$name" ;;
		*) cp "$path" "$1/$name" ;;
		esac
		echo "$name" >>"$1/order"
	done
}

make_initramfs() { # DIRECTORY COMMAND…
	local root=$1/root
	shift
	mkdir -p "$root"/{bin,proc,dev,lower,upper,new,modules}
	cp /bin/busybox "$root/bin/"
	ln -s busybox "$root/bin/sh"
	copy_modules "$root/modules"
	install "$here/init.sh" "$root/init"
	{
		declare -p PATH PWD CMOCKA_MESSAGE_OUTPUT ROTATION_CONNECTS 2>/dev/null || true
		printf 'kernel=%q\ncommand=(' "$kernel"
		printf ' %q' "$@"
		echo ' )'
	} >"$root/command"
	echo "$here/guest.sh" >"$root/guest"
	(cd "$root" && find . | cpio -o -H newc --quiet | gzip -1) >"$root/../initramfs"
}

boot() { # DIRECTORY
	: >"$1/status"
	timeout -k 5 "${VM_SECONDS:-3600}" qemu-system-x86_64 -M q35 -accel tcg,thread=multi \
		-cpu max,cx16=off -smp $cpus -m "${VM_MIB:-2048}" -nographic -nodefaults -no-reboot \
		-serial "file:$1/console" -serial stdio -serial "file:$1/status" \
		-virtfs local,path=/,mount_tag=root,security_model=none,readonly=on,multidevs=remap \
		-kernel "$kernel/boot/vmlinuz-$version" -initrd "$1/initramfs" \
		-append "console=ttyS0 panic=-1 loglevel=5" </dev/null 2>"$1/qemu"
}

complaints() { # DIRECTORY
	grep -aE 'Oops|kernel BUG|BUG: (unable|sleeping|scheduling)|WARNING: CPU|Kernel panic' "$1/console"
}

work=$(mktemp -d "${TMPDIR:-/tmp}/cgf-vm.XXXXXX")
trap 'rm -rf "$work"' EXIT
make_initramfs "$work" "$@"
while :; do
	boot "$work" || say "qemu: $(cat "$work/qemu")"
	grep -q started "$work/status" || ((--boots == 0)) || {
		say "did not boot, once more"
		continue
	}
	break
done
status=$(sed -n 2p "$work/status")
if [[ -z $status ]] || complaints "$work" >&2; then
	say "the kernel's last words:"
	tail -n 40 "$work/console" >&2
	exit 125
fi
exit "$status"
