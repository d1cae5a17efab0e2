// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Targets as names of pins, and back. */
#include <errno.h>
#include <string.h>

#include "target_internal.h"

#define CGROUP_PREFIX "cgroup:"
/* '~' and 16 digits; nothing else has a '~', because that is written as %7E. */
#define CUT_BYTES 17
#define CUT '~'
#define ESCAPE '%'

static bool is_plain(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       (c && strchr("_-@:+=,", c));
}

/* FNV-1a: names that differ are to have pins that differ, and who makes them is trusted. */
static uint64_t hash(const char *text)
{
	uint64_t h = 0xcbf29ce484222325ULL;

	for (; *text; text++)
		h = (h ^ (uint8_t)*text) * 0x100000001b3ULL;
	return h;
}

/* Writes what fits in whole characters; false if something did not. */
static bool encode(const char *from, char *to, size_t size)
{
	size_t used = 0, length;
	char one[4];

	to[0] = '\0';
	for (; *from; from++) {
		length = (size_t)snprintf(one, sizeof(one), is_plain(*from) ? "%c" : "%%%02X",
					  (uint8_t)*from);
		if (used + length >= size)
			return false;
		memcpy(to + used, one, length + 1);
		used += length;
	}
	return true;
}

/* "a/b" of a cgroup that is below the mount; the whole path of another. */
static const char *relative(const char *path)
{
	char mount[CGROUP_PATH_BYTES];
	size_t length = cgroup_mount(mount, NULL) ? 0 : strlen(mount);

	return length && !strncmp(path, mount, length) && path[length] == '/' ? path + length + 1
									      : path;
}

const char *target_name_fence(const struct target_name *name, char text[TARGET_FENCE_BYTES])
{
	char whole[TARGET_TEXT_BYTES];

	if (name->kind == TARGET_CGROUP)
		snprintf(whole, sizeof(whole), CGROUP_PREFIX "%s", relative(name->text));
	else
		target_name_format(name, whole);
	if (encode(whole, text, TARGET_FENCE_BYTES))
		return text;
	encode(whole, text, TARGET_FENCE_BYTES - CUT_BYTES);
	snprintf(text + strlen(text), CUT_BYTES + 1, "%c%016llx", CUT,
		 (unsigned long long)hash(whole));
	return text;
}

static int digit(char c)
{
	static const char digits[] = "0123456789ABCDEF";
	const char *found = c ? strchr(digits, c) : NULL;

	return found ? (int)(found - digits) : -1;
}

static int decode(const char *from, char *to, size_t size)
{
	int high, low;

	for (; *from; from++) {
		if (!--size)
			return -EINVAL;
		if (is_plain(*from)) {
			*to++ = *from;
			continue;
		}
		high = *from == ESCAPE ? digit(from[1]) : -1;
		low = high < 0 ? -1 : digit(from[2]);
		if (low < 0 || !(16 * high + low))
			return -EINVAL;
		*to++ = (char)(16 * high + low);
		from += 2;
	}
	*to = '\0';
	return 0;
}

static int of_path(const char *path, struct target_name *ret_name)
{
	char mount[CGROUP_PATH_BYTES] = "";

	if (!path[0] || (path[0] != '/' && cgroup_mount(mount, NULL)))
		return -EINVAL;
	ret_name->kind = TARGET_CGROUP;
	return snprintf(ret_name->text, sizeof(ret_name->text), "%s%s%s", mount,
			mount[0] ? "/" : "", path) < (int)sizeof(ret_name->text)
		       ? 0
		       : -EINVAL;
}

/* Only what target_name_fence() would make of it. */
int target_name_of_fence(const char *fence, struct target_name *ret_name)
{
	char text[TARGET_TEXT_BYTES], again[TARGET_FENCE_BYTES];
	struct target_name name = {};
	int r = decode(fence, text, sizeof(text));

	if (!r && !strncmp(text, CGROUP_PREFIX, strlen(CGROUP_PREFIX)))
		r = of_path(text + strlen(CGROUP_PREFIX), &name);
	else if (!r)
		r = target_name_parse(text, &name, NULL);
	if (r || strcmp(target_name_fence(&name, again), fence) != 0)
		return -EINVAL;
	*ret_name = name;
	return 0;
}
