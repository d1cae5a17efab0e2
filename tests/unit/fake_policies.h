/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Policies in memory, behind the daemon's interface, for what asks them: no kernel, no files. What
 * is changed is answered at once, or when fake_complete() says so.
 */
#ifndef TESTS_UNIT_FAKE_POLICIES_H
#define TESTS_UNIT_FAKE_POLICIES_H

#include <errno.h>
#include <string.h>

#include "places.h"
#include "policies.h"
#include "util.h"

#define FAKE_POLICIES_MAX 16
#define FAKE_FENCES_MAX 16
#define FAKE_PENDING_MAX 64

struct fake_policy {
	char name[CGF_POLICY_NAME_MAX + 1];
	struct rules rules;
	char *text;
	size_t length;
	uint64_t generation;
};

struct fake_fence {
	char name[64], policy[CGF_POLICY_NAME_MAX + 1], target[64];
	bool persistent;
	struct standing_problem problem;
	uint64_t since_ns;
	size_t problem_count;
	enum policies_fence_state state;
	struct standing_problem repaired;
	uint64_t repaired_ns;
	bool is_broken; /* the next proof finds `repaired` and puts it right */
	bool is_unpinned;
	bool is_uncounted;
	const char *obstacle;
};

struct fake_pending {
	policies_changed_fn done;
	void *data;
	char name[CGF_POLICY_NAME_MAX + 1];
	bool created;
};

struct policies {
	struct fake_policy policies[FAKE_POLICIES_MAX];
	size_t policy_count;
	struct fake_fence fences[FAKE_FENCES_MAX];
	size_t fence_count;
	struct fake_pending pending[FAKE_PENDING_MAX];
	size_t pending_count;
	bool later; /* changes are answered by fake_complete() */
	bool name_is_overdue;
	bool no_directory;
};

static const char *const fake_codes[] = {
	[POLICIES_OK] = "ok",
	[POLICIES_INVALID_NAME] = "invalid_name",
	[POLICIES_INVALID_POLICY] = "invalid_policy",
	[POLICIES_INVALID_RULE] = "invalid_rule",
	[POLICIES_INVALID_TARGET] = "invalid_target",
	[POLICIES_INVALID_DESTINATION] = "invalid_destination",
	[POLICIES_NOT_FOUND] = "not_found",
	[POLICIES_NO_SUCH_TARGET] = "no_such_target",
	[POLICIES_EXISTS] = "exists",
	[POLICIES_IN_USE] = "in_use",
	[POLICIES_STORAGE] = "storage",
	[POLICIES_CAPACITY] = "capacity",
	[POLICIES_KERNEL] = "kernel",
	[POLICIES_INTERNAL] = "internal",
};

const char *policies_code_to_string(enum policies_code code)
{
	return fake_codes[code];
}

static inline struct fake_policy *fake_find(const struct policies *policies, const char *name)
{
	for (size_t i = 0; i < policies->policy_count; i++)
		if (!strcmp(policies->policies[i].name, name))
			return (struct fake_policy *)&policies->policies[i];
	return NULL;
}

static inline void fake_finish(struct policies *policies)
{
	for (size_t i = 0; i < policies->policy_count; i++) {
		rules_finish(&policies->policies[i].rules);
		free(policies->policies[i].text);
	}
	*policies = (struct policies){ 0 };
}

static inline int fake_error(struct policies_error *error, enum policies_code code,
			     const char *words)
{
	*error = (struct policies_error){ .code = code };
	failure_set(&error->failure, 0, "%s", words);
	return -EINVAL;
}

/* --- changes --------------------------------------------------------------------------------- */

static inline void fake_done(const struct fake_pending *pending)
{
	static const char *const added[] = { "allow github.com:22" };
	static const char *const warnings[] = { "no answer yet for \xff.test" };
	const struct policies_changed changed = { .name = pending->name,
						  .created = pending->created,
						  .changed = true,
						  .added = added,
						  .added_count = 1,
						  .warnings = warnings,
						  .warning_count = 1,
						  .generation = 7 };

	pending->done(NULL, &changed, pending->data);
}

static inline void fake_complete(struct policies *policies)
{
	for (size_t i = 0; i < policies->pending_count; i++)
		fake_done(&policies->pending[i]);
	policies->pending_count = 0;
}

