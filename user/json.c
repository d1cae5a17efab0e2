// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "json.h"

#include <jansson.h>

/* Takes over `object`, which is NULL if it could not be made. */
static char *dump(json_t *object)
{
	char *text = object ? json_dumps(object, JSON_COMPACT) : NULL;

	json_decref(object);
	return text;
}

char *json_of_note(const char *note)
{
	return dump(json_pack("{s:s, s:s}", "event", "note", "message", note));
}

char *json_of_summary(const struct run_summary *summary)
{
	const struct cgf_counters *counters = &summary->counters;

	return dump(json_pack(
		"{s:s, s:s, s:I, s:I, s:I, s:I, s:I, s:I, s:I}", "event", "summary", "mode",
		summary->audit ? "audit" : "enforce", "allowed", (json_int_t)counters->allowed,
		"denied", (json_int_t)counters->denied, "audited", (json_int_t)counters->audited,
		"probes", (json_int_t)counters->probes, "records_lost",
		(json_int_t)counters->records_lost, "names", (json_int_t)summary->names,
		"addresses", (json_int_t)summary->addresses));
}
