// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* The maps of a policy that only userspace writes, but for a resolver's counts. */
#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include "address.h"
#include "datapath_internal.h"

/* A full hash table says E2BIG, a full trie ENOSPC. */
static int map_write(const struct datapath_policy *policy, enum datapath_kind kind, const void *key,
		     const void *value)
{
	int r = bpf_map_update_elem(policy->maps[kind], key, value, BPF_ANY);

	return r == -E2BIG ? -ENOSPC : r;
}

static int map_delete(const struct datapath_policy *policy, enum datapath_kind kind,
		      const void *key)
{
	int r = bpf_map_delete_elem(policy->maps[kind], key);

	return r == -ENOENT ? 0 : r;
}

int datapath_prefix_write(struct datapath_policy *policy, const struct cgf_prefix_key *key,
			  const struct cgf_prefix *prefix)
{
	return map_write(policy, KIND_PREFIXES, key, prefix);
}

int datapath_prefix_read(const struct datapath_policy *policy, const struct cgf_prefix_key *key,
			 struct cgf_prefix *ret_prefix)
{
	return bpf_map_lookup_elem(policy->maps[KIND_PREFIXES], key, ret_prefix);
}

int datapath_prefix_delete(struct datapath_policy *policy, const struct cgf_prefix_key *key)
{
	return map_delete(policy, KIND_PREFIXES, key);
}

int datapath_listen_write(struct datapath_policy *policy, const struct cgf_listen_key *key,
			  const struct cgf_listen *listen)
{
	return map_write(policy, KIND_LISTENS, key, listen);
}

int datapath_listen_delete(struct datapath_policy *policy, const struct cgf_listen_key *key)
{
	return map_delete(policy, KIND_LISTENS, key);
}

int datapath_name_write(struct datapath_policy *policy, const struct cgf_name_key *key,
			const struct cgf_name *name)
{
	return map_write(policy, KIND_NAMES, key, name);
}

int datapath_name_delete(struct datapath_policy *policy, const struct cgf_name_key *key)
{
	return map_delete(policy, KIND_NAMES, key);
}

int datapath_grant_write(struct datapath_policy *policy, uint32_t number,
			 const struct cgf_grant *grant)
{
	return map_write(policy, KIND_GRANTS, &number, grant);
}

int datapath_grant_delete(struct datapath_policy *policy, uint32_t number)
{
	return map_delete(policy, KIND_GRANTS, &number);
}

/* An answer that is counted meanwhile may not be: what is counted says that, not how many. */
int datapath_resolver_write(struct datapath_policy *policy, const struct cgf_resolver_key *key,
			    uint32_t ifindex)
{
	struct cgf_resolver resolver = {};

	if (bpf_map_lookup_elem(policy->maps[KIND_RESOLVERS], key, &resolver))
		resolver = (struct cgf_resolver){};
	resolver.ifindex = ifindex;
	return map_write(policy, KIND_RESOLVERS, key, &resolver);
}

int datapath_resolver_delete(struct datapath_policy *policy, const struct cgf_resolver_key *key)
{
	return map_delete(policy, KIND_RESOLVERS, key);
}

/* Only this process adds and removes any, so that each is met once. */
int datapath_resolver_each(const struct datapath_policy *policy, datapath_resolver_fn call,
			   void *data)
{
	int fd = policy->maps[KIND_RESOLVERS];
	struct cgf_resolver_key key;
	struct cgf_resolver resolver;
	int r = bpf_map_get_next_key(fd, NULL, &key);

	while (!r) {
		if (!bpf_map_lookup_elem(fd, &key, &resolver))
			call(&key, &resolver, data);
		r = bpf_map_get_next_key(fd, &key, &key);
	}
	return r == -ENOENT ? 0 : r;
}

/*
 * The kernel takes only sockets into the map that can be found, by a port. Nothing is sent to this
 * one, and what comes is not read, of which there is little room for.
 */
static int keeper_open(int *ret_fd)
{
	const struct sockaddr_in any = { .sin_family = AF_INET };
	_cleanup_close_ int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	const int none = 0;

	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &none, sizeof(none)) ||
	    bind(fd, (const struct sockaddr *)&any, sizeof(any)))
		return -errno;
	*ret_fd = TAKE_FD(fd);
	return 0;
}

int datapath_keep(const struct datapath *datapath, struct datapath_policy *policy)
{
	_cleanup_close_ int fd = -1;
	uint64_t value;
	int r = keeper_open(&fd);

	if (r)
		return r;
	value = (uint64_t)fd;
	r = bpf_map_update_elem(datapath->keepers, &policy->slot, &value, BPF_ANY);
	if (r)
		return r;
	close_fd(&policy->keeper);
	policy->keeper = TAKE_FD(fd);
	return 0;
}
