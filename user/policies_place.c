// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Whom a policy's names are asked of, and whose answers teach: in each place that processes of its
 * fences are in, and on the host, so that who comes in from there need not wait.
 */
#include <errno.h>
#include <string.h>

#include "names.h"
#include "policies_internal.h"

/* A place may be that of several fences. */
struct gathering {
	const struct kept_policy *kept;
	struct address by_rule[CGF_RESOLVERS_MAX];
	size_t rule_count;
	const struct place **places;
	size_t place_count;
	struct policy_resolver_at *list;
	size_t count;
	const char **domains;
	size_t domain_count;
};

static bool has_place(const struct gathering *gathering, const struct place *place)
{
	size_t i;

	for (i = 0; i < gathering->place_count; i++)
		if (gathering->places[i] == place)
			return true;
	return false;
}

static int gather(struct gathering *gathering, struct address address, uint32_t ifindex,
		  uint64_t cookie)
{
	struct policy_resolver_at *larger = reallocarray(gathering->list, gathering->count + 1,
							 sizeof(*larger));

	if (!larger)
		return -ENOMEM;
	gathering->list = larger;
	larger[gathering->count++] = (struct policy_resolver_at){
		.address = address,
		.netns_cookie = cookie,
		.ifindex = ifindex,
	};
	return 0;
}

/* With `dns` rules only those count, wherever it is. */
static int gather_resolvers(struct gathering *gathering, const struct place *place)
{
	const struct place_resolver *resolvers;
	size_t i, count = place_resolvers(place, &resolvers);
	int r = 0;

	for (i = 0; !r && i < gathering->rule_count; i++)
		r = gather(gathering, gathering->by_rule[i],
			   place_interface(place, &gathering->by_rule[i]), place_cookie(place));
	for (i = 0; !r && !gathering->rule_count && i < count; i++)
		r = gather(gathering, resolvers[i].address, resolvers[i].ifindex,
			   place_cookie(place));
	return r;
}

static int gather_domains(struct gathering *gathering, const struct place *place)
{
	const char *const *domains, **larger;
	size_t i, count = place_domains(place, &domains);

	larger = reallocarray(gathering->domains, gathering->domain_count + count + 1,
			      sizeof(void *));
	if (!larger)
		return -ENOMEM;
	gathering->domains = larger;
	for (i = 0; i < count; i++)
		larger[gathering->domain_count++] = domains[i];
	return 0;
}

static int gather_place(struct gathering *gathering, const struct place *place)
{
	const struct place **larger;
	int r;

	if (has_place(gathering, place))
		return 0;
	larger = reallocarray(gathering->places, gathering->place_count + 1, sizeof(void *));
	if (!larger)
		return -ENOMEM;
	gathering->places = larger;
	larger[gathering->place_count++] = place;
	r = gather_resolvers(gathering, place);
	return r ? r : gather_domains(gathering, place);
}

static int gather_fence(struct gathering *gathering, const struct kept_fence *fence)
{
	size_t i;
	int r = 0;

	for (i = 0; !r && i < fence->places.count; i++)
		r = gather_place(gathering, fence->places.items[i]);
	return r;
}

static int gather_all(struct gathering *gathering)
{
	const struct kept_policy *kept = gathering->kept;
	struct kept_fence *fence, *next;
	int r = gather_place(gathering, places_host(kept->policies->places));

	HASH_ITER (hh, kept->policies->fences, fence, next)
		if (!r && fence->policy == kept)
			r = gather_fence(gathering, fence);
	return r;
}

/* The host's come first, so that what is left out is some container's. */
static void use_domains(const struct gathering *gathering)
{
	const struct kept_policy *kept = gathering->kept;
	int r = policy_use_searches(kept->policy, gathering->domains, gathering->domain_count);

	if (r)
		policies_tell(kept->policies, POLICIES_ALARM,
			      "%s: domains in which its targets search are left out: %s",
			      kept->name, r == -E2BIG ? "there are too many" : strerror(-r));
}

void kept_policy_use_places(struct kept_policy *kept)
{
	struct gathering gathering = { .kept = kept };
	int r;

	gathering.rule_count = policy_dns(kept->policy, gathering.by_rule);
	r = gather_all(&gathering);
	if (!r)
		r = policy_use_resolvers(kept->policy, gathering.list, gathering.count);
	if (r)
		policies_tell(kept->policies, POLICIES_ALARM,
			      "%s: its resolvers stay as they were: %s", kept->name, strerror(-r));
	else
		use_domains(&gathering);
	free(gathering.domains);
	free(gathering.places);
	free(gathering.list);
}

void kept_policy_use_domains(struct kept_policy *kept)
{
	struct gathering gathering = { .kept = kept };

	if (!gather_all(&gathering))
		use_domains(&gathering);
	free(gathering.domains);
	free(gathering.places);
	free(gathering.list);
}

size_t kept_policy_servers(const struct kept_policy *kept,
			   struct address ret_servers[CGF_RESOLVERS_MAX])
{
	const struct place_resolver *resolvers;
	size_t i, count = policy_dns(kept->policy, ret_servers);

