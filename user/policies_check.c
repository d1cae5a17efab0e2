// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Would it be allowed? What the programs would decide now, by the same maps. */
#include <errno.h>
#include <netinet/in.h>
#include <string.h>

#include "decisions.h"
#include "names.h"
#include "policies_internal.h"

struct question_asked {
	struct kept_policy *kept;
	struct cgf_target target;
	struct rule destination; /* as if it was a rule */
	uint16_t port;
	uint8_t protocol;
	bool is_own; /* the rule that is looked at has this very name */
	struct policies_verdict *verdict;
};

static int wrong(struct policies_error *error, const char *destination, const char *why)
{
	failure_set(&error->failure, 0, "'%.200s' is no destination to check: %s", destination,
		    why);
	return policies_fail(error, POLICIES_INVALID_DESTINATION, -EINVAL);
}

static uint8_t number_of(uint8_t flags)
{
	if (flags & RULE_TCP)
		return IPPROTO_TCP;
	return flags & RULE_UDP ? IPPROTO_UDP : IPPROTO_ICMP;
}

/* One port of one protocol; TCP, if it is not said. */
static int parse(const char *destination, struct question_asked *asked,
		 struct policies_error *error)
{
	struct rule *rule = &asked->destination;
	struct rule_error why;

	if (rule_parse(RULE_ALLOW, destination, rule, &why)) {
		wrong(error, destination, why.message);
		error->column = why.column + 1;
		return -EINVAL;
	}
	asked->protocol = number_of(rule->protocols);
	if (rule->port_count > 1 ||
	    (rule->port_count && rule->ports[0].first != rule->ports[0].last))
		return wrong(error, destination, "give one port");
	if (!rule->port_count && asked->protocol != IPPROTO_ICMP)
		return wrong(error, destination, "give a port, as in github.com:22");
	asked->port = rule->port_count ? rule->ports[0].first : 0;
	if (rule->destination == DESTINATION_NAME)
		return 0;
	if (rule->destination == DESTINATION_PREFIX &&
	    rule->prefix.bits == 8 * sizeof(rule->prefix.address))
		return 0;
	return wrong(error, destination, "give a name or an address");
}

/* --- the words ------------------------------------------------------------------------------- */

static const char *const reasons[] = {
	[DATAPATH_ALLOWED_BY_ENTRY] = "it is allowed",
	[DATAPATH_ALLOWED_BY_PREFIX] = "it is allowed",
	[DATAPATH_DENIED_BY_PREFIX] = "a deny rule has it",
	[DATAPATH_DENIED_EXPIRED] = "its name had this address once, and it has run out",
	[DATAPATH_DENIED] = "no rule has it",
	[DATAPATH_SHUT] = "the fences are shut, as there is no room for all that is to be denied",
};
_Static_assert(ARRAY_SIZE(reasons) == DATAPATH_JUDGEMENT_COUNT, "a judgement has no words");

static void say_rule(const struct question_asked *asked, uint32_t number)
{
	const struct policy *policy = asked->kept->policy;
	const struct rule *rule = policy ? policy_rule(policy, number) : NULL;

	if (number == CGF_RULE_RESOLVER)
		asked->verdict->reason = "it is a resolver, and may be asked";
	if (!rule || rule_format(rule, asked->verdict->rule, sizeof(asked->verdict->rule)) < 0)
		asked->verdict->rule[0] = '\0';
}

