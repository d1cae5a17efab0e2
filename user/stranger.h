/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What a process in a cgroup holds and no hook on that cgroup judges, as text. Pure.
 */
#ifndef CGFENCE_STRANGER_H
#define CGFENCE_STRANGER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "address.h"
#include "cgfence.h"

enum stranger_reason {
	STRANGER_MADE_OUTSIDE,	 /* a socket belongs for ever to the cgroup it was made in */
	STRANGER_NO_HOOK,	 /* of a family that no hook of a cgroup sees, wherever made */
	STRANGER_UNKNOWN,	 /* the kernel does not say where it was made */
	STRANGER_THREAD_OUTSIDE, /* an io_uring ring that a thread outside works for */
	STRANGER_REASON_COUNT
};

struct stranger_holder {
	pid_t pid;
	int fd;
	char comm[CGF_COMM_BYTES]; /* as the kernel has it; any byte */
};

struct stranger {
	enum stranger_reason reason;
	/* Of a socket; -1 where the kernel does not say. */
	int family, type, protocol;
	uint64_t inode;
	bool has_flow; /* the next five are known */
	uint8_t state; /* TCP_ESTABLISHED, … */
	struct address local, remote;
	uint16_t local_port, remote_port; /* host order */
	uint64_t cgroup_id;		  /* 0: not known */
	char *cgroup; /* owned; its directory; NULL if it is gone, out of sight or not known */
	bool gone;    /* there is no such cgroup any more */
	pid_t thread; /* of a ring */
	struct stranger_holder *holders; /* owned */
	size_t holder_count;
};

void stranger_finish(struct stranger *stranger);

/* "made_outside", "no_hook", "unknown", "thread_outside". */
const char *stranger_reason_to_string(enum stranger_reason reason);

/* "tcp", "udp", "raw icmp", "packet", "io_uring", "socket"; returns `text`. */
#define STRANGER_KIND_BYTES 32
const char *stranger_kind(const struct stranger *stranger, char text[STRANGER_KIND_BYTES]);
/* "inet", "inet6", "packet", …, or a number in `text`. */
const char *stranger_family(const struct stranger *stranger, char text[STRANGER_KIND_BYTES]);
/* "127.0.0.1:22", "[::1]:22", "listening" for the remote end of a listener, "-" for none. */
#define STRANGER_END_BYTES (ADDRESS_TEXT_BYTES + sizeof("[]:65535"))
const char *stranger_local(const struct stranger *stranger, char text[STRANGER_END_BYTES]);
const char *stranger_remote(const struct stranger *stranger, char text[STRANGER_END_BYTES]);
/*
 * Where it was made, the path escaped: "/sys/fs/cgroup/x", or in parentheses why there is none.
 * NULL without memory; the caller frees it.
 */
char *stranger_origin(const struct stranger *stranger);
/* "curl[123] fd 5, sh[99] fd 5". NULL without memory; the caller frees it. */
char *stranger_holders(const struct stranger *stranger);

#endif
