// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* The places of a cgroup, by its threads. */
#include <errno.h>
#include <fcntl.h>
#include <linux/nsfs.h>
#include <string.h>
#include <sys/ioctl.h>

#include <utlist.h>

#include "places_internal.h"
#include "tree.h"
#include "util.h"

/* More than these are looked at each time, which takes longer. */
#define FOREIGN_MAX 1024
#define POINTS_MAX 1024

/* What one thread after the other brings. */
struct finding {
	struct places *places;
	struct place_set *set;
	struct viewpoint *points; /* that were looked from; owned */
	size_t count;
	struct inode *foreign; /* namespaces that are no places; owned */
	pid_t tid;	       /* that is looked at */
};

static void finding_finish(struct finding *finding)
{
	free(finding->points);
	free(finding->foreign);
}

static bool is_inode(const struct inode *left, const struct inode *right)
{
	return left->number == right->number && left->device == right->device;
}

static bool is_viewpoint(const struct viewpoint *left, const struct viewpoint *right)
{
	return is_inode(&left->netns, &right->netns) && is_inode(&left->mounts, &right->mounts) &&
	       is_inode(&left->root, &right->root);
}

static struct tenant *tenant_of(const struct place *place, uint64_t cgroup_id)
{
	struct tenant *tenant;

	LL_FOREACH (place->tenants, tenant)
		if (tenant->cgroup_id == cgroup_id)
			return tenant;
	return NULL;
}

/* --- places ---------------------------------------------------------------------------------- */

/* Whether our user namespace has it: who made it has to do with the host, not with a fence. */
static bool is_ours(const struct places *places, int netns_fd)
{
	_cleanup_close_ int fd = ioctl(netns_fd, NS_GET_USERNS);
	struct inode owner;
	struct stat st;

	if (fd < 0 || fstat(fd, &st))
		return false;
	owner = (struct inode){ st.st_dev, st.st_ino };
	return is_inode(&owner, &places->user_namespace);
}

/* -EREMOTE: a namespace that is no place. */
static int open_place(const struct finding *finding, struct place **ret_place)
{
	_cleanup_close_ int fd = -1;
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/ns/net", finding->tid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return errno == ESRCH ? -ENOENT : -errno;
	if (!is_ours(finding->places, fd) || finding->set->count >= PLACES_OF_FENCE_MAX)
		return -EREMOTE;
	return places_add(finding->places, TAKE_FD(fd), ret_place);
}

/* --- tenants --------------------------------------------------------------------------------- */

static void forget_seen(struct tenant *tenant)
{
	while (tenant->count)
		seen_finish(&tenant->seen[--tenant->count]);
}

/* One reference more, and what was seen before is to be seen again. */
static int add_tenant(struct place *place, uint64_t cgroup_id)
{
	struct tenant *tenant = tenant_of(place, cgroup_id);

	if (!tenant) {
		tenant = calloc(1, sizeof(*tenant));
		if (!tenant)
			return -ENOMEM;
		tenant->cgroup_id = cgroup_id;
		LL_APPEND(place->tenants, tenant);
	}
	forget_seen(tenant);
	tenant->references++;
	place->references++;
	return 0;
}

static void remove_tenant(struct place **place, uint64_t cgroup_id)
{
	struct tenant *tenant = tenant_of(*place, cgroup_id);

	if (tenant && !--tenant->references) {
		LL_DELETE((*place)->tenants, tenant);
		forget_seen(tenant);
		free(tenant);
		if ((*place)->references > 1 && place_judge(*place))
			place_tell(*place);
	}
	place_let_go(place);
}

static int add_to_set(struct finding *finding, struct place *place)
{
	struct place_set *set = finding->set;
	struct place **larger;
	int r;

	larger = reallocarray(set->items, set->count + 1, sizeof(struct place *));
	if (!larger)
		return -ENOMEM;
	set->items = larger;
	r = add_tenant(place, set->cgroup_id);
	if (!r)
		larger[set->count++] = place;
	return r;
}

void place_set_release(struct place_set *set)
{
	while (set->count)
		remove_tenant(&set->items[--set->count], set->cgroup_id);
	free(set->items);
	*set = (struct place_set){};
}

/* --- threads --------------------------------------------------------------------------------- */

static bool is_in_set(const struct place_set *set, const struct place *place)
{
	size_t i;

	for (i = 0; i < set->count; i++)
		if (set->items[i] == place)
			return true;
	return false;
}

