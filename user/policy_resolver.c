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

static struct policy_resolver *find(struct policy *policy, const struct address *address)
{
	size_t i;

	for (i = 0; i < policy->resolver_count; i++)
		if (!memcmp(policy->resolvers[i].key.address, address->bytes,
			    sizeof(address->bytes)))
			return &policy->resolvers[i];
	return NULL;
}

int policy_add_resolver(struct policy *policy, const struct address *address, uint32_t ifindex)
{
	struct policy_resolver *resolver = find(policy, address);
	bool same = resolver && !resolver->removed && resolver->ifindex == ifindex;

	if (!resolver && policy->resolver_count == POLICY_RESOLVERS_MAX)
		return -E2BIG;
	if (!resolver)
		resolver = &policy->resolvers[policy->resolver_count++];
	memcpy(resolver->key.address, address->bytes, sizeof(address->bytes));
	resolver->ifindex = ifindex;
	resolver->removed = false;
	resolver->changed |= !same;
	return give_port(policy, address, true);
}

void policy_remove_resolver(struct policy *policy, const struct address *address)
{
	struct policy_resolver *resolver = find(policy, address);

	if (!resolver)
		return;
	resolver->removed = true;
	give_port(policy, address, false);
}

int policy_resolvers_write(struct policy *policy, struct datapath_policy *datapath)
{
	struct policy_resolver *resolver;
	size_t i;
	int r = 0;

	for (i = 0; !r && i < policy->resolver_count; i++) {
		resolver = &policy->resolvers[i];
		if (!resolver->changed || resolver->removed)
			continue;
		r = datapath_resolver_write(datapath, &resolver->key, resolver->ifindex);
		resolver->changed = r != 0;
	}
	return r;
}

int policy_resolvers_remove(struct policy *policy, struct datapath_policy *datapath)
{
	size_t i = 0;
	int r;

	while (i < policy->resolver_count) {
		if (!policy->resolvers[i].removed) {
			i++;
			continue;
		}
		r = datapath_resolver_delete(datapath, &policy->resolvers[i].key);
		if (r)
			return r;
		policy->resolvers[i] = policy->resolvers[--policy->resolver_count];
	}
	return 0;
}
