// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "name_key.h"

#include <errno.h>
#include <string.h>

#include "span.h"

static bool is_name(const char *name)
{
	size_t label, length = strlen(name);

	if (length > CGF_NAME_BYTES_MAX)
		return false;
	for (;;) {
		label = strcspn(name, ".");
		if (label == 0 || label > CGF_LABEL_BYTES_MAX)
			return false;
		if (!name[label])
			return true;
		name += label + 1;
	}
}

bool name_key_fits(const char *name)
{
	return strlen(name) < CGF_NAME_KEY_BYTES;
}

/* From the end: a dot is where the label that was just written has its length, on the wire. */
static int write_key(const char *name, uint8_t end_mark, struct cgf_name_key *ret_key)
{
	struct cgf_name_key key = {};
	size_t i, length = strlen(name);

	if (!is_name(name))
		return -EINVAL;
	if (!name_key_fits(name))
		return -ENAMETOOLONG;
	for (i = 0; i < length; i++) {
		char c = name[length - 1 - i];

		key.name[i] = c == '.' ? CGF_NAME_MARK_LABEL : (uint8_t)ascii_to_lower(c);
	}
	key.name[length] = end_mark;
	key.prefix_bits = 8 * (uint32_t)(length + 1);
	*ret_key = key;
	return 0;
}

int name_key_exact(const char *name, struct cgf_name_key *ret_key)
{
	return write_key(name, CGF_NAME_MARK_END, ret_key);
}

int name_key_below(const char *name, struct cgf_name_key *ret_key)
{
	return write_key(name, CGF_NAME_MARK_LABEL, ret_key);
}

/* One text for each key: what is a dot in the text is none in the key. */
int name_key_read(const struct cgf_name_key *key, char ret_text[static CGF_NAME_BYTES_MAX + 1],
		  bool *ret_below)
{
	size_t i, length = key->prefix_bits / 8 - 1;
	char text[CGF_NAME_KEY_BYTES];
	uint8_t byte;

	if (key->prefix_bits < 16 || key->prefix_bits > 8 * CGF_NAME_KEY_BYTES ||
	    key->prefix_bits % 8)
		return -EINVAL;
	for (i = 0; i < length; i++) {
		byte = key->name[length - 1 - i];
		if (!byte || byte == '.')
			return -EINVAL;
		text[i] = byte == CGF_NAME_MARK_LABEL ? '.' : (char)byte;
	}
	byte = key->name[length];
	if (byte != CGF_NAME_MARK_LABEL && byte != CGF_NAME_MARK_END)
		return -EINVAL;
	memcpy(ret_text, text, length);
	ret_text[length] = '\0';
	*ret_below = byte == CGF_NAME_MARK_LABEL;
	return 0;
}
