// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Whether the maps have what was written, and nothing else but what the kernel has learned. */
#include <errno.h>
#include <netinet/in.h>
#include <string.h>

#include "policy_verify.h"

void policy_differs(struct verifier *verifier, size_t *count, const char *format, ...)
{
	struct policy_differences *differences = &verifier->differences;
	va_list arguments;

	++*count;
	if (differences->first[0])
		return;
	differences->first_is = count == &differences->missing	 ? POLICY_MISSING
				: count == &differences->foreign ? POLICY_FOREIGN
								 : POLICY_CHANGED;
	va_start(arguments, format);
	vsnprintf(differences->first, sizeof(differences->first), format, arguments);
	va_end(arguments);
}

static const char *protocol_name(uint8_t protocol)
{
	return protocol == IPPROTO_TCP ? "tcp" : protocol == IPPROTO_UDP ? "udp" : "icmp";
}

static const char *port_text(uint16_t port, uint8_t bits, char text[static PORT_TEXT_BYTES])
{
	if (bits == CGF_PORT_BITS_ANY)
		return "*";
	snprintf(text, PORT_TEXT_BYTES, "%u%s", port, bits == CGF_PORT_BITS_ONE ? "" : "-");
	return text;
}

static void describe_allow(const struct cgf_key *key, char text[static WHAT_BYTES])
{
	char address[ADDRESS_TEXT_BYTES], port[PORT_TEXT_BYTES];
	struct address at;

	memcpy(at.bytes, key->address, sizeof(at.bytes));
	snprintf(text, WHAT_BYTES, "allow: %s port %s/%s", address_format(&at, address),
		 port_text(key->port, key->port_bits, port), protocol_name(key->protocol));
}

static void describe_prefix(const struct cgf_prefix_key *key, char text[static WHAT_BYTES])
{
	char address[ADDRESS_TEXT_BYTES], port[PORT_TEXT_BYTES];
	struct address at;

	memcpy(at.bytes, key->address, sizeof(at.bytes));
	snprintf(text, WHAT_BYTES, "prefixes: %s %s/%u port %s/%s",
		 key->verdict == CGF_DENY ? "deny" : "allow", address_format(&at, address),
		 key->prefix_bits - CGF_PREFIX_HEADER_BITS - (key->ip_version == 4 ? 96 : 0),
		 port_text(key->port, key->port_bits, port), protocol_name(key->protocol));
}

static void describe_listen(const struct cgf_listen_key *key, char text[static WHAT_BYTES])
{
	char port[PORT_TEXT_BYTES];

	snprintf(text, WHAT_BYTES, "listens: port %s/%s",
		 port_text(key->port, key->port_bits, port), protocol_name(key->protocol));
}

/* The finding is of a table, and below 0 an error. */
static int tell(struct verifier *verifier, int finding, const char *what)
{
	struct policy_differences *differences = &verifier->differences;

	if (finding < 0)
		return finding;
	switch ((enum entries_finding)finding) {
	case ENTRIES_CHANGED:
		policy_differs(verifier, &differences->changed, "%s was changed", what);
		break;
	case ENTRIES_FOREIGN:
		policy_differs(verifier, &differences->foreign, "%s is not of the policy", what);
		break;
	case ENTRIES_MISSING:
		policy_differs(verifier, &differences->missing, "%s is missing", what);
		break;
	case ENTRIES_UNSURE:
		differences->unsure++;
		break;
	case ENTRIES_AS_WRITTEN:
	case ENTRIES_UNTOLD:
		break;
	}
	return 0;
}

/* --- addresses ------------------------------------------------------------------------------- */

static int look_at_allow(const struct cgf_key *key, const struct cgf_entry *there, void *data)
{
	struct policy_found found = { .expires_ns = there->expires_ns };
	struct verifier *verifier = data;
	struct policy *policy = verifier->policy;
	char what[WHAT_BYTES];
	int finding = entries_compare(policy->allow, key, there, verifier->untold);

	if (finding == ENTRIES_UNTOLD) {
		memcpy(found.address.bytes, key->address, sizeof(key->address));
		return policy_founds_add(policy, &verifier->founds, there->grant, &found);
	}
	if (finding == ENTRIES_AS_WRITTEN)
		return 0;
	describe_allow(key, what);
	return tell(verifier, finding, what);
}