/* The first that is told is that which decides; a name is allowed if an address of it is. */
static bool judge(struct question_asked *asked, const struct address *address)
{
	struct policies_verdict *verdict = asked->verdict;
	struct cgf_key key = {
		.port = asked->port,
		.protocol = asked->protocol,
		.port_bits = CGF_PORT_BITS_ONE,
	};
	enum datapath_judgement judgement;
	uint32_t rule;
	bool allowed, first = !verdict->answer_count;

	memcpy(key.address, address->bytes, sizeof(key.address));
	judgement = datapath_judge(asked->kept->datapath, &asked->target, &key, monotonic_ns(),
				   &rule);
	allowed = judgement == DATAPATH_ALLOWED_BY_ENTRY || judgement == DATAPATH_ALLOWED_BY_PREFIX;
	if (verdict->answer_count < ARRAY_SIZE(verdict->answers))
		verdict->answers[verdict->answer_count++] = (struct policies_answer){ *address,
										      allowed };
	if (first || (allowed && !verdict->allowed)) {
		verdict->reason = reasons[judgement];
		say_rule(asked, rule);
	}
	verdict->allowed |= allowed;
	return allowed;
}

/* --- names ----------------------------------------------------------------------------------- */

static bool is_seen(const struct policies_verdict *verdict, const struct address *address)
{
	size_t i;

	for (i = 0; i < verdict->answer_count; i++)
		if (!memcmp(&verdict->answers[i].address, address, sizeof(*address)))
			return true;
	return false;
}

static int judge_found(const struct policy_rule_address *found, void *data)
{
	struct question_asked *asked = data;

	/* A rule of one name has what libc makes of it, too. */
	if (found->name && (asked->is_own || !strcmp(found->name, asked->destination.name)) &&
	    !is_seen(asked->verdict, &found->address))
		judge(asked, &found->address);
	return 0;
}

static bool has_port(const struct rule *rule, const struct question_asked *asked)
{
	struct port_block blocks[RULE_BLOCKS_ALL];
	uint8_t flag = asked->protocol == IPPROTO_TCP	? RULE_TCP
		       : asked->protocol == IPPROTO_UDP ? RULE_UDP
							: RULE_ICMP;
	size_t i, count = rule_blocks(rule, flag, blocks);

	for (i = 0; i < count; i++)
		if (!((blocks[i].port ^ asked->port) & (uint16_t)(0xffff0000U >> blocks[i].bits)))
			return true;
	return false;
}

static bool has_name(const struct rule *rule, const char *name)
{
	size_t length = strlen(name), suffix;

	if (rule->destination == DESTINATION_NAME)
		return !strcmp(rule->name, name);
	if (rule->destination != DESTINATION_WILDCARD)
		return false;
	suffix = strlen(rule->name);
	return length > suffix + 1 && name[length - suffix - 1] == '.' &&
	       !strcmp(name + length - suffix, rule->name);
}

/* No client will have reached it either: the reason is why, and no rule is. */
static bool explain(struct question_asked *asked)
{
	struct policies_verdict *verdict = asked->verdict;
	const struct names *names = asked->kept->names;

	if (!names || !names_explain(names, asked->destination.name, verdict->explained))
		return false;
	verdict->allowed = false;
	verdict->reason = verdict->explained;
	verdict->rule[0] = '\0';
	return true;
}

/* What a name alone does not allow another rule may, such as `any`. */
static bool by_address(struct question_asked *asked)
{
	const struct policy_name *name = policy_name_known(asked->kept->policy,
							   asked->destination.name);
	struct policy_name_addresses addresses = {};

	if (name)
		addresses = policy_name_addresses(name);
	return addresses.special && judge(asked, &addresses.first_special);
}

/*
 * A rule has the name, which has no address that is allowed. One below a wildcard that nobody has
 * asked for yet is allowed all the same: whoever connects asks first.
 */
static void judge_unknown(struct question_asked *asked, const struct rule *rule)
{
	struct policies_verdict *verdict = asked->verdict;

	verdict->allowed = false;
	verdict->reason = reasons[DATAPATH_DENIED_BY_PREFIX];
	if (rule->verb == RULE_DENY || by_address(asked) || explain(asked))
		return;
	verdict->allowed = rule->destination == DESTINATION_WILDCARD;
	verdict->reason = verdict->allowed ? "its addresses will be, once it is looked up"
					   : "it has no address that is allowed";
	if (!verdict->allowed)
		verdict->rule[0] = '\0';
}

