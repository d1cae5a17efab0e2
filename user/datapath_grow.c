// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * A larger `allow` for a policy that is in force: filled from the smaller one, then put into its
 * place in the slot, which the programs see as one or the other.
 *
 * The programs learn all the while. What went into the smaller map after it was read is carried
 * over: before the exchange, so that little is left; at once after it; and when no program can
 * still have the smaller map in its hands.
 */
#include <errno.h>

#include "datapath_internal.h"

#define BATCH 256

/* --- from one to the other ------------------------------------------------------------------- */

struct filling {
	int fd;
	uint32_t count;
	struct cgf_key keys[BATCH];
	struct cgf_entry entries[BATCH];
};

static int fill_flush(struct filling *filling)
{
	uint32_t count = filling->count;

	filling->count = 0;
	return count ? bpf_map_update_batch(filling->fd, filling->keys, filling->entries, &count,
					    NULL)
		     : 0;
}

static int fill_entry(const struct cgf_key *key, const struct cgf_entry *entry, void *data)
{
	struct filling *filling = data;

	filling->keys[filling->count] = *key;
	filling->entries[filling->count++] = *entry;
	return filling->count == BATCH ? fill_flush(filling) : 0;
}

static int fill(int to_fd, int from_fd)
{
	struct filling filling = { .fd = to_fd };
	int r = datapath_allow_walk(from_fd, fill_entry, &filling);

	return r ? r : fill_flush(&filling);
}

struct carrying {
	int fd;
	uint64_t since_ns;
};

/* What an answer gives lasts as long as the grace, whatever its TTL. */
static bool may_be_newer(const struct cgf_entry *entry, uint64_t since_ns)
{
	const uint64_t least_ns = CGF_TTL_GRACE_S * NSEC_PER_SEC;

	if (!since_ns || entry->used_ns >= since_ns)
		return true;
	return entry->learned && entry->expires_ns - least_ns >= since_ns;
}

/* What the programs write into the new one between is written once more by the next packet. */
static int carry_newer(int fd, const struct cgf_key *key, const struct cgf_entry *entry,
		       const struct cgf_entry *there)
{
	struct cgf_entry merged = entry->expires_ns > there->expires_ns ? *entry : *there;

	if (entry->expires_ns <= there->expires_ns && entry->used_ns <= there->used_ns)
		return 0;
	merged.used_ns = entry->used_ns > there->used_ns ? entry->used_ns : there->used_ns;
	merged.flows = entry->flows > there->flows ? entry->flows : there->flows;
	return bpf_map_update_elem(fd, key, &merged, BPF_EXIST);
}

static int carry_entry(const struct cgf_key *key, const struct cgf_entry *entry, void *data)
{
	const struct carrying *carrying = data;
	struct cgf_entry there;
	int r;

	if (!may_be_newer(entry, carrying->since_ns))
		return 0;
	r = bpf_map_update_elem(carrying->fd, key, entry, BPF_NOEXIST);
	if (r != -EEXIST)
		return r;
	r = bpf_map_lookup_elem(carrying->fd, key, &there);
	return r ? r : carry_newer(carrying->fd, key, entry, &there);
}

int datapath_allow_carry(int to_fd, int from_fd, uint64_t since_ns)
{
	struct carrying carrying = { .fd = to_fd, .since_ns = since_ns };

	return datapath_allow_walk(from_fd, carry_entry, &carrying);
}

/* --- in its place ---------------------------------------------------------------------------- */

static int make_larger(const struct datapath *datapath, const struct datapath_policy *policy,
		       uint32_t entries, int *ret_fd)
{
	char growing[PIN_PATH_BYTES];
	int r = pin_path(growing, "%s/%s", policy->path, DATAPATH_GROWING);

	if (!r)
		r = datapath_map_create(datapath, KIND_ALLOW, entries, ret_fd);
	if (!r)
		r = fill(*ret_fd, policy->maps[KIND_ALLOW]);
	/* Whoever finds this pin and not the map in the slot removes it. */
	return r ? r : pin_put(*ret_fd, growing);
}

static int put(const struct datapath *datapath, struct datapath_policy *policy, int fd)
{
	policy->maps[KIND_ALLOW] = fd;
	datapath_slot_put(policy, datapath, KIND_ALLOW);
	return datapath_slot_wait(policy, datapath);
}

static int exchange(const struct datapath *datapath, struct datapath_policy *policy, int larger_fd,
		    uint64_t since_ns)
{
	int old_fd = policy->maps[KIND_ALLOW];
	int r = put(datapath, policy, larger_fd);

	if (!r)
		r = datapath_allow_carry(larger_fd, old_fd, since_ns);
	/* The kernel has waited for every program that began before. */
	datapath_slot_join(policy);
	if (!r)
		r = policy->writes[KIND_ALLOW].result;
	if (!r)
		r = datapath_allow_carry(larger_fd, old_fd, since_ns);
	if (r)
		put(datapath, policy, old_fd);
	return r;
}

static int move_pin(const struct datapath_policy *policy)
{
	char growing[PIN_PATH_BYTES], path[PIN_PATH_BYTES];
	int r = pin_path(growing, "%s/%s", policy->path, DATAPATH_GROWING);

	if (!r)
		r = pin_path(path, "%s/%s", policy->path, datapath_kind_names[KIND_ALLOW]);
	if (!r && rename(growing, path))
		r = -errno;
	return r;
}

static int grow(const struct datapath *datapath, struct datapath_policy *policy, uint32_t entries)
{
	const uint64_t since_ns = monotonic_ns();
	int old_fd = policy->maps[KIND_ALLOW];
	_cleanup_close_ int fd = -1;
	int r = make_larger(datapath, policy, entries, &fd);

	if (!r)
		r = datapath_allow_carry(fd, old_fd, since_ns);
	if (!r)
		r = exchange(datapath, policy, fd, since_ns);
	if (r)
		return r;
	fd = old_fd;
	r = datapath_map_id(policy->maps[KIND_ALLOW], &policy->ids[KIND_ALLOW]);
	/* If this fails it decides all the same, and datapath_policy_mend() pins it. */
	return r ? r : move_pin(policy);
}

int datapath_policy_grow(struct datapath *datapath, struct datapath_policy *policy,
			 uint32_t entries, struct failure *failure)
{
	int r;

	if (entries <= datapath_policy_capacity(policy))
		return 0;
	if (entries > CGF_ENTRIES_MAX)
		return failure_set(failure, ENOSPC, "a policy has at most %d entries",
				   CGF_ENTRIES_MAX);
	r = datapath_lock(datapath, false, failure);
	if (r)
		return r;
	r = grow(datapath, policy, entries);
	datapath_unlock(datapath);
	return r ? failure_set(failure, -r, "cannot make room for %u entries", entries) : 0;
}
