/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The files of policies: NAME.policy with the rules, and NAME.targets with the targets that the
 * policy is attached to whenever they are there, one a line, comments from '#' on. They are the
 * truth that outlives a host's restart.
 *
 * A file is replaced whole: who reads it sees the old one or the new one, also after a loss of
 * power. Other files of the directory are left alone. Whoever may write to the directory or to a
 * file of it decides what fences let through, so both must be root's (or the caller's) alone. A
 * file may be a symbolic link, which is read and not written.
 *
 * The directory is opened by its path each time: what is mounted or put there later is what counts.
 * `name` is one that policyfile_name() gives, or else -EINVAL.
 */
#ifndef CGFENCE_POLICYDIR_H
#define CGFENCE_POLICYDIR_H

#include <stdbool.h>
#include <stddef.h>

#include "failure.h"

struct policydir;

/* Makes the directory, 0755, if only that is missing. -EPERM if others may write to it; -errno. */
int policydir_open(struct policydir **ret_dir, const char *path, struct failure *failure);
void policydir_close(struct policydir **dir);

/*
 * Calls for the name of every *.policy, sorted; `usable` is false for what cannot be a policy's
 * name. Hidden files are none. Anything but 0 ends it and is returned.
 */
typedef int (*policydir_name_fn)(const char *name, bool usable, void *data);
int policydir_each(const struct policydir *dir, policydir_name_fn found, void *data,
		   struct failure *failure);

/* The same for every *.targets. */
int policydir_each_with_targets(const struct policydir *dir, policydir_name_fn found, void *data,
				struct failure *failure);

/* "DIR/NAME.targets", as policydir_path(). */
char *policydir_targets_path(const struct policydir *dir, const char *name);
/* "DIR/NAME.policy", absolute; the caller frees it; NULL without memory. */
char *policydir_path(const struct policydir *dir, const char *name);

/*
 * The file's text, owned by the caller, NUL after its end. -ENOENT; -E2BIG beyond
 * CGF_POLICY_FILE_BYTES_MAX; -EPERM if others than root may write to it; -EINVAL if it is no file;
 * -EAGAIN if it is being written to all the while, other than by being replaced.
 */
int policydir_read(const struct policydir *dir, const char *name, char **ret_text,
		   size_t *ret_length, struct failure *failure);
/*
 * Written beside, synced, renamed, and the directory synced: on failure (-ENOSPC, -EROFS, …) the
 * old file is as it was and nothing is left over. Mode 0644, or that of the old file, and its
 * owner. -ELOOP if it is a symbolic link; -E2BIG if it could not be read again.
 */
int policydir_write(const struct policydir *dir, const char *name, const char *text, size_t length,
		    struct failure *failure);
/*
 * The file, whatever is in it, for a while beside the one that policydir_write() puts in its place:
 * then it is put back, or let go of. `ret_kept` is false if there is none that could be replaced.
 */
int policydir_keep(const struct policydir *dir, const char *name, bool *ret_kept,
		   struct failure *failure);
int policydir_put_back(const struct policydir *dir, const char *name, struct failure *failure);
void policydir_let_go(const struct policydir *dir, const char *name);
/* Both files of the policy, or on failure none; missing is no error. */
int policydir_remove(const struct policydir *dir, const char *name, struct failure *failure);
/* Only the one with the rules. */
int policydir_remove_policy(const struct policydir *dir, const char *name, struct failure *failure);

/* Calls for each target of NAME.targets, in order; no file is no target. As policydir_each(). */
typedef int (*policydir_target_fn)(const char *target, size_t line, void *data);
int policydir_each_target(const struct policydir *dir, const char *name, policydir_target_fn found,
			  void *data, struct failure *failure);
/*
 * Comments and order stay. To add what is there, or remove what is not, is no error; `ret_added`
 * may be NULL. -EINVAL if the target cannot be a line.
 */
int policydir_add_target(const struct policydir *dir, const char *name, const char *target,
			 bool *ret_added, struct failure *failure);
int policydir_remove_target(const struct policydir *dir, const char *name, const char *target,
			    struct failure *failure);

#endif
