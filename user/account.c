// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "account.h"

#include <cap-ng.h>
#include <errno.h>
#include <grp.h>
#include <limits.h>
#include <pwd.h>
#include <string.h>

/* What making a fence needs, and what for. */
static const struct {
	unsigned int capability;
	const char *name;
	const char *need;
} privileges[] = {
	{ CAP_BPF, "CAP_BPF", "to load the BPF programs" },
	{ CAP_NET_ADMIN, "CAP_NET_ADMIN", "to attach the BPF programs" },
	{ CAP_SYS_ADMIN, "CAP_SYS_ADMIN", "to find the BPF programs by id, and to mount" },
	{ CAP_SETUID, "CAP_SETUID", "to become the user" },
	{ CAP_SETGID, "CAP_SETGID", "to become the user" },
	{ CAP_SETPCAP, "CAP_SETPCAP", "to take capabilities from the command" },
	{ CAP_KILL, "CAP_KILL", "to end what the command leaves running" },
};

int account_require_privileges(struct failure *failure)
{
	size_t i;

	if (geteuid() != 0) {
		failure_set(failure, 0, "must be run as root");
		failure_hint(failure, "try: sudo cgfence …; the command then runs as you");
		return -EPERM;
	}
	if (capng_get_caps_process())
		return failure_set(failure, EPERM, "cannot read the capabilities of this process");
	for (i = 0; i < ARRAY_SIZE(privileges); i++)
		if (!capng_have_capability(CAPNG_EFFECTIVE, privileges[i].capability)) {
			failure_set(failure, 0, "root without %s, which is needed %s",
				    privileges[i].name, privileges[i].need);
			return -EPERM;
		}
	return 0;
}

/* A whole number that fits an id, and is not (uid_t)-1, which means "leave it" to setresuid(2). */
static bool parse_id(const char *text, unsigned int *ret_id)
{
	unsigned long id;
	char *end;

	if (!text || *text < '0' || *text > '9')
		return false;
	errno = 0;
	id = strtoul(text, &end, 10);
	if (errno || *end || id >= UINT_MAX)
		return false;
	*ret_id = (unsigned int)id;
	return true;
}

static int copy_text(char **ret_copy, const char *text)
{
	*ret_copy = text ? strdup(text) : NULL;
	return text && !*ret_copy ? -ENOMEM : 0;
}

static int find_groups(struct account *account)
{
	int count = 0;

	if (!account->name)
		return 0;
	/* The first call says how many there are. */
	getgrouplist(account->name, account->gid, NULL, &count);
	account->groups = calloc((size_t)count, sizeof(gid_t));
	if (!account->groups)
		return -ENOMEM;
	if (getgrouplist(account->name, account->gid, account->groups, &count) < 0)
		return -EAGAIN;
	account->group_count = count;
	return 0;
}

static int fill(struct account *account, const struct passwd *entry)
{
	int r = 0;

	if (entry) {
		r = copy_text(&account->name, entry->pw_name);
		if (!r)
			r = copy_text(&account->home, entry->pw_dir);
		if (!r)
			r = copy_text(&account->shell,
				      *entry->pw_shell ? entry->pw_shell : "/bin/sh");
	}
	return r ? r : find_groups(account);
}

static int find_named(const char *user, struct account *account, struct failure *failure)
{
	const struct passwd *entry = getpwnam(user);
	unsigned int uid;

	if (!entry && parse_id(user, &uid))
		entry = getpwuid(uid);
	if (!entry) {
		failure_set(failure, 0, "--user: there is no user '%s'", user);
		return -EINVAL;
	}
	account->uid = entry->pw_uid;
	account->gid = entry->pw_gid;
	return fill(account, entry);
}

static int find_sudo(const char *uid_text, const char *gid_text, struct account *account,
		     struct failure *failure)
{
	unsigned int uid, gid;

	/* One without the other would leave the command root. */
	if (!uid_text || !gid_text) {
		failure_set(failure, 0, "the environment has %s without %s",
			    uid_text ? "SUDO_UID" : "SUDO_GID", uid_text ? "SUDO_GID" : "SUDO_UID");
		return -EINVAL;
	}
	if (!parse_id(uid_text, &uid) || !parse_id(gid_text, &gid)) {
		failure_set(failure, 0, "%s is not a number in the environment: '%s'",
			    parse_id(uid_text, &uid) ? "SUDO_GID" : "SUDO_UID",
			    parse_id(uid_text, &uid) ? gid_text : uid_text);
		return -EINVAL;
	}
	account->uid = uid;
	account->gid = gid;
	return fill(account, getpwuid(uid));
}

int account_find(const char *user, struct account *ret_account, struct failure *failure)
{
	const char *sudo_uid = getenv("SUDO_UID"), *sudo_gid = getenv("SUDO_GID");
	_cleanup_(account_finish) struct account account = { .change = true };
	int r = 0;

	if (user)
		r = find_named(user, &account, failure);
	else if (sudo_uid || sudo_gid)
		r = find_sudo(sudo_uid, sudo_gid, &account, failure);
	else
		account.change = false;
	if (r == -EINVAL)
		return r;
	if (r)
		return failure_set(failure, -r, "cannot look up who the command runs as");
	*ret_account = TAKE(account, (struct account){});
	return 0;
}

bool account_is_root(const struct account *account)
{
	return !account->change || account->uid == 0;
}

void account_finish(struct account *account)
{
	free(account->groups);
	free(account->name);
	free(account->home);
	free(account->shell);
	*account = (struct account){};
}

static bool is_variable(const char *entry, const char *name)
{
	size_t length = strlen(name);

	return !strncmp(entry, name, length) && entry[length] == '=';
}

static int set_variable(char **environment, const char *name, const char *value)
{
	char *text;
	size_t i;

	if (!value)
		return 0;
	if (asprintf(&text, "%s=%s", name, value) < 0)
		return -ENOMEM;
	for (i = 0; environment[i] && !is_variable(environment[i], name); i++)
		;
	free(environment[i]);
	environment[i] = text;
	return 0;
}

/* Room for four more and the NULL. */
static char **copy_environment(void)
{
	char **environment;
	size_t i, count = 0;

	while (environ && environ[count])
		count++;
	environment = calloc(count + 5, sizeof(*environment));
	for (i = 0; environment && i < count; i++) {
		environment[i] = strdup(environ[i]);
		if (!environment[i])
			account_free_environment(&environment);
	}
	return environment;
}

char **account_environment(const struct account *account)
{
	char **environment = copy_environment();

	if (!environment || !account->change)
		return environment;
	if (set_variable(environment, "HOME", account->home) ||
	    set_variable(environment, "USER", account->name) ||
	    set_variable(environment, "LOGNAME", account->name) ||
	    set_variable(environment, "SHELL", account->shell))
		account_free_environment(&environment);
	return environment;
}

void account_free_environment(char ***environment)
{
	size_t i;

	for (i = 0; *environment && (*environment)[i]; i++)
		free((*environment)[i]);
	free(TAKE_PTR(*environment));
}
