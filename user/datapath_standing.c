// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * A fence as it stands: its target, and the maps that the programs find in the policy's slot, which
 * have to be those that are pinned.
 */
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/file.h>

#include "datapath_internal.h"

/* What this build knows: another one's may be longer, and must not be read then. */
static const struct {
	size_t key, value;
} sizes[] = {
	[KIND_ALLOW] = { sizeof(struct cgf_key), sizeof(struct cgf_entry) },
	[KIND_PREFIXES] = { sizeof(struct cgf_prefix_key), sizeof(struct cgf_prefix) },
	[KIND_LISTENS] = { sizeof(struct cgf_listen_key), sizeof(struct cgf_listen) },
	[KIND_PEERS] = { sizeof(struct cgf_peer_key), sizeof(struct cgf_peer) },
	[KIND_NAMES] = { sizeof(struct cgf_name_key), sizeof(struct cgf_name) },
	[KIND_GRANTS] = { sizeof(__u32), sizeof(struct cgf_grant) },
	[KIND_RESOLVERS] = { sizeof(struct cgf_resolver_key), sizeof(struct cgf_resolver) },
	[KIND_COUNTERS] = { sizeof(__u32), sizeof(struct cgf_counters) },
	[KIND_DECISIONS] = { 0, 0 },
};
_Static_assert(ARRAY_SIZE(sizes) == KIND_COUNT, "a kind of map has no sizes");

struct reading {
	const struct datapath_pinned *pinned;
	const struct datapath *used; /* the maps that the fence's programs use */
};

static bool has_sizes(int map_fd, size_t key, size_t value, uint32_t *ret_entries)
{
	struct bpf_map_info info = {};
	uint32_t length = sizeof(info);

	if (bpf_obj_get_info_by_fd(map_fd, &info, &length) || info.key_size != key ||
	    info.value_size != value)
		return false;
	*ret_entries = info.max_entries;
	return true;
}

/* --- the policy of the target ---------------------------------------------------------------- */

static bool is_pinned(const char *policy, enum datapath_kind kind, uint32_t id)
{
	_cleanup_close_ int fd = -1;
	char path[PIN_PATH_BYTES];
	uint32_t pinned;

	if (pin_path(path, POLICIES_ROOT "/%s/%s", policy, datapath_kind_names[kind]))
		return false;
	fd = bpf_obj_get(path);
	return fd >= 0 && !datapath_map_id(fd, &pinned) && pinned == id;
}

/* The map that decides, whatever is pinned. -ENOENT if the slot is empty. */
static int open_map(struct standing *standing, const struct reading *reading,
		    struct datapath_policy *policy, enum datapath_kind kind)
{
	const char *name = datapath_kind_names[kind];
	const char *policy_name;
	uint32_t id;
	int r = bpf_map_lookup_elem(reading->used->arrays[kind], &policy->slot, &id);

	if (r == -ENOENT)
		standing_add_problem(standing, STANDING_SLOT_EMPTY, name);
	if (r)
		return r;
	policy->maps[kind] = bpf_map_get_fd_by_id(id);
	if (policy->maps[kind] < 0)
		return policy->maps[kind];
	if (kind == KIND_ALLOW && (policy_name = datapath_pinned_find(reading->pinned, id)))
		snprintf(standing->policy, sizeof(standing->policy), "%s", policy_name);
	if (!is_pinned(standing->policy, kind, id))
		standing_add_problem(standing, STANDING_SLOT_UNPINNED, name);
	return 0;
}

static int check_layout(struct standing *standing, const struct datapath_policy *policy)
{
	uint32_t entries;
	int i;

	for (i = 0; i < KIND_COUNT; i++) {
		if (!has_sizes(policy->maps[i], sizes[i].key, sizes[i].value, &entries)) {
			standing_add_problem(standing, STANDING_UNREADABLE, NULL);
			return -EPROTO;
		}
		if (i == KIND_ALLOW)
			standing->capacity = entries;
	}
	return 0;
}

static int open_policy(struct standing *standing, const struct reading *reading,
		       struct datapath_policy *policy)
{
	int i, r = 0, result = 0;

	policy->slot = standing->target.policy - 1;
	for (i = 0; i < KIND_COUNT; i++) {
		r = open_map(standing, reading, policy, i);
		if (r && r != -ENOENT)
			return r;
		result = r ? r : result;
	}
	return result ? result : check_layout(standing, policy);
}

