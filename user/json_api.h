/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What the control API is told, and what it answers: see cgfence-api(7). Beside json.c the only
 * code that knows jansson. The caller frees the text; NULL without memory.
 */
#ifndef CGFENCE_JSON_API_H
#define CGFENCE_JSON_API_H

#include <stdint.h>

#include "decision.h"
#include "policies.h"
#include "standing.h"

/* --- answers --------------------------------------------------------------------------------- */

struct json_api_error {
	const char *code;
	const char *message;
	const char *field;   /* or NULL */
	size_t line, column; /* from 1; 0: none */
};
char *json_api_of_error(const struct json_api_error *error);

char *json_api_of_policies(struct policies *policies);
/* -ENOENT, or -ENOMEM */
int json_api_of_policy(struct policies *policies, const char *name, char **ret_text);
char *json_api_of_changed(const struct policies_changed *changed);
char *json_api_of_verdict(const struct policies_verdict *verdict);
char *json_api_of_fence(const struct policies_fence *fence);
char *json_api_of_fences(const struct policies *policies);
char *json_api_of_status(struct policies *policies, const struct standings *standings,
			 const struct standing_kernel *kernel, uint64_t began_ns);

/* What comes one by one: { "name", "detached": [ … ] }, { "policies": [ … ] }. */
struct json_api_list;
/* NULL without memory. */
struct json_api_list *json_api_list(void);
void json_api_list_add_name(struct json_api_list *list, const char *name);
void json_api_list_add_changed(struct json_api_list *list, const struct policies_changed *changed);
void json_api_list_add_error(struct json_api_list *list, const char *name,
			     const struct json_api_error *error);
/* Frees the list. */
char *json_api_of_deleted(const char *name, struct json_api_list **list);
char *json_api_of_reload(struct json_api_list **list);
void json_api_list_free(struct json_api_list **list);

struct json_api_record {
	const char *policy, *fence; /* the fence may be NULL */
	int64_t time_ns;	    /* since 1970 */
	const struct cgf_decision *decision;
	const struct decision_context *context;
};
/* A line, with its newline. */
char *json_api_of_record(const struct json_api_record *record);
char *json_api_of_lost(uint64_t count);

/* --- requests -------------------------------------------------------------------------------- */

/* What is wrong with a request; `error` points into it. */
struct json_api_wrong {
	char message[256], field[64];
	struct json_api_error error;
};

/* { "add": [ RULE, … ], "remove": [ RULE, … ] } */
struct json_api_edit {
	struct policies_edit edit;
	void *root;
	const char **strings;
};
int json_api_parse_edit(const char *body, size_t length, struct json_api_edit *ret_edit,
			struct json_api_wrong *ret_wrong);
void json_api_edit_finish(struct json_api_edit *edit);

/* { "policy": NAME, "target": TARGET, "persistent": BOOL } */
struct json_api_attach {
	const char *policy, *target;
	bool persistent;
	void *root;
};
int json_api_parse_attach(const char *body, size_t length, struct json_api_attach *ret_attach,
			  struct json_api_wrong *ret_wrong);
void json_api_attach_finish(struct json_api_attach *attach);

#endif
