// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Changes of policies. All is tried before a file is written, and the file is written before
 * anything is in force: a change that fails has changed nothing. But where the rules before are not
 * known, and those that are to be cannot all be written, these are what is tried on.
 */
#include <errno.h>
#include <string.h>

#include "decisions.h"
#include "names.h"
#include "policies_internal.h"
#include "policydir.h"

/* --- one change ------------------------------------------------------------------------------ */

static void change_finish(struct change *change)
{
	policy_finish(&change->tried);
	if (change->waiter)
		waiter_free(change->waiter);
}

static bool is_run(const char *name)
{
	return !strncmp(name, RUN_PREFIX, sizeof(RUN_PREFIX) - 1);
}

int policies_check_name(const char *name, struct policies_error *error)
{
	char valid[CGF_POLICY_NAME_MAX + 1];

	if (!policyfile_name(name, valid) && !strcmp(name, valid) && !is_run(name))
		return 0;
	failure_set(&error->failure, 0, "'%.100s' cannot be the name of a policy%s", name,
		    is_run(name) ? ": those of runs begin with '" RUN_PREFIX "'" : "");
	return policies_fail(error, POLICIES_INVALID_NAME, -EINVAL);
}

/* As a policy of its own: what is wrong with the rules together is found before all else. */
static int try(struct change *change, struct policies_error *error)
{
	struct rules parsed = {}, *rules = change->rules ? change->rules : &parsed;
	int r = 0;

	if (!change->rules)
		r = policies_parse(change->text, change->length, rules, error);
	if (!r) {
		r = policy_init(&change->tried, rules, &error->failure);
		if (r)
			policies_fail(error,
				      r == -E2BIG ? POLICIES_CAPACITY : POLICIES_INVALID_POLICY, r);
	}
	rules_finish(&parsed);
	return r;
}

static int make_room(struct change *change, struct policies_error *error)
{
	int r;

	if (!change->kept || !kept_policy_is_live(change->kept))
		return 0;
	r = kept_policy_grow(change->kept, policy_capacity(change->tried), &error->failure);
	return r ? policies_fail(error, POLICIES_CAPACITY, r) : 0;
}

static int compare(struct change *change, struct policies_error *error)
{
	int r = waiter_compare(change->waiter, change->kept ? change->kept->policy : NULL,
			       change->tried);

	if (!r) {
		change->waiter->changed = change->waiter->added.count ||
					  change->waiter->removed.count;
		return 0;
	}
	failure_set(&error->failure, -r, "cannot compare the rules of %s", change->name);
	return policies_fail(error, POLICIES_INTERNAL, r);
}

/* A file that cannot be read is replaced all the same, and not lost if the change fails. */
static int store(struct change *change, struct policies_error *error)
{
	const struct policydir *dir = change->policies->options.dir;
	int r;

	if (!change->write)
		return 0;
	r = policydir_keep(dir, change->name, &change->kept_file, &error->failure);
	if (!r)
		r = policydir_write(dir, change->name, change->text, change->length,
				    &error->failure);
	if (r)
		policydir_let_go(dir, change->name);
	return r ? policies_fail(error, POLICIES_STORAGE, r) : 0;
}

/* What is not in force shall not be in the file either. */
static void store_back(const struct change *change)
{
	const struct policydir *dir = change->policies->options.dir;
	struct failure failure;
	int r;

	if (!change->write)
		return;
	if (change->kept_file)
		r = policydir_put_back(dir, change->name, &failure);
	else
		r = policydir_remove_policy(dir, change->name, &failure);
	if (r)
		policies_tell(change->policies, POLICIES_ALARM, "%s: %s", change->name,
			      failure.text);
}

/*
 * First targets that have what the old rules and the new need, then the entries, then targets for
 * the new alone: at no moment is more allowed than one of the two allows, nor less than both.
 */
static int put_in_force(struct kept_policy *kept, struct policy **wanted, struct waiter *waiter,
			struct failure *failure)
{
	struct policy_changes changes = {};
	struct cgf_target target, between;
	uint32_t old_mode = policy_target(kept->policy).mode;
	int r;

	decisions_catch_up(kept->decisions);
	r = policy_become(kept->policy, wanted, &changes);
	if (r)
		return failure_set(failure, -r, "cannot change the rules of %s", kept->name);
	r = names_sync(kept->names, waiter_settled, waiter, &waiter->wait);
	if (r)
		texts_add_warning(&waiter->warnings, "some names are not looked up: %s",
				  strerror(-r));
	if (changes.resolvers)
		kept_policy_use_places(kept);
	target = kept_policy_target(kept);
	between = policy_target_between(kept->policy);
	between.policy = target.policy;
	if (kept_policy_is_shut(kept) && between.mode != CGF_MODE_AUDIT)
		between.flags |= CGF_TARGET_SHUT;
	/* Where not all was written the old rules are not known: there the flush does so. */
	if (!kept->half_written)
		kept->half_written = kept_policy_retarget(kept, &between) != 0;
	r = kept_policy_flush(kept, failure);
	target = kept_policy_target(kept);
	/* What is not all written is not in force, such as another mode. */
	if (!r)
		kept_policy_retarget(kept, &target);
	kept->narrowed |= changes.removed ||
			  (old_mode == CGF_MODE_AUDIT && target.mode != old_mode);
	if (!r)
		kept_policy_cut(kept);
	if (r && waiter->wait)
		names_wait_cancel(kept->names, &waiter->wait);
	if (!r && changes.resolvers)
		kept_policy_ask_others(kept);
	return r;
}

