// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Fences, and how they stand. */
#include <string.h>

#include "json_api_internal.h"
#include "places.h"
#include "util.h"

static const char *const states[] = {
	[FENCE_STANDING] = "standing",
	[FENCE_WAITING] = "waiting",
	[FENCE_UNREPLACED] = "unreplaced",
};
_Static_assert(ARRAY_SIZE(states) == FENCE_STATE_COUNT, "a state has no word");

static json_t *resolvers_of(const struct place *place)
{
	const struct place_resolver *resolvers = NULL;
	size_t i, count = place_resolvers(place, &resolvers);
	json_t *array = json_array();
	char text[ADDRESS_TEXT_BYTES];

	for (i = 0; i < count; i++)
		json_append(&array, json_string(address_format(&resolvers[i].address, text)));
	return array;
}

static json_t *strangers_of(const struct place *place)
{
	const struct address *servers = NULL;
	size_t i, count = place_strangers(place, &servers);
	json_t *array = json_array();
	char text[ADDRESS_TEXT_BYTES];

	for (i = 0; i < count; i++)
		json_append(&array, json_string(address_format(&servers[i], text)));
	return array;
}

static json_t *place_object(const struct place *place)
{
	const char *const *domains = NULL;
	size_t count = place_domains(place, &domains);

	return json_pack("{s:o, s:b, s:o, s:o, s:o}", "netns_cookie",
			 json_api_count(place_cookie(place)), "host", place_is_host(place),
			 "resolvers", resolvers_of(place), "not_trusted", strangers_of(place),
			 "domains", json_api_texts(domains, count));
}

static json_t *places_of(const struct policies_fence *fence)
{
	json_t *array = json_array();
	size_t i;

	for (i = 0; i < fence->place_count; i++)
		json_append(&array, place_object(fence->places[i]));
	return array;
}

/* And why it does not stand, if its target is there. */
static json_t *warnings_of(const struct policies_fence *fence)
{
	json_t *array = json_api_texts(fence->warnings, fence->warning_count);

	if (fence->obstacle)
		json_append(&array, json_api_text(fence->obstacle));
	return array;
}

json_t *json_api_fence_object(const struct policies_fence *fence)
{
	return json_pack("{s:o, s:o, s:o, s:o, s:o, s:s, s:b, s:o, s:I, s:o, s:o}", "name",
			 json_api_text(fence->name), "policy", json_api_text(fence->policy),
			 "target", json_api_text(fence->target), "cgroup",
			 json_api_text(fence->cgroup), "cgroup_id",
			 json_api_count(fence->cgroup_id), "state", states[fence->state],
			 "persistent", fence->persistent, "processes",
			 fence->uncounted ? json_null() : json_api_count(fence->processes), "since",
			 (json_int_t)fence->since, "places", places_of(fence), "warnings",
			 warnings_of(fence));
}

char *json_api_of_fence(const struct policies_fence *fence)
{
	return json_dump(json_api_fence_object(fence));
}

static void add_fence(const struct policies_fence *fence, void *data)
{
	json_append(data, json_api_fence_object(fence));
}

char *json_api_of_fences(const struct policies *policies)
{
	json_t *array = json_array();

	policies_each_fence(policies, NULL, add_fence, &array);
	return json_dump(json_pack("{s:o}", "fences", array));
}