static inline void fake_change(struct policies *policies, const char *name, bool created,
			       policies_changed_fn done, void *data)
{
	struct fake_pending pending = { .done = done, .data = data, .created = created };

	strcpy(pending.name, name);
	if (policies->later && policies->pending_count < FAKE_PENDING_MAX)
		policies->pending[policies->pending_count++] = pending;
	else
		fake_done(&pending);
}

static inline void fake_fail(enum policies_code code, const char *words, size_t index, size_t line,
			     size_t column, policies_changed_fn done, void *data)
{
	struct policies_error error;

	fake_error(&error, code, words);
	error.index = index;
	error.line = line;
	error.column = column;
	done(&error, NULL, data);
}

void policies_put(struct policies *policies, const char *name, const char *text, size_t length,
		  policies_changed_fn done, void *data)
{
	struct fake_policy *policy = fake_find(policies, name);
	struct rules rules = { 0 };
	struct policyfile_error error;
	char canonical[CGF_POLICY_NAME_MAX + 1];
	bool created = !policy;

	if (policyfile_name(name, canonical) || strcmp(canonical, name) != 0) {
		fake_fail(POLICIES_INVALID_NAME, "no name of a policy", 0, 0, 0, done, data);
		return;
	}
	if (policyfile_parse(text, length, &rules, &error)) {
		rules_finish(&rules);
		fake_fail(POLICIES_INVALID_POLICY, error.rule.message, 0, error.line,
			  error.rule.column + 1, done, data);
		return;
	}
	if (!policy && policies->policy_count == FAKE_POLICIES_MAX) {
		rules_finish(&rules);
		fake_fail(POLICIES_CAPACITY, "too many", 0, 0, 0, done, data);
		return;
	}
	if (!policy)
		policy = &policies->policies[policies->policy_count++];
	rules_finish(&policy->rules);
	free(policy->text);
	strcpy(policy->name, name);
	policy->rules = rules;
	policy->text = malloc(length + 1);
	memcpy(policy->text, text, length);
	policy->text[length] = '\0';
	policy->length = length;
	policy->generation++;
	fake_change(policies, name, created, done, data);
}

void policies_edit(struct policies *policies, const char *name, const struct policies_edit *edit,
		   policies_changed_fn done, void *data)
{
	struct rule_error error;

	for (size_t i = 0; i < edit->add_count + edit->remove_count; i++) {
		const char *text = i < edit->add_count ? edit->add[i]
						       : edit->remove[i - edit->add_count];
		struct rule rule;

		if (rule_parse_line(text, &rule, &error) <= 0) {
			fake_fail(POLICIES_INVALID_RULE, error.message, i, 0, error.column + 1,
				  done, data);
			return;
		}
		rule_finish(&rule);
		if (i >= edit->add_count) {
			fake_fail(POLICIES_NOT_FOUND, "no such rule", i, 0, 0, done, data);
			return;
		}
	}
	fake_change(policies, name, false, done, data);
}

int policies_delete(struct policies *policies, const char *name, bool force,
		    void (*detached)(const char *fence, void *data), void *data,
		    struct policies_error *error)
{
	struct fake_policy *policy = fake_find(policies, name);
	size_t i = 0;

	if (!policy)
		return fake_error(error, POLICIES_NOT_FOUND, "there is no such policy");
	while (i < policies->fence_count) {
		if (strcmp(policies->fences[i].policy, name) != 0) {
			i++;
			continue;
		}
		if (!force)
			return fake_error(error, POLICIES_IN_USE, "it is in force");
		detached(policies->fences[i].name, data);
		policies->fences[i] = policies->fences[--policies->fence_count];
	}
	rules_finish(&policy->rules);
	free(policy->text);
	*policy = policies->policies[--policies->policy_count];
	policies->policies[policies->policy_count] = (struct fake_policy){ 0 };
	return 0;
}

void policies_reload(struct policies *policies, policies_changed_fn done,
		     policies_reloaded_fn finished, void *data)
{
	struct policies_error error;

	if (policies->no_directory) {
		fake_error(&error, POLICIES_STORAGE, "cannot open the directory");
		finished(&error, data);
		return;
	}
	for (size_t i = 0; i < policies->policy_count; i++) {
		const struct policies_changed changed = { .name = policies->policies[i].name };

		if (i == 0) {
			done(NULL, &changed, data);
			continue;
		}
		done(&(struct policies_error){ .code = POLICIES_INVALID_POLICY,
					       .failure = { "no such verb" },
					       .line = 3,
					       .column = 1 },
		     &changed, data);
	}
	finished(NULL, data);
}

