// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "dname.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "escape.h"
#include "span.h"

/* RFC 1035 §4.1.4: the two highest bits say what the byte is; 01 and 10 were never given out. */
#define KIND_MASK 0xc0
#define KIND_LABEL 0x00
#define KIND_POINTER 0xc0

/* A piece of the name: from here up to a pointer or the root. */
struct place {
	const uint8_t *message;
	size_t length;
	size_t at;
	size_t limit; /* pointers must lead to before this, so that each is followed once */
};

static int add_label(struct place *place, struct dname *name)
{
	size_t i, count = place->message[place->at] + 1U;

	/* One byte is kept for the root. */
	if (place->length - place->at < count || name->length + count > DNAME_BYTES - 1)
		return -EBADMSG;
	name->bytes[name->length] = (uint8_t)(count - 1);
	for (i = 1; i < count; i++)
		name->bytes[name->length + i] = (uint8_t)ascii_to_lower(
			(char)place->message[place->at + i]);
	name->length = (uint8_t)(name->length + count);
	place->at += count;
	return 0;
}

static int follow(struct place *place)
{
	size_t to;

	if (place->length - place->at < 2)
		return -EBADMSG;
	to = (place->message[place->at] & ~KIND_MASK) * 256U + place->message[place->at + 1];
	if (to >= place->limit)
		return -EBADMSG;
	place->at = place->limit = to;
	return 0;
}

int dname_read(const uint8_t *message, size_t length, size_t *at, bool pointers,
	       struct dname *ret_name)
{
	struct place place = { message, length, *at, *at };
	struct dname name = {};
	size_t end = 0; /* behind the first pointer */
	uint8_t byte;
	int r = 0;

	while (!r && place.at < length && (byte = message[place.at])) {
		r = -EBADMSG;
		if ((byte & KIND_MASK) == KIND_LABEL) {
			r = add_label(&place, &name);
		} else if ((byte & KIND_MASK) == KIND_POINTER && pointers) {
			end = end ? end : place.at + 2;
			r = follow(&place);
		}
	}
	if (r || place.at >= length)
		return -EBADMSG;
	name.length++;
	*at = end ? end : place.at + 1;
	*ret_name = name;
	return 0;
}

bool dname_equal(const struct dname *left, const struct dname *right)
{
	return left->length == right->length && !memcmp(left->bytes, right->bytes, left->length);
}

static size_t format_byte(uint8_t byte, char *text, size_t size)
{
	bool plain = byte > 0x20 && byte < 0x7f && byte != '\\' && byte != '.';

	return (size_t)snprintf(text, size, plain ? "%c" : "\\x%02x", byte);
}

const char *dname_format(const struct dname *name, char text[DNAME_TEXT_BYTES])
{
	size_t at = 0, used = 0, end;

	strcpy(text, ".");
	while (at < name->length && name->bytes[at]) {
		if (used)
			text[used++] = '.';
		for (end = at + name->bytes[at]; at < end; at++)
			used += format_byte(name->bytes[at + 1], text + used,
					    DNAME_TEXT_BYTES - used);
		at++;
	}
	return text;
}

/* One label of the text, into the message that the name is. */
static int parse_label(const char *text, size_t length, struct dname *name)
{
	char label[CGF_LABEL_BYTES_MAX + 2];
	size_t count = unescape(text, length, label, sizeof(label)), i;

	if (!count || count > CGF_LABEL_BYTES_MAX || name->length + count + 2 > DNAME_BYTES)
		return -EINVAL;
	name->bytes[name->length++] = (uint8_t)count;
	for (i = 0; i < count; i++)
		name->bytes[name->length++] = (uint8_t)ascii_to_lower(label[i]);
	return 0;
}

int dname_parse(const char *text, struct dname *ret_name)
{
	struct dname name = {};
	size_t length;
	int r = 0;

	/* The root has no label. */
	text += !strcmp(text, ".");
	while (!r && *text) {
		length = strcspn(text, ".");
		r = parse_label(text, length, &name);
		text += length + (text[length] == '.');
	}
	if (r)
		return r;
	name.bytes[name.length++] = 0;
	*ret_name = name;
	return 0;
}
