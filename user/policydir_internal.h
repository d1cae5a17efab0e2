/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What policydir*.c share, and no one else. */
#ifndef CGFENCE_POLICYDIR_INTERNAL_H
#define CGFENCE_POLICYDIR_INTERNAL_H

#include "cgfence.h"
#include "policydir.h"

#define POLICYDIR_POLICY ".policy"
#define POLICYDIR_TARGETS ".targets"

struct policydir {
	char *path; /* absolute */
};

/* The directory, and that no one else may write to it. */
int policydir_open_fd(const struct policydir *dir, int *ret_fd, struct failure *failure);

/* One of the files of a policy, "NAME.policy"; -EINVAL if it can have none. */
#define POLICYDIR_FILE_BYTES (CGF_POLICY_NAME_MAX + sizeof(POLICYDIR_TARGETS))
int policydir_file(const char *name, const char *suffix, char ret_file[static POLICYDIR_FILE_BYTES],
		   struct failure *failure);

/* As policydir_read() and policydir_write(), for any of the files. */
int policydir_file_read(const struct policydir *dir, const char *file, char **ret_text,
			size_t *ret_length, struct failure *failure);
int policydir_file_write(const struct policydir *dir, const char *file, const char *text,
			 size_t length, struct failure *failure);
/* Under another name, too; `ret_linked` is false if there is no regular file. */
int policydir_file_link(const struct policydir *dir, const char *file, const char *to,
			bool *ret_linked, struct failure *failure);
/* Both of these: missing is no error. */
int policydir_file_rename(const struct policydir *dir, const char *from, const char *to,
			  struct failure *failure);
int policydir_file_remove(const struct policydir *dir, const char *file, struct failure *failure);

#endif
