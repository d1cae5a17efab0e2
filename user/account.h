/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Who the command runs as: the user who called sudo, or the one that --user names, or the caller;
 * and what privileges cgfence itself needs.
 */
#ifndef CGFENCE_ACCOUNT_H
#define CGFENCE_ACCOUNT_H

#include <sys/types.h>

#include "failure.h"

struct account {
	bool change; /* false: the command stays who cgfence is, environment and all */
	uid_t uid;
	gid_t gid;
	gid_t *groups; /* owned; supplementary groups */
	int group_count;
	char *name; /* owned; NULL for a uid without an entry in the password database */
	char *home;
	char *shell;
};

/*
 * `user` is a name or a number; NULL: SUDO_UID and SUDO_GID from the environment if they are set,
 * else the caller. -EINVAL if there is no such user, or only one of the two is an id.
 */
int account_find(const char *user, struct account *ret_account, struct failure *failure);
/* Whether the command runs as root: cgfence itself does. */
bool account_is_root(const struct account *account);
void account_finish(struct account *account);

/*
 * The environment for the command: the caller's with HOME, USER, LOGNAME and SHELL of the account.
 * The array and its new strings are the caller's to free with account_free_environment().
 */
char **account_environment(const struct account *account);
void account_free_environment(char ***environment);

/* -EPERM, naming what is missing, without the capabilities that making a fence takes. */
int account_require_privileges(struct failure *failure);

#endif
