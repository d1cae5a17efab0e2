/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What clients of the control API write, and what they read: documents as cgfence-api(7) has them,
 * looked into without jansson. What is missing, null or of another type than is asked for is
 * missing, so that a client can talk to a daemon of another version. Pure.
 */
#ifndef CGFENCE_JSON_CLIENT_H
#define CGFENCE_JSON_CLIENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "decision.h"

/* A document, or a part of one, which lives as long as the document. */
struct json_value;

/* -EBADMSG if it is no JSON object. */
int json_read(const char *text, size_t length, struct json_value **ret_document);
void json_release(struct json_value **document);

/* `value` may be NULL, and has nothing then. */
const struct json_value *json_get(const struct json_value *value, const char *key);
const char *json_get_text(const struct json_value *value, const char *key);
bool json_get_flag(const struct json_value *value, const char *key, bool missing);
int64_t json_get_number(const struct json_value *value, const char *key, int64_t missing);

/* Of an array. */
size_t json_items(const struct json_value *array);
const struct json_value *json_item(const struct json_value *array, size_t index);
const char *json_item_text(const struct json_value *array, size_t index);

/*
 * Changes, for what is shown of a document: only those objects stay in the array that `keep` is
 * true of. json_write()'s text belongs to the caller; NULL without memory.
 */
typedef bool (*json_keep_fn)(const struct json_value *item, void *data);
void json_keep(struct json_value *document, const char *key, json_keep_fn keep, void *data);
void json_set_flag(struct json_value *document, const char *key, bool flag);
char *json_write(const struct json_value *document);

/* Requests; the caller frees the text; NULL without memory. { "add": [ … ], "remove": [ … ] } */
char *json_of_edit(const char *const *add, size_t add_count, const char *const *remove,
		   size_t remove_count);
/* { "error": { … } } as the API has it; `line` and `column` from 1, or 0 for none. */
char *json_of_error(const char *code, const char *message, size_t line, size_t column);
/* { "policy": …, "target": …, "persistent": … } */
char *json_of_attach(const char *policy, const char *target, bool persistent);

/* A decision of the stream, as the daemon had it. `context` points into this. */
struct json_decision {
	struct cgf_decision decision;
	struct decision_context context;
	struct question question;
	char name[CGF_NAME_BYTES_MAX + 1], rule[CGF_LINE_BYTES_MAX];
};
/* -EBADMSG if it is none. */
int json_read_decision(const struct json_value *document, struct json_decision *ret_decision);

#endif
