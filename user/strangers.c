// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "strangers.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <uthash.h>

#include "descriptors.h"
#include "diag.h"
#include "netns.h"
#include "tree.h"

/* The lock that its fdinfo needs may be taken: then it says of a ring that it has no thread. */
#define FDINFO_TRIES 8

/* A socket, by inode, or a ring, by the number of its thread. */
struct held {
	struct {
		uint64_t number;
		uint64_t is_ring; /* no padding: this is hashed */
	} key;
	uint64_t cookie; /* 0: not known */
	bool told;	 /* the kernel has listed it */
	struct stranger stranger;
	struct descriptor first; /* how it was found */
	UT_hash_handle hh;
};

struct search {
	struct held *held;
	struct tree tree;
};

static void search_finish(struct search *search)
{
	struct held *held, *next;

	HASH_ITER (hh, search->held, held, next) {
		HASH_DEL(search->held, held);
		stranger_finish(&held->stranger);
		free(held);
	}
	tree_finish(&search->tree);
}

/* --- what processes hold --------------------------------------------------------------------- */

static void read_comm(pid_t pid, char ret_comm[CGF_COMM_BYTES])
{
	_cleanup_close_ int fd = -1;
	char path[64], *end;
	ssize_t length;

	memset(ret_comm, 0, CGF_COMM_BYTES);
	snprintf(path, sizeof(path), "/proc/%d/comm", pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	length = fd < 0 ? -1 : read(fd, ret_comm, CGF_COMM_BYTES);
	end = length > 0 ? memrchr(ret_comm, '\n', (size_t)length) : NULL;
	if (end)
		*end = '\0';
}

static int add_holder(struct stranger *stranger, const struct descriptor *descriptor)
{
	struct stranger_holder *larger;

	larger = reallocarray(stranger->holders, stranger->holder_count + 1, sizeof(*larger));
	if (!larger)
		return -ENOMEM;
	stranger->holders = larger;
	larger += stranger->holder_count++;
	*larger = (struct stranger_holder){ .pid = descriptor->pid, .fd = descriptor->number };
	read_comm(descriptor->pid, larger->comm);
	return 0;
}

static int option_of(int fd, int option)
{
	socklen_t length = sizeof(int);
	int value;

	return fd < 0 || getsockopt(fd, SOL_SOCKET, option, &value, &length) ? -1 : value;
}

static uint64_t cookie_of(int fd)
{
	uint64_t cookie = 0;
	socklen_t length = sizeof(cookie);

	if (fd >= 0)
		getsockopt(fd, SOL_SOCKET, SO_COOKIE, &cookie, &length);
	return cookie;
}

static int hold(struct search *search, const struct held *model)
{
	struct held *held = NULL;

	HASH_FIND(hh, search->held, &model->key, sizeof(model->key), held);
	if (!held) {
		held = malloc(sizeof(*held));
		if (!held)
			return -ENOMEM;
		*held = *model;
		HASH_ADD(hh, search->held, key, sizeof(held->key), held);
	}
	return add_holder(&held->stranger, &model->first);
}

/*
 * Without a duplicate there is still the name of the protocol, "UNIX-STREAM" or "TCPv6" for
 * example: enough to tell sockets that do not count.
 */
static int family_of(const struct descriptor *descriptor)
{
	char path[64], name[64] = "";

	if (descriptor->fd >= 0)
		return option_of(descriptor->fd, SO_DOMAIN);
	snprintf(path, sizeof(path), "/proc/%d/fd/%d", descriptor->tid, descriptor->number);
	if (getxattr(path, "system.sockprotoname", name, sizeof(name) - 1) < 0)
		return -1;
	if (!strncmp(name, "UNIX", 4))
		return AF_UNIX;
	return !strcmp(name, "NETLINK") ? AF_NETLINK : -1;
}

static int hold_socket(struct search *search, const struct descriptor *descriptor)
{
	struct held model = {
		.key = { .number = descriptor->inode },
		.first = *descriptor,
		.cookie = cookie_of(descriptor->fd),
		.stranger = { .family = family_of(descriptor),
			      .type = option_of(descriptor->fd, SO_TYPE),
			      .protocol = option_of(descriptor->fd, SO_PROTOCOL),
			      .inode = descriptor->inode },
	};
	int family = model.stranger.family;

	return family == AF_UNIX || family == AF_NETLINK ? 0 : hold(search, &model);
}

static pid_t read_ring_thread(const struct descriptor *descriptor)
{
	_cleanup_fclose_ FILE *file = NULL;
	char path[64], line[256];
	int thread = -1;

	snprintf(path, sizeof(path), "/proc/%d/fdinfo/%d", descriptor->tid, descriptor->number);
	file = fopen(path, "re");
	while (file && fgets(line, sizeof(line), file))
		if (sscanf(line, "SqThread: %d", &thread) == 1)
			break;
	return thread;
}

static int hold_ring(struct search *search, const struct descriptor *descriptor)
{
	struct held model = { .first = *descriptor, .told = true, .key = { .is_ring = true } };
	int tries;

	model.stranger = (struct stranger){
		.reason = STRANGER_THREAD_OUTSIDE, .family = -1, .type = -1, .protocol = -1
	};
	for (tries = 0; tries < FDINFO_TRIES && model.stranger.thread <= 0; tries++)
		model.stranger.thread = read_ring_thread(descriptor);
	if (model.stranger.thread <= 0)
		return 0;
	model.key.number = (uint64_t)model.stranger.thread;
	return hold(search, &model);
}

static int take_descriptor(const struct descriptor *descriptor, void *data)
{
	return descriptor->ring ? hold_ring(data, descriptor) : hold_socket(data, descriptor);
}

/* --- what the kernel says of them ------------------------------------------------------------ */

/* An MPTCP socket has several: one made outside is enough. */
static bool is_news(const struct search *search, const struct held *held)
{
	return !held->told || tree_has_id(&search->tree, held->stranger.cgroup_id);
}

static int take_listed(const struct diag_socket *socket, void *data)
{
	struct search *search = data;
	struct held *held, key = { .key = { .number = socket->inode } };

	HASH_FIND(hh, search->held, &key.key, sizeof(key.key), held);
	if (!socket->inode || !held || !is_news(search, held))
		return 0;
	/* Inodes are reused. The cookie of an MPTCP socket is not that of its subflows. */
	if (held->cookie && held->cookie != socket->cookie &&
	    held->stranger.protocol != IPPROTO_MPTCP)
		return 0;
	held->told = true;
	held->stranger.has_flow = true;
	if (held->stranger.protocol < 0)
		held->stranger.protocol = socket->protocol;
	held->stranger.state = socket->state;
	held->stranger.local = socket->local;
	held->stranger.remote = socket->remote;
	held->stranger.local_port = socket->local_port;
	held->stranger.remote_port = socket->remote_port;
	held->stranger.cgroup_id = socket->cgroup_id;
	return 0;
}

static int list_here(void *data)
{
	static const uint8_t protocols[] = { IPPROTO_TCP, IPPROTO_UDP, IPPROTO_UDPLITE };
	static const uint8_t families[] = { AF_INET, AF_INET6 };
	_cleanup_(diag_close) struct diag *diag = NULL;
	size_t i;
	int r = diag_open(&diag);

	for (i = 0; !r && i < ARRAY_SIZE(protocols) * ARRAY_SIZE(families); i++) {
		const struct diag_query query = { .any_cgroup = true,
						  .protocol = protocols[i / ARRAY_SIZE(families)],
						  .family = families[i % ARRAY_SIZE(families)],
						  .states = ~0U };

		r = diag_each(diag, &query, take_listed, data);
		/* What cannot be listed stays unknown. */
		if (r == -ENOENT)
			r = 0;
	}
	return r;
}

/* --- which of them are strangers ------------------------------------------------------------- */

static void find_origin(int cgroup_fd, struct stranger *stranger)
{
	stranger->gone = tree_find_path(cgroup_fd, stranger->cgroup_id, &stranger->cgroup) ==
			 -ENOENT;
}

/* True if it is one; then its reason is set. */
static bool judge(const struct search *search, struct held *held)
{
	struct stranger *stranger = &held->stranger;

	if (held->key.is_ring)
		return !tree_has_thread(&search->tree, stranger->thread);
	if (stranger->family >= 0 && stranger->family != AF_INET && stranger->family != AF_INET6) {
		stranger->reason = STRANGER_NO_HOOK;
		return true;
	}
	if (held->told && stranger->cgroup_id) {
		stranger->reason = STRANGER_MADE_OUTSIDE;
		return !tree_has_id(&search->tree, stranger->cgroup_id);
	}
	/* It may just have been closed. */
	stranger->reason = STRANGER_UNKNOWN;
	return stranger->holder_count > 1 || descriptor_is_there(&held->first);
}

static int collect(struct search *search, int cgroup_fd, struct strangers *ret_strangers)
{
	_cleanup_(strangers_finish) struct strangers strangers = {};
	struct held *held, *next;

	strangers.items = calloc(HASH_COUNT(search->held) + 1, sizeof(*strangers.items));
	if (!strangers.items)
		return -ENOMEM;
	HASH_ITER (hh, search->held, held, next) {
		if (!judge(search, held))
			continue;
		if (held->stranger.reason == STRANGER_MADE_OUTSIDE)
			find_origin(cgroup_fd, &held->stranger);
		strangers.items[strangers.count++] = TAKE(held->stranger, (struct stranger){});
	}
	*ret_strangers = TAKE(strangers, (struct strangers){});
	return 0;
}

/* Cgroups and threads that are new since are inside as well. */
static int read_again(struct search *search, int cgroup_fd)
{
	struct tree tree;
	int r = tree_read(cgroup_fd, &tree);

	if (r)
		return r;
	tree_finish(&search->tree);
	search->tree = tree;
	return 0;
}

static int look_up(struct search *search, struct failure *failure)
{
	_cleanup_(netns_finish) struct netns_set namespaces = {};
	pid_t pid = 0;
	int r = descriptors_each(&search->tree, take_descriptor, search, &pid);

	if (!r)
		r = netns_of_tree(&search->tree, &namespaces, &pid);
	if (r)
		return failure_set(failure, -r, "cannot see what process %d holds", pid);
	r = netns_each(&namespaces, list_here, search);
	return r ? failure_set(failure, -r, "cannot list the sockets of its namespaces") : 0;
}

int strangers_find(int cgroup_fd, struct strangers *ret_strangers, struct failure *failure)
{
	_cleanup_(search_finish) struct search search = {};
	int r = tree_read(cgroup_fd, &search.tree);

	if (r == -EXDEV) {
		failure_set(failure, 0, "a process inside is of a PID namespace that is not ours");
		failure_hint(failure, "call it from the initial PID namespace");
		return r;
	}
	if (r)
		return failure_set(failure, -r, "cannot read the cgroup");
	r = look_up(&search, failure);
	if (r)
		return r;
	r = read_again(&search, cgroup_fd);
	if (!r)
		r = collect(&search, cgroup_fd, ret_strangers);
	return r ? failure_set(failure, -r, "cannot read the cgroup") : 0;
}

void strangers_finish(struct strangers *strangers)
{
	size_t i;

	for (i = 0; i < strangers->count; i++)
		stranger_finish(&strangers->items[i]);
	free(TAKE_PTR(strangers->items));
	strangers->count = 0;
}
