// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Whom the command may ask, and whose answers teach. */
#include <errno.h>
#include <netinet/in.h>
#include <string.h>

#include "datapath.h"
#include "policy_internal.h"

/* Port 53 of both protocols. */
static int give_port(struct policy *policy, const struct address *address, bool hold)
{
	static const uint8_t numbers[] = { IPPROTO_TCP, IPPROTO_UDP };
	struct cgf_key key = { .port = CGF_DNS_PORT, .port_bits = CGF_PORT_BITS_ONE };
	size_t p;
	int r = 0;

	memcpy(key.address, address->bytes, sizeof(key.address));
	for (p = 0; !r && p < ARRAY_SIZE(numbers); p++) {
		key.protocol = numbers[p];
		if (hold)
			r = entries_hold(policy->allow, &key, CGF_RULE_RESOLVER, CGF_NEVER_EXPIRES);
		else
			entries_release(policy->allow, &key, CGF_RULE_RESOLVER);
	}
	return r;
}

static struct policy_resolver *find(const struct policy *policy, const struct cgf_resolver_key *key)
{
	struct policy_resolver *resolver;

	HASH_FIND(hh, policy->resolvers, key, sizeof(*key), resolver);
	return resolver;
}

static struct cgf_resolver_key key_of(const struct address *address, uint64_t netns_cookie)
{
	struct cgf_resolver_key key = { .netns_cookie = netns_cookie };

	memcpy(key.address, address->bytes, sizeof(key.address));
	return key;
}

static struct policy_resolver *find_or_add(struct policy *policy,
					   const struct cgf_resolver_key *key)
{
	struct policy_resolver *resolver = find(policy, key);

	if (resolver)
		return resolver;
	resolver = calloc(1, sizeof(*resolver));
	if (!resolver)
		return NULL;
	resolver->key = *key;
	HASH_ADD(hh, policy->resolvers, key, sizeof(resolver->key), resolver);
	if (!resolver->hh.tbl) {
		free(resolver);
		return NULL;
	}
	return resolver;
}

/* Whoever asks in another namespace than the target's is known by the key of cookie 0 too. */
static int add_key(struct policy *policy, const struct cgf_resolver_key *key, uint32_t ifindex,
		   bool by_other)
{
	struct policy_resolver *resolver = find_or_add(policy, key);

	if (!resolver)
		return -ENOMEM;
	if (!by_other || !policy_resolver_is_used(resolver)) {
		resolver->changed |= !policy_resolver_is_used(resolver) ||
				     resolver->ifindex != ifindex;
		resolver->ifindex = ifindex;
	}
	if (by_other)
		resolver->others++;
	else
		resolver->own = true;
	return 0;
}

static void remove_key(struct policy *policy, const struct cgf_resolver_key *key, bool by_other)
{
	struct policy_resolver *resolver = find(policy, key);

	if (!resolver)
		return;
	if (by_other)
		resolver->others--;
	else
		resolver->own = false;
}

int policy_add_resolver(struct policy *policy, const struct policy_resolver_at *at)
{
	const struct cgf_resolver_key key = key_of(&at->address, at->netns_cookie);
	const struct cgf_resolver_key general = key_of(&at->address, 0);
	const struct policy_resolver *known = find(policy, &key);
	bool is_new = !known || !known->own;
	int r;

	if (!known && HASH_COUNT(policy->resolvers) + 2 > POLICY_RESOLVERS_MAX)
		return -E2BIG;
	r = give_port(policy, &at->address, true);
	if (!r && is_new && at->netns_cookie)
		r = add_key(policy, &general, at->ifindex, true);
	if (!r)
		r = add_key(policy, &key, at->ifindex, false);
	return r;
}

