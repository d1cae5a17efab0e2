// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Lives of policies by chance: answers, files and resolvers that fail, other rules, other search
 * domains, sweeps, and restarts with all of these changed meanwhile. After each step everything is
 * tried from inside, and compared with a second opinion.
 *
 *   FUZZ_LIVES=1000 FUZZ_SEED=1 build/tests/bpf/fuzz_policy
 *
 * Each life has a seed of its own, the next number, which is told of one that fails.
 */
#include "chance.h"
#include "names_oracle.h"
#include "taken_up.h"

#define STEPS_PAST 8
#define STEPS 14
#define STORY_BYTES 8192

struct life {
	struct fenced *fenced;
	struct chance chance;
	struct oracle oracle;
	int prober;
	uint64_t seed, probes, sure;
	char story[STORY_BYTES];
};

static void tell(struct life *life, const char *format, ...)
{
	const size_t used = strlen(life->story);
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(life->story + used, sizeof(life->story) - used, format, arguments);
	va_end(arguments);
}

static void tell_rules(struct life *life, const char *what, uint32_t rules, uint32_t domains)
{
	size_t i;

	tell(life, "%s:", what);
	for (i = 0; i < ORACLE_RULES; i++)
		if (oracle_has(rules, i))
			tell(life, " %s;", oracle_rules[i].text);
	for (i = 0; i < ORACLE_DOMAINS; i++)
		if (oracle_has(domains, i))
			tell(life, " search %s;", oracle_domains[i]);
	tell(life, "\n");
}

static void tell_addresses(struct life *life, uint32_t addresses)
{
	size_t i;

	for (i = 0; i < ORACLE_ADDRESSES; i++)
		if (oracle_has(addresses, i))
			tell(life, " " ORACLE_ADDRESS, i + 1);
	tell(life, "\n");
}

/* --- what is allowed ------------------------------------------------------------------------- */

static bool tries(const struct life *life, size_t address, size_t port)
{
	char text[ADDRESS_TEXT_BYTES];
	union endpoint to;
	int r;

	snprintf(text, sizeof(text), ORACLE_ADDRESS, address + 1);
	to = endpoint_of(text, oracle_ports[port]);
	r = connect(life->prober, &to.any, sizeof(to));
	assert_true(!r || errno == EPERM);
	return !r;
}

static void probe(struct life *life, size_t address, size_t port)
{
	const enum oracle_verdict expected = oracle_verdict(&life->oracle, address, port,
							    monotonic_ns());
	const bool allowed = tries(life, address, port);

	life->probes++;
	if (expected == ORACLE_EITHER)
		return;
	life->sure++;
	if (allowed == (expected == ORACLE_ALLOWED))
		return;
	/* It is too long for cmocka. */
	fputs(life->story, stderr);
	fail_msg("FUZZ_SEED=%llu: " ORACLE_ADDRESS ":%u is %s", (unsigned long long)life->seed,
		 address + 1, oracle_ports[port], allowed ? "allowed" : "denied");
}

static void probe_all(struct life *life)
{
	size_t i, j;

	for (i = 0; i < ORACLE_ADDRESSES; i++)
		for (j = 0; j < ORACLE_PORTS; j++)
			probe(life, i, j);
}

static void flush_life(struct life *life)
{
	retarget_between(life->fenced);
	flush_policy(life->fenced);
	retarget_between(life->fenced);
	oracle_flush(&life->oracle);
}

/* --- rules ----------------------------------------------------------------------------------- */

static void write_rules(uint32_t rules, char *text, size_t size)
{
	size_t i, used = 0;

	text[0] = '\0';
	for (i = 0; i < ORACLE_RULES; i++)
		if (oracle_has(rules, i))
			used += (size_t)snprintf(text + used, size - used, "%s\n",
						 oracle_rules[i].text);
	assert_true(used < size);
}

static struct policy *make(uint32_t rules)
{
	char text[4096];
	struct rules parsed;
	struct policy *policy;
	struct failure failure;

	write_rules(rules, text, sizeof(text));
	parsed = parse_rules(text);
	return policy_init(&policy, &parsed, &failure) ? NULL : policy;
}

/* Some cannot be kept together. */
static bool can_be(uint32_t rules)
{
	_cleanup_(policy_finish) struct policy *policy = make(rules);

	return policy;
}

static uint32_t choose_rules(struct chance *chance)
{
	uint32_t rules;

	do {
		rules = (uint32_t)chance_next(chance) & ((1U << ORACLE_RULES) - 1);
		if (chance_percent(chance, 70))
			rules &= (uint32_t)chance_next(chance);
		if (chance_percent(chance, 30))
			rules &= (uint32_t)(chance_next(chance) >> 20);
	} while (!rules || !can_be(rules));
	return rules;
}

