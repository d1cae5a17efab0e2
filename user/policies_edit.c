// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Changes of some rules of a policy, its end, and the directory read anew. */
#include <errno.h>
#include <string.h>

#include "names.h"
#include "policies_internal.h"
#include "policydir.h"
#include "policyfile_edit.h"

static int no_policy(const char *name, struct policies_error *error)
{
	failure_set(&error->failure, 0, "there is no policy '%.100s'", name);
	return policies_fail(error, POLICIES_NOT_FOUND, -ENOENT);
}

int policies_parse(const char *text, size_t length, struct rules *ret_rules,
		   struct policies_error *error)
{
	struct policyfile_error wrong;
	int r = policyfile_parse(text, length, ret_rules, &wrong);

	if (!r)
		return 0;
	failure_set(&error->failure, 0, "%s", wrong.rule.message);
	policies_fail(error, POLICIES_INVALID_POLICY, r);
	error->line = wrong.line;
	error->column = wrong.line ? wrong.rule.column + 1 : 0;
	return r;
}

/* --- some rules ------------------------------------------------------------------------------ */

static int add_line(struct rules *rules, const char *line, size_t index,
		    struct policies_error *error)
{
	struct rule_error wrong = {};
	struct rule rule = {};
	int r = rule_parse_line(line, &rule, &wrong);

	if (r > 0)
		return rules_add(rules, &rule);
	failure_set(&error->failure, 0, "%s", r ? wrong.message : "there is no rule");
	policies_fail(error, POLICIES_INVALID_RULE, -EINVAL);
	error->index = index;
	error->column = wrong.column + 1;
	return -EINVAL;
}

static int read_lines(const char *const *lines, size_t count, size_t first, struct rules *ret_rules,
		      struct policies_error *error)
{
	size_t i;
	int r = 0;

	for (i = 0; !r && i < count; i++)
		r = add_line(ret_rules, lines[i], first + i, error);
	if (r == -ENOMEM || r == -E2BIG) {
		failure_set(&error->failure, -r, "too many rules");
		policies_fail(error, POLICIES_INVALID_RULE, r);
	}
	return r;
}

/* Of what is to be removed, each must be there. */
static int remove_rules(struct policyfile *file, const struct rules *rules, size_t first,
			struct policies_error *error)
{
	struct policyfile_edited edited = {};
	char text[CGF_LINE_BYTES_MAX];
	int r = policyfile_remove_rules(file, rules, &edited);

	if (r != -ENOENT)
		return r;
	rule_format(&rules->rules[edited.first_wrong], text, sizeof(text));
	failure_set(&error->failure, 0, "the policy has no rule '%.300s'", text);
	policies_fail(error, POLICIES_NOT_FOUND, r);
	error->index = first + edited.first_wrong;
	return r;
}

static int read_file(struct policies *policies, const char *name, char **ret_text,
		     size_t *ret_length, struct policies_error *error)
{
	int r = policydir_read(policies->options.dir, name, ret_text, ret_length, &error->failure);

	if (r == -ENOENT && policies_has(policies, name)) {
		failure_set(&error->failure, 0, "the file of policy '%.100s' is gone", name);
		failure_hint(&error->failure, "apply the policy as a whole");
		return policies_fail(error, POLICIES_INVALID_POLICY, r);
	}
	if (r == -ENOENT)
		return no_policy(name, error);
	return r ? policies_fail(error, POLICIES_STORAGE, r) : 0;
}

/* The file may have been changed by hand into what is no policy: its place is not the request's. */
static int open_file(struct policies *policies, const char *name, const char *path,
		     struct policyfile *ret_file, struct policies_error *error)
{
	struct policyfile_error wrong;
	char *text = NULL;
	size_t length = 0;
	int r = read_file(policies, name, &text, &length, error);

	if (r)
		return r;
	r = policyfile_init(ret_file, text, length, &wrong);
	if (!r)
		return 0;
	failure_set(&error->failure, 0, "%s:%zu:%zu: %s", path, wrong.line,
		    wrong.line ? wrong.rule.column + 1 : 0, wrong.rule.message);
	failure_hint(&error->failure, "mend the file first; nothing was changed");
	return policies_fail(error, POLICIES_INVALID_POLICY, r);
}