/* --- fences ---------------------------------------------------------------------------------- */

static inline struct policies_fence fake_fence(const struct policies *policies,
					       const struct fake_fence *fence)
{
	return (struct policies_fence){ .name = fence->name,
					.policy = fence->policy,
					.target = fence->target,
					.cgroup = "/sys/fs/cgroup/x",
					.cgroup_id = 42,
					.state = fence->state,
					.persistent = fence->persistent,
					.since = 1700000000,
					.processes = 3,
					.uncounted = fence->is_uncounted,
					.obstacle = fence->obstacle,
					.problems = &fence->problem,
					.problems_since_ns = &fence->since_ns,
					.problem_count = fence->problem_count,
					.repairs = 1,
					.generation = 1,
					.names_overdue = policies->name_is_overdue,
					.repaired = &fence->repaired,
					.repaired_count = fence->repaired_ns != 0,
					.repaired_ns = fence->repaired_ns };
}

int policies_attach(struct policies *policies, const char *policy, const char *target,
		    bool persistent, struct policies_fence *ret_fence, struct policies_error *error)
{
	struct fake_fence *fence = &policies->fences[policies->fence_count];

	if (!fake_find(policies, policy))
		return fake_error(error, POLICIES_NOT_FOUND, "there is no such policy");
	if (strlen(target) >= sizeof(fence->target) || !strchr(target, ':'))
		return fake_error(error, POLICIES_INVALID_TARGET, "no target");
	for (size_t i = 0; i < policies->fence_count; i++)
		if (!strcmp(policies->fences[i].target, target))
			return fake_error(error, POLICIES_EXISTS, "it has a fence");
	if (policies->fence_count == FAKE_FENCES_MAX)
		return fake_error(error, POLICIES_CAPACITY, "too many");
	policies->fence_count++;
	*fence = (struct fake_fence){ .persistent = persistent };
	strcpy(fence->name, target);
	strcpy(fence->target, target);
	strcpy(fence->policy, policy);
	*ret_fence = fake_fence(policies, fence);
	return 0;
}

int policies_detach(struct policies *policies, const char *target, struct policies_fence *ret_fence,
		    struct policies_error *error)
{
	for (size_t i = 0; i < policies->fence_count; i++) {
		static struct fake_fence gone;

		if (strcmp(policies->fences[i].target, target) != 0)
			continue;
		gone = policies->fences[i];
		policies->fences[i] = policies->fences[--policies->fence_count];
		*ret_fence = fake_fence(policies, &gone);
		return 0;
	}
	return fake_error(error, POLICIES_NOT_FOUND, "there is no such fence");
}

void policies_each_fence(const struct policies *policies, const char *policy,
			 policies_fence_fn fence, void *data)
{
	for (size_t i = 0; i < policies->fence_count; i++) {
		const struct policies_fence out = fake_fence(policies, &policies->fences[i]);

		if (!policy || !strcmp(policy, out.policy))
			fence(&out, data);
	}
}

/* --- what there is --------------------------------------------------------------------------- */

static inline struct policies_policy fake_policy(const struct fake_policy *policy)
{
	return (struct policies_policy){ .name = policy->name,
					 .file = (char *)"/etc/cgfence/policies.d/x.policy",
					 .rules = policy->rules.count,
					 .names = 1,
					 .addresses = 2,
					 .entries = 3,
					 .capacity = 64,
					 .counters = { 10, 20, 30, 40, 50, 60, 70 },
					 .generation = policy->generation,
					 .resolver_failures = 5 };
}

void policies_each(struct policies *policies, policies_policy_fn policy, void *data)
{
	for (size_t i = 0; i < policies->policy_count; i++) {
		const struct policies_policy out = fake_policy(&policies->policies[i]);

		policy(&out, data);
	}
}

bool policies_has(const struct policies *policies, const char *name)
{
	return fake_find(policies, name);
}

int policies_get(struct policies *policies, const char *name, policies_policy_fn policy, void *data)
{
	const struct fake_policy *found = fake_find(policies, name);
	struct policies_policy out;

	if (!found)
		return -ENOENT;
	out = fake_policy(found);
	policy(&out, data);
	return 0;
}

int policies_text(struct policies *policies, const char *name, char **ret_text, size_t *ret_length,
		  struct failure *failure)
{
	const struct fake_policy *found = fake_find(policies, name);