void policy_remove_resolver(struct policy *policy, const struct policy_resolver_at *at)
{
	const struct cgf_resolver_key key = key_of(&at->address, at->netns_cookie);
	const struct cgf_resolver_key general = key_of(&at->address, 0);
	const struct policy_resolver *known = find(policy, &key);

	if (!known || !known->own)
		return;
	remove_key(policy, &key, false);
	if (at->netns_cookie)
		remove_key(policy, &general, true);
	known = find(policy, &general);
	if (!policy_resolver_is_used(known))
		give_port(policy, &at->address, false);
}

static bool is_in(const struct policy_resolver_at *list, size_t count,
		  const struct cgf_resolver_key *key)
{
	size_t i;

	for (i = 0; i < count; i++)
		if (list[i].netns_cookie == key->netns_cookie &&
		    !memcmp(list[i].address.bytes, key->address, sizeof(key->address)))
			return true;
	return false;
}

int policy_use_resolvers(struct policy *policy, const struct policy_resolver_at *list, size_t count)
{
	struct policy_resolver *resolver, *next;
	struct policy_resolver_at at;
	size_t i;
	int r = 0;

	for (i = 0; !r && i < count; i++)
		r = policy_add_resolver(policy, &list[i]);
	if (r)
		return r;
	HASH_ITER (hh, policy->resolvers, resolver, next) {
		if (!resolver->own || is_in(list, count, &resolver->key))
			continue;
		at = (struct policy_resolver_at){ .netns_cookie = resolver->key.netns_cookie };
		memcpy(at.address.bytes, resolver->key.address, sizeof(resolver->key.address));
		policy_remove_resolver(policy, &at);
	}
	return 0;
}

int policy_resolvers_write(struct policy *policy, struct datapath_policy *datapath)
{
	struct policy_resolver *resolver;
	int r = 0;

	for (resolver = policy->resolvers; !r && resolver; resolver = resolver->hh.next) {
		if (!resolver->changed || !policy_resolver_is_used(resolver))
			continue;
		r = datapath_resolver_write(datapath, &resolver->key, resolver->ifindex);
		resolver->changed = r != 0;
	}
	return r;
}

int policy_resolvers_remove(struct policy *policy, struct datapath_policy *datapath)
{
	struct policy_resolver *resolver, *next;
	int r;

	HASH_ITER (hh, policy->resolvers, resolver, next) {
		if (policy_resolver_is_used(resolver))
			continue;
		r = datapath_resolver_delete(datapath, &resolver->key);
		if (r)
			return r;
		HASH_DEL(policy->resolvers, resolver);
		free(resolver);
	}
	return 0;
}

struct taker {
	struct policy *policy;
	bool of_namespaces; /* first these, as each has a key without one */
	int result;
};

static void take_resolver(const struct cgf_resolver_key *key, const struct cgf_resolver *resolver,
			  void *data)
{
	struct policy_resolver_at at = { .netns_cookie = key->netns_cookie,
					 .ifindex = resolver->ifindex };
	struct taker *taker = data;
	struct policy_resolver *known;

	if (taker->result || taker->of_namespaces != (key->netns_cookie != 0))
		return;
	known = find(taker->policy, key);
	if (!known) {
		memcpy(at.address.bytes, key->address, sizeof(key->address));
		taker->result = policy_add_resolver(taker->policy, &at);
		known = find(taker->policy, key);
	}
	if (known)
		known->changed = known->ifindex != resolver->ifindex;
}

int policy_resolvers_take_up(struct policy *policy, struct datapath_policy *datapath)
{
	struct taker taker = { .policy = policy, .of_namespaces = true };
	int r = datapath_resolver_each(datapath, take_resolver, &taker);

	taker.of_namespaces = false;
	if (!r && !taker.result)
		r = datapath_resolver_each(datapath, take_resolver, &taker);
	return r ? r : taker.result;
}

void policy_resolvers_free(struct policy *policy)
{
	struct policy_resolver *resolver, *next;

	HASH_ITER (hh, policy->resolvers, resolver, next) {
		HASH_DEL(policy->resolvers, resolver);
		free(resolver);
	}
}
