/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What datapath*.c share: the fds of the loaded object. Not for other modules. */
#ifndef CGFENCE_DATAPATH_INTERNAL_H
#define CGFENCE_DATAPATH_INTERNAL_H

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "datapath.h"

#define PIN_PATH_BYTES 256

/* In the order of the table in datapath.c. */
enum datapath_program {
	PROGRAM_CONNECT4,
	PROGRAM_CONNECT6,
	PROGRAM_SENDMSG4,
	PROGRAM_SENDMSG6,
	PROGRAM_SOCK_CREATE,
	PROGRAM_COUNT
};

/* The maps each policy has of its own: their shapes, and the arrays that hold them. */
enum datapath_kind {
	KIND_ALLOW,
	KIND_PREFIXES,
	KIND_COUNTERS,
	KIND_DECISIONS,
	KIND_COUNT
};

struct datapath {
	int lock_fd;
	int programs[PROGRAM_COUNT];
	int targets;
	int shapes[KIND_COUNT];
	int arrays[KIND_COUNT];
};

extern const char *const datapath_program_names[PROGRAM_COUNT];
extern const enum bpf_attach_type datapath_attach_types[PROGRAM_COUNT];
extern const char *const datapath_kind_names[KIND_COUNT];

/* "DATAPATH_ROOT/…": -ENAMETOOLONG if it does not fit, which no valid name makes happen. */
int pin_path(char ret_path[static PIN_PATH_BYTES], const char *format, ...) _printf_(2, 3);
/* Creates a directory, 0700, that may be there already. */
int pin_mkdir(const char *path);
/* Unlinks every pin in a directory, then the directory. Missing is no error. */
int pin_remove_dir(const char *path);

#endif
