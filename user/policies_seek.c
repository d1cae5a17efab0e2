// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Targets that are looked for, and whether what stands is still what its name means. */
#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "policies_internal.h"

/* An engine knows of a container a while after its cgroup is there. */
#define SEEKS 8
/* An engine that does not answer keeps everyone waiting: it is not asked for so many times as long.
 */
#define ENGINE_REST 3
/*
 * A container may be renamed, and another have its name, which no cgroup tells: so it is asked for.
 * What stands is not in doubt, so an engine that does not answer is let alone for longer.
 */
#define CONTAINER "container:"
#define CHECK_NS (10 * NSEC_PER_SEC)
#define CHECK_REST_NS (60 * NSEC_PER_SEC)
#define CHECK_SHARE_NS (50 * NSEC_PER_MSEC)

static bool is_of_path(const struct kept_fence *fence)
{
	return fence->target[0] == '/';
}

/* --- one that is looked for ------------------------------------------------------------------ */

int policies_find_target(struct policies *policies, const struct target_name *target,
			 char path[CGROUP_PATH_BYTES], struct failure *failure)
{
	uint64_t began_ns = monotonic_ns(), now_ns;
	int r = target_name_find(target, path, failure);

	if (target->kind != TARGET_CONTAINER)
		return r;
	now_ns = monotonic_ns();
	if (r == -EAGAIN && failure)
		policies->silence = *failure;
	policies->engines_rest_ns = r == -EAGAIN ? now_ns + ENGINE_REST * (now_ns - began_ns) : 0;
	return r;
}

static int find(const struct kept_fence *fence, char path[CGROUP_PATH_BYTES],
		struct failure *failure)
{
	struct policies *policies = fence->policy->policies;
	struct target_name target;
	int r = target_name_parse(fence->target, &target, failure);

	if (r)
		return r;
	if (target.kind == TARGET_CONTAINER && monotonic_ns() < policies->engines_rest_ns) {
		failure_set(failure, 0, "an engine did not answer, and is asked again soon: %s",
			    policies->silence.text);
		return -EAGAIN;
	}
	return policies_find_target(policies, &target, path, failure);
}

static int attach(struct kept_fence *fence, const char *path, struct failure *failure)
{
	struct datapath *datapath = fence->policy->policies->datapath;
	int r = datapath_lock(datapath, false, failure);

	if (r)
		return r;
	r = kept_fence_attach(fence, path, failure);
	datapath_unlock(datapath);
	return r;
}

/* What is there without a fence is open, so it is tried until it works; and said once. */
static void refuse(struct kept_fence *fence, const char *what, const struct failure *failure)
{
	struct policies *policies = fence->policy->policies;
	struct failure whole;

	fence->seeks = SEEKS;
	fence->rest = REST_ROUNDS;
	if (!fence->refused)
		policies_tell(policies, POLICIES_ALARM,
			      "%s: cannot attach to %s: %s; tried again until it works",
			      fence->policy->name, fence->target, failure->text);
	fence->refused = true;
	failure_set(&whole, 0, "%s%s", what, failure->text);
	trouble_set(&fence->obstacle, whole.text);
	policies_prove_soon(policies);
}

static void forget_refusal(struct kept_fence *fence)
{
	trouble_set(&fence->obstacle, NULL);
	fence->refused = false;
}

/* They did what they liked until now, and whoever reads the log is to know. */
static void tell_attached(const struct kept_fence *fence, size_t inside)
{
	char before[64] = "";

	if (inside)
		snprintf(before, sizeof(before), "; %zu process%s in it had no fence before",
			 inside, inside == 1 ? "" : "es");
	policies_tell(fence->policy->policies, POLICIES_NOTE, "%s: attached to %s%s%s",
		      fence->policy->name, fence->target, fence->missed ? ", which has come" : "",
		      before);
}

void kept_fence_seek(struct kept_fence *fence)
{
	const char *what = "";
	char path[CGROUP_PATH_BYTES];
	struct failure failure = {};
	size_t inside = 0;
	bool populated;
	int r;

	if (kept_fence_stands(fence))
		return;
	r = find(fence, path, &failure);
	if (r == -ENOENT) {
		fence->missed = true;
		forget_refusal(fence);
		return;
	}
	if (r == -EAGAIN)
		what = "whether its target is there is not known: ";
	if (!r) {
		what = "its target is there, and not fenced: ";
		cgroup_count(path, &inside, &populated);
		r = attach(fence, path, &failure);
	}
	if (r) {
		refuse(fence, what, &failure);
		return;
	}
	forget_refusal(fence);
	fence->seeks = 0;
	tell_attached(fence, inside);
	fence->missed = false;
}

void kept_fence_seek_on(struct kept_fence *fence)
{
	fence->seeks = is_of_path(fence) ? 0 : SEEKS;
	kept_fence_seek(fence);
	policies_prove_soon(fence->policy->policies);
}

void kept_fence_seek_again(struct kept_fence *fence)
{
	if (fence->rest) {
		fence->rest--;
		return;
	}
	fence->seeks--;
	kept_fence_seek(fence);
}

/* --- one whose name may be another's --------------------------------------------------------- */

static void tell_moved(struct kept_fence *fence, const char *path)
{
	struct failure why;

	failure_set(&why, 0,
		    "the container of that name is in %.150s now, and not fenced: the fence is "
		    "on %.150s",
		    path, fence->cgroup ? fence->cgroup : "another");
	trouble_set(&fence->obstacle, why.text);
	if (!fence->refused)
		policies_tell(fence->policy->policies, POLICIES_ALARM, "%s: %s: %s",
			      fence->policy->name, fence->target, why.text);
	fence->refused = true;
}

/* False: whoever is to say does not. */
static bool check_name(struct kept_fence *fence)
{
	char path[CGROUP_PATH_BYTES];
	struct failure failure;
	struct stat st;
	int r;

	fence->checked_ns = monotonic_ns();
	r = find(fence, path, &failure);
	if (r == -EAGAIN)
		return false;
	if (r || stat(path, &st) || st.st_ino == fence->cgroup_id)
		forget_refusal(fence);
	else
		tell_moved(fence, path);
	return true;
}

static bool is_of_container(const struct kept_fence *fence)
{
	return !strncmp(fence->target, CONTAINER, strlen(CONTAINER));
}

static struct kept_fence *longest_unchecked(const struct policies *policies)
{
	struct kept_fence *fence, *next, *first = NULL;

	HASH_ITER (hh, policies->fences, fence, next)
		if (fence->state == FENCE_STANDING && is_of_container(fence) &&
		    (!first || fence->checked_ns < first->checked_ns))
			first = fence;
	return first;
}

/* As many as there is time for: an engine may take long. */
void policies_check_names(struct policies *policies)
{
	uint64_t began_ns = monotonic_ns();
	struct kept_fence *fence;

	if (began_ns < policies->checks_rest_ns)
		return;
	policies->checks_rest_ns = 0;
	do {
		fence = longest_unchecked(policies);
		if (!fence || began_ns < fence->checked_ns + CHECK_NS)
			return;
		if (!check_name(fence))
			policies->checks_rest_ns = monotonic_ns() + CHECK_REST_NS;
	} while (!policies->checks_rest_ns && monotonic_ns() < began_ns + CHECK_SHARE_NS);
}