static void cannot_change(const char *path, int r, struct policies_error *error)
{
	if (r == -E2BIG)
		failure_set(&error->failure, 0,
			    "%s would be too large: a policy has at most %d rules and %d bytes",
			    path, CGF_POLICY_RULES_MAX, CGF_POLICY_FILE_BYTES_MAX);
	else
		failure_set(&error->failure, -r, "cannot change %s", path);
	policies_fail(error, POLICIES_INVALID_POLICY, r);
}

static int edit(const struct policies_edit *edit, const char *path, struct policyfile *file,
		struct policies_error *error)
{
	struct policyfile_edited edited;
	struct rules add = {}, remove = {};
	int r = read_lines(edit->add, edit->add_count, 0, &add, error);

	if (!r)
		r = read_lines(edit->remove, edit->remove_count, edit->add_count, &remove, error);
	if (!r)
		r = remove_rules(file, &remove, edit->add_count, error);
	if (!r)
		r = policyfile_add_rules(file, &add, &edited);
	if (r && error->code == POLICIES_OK)
		cannot_change(path, r, error);
	rules_finish(&add);
	rules_finish(&remove);
	return r;
}

void policies_edit(struct policies *policies, const char *name, const struct policies_edit *request,
		   policies_changed_fn done, void *data)
{
	struct policies_changed refused = { .name = name };
	struct policies_error error = {};
	struct policyfile file = {};
	_cleanup_free_ char *path = policydir_path(policies->options.dir, name);
	int r = policies_check_name(name, &error);

	if (!r)
		r = open_file(policies, name, path ? path : name, &file, &error);
	if (!r)
		r = edit(request, path ? path : name, &file, &error);
	if (r) {
		done(&error, &refused, data);
	} else {
		struct change change = {
			.policies = policies,
			.name = name,
			.text = file.text,
			.length = file.length,
			.rules = &file.rules,
			.write = true,
		};

		policies_change(&change, done, data);
	}
	policyfile_finish(&file);
}

/* --- the end --------------------------------------------------------------------------------- */

static void end_waiters(struct kept_policy *kept)
{
	struct policies_error error = {};

	no_policy(kept->name, &error);
	kept_policy_answer_all(kept, &error);
}

int policies_delete(struct policies *policies, const char *name, bool force,
		    void (*detached)(const char *fence, void *data), void *data,
		    struct policies_error *error)
{
	struct kept_policy *kept = kept_policy_find(policies, name);
	struct kept_fence *fence, *next;
	int r;

	if (!kept)
		return no_policy(name, error);
	if (kept->fence_count && !force) {
		failure_set(&error->failure, 0, "%zu fence%s of policy %s %s", kept->fence_count,
			    kept->fence_count == 1 ? "" : "s", name,
			    kept->fence_count == 1 ? "stands" : "stand");
		failure_hint(&error->failure, "detach %s first, or delete with --force",
			     kept->fence_count == 1 ? "it" : "them");
		return policies_fail(error, POLICIES_IN_USE, -EBUSY);
	}
	r = datapath_lock(policies->datapath, false, &error->failure);
	if (r)
		return policies_fail(error, POLICIES_KERNEL, r);
	r = policydir_remove(policies->options.dir, name, &error->failure);
	if (r) {
		datapath_unlock(policies->datapath);
		return policies_fail(error, POLICIES_STORAGE, r);
	}
	end_waiters(kept);
	HASH_ITER (hh, policies->fences, fence, next) {
		if (fence->policy != kept)
			continue;
		if (detached)
			detached(fence->name, data);
		policies_tell(policies, POLICIES_NOTE, "%s: detached from %s", name, fence->target);
		kept_fence_let_go(fence, true);
		kept_fence_free(fence);
	}
	/* What cannot be opened can be unpinned. */
	if (!kept->datapath)
		datapath_policy_collect(policies->datapath, name);
	kept_policy_destroy(kept);
	datapath_unlock(policies->datapath);
	return 0;
}

/* --- the directory anew ---------------------------------------------------------------------- */

/* Finished when each of its policies was answered for. */
struct reload {
	struct policies *policies;
	policies_changed_fn done;
	policies_reloaded_fn finished;
	void *data;
	size_t waiting;
	struct policies_error error; /* of the directory */
};