/* --- what is in it --------------------------------------------------------------------------- */

static int count_entry(const struct cgf_key *key, const struct cgf_entry *entry, void *data)
{
	struct standing *standing = data;

	(void)key;
	standing->entries++;
	standing->learned += entry->learned != 0;
	standing->expired += entry->expires_ns <= standing->now_ns;
	return 0;
}

/* Bounded, for who changes it meanwhile may have the kernel begin anew. */
static int count_names(const struct datapath_policy *policy, uint32_t *ret_count)
{
	struct cgf_name_key key;
	uint32_t count = 0;
	int r = bpf_map_get_next_key(policy->maps[KIND_NAMES], NULL, &key);

	for (; !r && count < CGF_NAMES_MAX; count++)
		r = bpf_map_get_next_key(policy->maps[KIND_NAMES], &key, &key);
	if (r && r != -ENOENT)
		return r;
	*ret_count = count;
	return 0;
}

static bool is_denied(const struct datapath_policy *policy, const struct cgf_target *target,
		      const struct cgf_resolver_key *resolver)
{
	struct cgf_key key = {
		.port = CGF_DNS_PORT,
		.protocol = IPPROTO_UDP,
		.port_bits = CGF_PORT_BITS_ONE,
	};
	bool udp;

	memcpy(key.address, resolver->address, sizeof(key.address));
	udp = datapath_denies(policy, target, &key);
	key.protocol = IPPROTO_TCP;
	return udp && datapath_denies(policy, target, &key) && target->mode != CGF_MODE_AUDIT;
}

struct gathering {
	struct standing *standing;
	const struct datapath_policy *policy;
};

static bool is_same(const struct standing_resolver *resolver, const struct cgf_resolver_key *key)
{
	return !memcmp(&resolver->address, key->address, sizeof(key->address)) &&
	       resolver->netns_cookie == key->netns_cookie;
}

/* One may be met twice, if others go meanwhile. */
static void gather_resolver(const struct cgf_resolver_key *key, const struct cgf_resolver *resolver,
			    void *data)
{
	const struct gathering *gathering = data;
	struct standing *standing = gathering->standing;
	struct standing_resolver *gathered = &standing->resolvers[standing->resolver_count];
	size_t i;

	for (i = 0; i < standing->resolver_count; i++)
		if (is_same(&standing->resolvers[i], key))
			return;
	if (standing->resolver_count == STANDING_RESOLVERS_MAX)
		return;
	*gathered = (struct standing_resolver){
		.netns_cookie = key->netns_cookie,
		.ifindex = resolver->ifindex,
		.answers = resolver->answers,
		.answered_ns = resolver->answered_ns,
		.denied = is_denied(gathering->policy, &standing->target, key),
	};
	memcpy(gathered->address.bytes, key->address, sizeof(key->address));
	standing->resolver_count++;
}

static bool is_known_elsewhere(const struct standing *standing,
			       const struct standing_resolver *resolver)
{
	size_t i;

	for (i = 0; i < standing->resolver_count; i++)
		if (standing->resolvers[i].netns_cookie &&
		    !memcmp(&standing->resolvers[i].address, &resolver->address,
			    sizeof(resolver->address)))
			return true;
	return false;
}

/*
 * Whoever is asked in some namespace has a key of no namespace too, by which questions are known.
 * That is one more resolver only if the fence has a namespace of its own.
 */
static void drop_repeated(struct standing *standing)
{
	struct standing_resolver *resolver;
	size_t i, kept = 0;

	for (i = 0; i < standing->resolver_count; i++) {
		resolver = &standing->resolvers[i];
		if (resolver->netns_cookie || standing->target.netns_cookie ||
		    !is_known_elsewhere(standing, resolver))
			standing->resolvers[kept++] = *resolver;
	}
	standing->resolver_count = kept;
}

static int read_policy(struct standing *standing, const struct datapath *used,
		       struct datapath_policy *policy)
{
	struct gathering gathering = { standing, policy };
	uint64_t cookie;
	int r = datapath_allow_each(policy, count_entry, standing);

	if (!r)
		r = count_names(policy, &standing->names);
	if (!r)
		r = datapath_resolver_each(policy, gather_resolver, &gathering);
	drop_repeated(standing);
	if (!r)
		r = datapath_counters(policy, &standing->counters);
	standing->has_keeper = !bpf_map_lookup_elem(used->keepers, &policy->slot, &cookie);
	standing->readable = !r;
	return r;
}