static bool is_one_of(const struct texts *texts, const char *text)
{
	size_t i;

	for (i = 0; i < texts->count; i++)
		if (!strcmp(texts->items[i], text))
			return true;
	return false;
}

struct before {
	const struct waiter *waiter;
	FILE *file;
};

/* Of what the policy has now, all that the change has not added. */
static int print_kept(const struct rule *rule, uint32_t number, void *data)
{
	const struct before *before = data;
	char text[CGF_LINE_BYTES_MAX];

	(void)number;
	if (rule_format(rule, text, sizeof(text)) < 0)
		return -EINVAL;
	if (!is_one_of(&before->waiter->added, text) && !is_one_of(&before->waiter->removed, text))
		fprintf(before->file, "%s\n", text);
	return 0;
}

static int print_before(const struct change *change, FILE *file)
{
	struct before before = { change->waiter, file };
	int r = policy_each_rule(change->kept->policy, print_kept, &before);
	size_t i;

	for (i = 0; !r && i < change->waiter->removed.count; i++)
		fprintf(file, "%s\n", change->waiter->removed.items[i]);
	return r ? r : fflush(file) ? -ENOMEM : 0;
}

static int compile_before(const struct change *change, struct policy **ret_before,
			  struct policies_error *error)
{
	_cleanup_free_ char *text = NULL;
	struct rules rules = {};
	size_t length = 0;
	_cleanup_fclose_ FILE *file = open_memstream(&text, &length);
	int r = file ? print_before(change, file) : -ENOMEM;

	if (r)
		return failure_set(&error->failure, -r, "cannot make them");
	r = policies_parse(text, length, &rules, error);
	if (!r)
		r = policy_init(ret_before, &rules, &error->failure);
	rules_finish(&rules);
	return r;
}

/*
 * What could not be written is not to be written by the next flush, when there is room: whoever
 * asked for it was told that it is not in force.
 */
static void take_back(const struct change *change)
{
	_cleanup_(policy_finish) struct policy *before = NULL;
	struct kept_policy *kept = change->kept;
	struct policies_error error = {};
	struct waiter nobody = {};
	int r = compile_before(change, &before, &error);

	if (!r)
		r = put_in_force(kept, &before, &nobody, &error.failure);
	if (nobody.wait)
		names_wait_cancel(kept->names, &nobody.wait);
	texts_finish(&nobody.warnings);
	if (r)
		policies_tell(change->policies, POLICIES_ALARM,
			      "%s: its old rules cannot be put in force again: %s", change->name,
			      error.failure.text);
}

static int enforce(struct change *change, struct policies_error *error)
{
	struct kept_policy *kept = change->kept;
	const bool was_shut = kept && kept_policy_is_shut(kept), knew = kept && kept->names;
	int r;

	if (!knew)
		r = change_begin(change, &error->failure);
	else if (change->waiter->changed)
		r = put_in_force(kept, &change->tried, change->waiter, &error->failure);
	else
		r = 0;
	if (r && knew) {
		/* What had no room is asked for anew. */
		kept->had_no_room |= was_shut;
		take_back(change);
	}
	if (r && (knew || !kept || !kept->names))
		store_back(change);
	else if (change->kept_file)
		policydir_let_go(change->policies->options.dir, change->name);
	return r ? policies_fail(error, r == -EOVERFLOW ? POLICIES_CAPACITY : POLICIES_KERNEL, r)
		 : 0;
}

static int change_make(struct change *change, struct policies_error *error)
{
	int r = policies_check_name(change->name, error);

	if (!r)
		r = try(change, error);
	if (!r)
		r = compare(change, error);
	if (!r)
		r = make_room(change, error);
	if (!r)
		r = store(change, error);
	if (!r)
		r = enforce(change, error);
	return r;
}

/* In force; the answer waits for those of names. */
static void await(struct change *change)
{
	struct kept_policy *kept = change->kept;
	struct waiter *waiter = TAKE_PTR(change->waiter);

	if (waiter->changed || waiter->created)
		kept->generation++;
	kept->has_file = true;
	kept->stands_in = false;
	kept_policy_set_problem(kept, NULL);
	waiter->kept = kept;
	if (!waiter->wait && kept->ready) {
		waiter_answer(waiter, NULL);
		return;
	}
	waiter_enqueue(waiter);
}

void policies_change(struct change *change, policies_changed_fn done, void *data)
{
	struct policies_error error = {};
	struct policies_changed refused = { .name = change->name };

	change->kept = kept_policy_find(change->policies, change->name);
	change->waiter = calloc(1, sizeof(*change->waiter));
	if (!change->waiter) {
		failure_set(&error.failure, ENOMEM, "cannot change policy %s", change->name);
		policies_fail(&error, POLICIES_INTERNAL, -ENOMEM);
		done(&error, &refused, data);
		return;
	}
	if (change->kept)
		change->kept->tries_file = false;
	change->waiter->kept = change->kept;
	change->waiter->done = done;
	change->waiter->data = data;
	change->waiter->created = !change->kept;
	if (change_make(change, &error))
		done(&error, &refused, data);
	else
		await(change);
	change_finish(change);
	policies_trim(change->length);
}

void policies_put(struct policies *policies, const char *name, const char *text, size_t length,
		  policies_changed_fn done, void *data)
{
	struct change change = {
		.policies = policies,
		.name = name,
		.text = text,
		.length = length,
		.write = true,
	};

	policies_change(&change, done, data);
}
