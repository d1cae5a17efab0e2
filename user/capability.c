// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "capability.h"

#include <cap-ng.h>
#include <errno.h>
#include <string.h>
#include <strings.h>

#include "util.h"

#define NAME_MAX_BYTES 64
#define PREFIX "cap_"
#define BIT(capability) (1ULL << (capability))

const uint64_t capability_defaults = BIT(CAP_CHOWN) | BIT(CAP_FOWNER) | BIT(CAP_FSETID) |
				     BIT(CAP_KILL) | BIT(CAP_SETGID) | BIT(CAP_SETUID) |
				     BIT(CAP_NET_BIND_SERVICE) | BIT(CAP_SYS_CHROOT) |
				     BIT(CAP_AUDIT_WRITE) | BIT(CAP_IPC_LOCK) | BIT(CAP_SYS_NICE) |
				     BIT(CAP_SYS_RESOURCE);

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