/* --- the target ------------------------------------------------------------------------------ */

static int read_target(struct standing *standing, const struct datapath *used)
{
	uint32_t entries;
	int i;

	for (i = 0; i < KIND_COUNT; i++)
		if (used->arrays[i] < 0)
			break;
	if (i < KIND_COUNT || used->keepers < 0 ||
	    !has_sizes(used->targets, sizeof(uint64_t), sizeof(struct cgf_target), &entries))
		return -EPROTO;
	return bpf_map_lookup_elem(used->targets, &standing->cgroup_id, &standing->target);
}

static int read_maps(struct standing *standing, const struct reading *reading)
{
	_cleanup_(datapath_policy_close) struct datapath_policy *policy = NULL;
	int r = read_target(standing, reading->used);

	if (r == -EPROTO) {
		/* If a link is missing it may be for that. */
		if (standing_is_whole(standing))
			standing_add_problem(standing, STANDING_UNREADABLE, NULL);
		return 0;
	}
	/* Nobody has to hold our lock to remove a cgroup. */
	if (r == -ENOENT) {
		standing_add_problem(standing, STANDING_UNATTACHED, NULL);
		return 0;
	}
	if (r)
		return r;
	if (!standing->target.policy || standing->target.flags & CGF_TARGET_SHUT)
		standing_add_problem(standing, STANDING_SHUT, NULL);
	if (!standing->target.policy)
		return 0;
	policy = datapath_policy_new();
	if (!policy)
		return -ENOMEM;
	r = open_policy(standing, reading, policy);
	if (r)
		return r == -ENOENT || r == -EPROTO ? 0 : r;
	return read_policy(standing, reading->used, policy);
}

static int read_fence(const char *name, const struct datapath_pinned *pinned,
		      struct datapath_known *known, struct standing *ret_standing)
{
	_cleanup_(datapath_close) struct datapath *used = datapath_new();
	struct standing standing = { .now_ns = monotonic_ns() };
	const struct reading reading = { pinned, used };
	int r;

	if (!used)
		return -ENOMEM;
	snprintf(standing.name, sizeof(standing.name), "%s", name);
	r = datapath_attached_read(&standing, used, known);
	if (!r && standing.cgroup_id)
		r = read_maps(&standing, &reading);
	if (!r)
		*ret_standing = standing;
	return r;
}

/* --- all of them ----------------------------------------------------------------------------- */

static int add_fence(struct standings *standings, const struct datapath_pinned *pinned,
		     struct datapath_known *known, const char *name)
{
	struct standing *larger;
	int r;

	larger = reallocarray(standings->items, standings->count + 1, sizeof(*larger));
	if (!larger)
		return -ENOMEM;
	standings->items = larger;
	r = read_fence(name, pinned, known, &larger[standings->count]);
	if (!r)
		standings->count++;
	return r;
}

static int read_fences(struct standings *standings, struct failure *failure)
{
	_cleanup_(datapath_pinned_free) struct datapath_pinned *pinned = datapath_pinned_read();
	_cleanup_closedir_ DIR *dir = opendir(LINKS_ROOT);
	struct datapath_known known = {};
	const struct dirent *entry;
	int r;

	if (!dir)
		return errno == ENOENT ? 0 : failure_set(failure, errno, "cannot open " LINKS_ROOT);
	if (!pinned)
		return failure_set(failure, ENOMEM, "cannot read " POLICIES_ROOT);
	while ((entry = readdir(dir))) {
		r = entry->d_name[0] == '.' ? 0
					    : add_fence(standings, pinned, &known, entry->d_name);
		if (r)
			return failure_set(failure, -r, "cannot read the fence %s", entry->d_name);
	}
	return 0;
}

int datapath_standings(struct standings *ret_standings, struct failure *failure)
{
	_cleanup_(standings_finish) struct standings standings = {};
	_cleanup_close_ int fd = -1;
	int r = datapath_require_bpffs(failure);

	if (r)
		return r;
	fd = open(DATAPATH_ROOT, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0 && errno != ENOENT)
		return failure_set(failure, errno, "cannot open " DATAPATH_ROOT);
	if (fd >= 0 && flock(fd, LOCK_SH))
		return failure_set(failure, errno, "cannot lock " DATAPATH_ROOT);
	r = read_fences(&standings, failure);
	if (r)
		return r;
	standings_sort(&standings);
	*ret_standings = TAKE(standings, (struct standings){});
	return 0;
}
