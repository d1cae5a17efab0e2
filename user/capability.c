// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "capability.h"

#include <cap-ng.h>
#include <errno.h>
#include <string.h>
#include <strings.h>
#include <sys/prctl.h>

#include "util.h"

#define NAME_MAX_BYTES 64
#define PREFIX "cap_"
#define BIT(capability) (1ULL << (capability))

const uint64_t capability_defaults = BIT(CAP_CHOWN) | BIT(CAP_FOWNER) | BIT(CAP_FSETID) |
				     BIT(CAP_KILL) | BIT(CAP_SETGID) | BIT(CAP_SETUID) |
				     BIT(CAP_NET_BIND_SERVICE) | BIT(CAP_SYS_CHROOT) |
				     BIT(CAP_AUDIT_WRITE) | BIT(CAP_IPC_LOCK) | BIT(CAP_SYS_NICE) |
				     BIT(CAP_SYS_RESOURCE);

/*
 * DAC_READ_SEARCH: what processes of other users see, and cgroups by their ids; SYS_PTRACE and
 * SYS_ADMIN: their network namespaces; NET_RAW: answers to refused questions; the others: maps,
 * links, and sockets that are destroyed.
 */
const uint64_t capability_daemon = BIT(CAP_BPF) | BIT(CAP_DAC_READ_SEARCH) | BIT(CAP_NET_ADMIN) |
				   BIT(CAP_NET_RAW) | BIT(CAP_SYS_ADMIN) | BIT(CAP_SYS_PTRACE);

bool capability_in(uint64_t set, unsigned int capability)
{
	return set & BIT(capability);
}

static int parse_word(const char *word, size_t length, uint64_t *set)
{
	char name[NAME_MAX_BYTES];
	int capability;

	if (!length || length >= sizeof(name))
		return -EINVAL;
	memcpy(name, word, length);
	name[length] = '\0';
	if (!strcasecmp(name, "all")) {
		*set = UINT64_MAX;
		return 0;
	}
	/* It takes some numbers for names as well. */
	if (*name >= '0' && *name <= '9')
		return -EINVAL;
	capability = capng_name_to_capability(
		strncasecmp(name, PREFIX, sizeof(PREFIX) - 1) ? name : name + sizeof(PREFIX) - 1);
	if (capability < 0 || capability > 63)
		return -EINVAL;
	*set |= BIT(capability);
	return 0;
}

int capability_parse(const char *list, uint64_t *ret_set, const char **ret_word, size_t *ret_length)
{
	uint64_t set = 0;
	size_t length;
	bool more;

	do {
		length = strcspn(list, ",");
		if (parse_word(list, length, &set)) {
			*ret_word = list;
			*ret_length = length;
			return -EINVAL;
		}
		more = list[length] == ',';
		list += length + 1;
	} while (more);
	*ret_set = set;
	return 0;
}

int capability_missing(uint64_t set)
{
	unsigned int capability;

	if (capng_get_caps_process())
		return -1;
	for (capability = 0; capability <= CAP_LAST_CAP; capability++)
		if (capability_in(set, capability) &&
		    !capng_have_capability(CAPNG_EFFECTIVE, capability))
			return (int)capability;
	return -1;
}

const char *capability_name(unsigned int capability)
{
	return capng_capability_to_name(capability);
}

int capability_limit(uint64_t set)
{
	unsigned int capability;

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
		return -errno;
	if (capng_get_caps_process())
		return -EIO;
	for (capability = 0; capability <= CAP_LAST_CAP; capability++)
		if (!capability_in(set, capability) &&
		    capng_update(CAPNG_DROP,
				 CAPNG_EFFECTIVE | CAPNG_PERMITTED | CAPNG_INHERITABLE |
					 CAPNG_BOUNDING_SET,
				 capability))
			return -EINVAL;
	return capng_apply(CAPNG_SELECT_BOTH) ? -EPERM : 0;
}