	if (count)
		return count;
	count = place_resolvers(places_host(kept->policies->places), &resolvers);
	for (i = 0; i < count && i < CGF_RESOLVERS_MAX; i++)
		ret_servers[i] = resolvers[i].address;
	return i;
}

/* --- when it changes ------------------------------------------------------------------------- */

static bool has_same(const struct place_set *left, const struct place_set *right)
{
	size_t i, j;

	if (left->count != right->count)
		return false;
	for (i = 0; i < left->count; i++) {
		for (j = 0; j < right->count; j++)
			if (left->items[i] == right->items[j])
				break;
		if (j == right->count)
			return false;
	}
	return true;
}

/* Once, as whoever is inside may be the reason, as often as they like. */
static void tell_unseen(struct kept_fence *fence, const char *why)
{
	if (!fence->unseen)
		policies_tell(fence->policy->policies, POLICIES_ALARM, "%s: %s", fence->target,
			      why);
	fence->unseen = true;
	kept_fence_warn(fence);
}

bool kept_fence_look(struct kept_fence *fence)
{
	struct place_set found = {};
	struct failure failure;
	bool same;

	fence->look_again = false;
	fence->looked_ns = monotonic_ns();
	if (fence->state != FENCE_STANDING)
		return false;
	if (places_find(fence->policy->policies->places, fence->cgroup_fd, &found, &failure)) {
		tell_unseen(fence, failure.text);
		return false;
	}
	fence->unseen = false;
	same = has_same(&fence->places, &found);
	/* New before old, so that what is the same stays. */
	place_set_release(&fence->places);
	fence->places = found;
	kept_fence_warn(fence);
	return !same;
}

static void use_again(struct kept_policy *kept)
{
	struct failure failure;
	int r;

	if (!kept_policy_is_live(kept) || !kept->names)
		return;
	kept_policy_use_places(kept);
	r = kept_policy_flush(kept, &failure);
	/* That there is no room is told when it is shut for that. */
	if (r && r != -EOVERFLOW)
		policies_tell(kept->policies, POLICIES_ALARM, "%s: %s", kept->name, failure.text);
	kept_policy_cut(kept);
}

void kept_fence_look_now(struct kept_fence *fence)
{
	if (kept_fence_look(fence))
		use_again(fence->policy);
}

/* Whoever asks can ask as often as they like. */
void kept_fence_look_soon(struct kept_fence *fence)
{
	if (monotonic_ns() - fence->looked_ns >= NSEC_PER_SEC) {
		kept_fence_look_now(fence);
		return;
	}
	fence->look_again = true;
	policies_prove_soon(fence->policy->policies);
}

static bool is_in_place(const struct kept_fence *fence, const struct place *place)
{
	size_t i;

	for (i = 0; i < fence->places.count; i++)
		if (fence->places.items[i] == place)
			return true;
	return false;
}

static bool concerns(const struct kept_policy *kept, const struct place *place)
{
	struct kept_fence *fence, *next;

	HASH_ITER (hh, kept->policies->fences, fence, next)
		if (fence->policy == kept && is_in_place(fence, place))
			return true;
	return false;
}

void kept_policy_ask_others(struct kept_policy *kept)
{
	struct address servers[CGF_RESOLVERS_MAX];
	size_t count = kept_policy_servers(kept, servers);
	int r = count ? names_use_servers(kept->names, servers, count) : 0;

	if (r)
		policies_tell(kept->policies, POLICIES_NOTE, "%s: cannot ask the new resolvers: %s",
			      kept->name, strerror(-r));
}

static void tell_host(struct policies *policies, const struct place *host)
{
	char list[sizeof(policies->asked)] = "", text[ADDRESS_TEXT_BYTES];
	const struct place_resolver *resolvers;
	size_t i, used = 0, count = place_resolvers(host, &resolvers);

	for (i = 0; i < count && i < LISTED_MAX; i++)
		used += (size_t)snprintf(list + used, sizeof(list) - used, "%s%s", i ? ", " : "",
					 address_format(&resolvers[i].address, text));
	if (!strcmp(list, policies->asked))
		return;
	snprintf(policies->asked, sizeof(policies->asked), "%s", list);
	policies_tell(policies, POLICIES_NOTE, "the host's resolvers have changed: asking %s now",
		      count ? list : "none");
}

void policies_on_place(struct place *place, void *data)
{
	struct policies *policies = data;
	struct kept_policy *kept, *next;
	struct kept_fence *fence, *next_fence;
	bool host = place == places_host(policies->places);

	if (host)
		tell_host(policies, place);
	HASH_ITER (hh, policies->fences, fence, next_fence)
		if (is_in_place(fence, place))
			kept_fence_warn(fence);
	HASH_ITER (hh, policies->policies, kept, next) {
		if (!kept->names || (!host && !concerns(kept, place)))
			continue;
		if (host)
			kept_policy_ask_others(kept);
		use_again(kept);
	}
}