	(void)failure;
	if (!found)
		return -ENOENT;
	*ret_text = malloc(found->length + 1);
	memcpy(*ret_text, found->text, found->length + 1);
	*ret_length = found->length;
	return 0;
}

int policies_each_rule(struct policies *policies, const char *name, policies_rule_fn rule,
		       void *data)
{
	const struct fake_policy *found = fake_find(policies, name);
	const struct policies_address addresses[] = {
		{ .prefix = PREFIX_IPV4(203, 0, 113, 7, 32),
		  .source = POLICIES_FROM_ANSWER,
		  .expires_ns = 1,
		  .used_ns = 1,
		  .flows = 9 },
		{ .prefix = PREFIX_IPV4(198, 51, 100, 0, 24), .expires_ns = CGF_NEVER_EXPIRES },
	};
	char text[CGF_LINE_BYTES_MAX];

	if (!found)
		return -ENOENT;
	for (size_t i = 0; i < found->rules.count; i++) {
		const struct policies_rule out = {
			.text = text, .flows = 9, .addresses = addresses, .address_count = 2
		};

		rule_format(&found->rules.rules[i], text, sizeof(text));
		rule(&out, data);
	}
	return 0;
}

int policies_each_name(struct policies *policies, const char *policy, policies_name_fn name,
		       void *data)
{
	(void)policy;
	if (policies->name_is_overdue)
		name(&(struct policies_name){ .name = "late.test",
					      .answered_ns = monotonic_ns() - 500 * NSEC_PER_SEC -
							     NSEC_PER_SEC / 2,
					      .overdue = true },
		     data);
	name(&(struct policies_name){ .name = "a.test", .answered_ns = 1 }, data);
	name(&(struct policies_name){ .name = "\"odd\\\n\xff.test" }, data);
	return 0;
}

int policies_check(struct policies *policies, const char *name, const char *destination,
		   struct policies_verdict *ret_verdict, struct policies_error *error)
{
	(void)policies;
	(void)name;
	if (!strcmp(destination, "wrong"))
		return fake_error(error, POLICIES_INVALID_DESTINATION, "no destination");
	ret_verdict->allowed = strstr(destination, "github") != NULL;
	ret_verdict->reason = ret_verdict->allowed ? "allow_rule" : "no_rule";
	ret_verdict->answer_count = 1;
	if (ret_verdict->allowed)
		strcpy(ret_verdict->rule, "allow github.com:22");
	return 0;
}

int policies_prove(struct policies *policies, struct failure *failure)
{
	(void)failure;
	for (size_t i = 0; i < policies->fence_count; i++)
		if (TAKE(policies->fences[i].is_broken, false))
			policies->fences[i].repaired_ns = monotonic_ns();
	return 0;
}

/* Each fence that stands, and one of a run. */
int policies_standings(struct policies *policies, struct standings *ret_standings,
		       struct standing_kernel *ret_kernel, struct failure *failure)
{
	(void)failure;
	*ret_kernel = (struct standing_kernel){ { 0 } };
	*ret_standings = (struct standings){
		calloc(policies->fence_count + 1, sizeof(*ret_standings->items)), 0
	};
	for (size_t i = 0; i < policies->fence_count; i++) {
		struct standing *item = &ret_standings->items[ret_standings->count];

		if (policies->fences[i].state != FENCE_STANDING || policies->fences[i].is_unpinned)
			continue;
		strcpy(item->name, policies->fences[i].name);
		strcpy(item->policy, policies->fences[i].policy);
		ret_standings->count++;
	}
	strcpy(ret_standings->items[ret_standings->count++].name, "run-7");
	return 0;
}

/* --- places: none ---------------------------------------------------------------------------- */

uint64_t place_cookie(const struct place *place)
{
	(void)place;
	return 0;
}

bool place_is_host(const struct place *place)
{
	(void)place;
	return false;
}

size_t place_resolvers(const struct place *place, const struct place_resolver **ret_resolvers)
{
	(void)place;
	(void)ret_resolvers;
	return 0;
}

size_t place_strangers(const struct place *place, const struct address **ret_servers)
{
	(void)place;
	(void)ret_servers;
	return 0;
}

size_t place_domains(const struct place *place, const char *const **ret_domains)
{
	(void)place;
	(void)ret_domains;
	return 0;
}

#endif