static int look_at_rule(const struct rule *rule, uint32_t number, void *data)
{
	struct question_asked *asked = data;

	if ((rule->verb != RULE_ALLOW && rule->verb != RULE_DENY) ||
	    !has_name(rule, asked->destination.name))
		return 0;
	asked->is_own = rule->destination == DESTINATION_NAME;
	policy_each_rule_address(asked->kept->policy, number, judge_found, asked);
	if (asked->verdict->answer_count || !has_port(rule, asked) || asked->verdict->rule[0])
		return 0;
	say_rule(asked, number);
	judge_unknown(asked, rule);
	return 0;
}

/* No rule allows the name: one that denies it is why, too. */
static int name_denier(const struct rule *rule, uint32_t number, void *data)
{
	struct question_asked *asked = data;

	if (rule->verb != RULE_DENY || !has_name(rule, asked->destination.name))
		return 0;
	asked->verdict->reason = "a deny rule has the name, and no other: it may not be looked up";
	say_rule(asked, number);
	return 1;
}

/* What may not be asked for has no address either. */
static void judge_name(struct question_asked *asked)
{
	const struct policy *policy = asked->kept->policy;
	const char *name = asked->destination.name;
	uint32_t denied = policy_question_denied_by(policy, name);

	asked->verdict->reason = "no rule has the name: it may not even be looked up";
	if (denied != CGF_RULE_NONE) {
		asked->verdict->reason = "a deny rule has the name: it may not be looked up";
		say_rule(asked, denied);
		return;
	}
	if (policy_question_allowed_by(policy, name) == CGF_RULE_NONE) {
		policy_each_rule(policy, name_denier, asked);
		return;
	}
	asked->verdict->reason = "the name may be looked up, but no rule of it has this port";
	policy_each_rule(policy, look_at_rule, asked);
}

/* Of what a broken file has left in force only the maps are known, and they have no names. */
static int check_usable(const struct question_asked *asked, struct policies_error *error)
{
	const struct kept_policy *kept = asked->kept;
	const char *why = kept->problem.text ? kept->problem.text : kept->why_half.text;

	if (kept_policy_is_live(kept) && !kept->stands_in && asked->target.policy)
		return 0;
	if (kept->datapath && !kept->stands_in && asked->target.policy) {
		if (asked->destination.destination != DESTINATION_NAME)
			return 0;
		failure_set(&error->failure, 0, "what is in force of policy %s has no names: %s",
			    kept->name, why ? why : "its rules are not known");
		failure_hint(&error->failure, "check an address, or mend the file");
	} else {
		failure_set(&error->failure, 0, "policy %s cannot be used: %s", kept->name,
			    why ? why : "it has no rules");
	}
	return policies_fail(error, POLICIES_INVALID_POLICY, -EINVAL);
}

int policies_check(struct policies *policies, const char *name, const char *destination,
		   struct policies_verdict *ret_verdict, struct policies_error *error)
{
	struct question_asked asked = { .verdict = ret_verdict };
	int r;

	asked.kept = kept_policy_find(policies, name);
	if (!asked.kept) {
		failure_set(&error->failure, 0, "there is no policy '%.100s'", name);
		return policies_fail(error, POLICIES_NOT_FOUND, -ENOENT);
	}
	if (asked.kept->decisions)
		decisions_catch_up(asked.kept->decisions);
	asked.target = kept_policy_target_now(asked.kept);
	*ret_verdict = (struct policies_verdict){ .reason = "", .mode = asked.target.mode };
	r = parse(destination, &asked, error);
	if (!r)
		r = check_usable(&asked, error);
	if (!r && asked.destination.destination == DESTINATION_NAME)
		judge_name(&asked);
	else if (!r)
		judge(&asked, &asked.destination.prefix.address);
	rule_finish(&asked.destination);
	return r;
}
