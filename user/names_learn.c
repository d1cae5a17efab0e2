// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* What comes of answers, to our own questions and to the command's, and of denials. */
#include <event2/event.h>
#include <netinet/in.h>
#include <string.h>

#include "answer.h"
#include "names_internal.h"
#include "policy.h"

/* Of names below wildcards: whoever can make up names can make up as many as he likes. */
#define SPECIALS_TOLD_MAX 16
/* In a second: searches among all names, and names that are asked again for it. */
#define AGAIN_DENIALS_MAX 10
#define AGAIN_NAMES_MAX RESOLVER_WINDOW

static void tell_special(const struct names *names, const char *text,
			 const struct policy_learned *learned)
{
	char why[NAMES_WHY_BYTES];

	names_note(names, "%s",
		   names_special_text(names, text, &learned->first_special, false, why));
}

static void tell_cut(const struct names *names, struct name *name, bool cut)
{
	if (!cut || name->cut_told)
		return;
	name->cut_told = true;
	names_note(names,
		   "%s has more than %d addresses: the rest is not allowed; allow a prefix instead",
		   policy_name_text(name->policy_name), CGF_NAME_ADDRESSES_MAX);
}

static void learned(struct names *names, struct name *name, const struct policy_learned *what)
{
	if (what->special && !name->special_told)
		tell_special(names, policy_name_text(name->policy_name), what);
	name->special_told |= what->special > 0;
	tell_cut(names, name, what->refused > 0);
}

static void learn(struct names *names, struct name *name, const struct resolver_answer *answer,
		  const struct policy_answer *addresses)
{
	struct policy_learned what;
	bool incomplete = policy_learn(names->options.policy, name->policy_name, addresses, &what) <
			  0;
	struct asked *asked = &name->asked[answer->ipv6 ? FAMILY_IPV6 : FAMILY_IPV4];

	if (incomplete)
		names_note(names, "no memory for the addresses of %s",
			   policy_name_text(name->policy_name));
	tell_cut(names, name, answer->cut);
	learned(names, name, &what);
	asked->cut = answer->cut || what.refused || incomplete;
	if (asked->cut && policy_name_is_denied(names->options.policy, name->policy_name))
		names->overflow = true;
}

static void note_answer(struct names *names, struct name *name,
			const struct resolver_answer *answer, uint64_t now_ns)
{
	struct asked *asked = &name->asked[answer->ipv6 ? FAMILY_IPV6 : FAMILY_IPV4];
	bool failed = answer->status == RESOLVER_FAILED;

	asked->status = answer->status;
	asked->answered = true;
	asked->failures = failed ? asked->failures + 1 : 0;
	names->failures += failed;
	if (!failed) {
		asked->fixed = answer->fixed;
		asked->ttl_s = answer->ttl_s;
		asked->good_ns = now_ns;
	}
	names->answered += answer->first;
	if (answer->first && name->wait)
		name->wait->pending--;
}

void names_answer(const struct resolver_answer *answer, void *data)
{
	const struct policy_answer addresses = {
		.addresses = answer->addresses,
		.count = answer->count,
		.ttl_s = answer->ttl_s,
		.fixed = answer->fixed,
		.now_ns = monotonic_ns(),
		.ipv6 = answer->ipv6,
	};
	struct name *name = answer->name_data;
	struct names *names = data;

	note_answer(names, name, answer, addresses.now_ns);
	policy_unfix(names->options.policy, name->policy_name, &addresses);
	switch (answer->status) {
	case RESOLVER_OK:
	case RESOLVER_NOT_FOUND:
		learn(names, name, answer, &addresses);
		break;
	case RESOLVER_FAILED:
		name->error = answer->error;
		policy_resolver_failed(names->options.policy, name->policy_name, answer->ipv6);
		break;
	}
	names_flush(names);
}

/* --- what the kernel has learned ------------------------------------------------------------- */

static struct name *find(const struct names *names, const char *text)
{
	size_t i;

	for (i = 0; i < names->count; i++)
		if (!strcmp(policy_name_text(names->names[i]->policy_name), text))
			return names->names[i];
	return NULL;
}

/* The names are searched only if there is something to say. */
static void adopted(struct names *names, const char *text, const struct policy_learned *what)
{
	struct name *name;

	if (!what->special && !what->refused)
		return;
	name = find(names, text);
	if (name)
		learned(names, name, what);
	else if (what->special && names->specials_told++ < SPECIALS_TOLD_MAX)
		tell_special(names, text, what);
}

void names_adopt(struct names *names, const struct answer *answer, uint32_t grant, uint64_t time_ns)
{
	const struct policy_answer addresses = {
		.addresses = answer->addresses,
		.count = answer->count,
		.ttl_s = answer->ttl_s,
		.now_ns = time_ns,
		.ipv6 = answer->question.type == QUESTION_TYPE_AAAA,
	};
	struct policy_learned what = {};
	char text[DNAME_TEXT_BYTES];
	const char *name = NULL;

	/* What is escaped is no name of a rule. */
	dname_format(&answer->question.name, text);
	policy_adopt(names->options.policy, text, &addresses, grant, &what, &name);
	if (answer->cut)
		policy_untold(names->options.policy);
	if (name)
		adopted(names, name, &what);
	names_flush(names);
}

/* --- what was denied ------------------------------------------------------------------------- */

static bool may_be_stale(const struct cgf_decision *decision)
{
	return (decision->hook == CGF_HOOK_CONNECT || decision->hook == CGF_HOOK_SENDMSG) &&
	       (decision->reason == CGF_REASON_NO_RULE || decision->reason == CGF_REASON_EXPIRED) &&
	       !(decision->flags & CGF_FLAG_PROBE);
}

static bool may_search(struct again *again)
{
	uint64_t now_ns = monotonic_ns();

	if (now_ns - again->since_ns >= NSEC_PER_SEC) {
		again->since_ns = now_ns;
		again->denials = again->names = 0;
	}
	return again->denials++ < AGAIN_DENIALS_MAX && again->names < AGAIN_NAMES_MAX;
}

void names_denied(struct names *names, const struct cgf_decision *decision)
{
	struct again *again = &names->again;
	struct name *name;
	size_t i;

	if (!names->count || !may_be_stale(decision) || !may_search(again))
		return;
	for (i = 0; i < names->count && again->names < AGAIN_NAMES_MAX; i++) {
		again->turn = (again->turn + 1) % names->count;
		name = names->names[again->turn];
		if (!policy_name_has_port(names->options.policy, name->policy_name,
					  decision->protocol, decision->port))
			continue;
		again->names += resolver_ask_again(names->resolver, name);
	}
}