static uint32_t change_rules(struct chance *chance, uint32_t rules)
{
	uint32_t changed = rules;
	unsigned int i;

	for (i = 0; i < 1 + chance_below(chance, 3); i++)
		changed ^= 1U << chance_below(chance, ORACLE_RULES);
	return changed && can_be(changed) ? changed : rules;
}

static uint32_t choose_domains(struct chance *chance)
{
	return chance_percent(chance, 60) ? 0 : chance_below(chance, 1U << ORACLE_DOMAINS);
}

static void use_domains(const struct fenced *fenced, uint32_t domains)
{
	const char *list[ORACLE_DOMAINS];
	size_t i, count = 0;

	for (i = 0; i < ORACLE_DOMAINS; i++)
		if (oracle_has(domains, i))
			list[count++] = oracle_domains[i];
	assert_int_equal(policy_use_searches(fenced->policy, list, count), 0);
}

/* --- steps: of some it is known that they were a while ago ----------------------------------- */

static struct policy_answer make_answer(uint32_t set, struct address list[ORACLE_ADDRESSES],
					uint64_t now_ns)
{
	struct policy_answer answer = { .addresses = list, .ttl_s = 1, .now_ns = now_ns };
	size_t i;

	for (i = 0; i < ORACLE_ADDRESSES; i++) {
		if (!oracle_has(set, i))
			continue;
		list[answer.count] = evil;
		list[answer.count++].bytes[15] = (uint8_t)(i + 1);
	}
	return answer;
}

static uint32_t choose_addresses(struct chance *chance)
{
	return (1U << chance_below(chance, ORACLE_ADDRESSES) |
		(chance_percent(chance, 30) ? 1U << chance_below(chance, ORACLE_ADDRESSES) : 0)) *
	       !chance_percent(chance, 10);
}

/* The daemon asks for what rules say. */
static void be_answered(struct life *life, size_t name, uint64_t now_ns)
{
	const bool fixed = chance_percent(&life->chance, 25);
	const uint32_t set = choose_addresses(&life->chance);
	struct wanted_name wanted = { .text = oracle_names[name] };
	struct address list[ORACLE_ADDRESSES];
	struct policy_answer answer = make_answer(set, list, now_ns);
	struct policy_learned learned;

	if (!oracle_is_said(life->oracle.rules, name))
		return;
	answer.fixed = fixed;
	tell(life, "%s of %s, %d s ago:", fixed ? "a file's" : "an answer", oracle_names[name],
	     (int)((monotonic_ns() - now_ns) / NSEC_PER_SEC));
	tell_addresses(life, set);
	policy_each_name(life->fenced->policy, name_is, &wanted);
	assert_non_null(wanted.name);
	policy_unfix(life->fenced->policy, wanted.name, &answer);
	assert_int_equal(policy_learn(life->fenced->policy, wanted.name, &answer, &learned), 0);
	oracle_unfix(&life->oracle, name, set, fixed, now_ns);
	oracle_learn(&life->oracle, name, set, fixed, now_ns);
}

/* Those inside ask for what is allowed. */
static void be_told(struct life *life, size_t name, uint64_t now_ns)
{
	const struct policy *policy = life->fenced->policy;
	const char *text = oracle_names[name];
	const uint32_t set = choose_addresses(&life->chance);
	struct address list[ORACLE_ADDRESSES];
	const struct policy_answer answer = make_answer(set, list, now_ns);
	struct policy_learned learned;
	const char *known;

	if (!strchr(text, '.') || policy_question_allowed_by(policy, text) == CGF_RULE_NONE ||
	    policy_question_denied_by(policy, text) != CGF_RULE_NONE)
		return;
	tell(life, "learned of %s, %d s ago:", text,
	     (int)((monotonic_ns() - now_ns) / NSEC_PER_SEC));
	tell_addresses(life, set);
	assert_int_equal(
		policy_adopt(life->fenced->policy, text, &answer, CGF_GRANT_NONE, &learned, &known),
		0);
	oracle_learn(&life->oracle, name, set, false, now_ns);
}

static void be_failed(struct life *life, size_t name)
{
	struct wanted_name wanted = { .text = oracle_names[name] };

	if (!oracle_is_said(life->oracle.rules, name))
		return;
	tell(life, "no answer of %s\n", oracle_names[name]);
	policy_each_name(life->fenced->policy, name_is, &wanted);
	assert_non_null(wanted.name);
	policy_resolver_failed(life->fenced->policy, wanted.name, false);
	oracle_fail(&life->oracle, name, monotonic_ns());
}

