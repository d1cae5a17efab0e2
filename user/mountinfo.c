// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "mountinfo.h"

#include <errno.h>
#include <string.h>
#include <sys/sysmacros.h>

#include "util.h"

/* "36 35 98:0 /root /point rw,noatime master:1 - ext3 /dev/root rw" */
enum field {
	FIELD_ID,
	FIELD_PARENT,
	FIELD_DEVICE,
	FIELD_ROOT,
	FIELD_POINT,
	FIELD_OPTIONS,
	FIELD_COUNT
};

static bool is_octal(const char *text)
{
	return text[0] >= '0' && text[0] <= '3' && text[1] >= '0' && text[1] <= '7' &&
	       text[2] >= '0' && text[2] <= '7';
}

/* The kernel writes blanks, newlines, backslashes and '#' as three octal digits. */
static void unescape(char *text)
{
	char *to = text;

	for (; *text; text++) {
		if (*text == '\\' && is_octal(text + 1)) {
			*to++ = (char)((text[1] - '0') << 6 | (text[2] - '0') << 3 |
				       (text[3] - '0'));
			text += 3;
		} else {
			*to++ = *text;
		}
	}
	*to = '\0';
}

/* The type comes after optional fields, of which there are any number, and a "-". */
static char *find_type(char **rest)
{
	char *field;

	while ((field = strsep(rest, " ")) && strcmp(field, "-") != 0)
		;
	return field ? strsep(rest, " ") : NULL;
}

int mountinfo_parse(char *line, struct mountinfo *ret_entry)
{
	char *fields[FIELD_COUNT], *type, *rest = line;
	unsigned int major, minor;
	size_t i;

	line[strcspn(line, "\n")] = '\0';
	for (i = 0; i < FIELD_COUNT; i++) {
		fields[i] = strsep(&rest, " ");
		if (!fields[i] || !*fields[i])
			return -EINVAL;
	}
	type = find_type(&rest);
	if (!type || !*type || sscanf(fields[FIELD_DEVICE], "%u:%u", &major, &minor) != 2)
		return -EINVAL;
	unescape(fields[FIELD_ROOT]);
	unescape(fields[FIELD_POINT]);
	*ret_entry = (struct mountinfo){
		.device = makedev(major, minor),
		.root = fields[FIELD_ROOT],
		.point = fields[FIELD_POINT],
		.type = type,
	};
	return 0;
}
