// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Tells a process that another one may have changed what it keeps in the kernel: after each bpf(),
 * which is how maps, links and programs change, and after each removal or renaming in a file system
 * of pins. What it was is not looked at: who is told looks at everything anyway. The kernel's
 * functions differ by architecture and version, so userspace says which ones (datapath_notice.c).
 */
#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

/* The process that is told, by its number in its PID namespace, whose own calls are no news. */
const volatile __u64 own_device, own_inode;
const volatile __u32 own_tgid;

/*
 * One that is not read yet is enough, so it is small. Whoever has read all is woken, and nobody
 * who has not: the default of bpf_ringbuf_output().
 */
struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 4096);
} notices SEC(".maps");

static __always_inline int give_notice(void)
{
	struct bpf_pidns_info own = {};
	__u64 nothing = 0;

	if (!bpf_get_ns_current_pid_tgid(own_device, own_inode, &own, sizeof(own)) &&
	    own.tgid == own_tgid)
		return 0;
	bpf_ringbuf_output(&notices, &nothing, sizeof(nothing), 0);
	return 0;
}

SEC("fexit")
int after_bpf(void *ctx)
{
	return give_notice();
}

/* That of programs of another word size. */
SEC("fexit")
int after_bpf_compat(void *ctx)
{
	return give_notice();
}

SEC("fexit")
int after_unlink(void *ctx)
{
	return give_notice();
}

SEC("fexit")
int after_rename(void *ctx)
{
	return give_notice();
}

SEC("fexit")
int after_rmdir(void *ctx)
{
	return give_notice();
}

char _license[] SEC("license") = "Dual BSD/GPL";