static void change(struct life *life)
{
	const uint32_t rules = change_rules(&life->chance, life->oracle.rules);
	char text[4096];
	struct rules parsed;
	struct policy_changes changes;

	tell_rules(life, "changed", rules, life->oracle.domains);
	write_rules(rules, text, sizeof(text));
	parsed = parse_rules(text);
	assert_int_equal(policy_apply(life->fenced->policy, &parsed, &changes, NULL), 0);
	oracle_change(&life->oracle, rules, life->oracle.domains);
}

static void change_domains(struct life *life)
{
	const uint32_t domains = choose_domains(&life->chance);

	tell_rules(life, "changed", life->oracle.rules, domains);
	use_domains(life->fenced, domains);
	oracle_change(&life->oracle, life->oracle.rules, domains);
}

static void sweep(struct life *life)
{
	tell(life, "swept\n");
	flush_life(life);
	assert_int_equal(policy_sweep(life->fenced->policy, life->fenced->maps, monotonic_ns()), 0);
	oracle_sweep(&life->oracle, monotonic_ns());
}

static void let_go(struct life *life)
{
	if (!oracle_knows_denied(&life->oracle))
		return;
	tell(life, "all that are denied are known\n");
	policy_let_kept_go(life->fenced->policy);
	oracle_let_go(&life->oracle);
}

/* Maybe more than once before it has written anything. */
static void be_restarted(struct life *life)
{
	struct fenced *fenced = life->fenced;
	const bool same = chance_percent(&life->chance, 50);
	uint32_t rules, domains;

	flush_life(life);
	do {
		rules = same ? life->oracle.rules : change_rules(&life->chance, life->oracle.rules);
		domains = same ? life->oracle.domains : choose_domains(&life->chance);
		tell_rules(life, "restarted", rules, domains);
		policy_finish(&fenced->policy);
		fenced->policy = make(rules);
		use_domains(fenced, domains);
		assert_int_equal(policy_readopt(fenced->policy, fenced->maps), 0);
	} while (chance_percent(&life->chance, 10));
	oracle_restart(&life->oracle, rules, domains, monotonic_ns());
	flush_life(life);
	assert_int_equal(verify_well(fenced), 0);
}

static void step(struct life *life, uint64_t now_ns, bool is_past)
{
	const size_t name = chance_below(&life->chance, ORACLE_NAMES);
	const unsigned int chance = chance_below(&life->chance, is_past ? 75 : 100);

	if (chance < 30)
		be_answered(life, name, now_ns);
	else if (chance < 55)
		be_told(life, name, now_ns);
	else if (chance < 68)
		change(life);
	else if (chance < 75)
		change_domains(life);
	else if (chance < 82)
		be_failed(life, name);
	else if (chance < 85)
		sweep(life);
	else if (chance < 88)
		let_go(life);
	else
		be_restarted(life);
}

static void live(struct fenced *fenced, uint64_t seed, struct life *life)
{
	/* What is older than what lasts has run out, and the rest lasts. */
	static const unsigned int ages_s[STEPS_PAST] = { 135, 134, 132, 130, 55, 50, 45, 40 };
	char text[4096];
	unsigned int i;

	*life = (struct life){ .fenced = fenced, .chance.state = seed * 2 + 1, .prober = -1 };
	for (i = 0; i < 4; i++)
		chance_next(&life->chance);
	life->seed = seed;
	life->oracle.rules = choose_rules(&life->chance);
	tell_rules(life, "rules", life->oracle.rules, 0);
	write_rules(life->oracle.rules, text, sizeof(text));
	put_asking_up(fenced, text);
	life->prober = socket_inside(fenced, AF_INET, SOCK_DGRAM, 0);
	for (i = 0; i < STEPS_PAST + STEPS; i++) {
		const bool is_past = i < STEPS_PAST;

		step(life, past_ns(is_past ? ages_s[i] : 0), is_past);
		if (chance_percent(&life->chance, 15))
			continue;
		flush_life(life);
		probe_all(life);
	}
	flush_life(life);
	probe_all(life);
	assert_int_equal(verify_well(fenced), 0);
	close_fd(&life->prober);
	take_fence_down(fenced);
}

static void what_names_give_is_what_the_pages_say(void **state)
{
	static struct life life;
	const uint64_t seed = setting("FUZZ_SEED", 1), count = setting("FUZZ_LIVES", 200);
	uint64_t i, probes = 0, sure = 0;

	print_message("FUZZ_SEED=%llu\n", (unsigned long long)seed);
	for (i = 0; i < count; i++) {
		live(*state, seed + i, &life);
		probes += life.probes;
		sure += life.sure;
	}
	print_message("%llu lives, %llu probes, %llu of them of sure outcome\n",
		      (unsigned long long)count, (unsigned long long)probes,
		      (unsigned long long)sure);
	assert_true(sure > probes / 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		FENCED_TEST(what_names_give_is_what_the_pages_say),
	};

	return cmocka_run_group_tests(tests, set_up_fenced, tear_down_fenced);
}
