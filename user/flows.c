// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "flows.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>

#include "cgfence.h"
#include "diag.h"
#include "netns.h"
#include "tree.h"
#include "util.h"

#define STATE(state) (1U << (state))
#define TCP_STATES ((STATE(TCP_CLOSING + 1) - 1) & ~(STATE(TCP_TIME_WAIT) | STATE(TCP_CLOSE)))

static const struct {
	uint8_t protocol;
	uint32_t states;
	bool optional; /* may be missing in the kernel without anything being overlooked */
} kinds[] = {
	{ IPPROTO_TCP, TCP_STATES, false },
	{ IPPROTO_UDP, STATE(TCP_ESTABLISHED), false },
	{ IPPROTO_UDPLITE, STATE(TCP_ESTABLISHED), true },
};

static const uint8_t families[] = { AF_INET, AF_INET6 };

/* One pass over all namespaces. */
struct pass {
	const struct flows_query *query;
	const struct tree *tree;
	flows_predicate_fn predicate;
	void *data;
	struct diag_socket *doomed; /* owned; of one namespace */
	size_t doomed_count;
	size_t found, cut;
};

static int take(const struct diag_socket *socket, void *data)
{
	const struct flow flow = {
		.protocol = socket->protocol,
		.state = socket->state,
		.local_port = socket->local_port,
		.remote_port = socket->remote_port,
		.local = socket->local,
		.remote = socket->remote,
		.socket_cookie = socket->cookie,
		.connected = socket->stored,
	};
	struct pass *pass = data;
	struct diag_socket *larger;

	if (pass->predicate && !pass->predicate(&flow, pass->data))
		return 0;
	/* In powers of two. */
	if (!(pass->doomed_count & (pass->doomed_count - 1))) {
		larger = reallocarray(pass->doomed, 2 * pass->doomed_count + 1, sizeof(*larger));
		if (!larger)
			return -ENOMEM;
		pass->doomed = larger;
	}
	pass->doomed[pass->doomed_count++] = *socket;
	return 0;
}

static int list(struct pass *pass, struct diag *diag)
{
	struct diag_query query = { .cgroup_ids = pass->tree->ids,
				    .cgroup_count = pass->tree->id_count,
				    .storage_fd = pass->query->connected_fd };
	size_t i, j;
	int r = 0;

	for (i = 0; !r && i < ARRAY_SIZE(kinds); i++) {
		for (j = 0; !r && j < ARRAY_SIZE(families); j++) {
			query.protocol = kinds[i].protocol;
			query.states = kinds[i].states;
			query.family = families[j];
			r = diag_each(diag, &query, take, pass);
			if (r == -ENOENT)
				r = kinds[i].optional ? 0 : -EOPNOTSUPP;
		}
	}
	return r;
}

static int destroy(struct pass *pass, struct diag *diag)
{
	size_t i;
	int r;

	for (i = 0; i < pass->doomed_count; i++) {
		r = diag_destroy(diag, &pass->doomed[i]);
		if (r && r != -ENOENT)
			return r;
		pass->cut += !r;
		/* What no process has any more is kept by Linux 5.10, with nothing to send. */
		pass->found += r || pass->doomed[i].inode;
	}
	return 0;
}

static int cut_here(void *data)
{
	_cleanup_(diag_close) struct diag *diag = NULL;
	struct pass *pass = data;
	int r = diag_open(&diag);

	if (!r)
		r = list(pass, diag);
	if (!r)
		r = destroy(pass, diag);
	free(TAKE_PTR(pass->doomed));
	pass->doomed_count = 0;
	return r;
}

/* Cgroups, processes and namespaces anew each time, as they may be new. */
static int cut_once(struct pass *pass)
{
	_cleanup_(netns_finish) struct netns_set namespaces = {};
	_cleanup_(tree_finish) struct tree tree = {};
	int r = tree_read_several(pass->query->cgroup_fds, pass->query->cgroup_count, &tree);
	pid_t pid;

	pass->tree = &tree;
	pass->found = 0;
	if (!r && tree.id_count)
		r = netns_of_tree(&tree, &namespaces, &pid);
	if (!r)
		r = netns_each(&namespaces, cut_here, pass);
	pass->tree = NULL;
	return r;
}

int flows_cut_several(const struct flows_query *query, flows_predicate_fn predicate, void *data,
		      size_t *ret_count)
{
	struct pass pass = { .query = query, .predicate = predicate, .data = data };
	int passes, r;

	for (passes = 0; passes < FLOWS_PASSES_MAX; passes++) {
		r = cut_once(&pass);
		if (r)
			return r;
		if (!pass.found) {
			*ret_count = pass.cut;
			return 0;
		}
	}
	return -EBUSY;
}

int flows_cut(int cgroup_fd, flows_predicate_fn predicate, void *data, size_t *ret_count)
{
	const struct flows_query query = { &cgroup_fd, 1, NULL };

	return flows_cut_several(&query, predicate, data, ret_count);
}

int flows_cut_all(int cgroup_fd, size_t *ret_count)
{
	return flows_cut(cgroup_fd, NULL, NULL, ret_count);
}

/* On loopback a rule of the network namespace may have changed the port: Docker's resolver. */
bool flow_may_hold_questions(const struct flow *flow)
{
	const char *special = address_special(&flow->remote);

	return flow->protocol == IPPROTO_TCP && flow->state != TCP_LISTEN &&
	       (flow->remote_port == CGF_DNS_PORT || (special && !strcmp(special, "loopback")));
}

static bool may_hold_questions(const struct flow *flow, void *data)
{
	(void)data;
	return flow_may_hold_questions(flow);
}

int flows_cut_questions(int cgroup_fd)
{
	size_t count;

	return flows_cut(cgroup_fd, may_hold_questions, NULL, &count);
}