/* Its netns is remembered, unless there are very many. */
static int add_foreign(struct finding *finding, const struct inode *netns)
{
	struct inode *larger;

	if (finding->set->foreign == FOREIGN_MAX)
		return 0;
	larger = reallocarray(finding->foreign, finding->set->foreign + 1, sizeof(*larger));
	if (!larger)
		return -ENOMEM;
	finding->foreign = larger;
	larger[finding->set->foreign++] = *netns;
	return 0;
}

static bool is_known(const struct finding *finding, const struct viewpoint *point)
{
	size_t i;

	for (i = 0; i < finding->set->foreign; i++)
		if (is_inode(&finding->foreign[i], &point->netns))
			return true;
	/* The last first: threads of a process follow each other. */
	for (i = finding->count; i > 0; i--)
		if (is_viewpoint(&finding->points[i - 1], point))
			return true;
	return false;
}

static int add_point(struct finding *finding, const struct viewpoint *point)
{
	struct viewpoint *larger;

	if (finding->count == POINTS_MAX)
		return 0;
	larger = reallocarray(finding->points, finding->count + 1, sizeof(*larger));
	if (!larger)
		return -ENOMEM;
	finding->points = larger;
	larger[finding->count++] = *point;
	return 0;
}

/* A file that others of the cgroup see as well counts once. */
static int add_seen(const struct finding *finding, struct tenant *tenant)
{
	struct seen seen;
	size_t i;
	int r;

	if (tenant->count == SEEN_OF_TENANT_MAX)
		return 0;
	r = seen_read(finding->places, finding->tid, &seen);
	if (r)
		return r;
	for (i = 0; i < tenant->count; i++)
		if (is_inode(&tenant->seen[i].file, &seen.file))
			break;
	if (i < tenant->count)
		seen_finish(&seen);
	else
		tenant->seen[tenant->count++] = seen;
	return 0;
}

static int look_from(struct finding *finding, const struct viewpoint *point)
{
	struct place *place = places_by_netns(finding->places, &point->netns);
	int r = place ? 0 : open_place(finding, &place);

	if (r == -EREMOTE)
		return add_foreign(finding, &point->netns);
	if (!r && !is_in_set(finding->set, place))
		r = add_to_set(finding, place);
	if (!r)
		r = add_seen(finding, tenant_of(place, finding->set->cgroup_id));
	return r ? r : add_point(finding, point);
}

static int look_at(struct finding *finding, pid_t tid)
{
	struct viewpoint point;
	int r = viewpoint_of(tid, &point);

	finding->tid = tid;
	if (!r && !is_known(finding, &point))
		r = look_from(finding, &point);
	return r == -ENOENT ? 0 : r;
}

/* Whoever finds it first knows what it is like. */
static void judge(struct place *place)
{
	if (place_judge(place) && place->references > 1)
		place_tell(place);
}

static int look_at_all(struct finding *finding, const struct tree *tree)
{
	size_t i;
	int r = 0;

	for (i = 0; !r && i < tree->thread_count; i++)
		r = look_at(finding, tree->threads[i]);
	for (i = 0; i < finding->set->count; i++)
		judge(finding->set->items[i]);
	return r;
}

static int cannot_see(struct failure *failure, int r)
{
	if (r != -ELOOP)
		return failure_set(failure, -r, "cannot see which processes are in the cgroup");
	failure_set(failure, 0,
		    "cannot see which processes are in the cgroup: those in it are nested more "
		    "than %d deep",
		    TREE_DEPTH_MAX);
	return r;
}

int places_find(struct places *places, int cgroup_fd, struct place_set *ret_found,
		struct failure *failure)
{
	_cleanup_(place_set_release) struct place_set set = {};
	_cleanup_(finding_finish) struct finding finding = { .places = places, .set = &set };
	_cleanup_(tree_finish) struct tree tree = {};
	struct stat st;
	int r = fstat(cgroup_fd, &st) ? -errno : tree_read(cgroup_fd, &tree);

	if (r)
		return cannot_see(failure, r);
	set.cgroup_id = st.st_ino;
	places_refresh(places);
	r = look_at_all(&finding, &tree);
	if (r)
		return failure_set(failure, -r, "cannot see the network of process %d",
				   finding.tid);
	*ret_found = TAKE(set, (struct place_set){});
	return 0;
}