static void release(struct reload *reload)
{
	if (--reload->waiting)
		return;
	reload->finished(reload->error.code == POLICIES_OK ? NULL : &reload->error, reload->data);
	free(reload);
}

/* Its targets may be others though its rules are not. */
static void on_reloaded(const struct policies_error *error, const struct policies_changed *changed,
			void *data)
{
	struct reload *reload = data;
	struct kept_policy *kept;

	kept = kept_policy_find(reload->policies, changed->name);
	if (error && kept && !(kept->tries_file && error->code == POLICIES_KERNEL)) {
		kept_policy_set_error(kept, error);
		kept_policy_say_what_stays(kept);
	} else if (error && !kept && error->code != POLICIES_INVALID_NAME) {
		kept_policy_new_broken(reload->policies, changed->name, error);
	} else if (kept) {
		kept_policy_read_targets(kept);
	}
	reload->done(error, changed, reload->data);
	release(reload);
}

static void reload_one(struct reload *reload, const char *name)
{
	struct policies_changed refused = { .name = name };
	struct policies_error error = {};
	_cleanup_free_ char *text = NULL;
	size_t length = 0;
	int r = policies_check_name(name, &error);

	reload->waiting++;
	if (!r)
		r = read_file(reload->policies, name, &text, &length, &error);
	if (r) {
		on_reloaded(&error, &refused, reload);
	} else {
		struct change change = {
			.policies = reload->policies,
			.name = name,
			.text = text,
			.length = length,
		};

		policies_change(&change, on_reloaded, reload);
	}
}

static int add_name(const char *name, bool usable, void *data)
{
	(void)usable;
	return texts_add(data, name);
}

static bool has_text(const struct texts *texts, const char *text)
{
	size_t i;

	for (i = 0; i < texts->count; i++)
		if (!strcmp(texts->items[i], text))
			return true;
	return false;
}

/* Without a fence nothing is in force that could stay. */
static void drop(struct policies *policies, struct kept_policy *kept)
{
	struct failure failure;

	if (datapath_lock(policies->datapath, false, &failure))
		return;
	end_waiters(kept);
	kept_policy_destroy(kept);
	datapath_unlock(policies->datapath);
}

static void reload_missing(struct reload *reload, const struct texts *names)
{
	struct kept_policy *kept, *next;

	HASH_ITER (hh, reload->policies->policies, kept, next) {
		struct policies_changed refused = { .name = kept->name };
		struct policies_error error = {};

		if (has_text(names, kept->name))
			continue;
		if (!kept->fence_count) {
			drop(reload->policies, kept);
			continue;
		}
		kept->has_file = false;
		failure_set(&error.failure, 0, "its file is gone");
		policies_fail(&error, POLICIES_NOT_FOUND, -ENOENT);
		reload->waiting++;
		on_reloaded(&error, &refused, reload);
	}
}

/* Of those that could not be read: what is in force of them, or denies everything, is on them too.
 */
static void reload_targets(struct policies *policies)
{
	struct kept_policy *kept, *next;

	policies_stand_in(policies);
	HASH_ITER (hh, policies->policies, kept, next)
		if (kept->problem.text && (kept->has_file || kept->stands_in))
			kept_policy_read_targets(kept);
}

void policies_reload(struct policies *policies, policies_changed_fn done,
		     policies_reloaded_fn finished, void *data)
{
	struct reload *reload = calloc(1, sizeof(*reload));
	struct texts names = {};
	size_t i;
	int r;

	if (!reload) {
		finished(&(struct policies_error){ .code = POLICIES_INTERNAL }, data);
		return;
	}
	*reload = (struct reload){ policies, done, finished, data, 1, {} };
	r = policydir_each(policies->options.dir, add_name, &names, &reload->error.failure);
	if (r)
		policies_fail(&reload->error, POLICIES_STORAGE, r);
	for (i = 0; !r && i < names.count; i++)
		reload_one(reload, names.items[i]);
	if (!r)
		reload_missing(reload, &names);
	if (!r)
		reload_targets(policies);
	texts_finish(&names);
	release(reload);
}
