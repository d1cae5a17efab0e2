// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Decisions as they come: as `run` tells them, and whose they are. */
#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <time.h>

#include "escape.h"
#include "print.h"
#include "util.h"

#define OWN_PREFIX "cgfence: "

/* "web container:web", or the part of it that is known. */
static int print_whose(FILE *out, const struct json_value *event, bool with_policy,
		       const struct paint *paint)
{
	const char *policy = json_get_text(event, "policy"), *fence = json_get_text(event, "fence");
	_cleanup_free_ char *policy_shown = escape_again(policy ? policy : "?"),
			    *fence_shown = print_target(fence ? fence : "?");

	if (!policy_shown || !fence_shown)
		return -ENOMEM;
	if (with_policy || !fence)
		fprintf(out, "%s%s%s%s", paint->bold, policy_shown, paint->plain, fence ? " " : "");
	fprintf(out, "%s: ", fence ? fence_shown : "");
	return 0;
}

/* The time of day here, of "2026-01-31T23:59:59.123456Z"; nothing, if it is no such text. */
static void print_clock(FILE *out, const struct json_value *event)
{
	const char *text = json_get_text(event, "time");
	struct tm tm = {};
	time_t seconds;

	if (!text || !strptime(text, "%Y-%m-%dT%H:%M:%S", &tm))
		return;
	seconds = timegm(&tm);
	if (localtime_r(&seconds, &tm))
		fprintf(out, "%02d:%02d:%02d ", tm.tm_hour, tm.tm_min, tm.tm_sec);
}

static int print_decision(FILE *out, const struct json_value *event, bool with_policy,
			  const struct paint *paint)
{
	char text[DECISION_TEXT_BYTES];
	_cleanup_free_ struct json_decision *decision = malloc(sizeof(*decision));
	int r;

	if (!decision)
		return -ENOMEM;
	if (json_read_decision(event, decision))
		return 0;
	decision->context.color = paint->plain[0];
	if (decision_format(&decision->decision, &decision->context, text, sizeof(text)) < 0)
		return 0;
	print_clock(out, event);
	r = print_whose(out, event, with_policy, paint);
	if (!r)
		fprintf(out, "%s\n", text + strlen(OWN_PREFIX));
	return r;
}

int print_event(FILE *out, const struct json_value *event, bool with_policy,
		const struct paint *paint)
{
	const char *kind = json_get_text(event, "event"), *note = json_get_text(event, "message");

	if (kind && !strcmp(kind, "decision"))
		return print_decision(out, event, with_policy, paint);
	if (kind && !strcmp(kind, "lost"))
		fprintf(out,
			OWN_PREFIX "%" PRId64 " lines were lost: they came faster than they were "
				   "read\n",
			json_get_number(event, "count", 0));
	if (kind && !strcmp(kind, "note") && note) {
		fputs(OWN_PREFIX, out);
		print_lines(out, note, "  ");
	}
	return 0;
}