static bool has_allow(const void *key, const void *data)
{
	const struct verifier *verifier = data;
	struct cgf_entry there;
	struct cgf_key at;

	memcpy(&at, key, sizeof(at));
	return datapath_allow_read(verifier->datapath, &at, &there) != -ENOENT;
}

static void miss_allow(const void *key, void *data)
{
	char what[WHAT_BYTES];

	describe_allow(key, what);
	tell(data, ENTRIES_MISSING, what);
}

/*
 * What was learned and not told of is adopted if records were lost: by what was counted when all of
 * it had been written.
 */
static int verify_allow(struct verifier *verifier)
{
	struct policy *policy = verifier->policy;
	struct cgf_counters counters;
	int r = datapath_counters(verifier->datapath, &counters);

	if (r)
		return r;
	verifier->untold = policy->untold || counters.records_lost != policy->lost_before;
	entries_round_begin(policy->allow);
	r = datapath_allow_each(verifier->datapath, look_at_allow, verifier);
	if (r)
		return r;
	entries_round_end(policy->allow, has_allow, miss_allow, verifier);
	r = policy_founds_give(policy, &verifier->founds);
	if (r)
		return r;
	policy->lost_before = counters.records_lost;
	policy->untold = false;
	return 0;
}

static int look_at_prefix(const struct cgf_prefix_key *key, const struct cgf_prefix *prefix,
			  void *data)
{
	struct verifier *verifier = data;
	struct cgf_entry there = { .rule = prefix->rule, .grant = prefix->grant };
	char what[WHAT_BYTES];
	int finding = entries_compare_value(verifier->policy->prefixes, key, &there,
					    prefix->shared != 0);

	if (finding == ENTRIES_AS_WRITTEN)
		return 0;
	describe_prefix(key, what);
	return tell(verifier, finding, what);
}

static bool has_none(const void *key, const void *data)
{
	(void)key;
	(void)data;
	return false;
}

static void miss_prefix(const void *key, void *data)
{
	char what[WHAT_BYTES];

	describe_prefix(key, what);
	tell(data, ENTRIES_MISSING, what);
}

static int verify_prefixes(struct verifier *verifier)
{
	struct entries *prefixes = verifier->policy->prefixes;
	int r;

	entries_round_begin(prefixes);
	r = datapath_prefix_each(verifier->datapath, look_at_prefix, verifier);
	if (!r)
		entries_round_end(prefixes, has_none, miss_prefix, verifier);
	return r;
}

static int look_at_listen(const struct cgf_listen_key *key, const struct cgf_listen *listen,
			  void *data)
{
	struct verifier *verifier = data;
	struct cgf_entry there = { .rule = listen->rule };
	char what[WHAT_BYTES];
	int finding = entries_compare_value(verifier->policy->listens, key, &there, false);

	if (finding == ENTRIES_AS_WRITTEN)
		return 0;
	describe_listen(key, what);
	return tell(verifier, finding, what);
}

static void miss_listen(const void *key, void *data)
{
	char what[WHAT_BYTES];

	describe_listen(key, what);
	tell(data, ENTRIES_MISSING, what);
}

static int verify_listens(struct verifier *verifier)
{
	struct entries *listens = verifier->policy->listens;
	int r;

	entries_round_begin(listens);
	r = datapath_listen_each(verifier->datapath, look_at_listen, verifier);
	if (!r)
		entries_round_end(listens, has_none, miss_listen, verifier);
	return r;
}

int policy_verify(struct policy *policy, struct datapath_policy *datapath,
		  struct policy_differences *ret_differences)
{
	_cleanup_(verifier_finish) struct verifier verifier = { .policy = policy,
								.datapath = datapath };
	int r;

	policy->round = !policy->round;
	r = verify_prefixes(&verifier);
	if (!r)
		r = verify_allow(&verifier);
	if (!r)
		r = verify_listens(&verifier);
	if (!r)
		r = policy_verify_questions(&verifier);
	if (!r)
		r = policy_verify_resolvers(&verifier);
	if (r)
		return r;
	*ret_differences = verifier.differences;
	return 0;
}
