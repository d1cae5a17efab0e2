// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "policies.h"

#include <errno.h>
#include <stdarg.h>
#include <string.h>

#include "policies_internal.h"
#include "policydir.h"
#include "tree.h"
#include "watch.h"

static const char *const codes[] = {
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
_Static_assert(ARRAY_SIZE(codes) == POLICIES_CODE_COUNT, "a code has no name");

const char *policies_code_to_string(enum policies_code code)
{
	return codes[code];
}

int policies_fail(struct policies_error *error, enum policies_code code, int r)
{
	error->code = code;
	error->index = error->line = error->column = 0;
	return r ? r : -EINVAL;
}

void policies_tell(const struct policies *policies, enum policies_level level, const char *format,
		   ...)
{
	_cleanup_free_ char *text = NULL;
	va_list arguments;
	int length;

	va_start(arguments, format);
	length = vasprintf(&text, format, arguments);
	va_end(arguments);
	if (length >= 0)
		policies->options.told(level, text, policies->options.data);
	else
		text = NULL;
}

/* --- what is shared by all ------------------------------------------------------------------- */

static int open_shared(struct policies *policies)
{
	struct places_options options = {
		.base = policies->options.base,
		.changed = policies_on_place,
		.data = policies,
	};
	int r = watch_init(&policies->watch, policies->options.base);

	options.watch = policies->watch;
	if (!r)
		r = places_init(&policies->places, &options);
	if (!r)
		r = arrivals_init(&policies->arrivals, policies->options.base);
	if (!r)
		r = timer_init(&policies->proof, policies->options.base, policies_on_proof,
			       policies);
	if (!r)
		r = timer_init(&policies->answers, policies->options.base, policies_answer_late,
			       policies);
	return r;
}

static int open_cgroup2(struct policies *policies, struct failure *failure)
{
	char mount[CGROUP_PATH_BYTES];
	int r = cgroup_mount(mount, failure);

	if (r)
		return r;
	r = tree_open(mount, &policies->cgroup2_fd);
	return r ? failure_set(failure, -r, "cannot open %s", mount) : 0;
}

static int start(struct policies *policies, struct failure *failure)
{
	int r = datapath_claim(&policies->claim_fd, failure);

	if (!r)
		r = open_cgroup2(policies, failure);
	if (r)
		return r;
	r = open_shared(policies);
	if (r)
		return failure_set(failure, -r, "cannot keep policies");
	r = datapath_open(&policies->datapath, failure);
	if (r)
		return r;
	policies_notice_open(policies);
	r = policies_start(policies, failure);
	datapath_unlock(policies->datapath);
	return r;
}

int policies_init(struct policies **ret_policies, const struct policies_options *options,
		  struct failure *failure)
{
	_cleanup_(policies_finish) struct policies *policies = calloc(1, sizeof(*policies));
	int r;

	if (!policies)
		return failure_set(failure, ENOMEM, "cannot keep policies");
	policies->options = *options;
	policies->cgroup2_fd = policies->claim_fd = policies->mounts_fd = -1;
	r = start(policies, failure);
	if (r)
		return r;
	policies->started = true;
	policies_prove_soon(policies);
	*ret_policies = TAKE_PTR(policies);
	return 0;
}

/* The names let go of the watch, which calls the places. */
void policies_finish(struct policies **all)
{
	struct policies *policies = *all;
	struct kept_policy *kept, *next;
	struct kept_fence *fence, *next_fence;

	if (!policies)
		return;
	HASH_ITER (hh, policies->fences, fence, next_fence)
		kept_fence_free(fence);
	HASH_ITER (hh, policies->policies, kept, next)
		kept_policy_free(kept);
	watch_finish(&policies->watch);
	if (policies->arrivals)
		arrivals_finish(&policies->arrivals);
	if (policies->places)
		places_finish(&policies->places);
	policies_notice_close(policies);
	timer_finish(&policies->proof);
	timer_finish(&policies->answers);
	datapath_close(&policies->datapath);
	texts_finish(&policies->last);
	close_fd(&policies->cgroup2_fd);
	close_fd(&policies->claim_fd);
	free(TAKE_PTR(*all));
}
