/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The system calls that the command cannot make: what they are and why is in filter.c. */
#ifndef CGFENCE_FILTER_H
#define CGFENCE_FILTER_H

#include <linux/filter.h>

#include "failure.h"

/* Compiles the filter; the program's instructions are the caller's to free. */
int filter_compile(struct sock_fprog *ret_program);
/* In the process that is to become the command: a system call only. Needs no_new_privs. */
int filter_enter(const struct sock_fprog *program);

#endif
