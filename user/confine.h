/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What is taken from a command so that it cannot go around the fence or undo it, also as root: see
 * cgfence(8), "What the command cannot do". The fence itself decides on packets and calls; this is
 * for the ways that pass no hook of a cgroup.
 *
 * All is prepared before the command's process exists. That process has a copy of the threads'
 * memory and none of the threads, so it makes system calls and nothing else: no lock of libc, no
 * memory.
 */
#ifndef CGFENCE_CONFINE_H
#define CGFENCE_CONFINE_H

#include <linux/filter.h>
#include <stdint.h>

#include "mounts.h"

struct confinement {
	struct mounts mounts;
	uint64_t capabilities; /* that the command may have */
	int landlock_fd;       /* -1: none */
	struct sock_fprog filter;
	int highest_fd; /* what has to be closed, where close_range is missing */
};

struct confine_options {
	bool root;	    /* what the command runs as */
	uint64_t keep_caps; /* beside those that root has in any case */
	bool no_filter;
	bool no_dns_filter; /* resolvers outside may be asked by their Unix sockets */
	bool families_held; /* the fence itself refuses AF_PACKET, AF_VSOCK and so on */
};

int confine_prepare(const struct confine_options *options, struct confinement *ret_confinement,
		    struct failure *failure);
void confine_finish(struct confinement *confinement);

/* Calls `warning` with what the options open, and what this kernel leaves open. */
void confine_each_warning(const struct confine_options *options,
			  const struct confinement *confinement,
			  void (*warning)(const char *text, void *data), void *data);

enum confine_step {
	CONFINE_CHROOT,
	CONFINE_NAMESPACES,
	CONFINE_MOUNTS,
	CONFINE_DIRECTORY,
	CONFINE_CAPABILITIES,
	CONFINE_NO_NEW_PRIVILEGES,
	CONFINE_LANDLOCK,
	CONFINE_DESCRIPTORS,
	CONFINE_FILTER,
};

struct confine_report {
	enum confine_step step;
	int error;
	size_t mount; /* of the confinement's, for CONFINE_MOUNTS */
};

/*
 * In the process that is to become the command. First confine_surroundings(), as root; it closes
 * all but the standard descriptors and `keep_fd`, which it moves. Then, as the user,
 * confine_self(). 0, or an error with `report` filled.
 */
int confine_surroundings(const struct confinement *confinement, int *keep_fd,
			 struct confine_report *report);
int confine_self(const struct confinement *confinement, struct confine_report *report);

/* The words for a report. Returns -ECANCELED. */
int confine_failure(const struct confinement *confinement, const struct confine_report *report,
		    struct failure *failure);

#endif
