/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* A line of /proc/PID/mountinfo, see proc_pid_mountinfo(5). Pure. */
#ifndef CGFENCE_MOUNTINFO_H
#define CGFENCE_MOUNTINFO_H

#include <sys/types.h>

struct mountinfo {
	dev_t device;
	const char *root; /* of the mount, within its file system */
	const char *point;
	const char *type;
};

/*
 * Cuts `line` into pieces, in place, and undoes the kernel's escapes such as "\040". What
 * `ret_entry` points to is in `line`. -EINVAL for anything else.
 */
int mountinfo_parse(char *line, struct mountinfo *ret_entry);

#endif
