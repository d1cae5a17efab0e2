// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "diag.h"

#include <arpa/inet.h>
#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/inet_diag.h>
#include <linux/sock_diag.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <string.h>

#include "util.h"

/* As much as the kernel puts into one message of a dump. */
#define RECEIVE_BYTES 32768
/* Each socket is compared with each id in turn, so beyond this comparing here is not slower. */
#define FILTER_IDS_MAX 64
/* Listeners that share a port are found by hash of the peer only: this many peers are tried. */
#define REUSEPORT_TRIES 512

/* Of the question which sockets have a place in a map. */
#define STORAGE_BYTES (2 * sizeof(struct nlattr) + sizeof(uint32_t))

struct diag {
	struct mnl_socket *netlink;
	unsigned int sequence;
	char buffer[RECEIVE_BYTES];
};

int diag_open(struct diag **ret_diag)
{
	struct diag *diag = calloc(1, sizeof(*diag));
	int r;

	if (!diag)
		return -ENOMEM;
	diag->netlink = mnl_socket_open2(NETLINK_SOCK_DIAG, SOCK_CLOEXEC);
	if (!diag->netlink || mnl_socket_bind(diag->netlink, 0, MNL_SOCKET_AUTOPID) < 0) {
		r = -errno;
		diag_close(&diag);
		return r;
	}
	*ret_diag = diag;
	return 0;
}

void diag_close(struct diag **diag)
{
	if (*diag && (*diag)->netlink)
		mnl_socket_close((*diag)->netlink);
	free(TAKE_PTR(*diag));
}

/* --- one request, and what comes back -------------------------------------------------------- */

/*
 * An error, an acknowledgement, which is error 0, or the end of a dump: all begin with an error
 * number. libmnl by itself does not look into the last.
 */
static int take_end(const struct nlmsghdr *header, void *data)
{
	int error = 0;

	(void)data;
	if (mnl_nlmsg_get_payload_len(header) >= sizeof(error))
		memcpy(&error, mnl_nlmsg_get_payload(header), sizeof(error));
	if (error >= 0)
		return MNL_CB_STOP;
	errno = -error;
	return MNL_CB_ERROR;
}

static int exchange(struct diag *diag, const struct nlmsghdr *request, mnl_cb_t take, void *data)
{
	mnl_cb_t control[] = { [NLMSG_ERROR] = take_end, [NLMSG_DONE] = take_end };
	unsigned int port = mnl_socket_get_portid(diag->netlink);
	ssize_t length;
	int r = MNL_CB_OK;

	if (mnl_socket_sendto(diag->netlink, request, request->nlmsg_len) < 0)
		return -errno;
	while (r == MNL_CB_OK) {
		length = mnl_socket_recvfrom(diag->netlink, diag->buffer, sizeof(diag->buffer));
		if (length < 0)
			return -errno;
		r = mnl_cb_run2(diag->buffer, (size_t)length, request->nlmsg_seq, port, take, data,
				control, ARRAY_SIZE(control));
	}
	return r == MNL_CB_STOP ? 0 : -errno;
}

static struct inet_diag_req_v2 *put_request(struct diag *diag, char *buffer, uint16_t type,
					    uint16_t flags)
{
	struct nlmsghdr *header = mnl_nlmsg_put_header(buffer);

	header->nlmsg_type = type;
	header->nlmsg_flags = NLM_F_REQUEST | flags;
	header->nlmsg_seq = ++diag->sequence;
	return mnl_nlmsg_put_extra_header(header, sizeof(struct inet_diag_req_v2));
}

/* --- listing --------------------------------------------------------------------------------- */

/* For each id: "is it this one? then go on with what follows, a jump to the end, else skip it". */
struct filter_step {
	struct inet_diag_bc_op condition;
	uint32_t id[2]; /* 8 bytes, but aligned to 4 */
	struct inet_diag_bc_op found;
};

static void put_filter(struct nlmsghdr *header, const struct diag_query *query)
{
	struct filter_step steps[FILTER_IDS_MAX];
	size_t i, end;

	for (i = 0; i < query->cgroup_count; i++) {
		end = (query->cgroup_count - i) * sizeof(*steps);
		steps[i] = (struct filter_step){
			.condition = { .code = INET_DIAG_BC_CGROUP_COND,
				       .yes = offsetof(struct filter_step, found),
				       .no = sizeof(*steps) },
			/* 4 more than to the end means no. */
			.found = { .code = INET_DIAG_BC_JMP,
				   .yes = sizeof(struct inet_diag_bc_op),
				   .no = (uint16_t)(end - offsetof(struct filter_step, found)) },
		};
		memcpy(steps[i].id, &query->cgroup_ids[i], sizeof(steps[i].id));
	}
	steps[i - 1].condition.no += sizeof(struct inet_diag_bc_op);
	mnl_attr_put(header, INET_DIAG_REQ_BYTECODE, i * sizeof(*steps), steps);
}

/* Linux 5.7, with CAP_BPF. */
static void put_storage(struct nlmsghdr *header, int storage_fd)
{
	struct nlattr *nest = mnl_attr_nest_start(header, INET_DIAG_REQ_SK_BPF_STORAGES);

	mnl_attr_put_u32(header, SK_DIAG_BPF_STORAGE_REQ_MAP_FD, (uint32_t)storage_fd);
	mnl_attr_nest_end(header, nest);
}

static struct address address_of(uint8_t family, const __be32 words[4])
{
	return family == AF_INET ? address_from_ipv4((const struct in_addr *)words)
				 : address_from_ipv6((const struct in6_addr *)words);
}

static struct diag_socket socket_of(const struct inet_diag_msg *message, uint8_t protocol)
{
	const struct inet_diag_sockid *id = &message->id;

	return (struct diag_socket){
		.family = message->idiag_family,
		.protocol = protocol,
		.state = message->idiag_state,
		.local_port = ntohs(id->idiag_sport),
		.remote_port = ntohs(id->idiag_dport),
		.local = address_of(message->idiag_family, id->idiag_src),
		.remote = address_of(message->idiag_family, id->idiag_dst),
		.interface = id->idiag_if,
		.inode = message->idiag_inode,
		.cookie = (uint64_t)id->idiag_cookie[1] << 32 | id->idiag_cookie[0],
	};
}

struct listing {
	const struct diag_query *query;
	diag_fn found;
	void *data;
	int result;
};

/* Each place that it has; of one map there is one. */
static int take_storage(const struct nlattr *attribute, void *data)
{
	struct diag_socket *socket = data;

	socket->stored |= mnl_attr_get_type(attribute) == SK_DIAG_BPF_STORAGE;
	return MNL_CB_OK;
}

static int take_attribute(const struct nlattr *attribute, void *data)
{
	struct diag_socket *socket = data;

	if (mnl_attr_get_type(attribute) == INET_DIAG_SK_BPF_STORAGES)
		return mnl_attr_parse_nested(attribute, take_storage, socket);
	if (mnl_attr_get_type(attribute) == INET_DIAG_CGROUP_ID &&
	    mnl_attr_get_payload_len(attribute) == sizeof(socket->cgroup_id))
		socket->cgroup_id = mnl_attr_get_u64(attribute);
	return MNL_CB_OK;
}

static int compare_ids(const void *left, const void *right)
{
	uint64_t a = *(const uint64_t *)left, b = *(const uint64_t *)right;

	return (a > b) - (a < b);
}

static bool wants(const struct diag_query *query, uint64_t id)
{
	return query->any_cgroup ||
	       (query->cgroup_count &&
		bsearch(&id, query->cgroup_ids, query->cgroup_count, sizeof(id), compare_ids));
}

/* After the first refusal the rest is still read, and thrown away. */
static int take_socket(const struct nlmsghdr *header, void *data)
{
	const struct inet_diag_msg *message = mnl_nlmsg_get_payload(header);
	struct listing *listing = data;
	struct diag_socket socket;

	if (mnl_nlmsg_get_payload_len(header) < sizeof(*message) || listing->result)
		return MNL_CB_OK;
	socket = socket_of(message, listing->query->protocol);
	mnl_attr_parse(header, sizeof(*message), take_attribute, &socket);
	if (wants(listing->query, socket.cgroup_id))
		listing->result = listing->found(&socket, listing->data);
	return MNL_CB_OK;
}

int diag_each(struct diag *diag, const struct diag_query *query, diag_fn found, void *data)
{
	char buffer[MNL_NLMSG_HDRLEN + sizeof(struct inet_diag_req_v2) + sizeof(struct nlattr) +
		    FILTER_IDS_MAX * sizeof(struct filter_step) + STORAGE_BYTES] = {};
	struct listing listing = { .query = query, .found = found, .data = data };
	struct inet_diag_req_v2 *request = put_request(diag, buffer, SOCK_DIAG_BY_FAMILY,
						       NLM_F_DUMP);
	int r;

	request->sdiag_family = query->family;
	request->sdiag_protocol = query->protocol;
	request->idiag_states = query->states;
	if (!query->any_cgroup && query->cgroup_count && query->cgroup_count <= FILTER_IDS_MAX)
		put_filter((struct nlmsghdr *)buffer, query);
	if (query->storage_fd)
		put_storage((struct nlmsghdr *)buffer, *query->storage_fd);
	r = exchange(diag, (const struct nlmsghdr *)buffer, take_socket, &listing);
	return r ? r : listing.result;
}

/* --- destroying ------------------------------------------------------------------------------ */

static void put_address(const struct diag_socket *socket, const struct address *address,
			__be32 ret_words[4])
{
	if (socket->family == AF_INET)
		memcpy(ret_words, &address->bytes[12], 4);
	else
		memcpy(ret_words, address->bytes, 16);
}

static int destroy_as(struct diag *diag, const struct diag_socket *socket, uint16_t remote_port)
{
	char buffer[MNL_NLMSG_HDRLEN + sizeof(struct inet_diag_req_v2)] = {};
	struct inet_diag_req_v2 *request = put_request(diag, buffer, SOCK_DESTROY, NLM_F_ACK);
	struct inet_diag_sockid *id = &request->id;

	request->sdiag_family = socket->family;
	request->sdiag_protocol = socket->protocol;
	request->idiag_states = ~0U;
	id->idiag_sport = htons(socket->local_port);
	id->idiag_dport = htons(remote_port);
	id->idiag_if = socket->interface;
	id->idiag_cookie[0] = (uint32_t)socket->cookie;
	id->idiag_cookie[1] = (uint32_t)(socket->cookie >> 32);
	put_address(socket, &socket->local, id->idiag_src);
	put_address(socket, &socket->remote, id->idiag_dst);
	return exchange(diag, (const struct nlmsghdr *)buffer, NULL, NULL);
}

/*
 * The kernel looks up what would receive a packet with these addresses, and then compares the
 * cookie: of several listeners on one port (SO_REUSEPORT) the peer decides which it finds.
 */
int diag_destroy(struct diag *diag, const struct diag_socket *socket)
{
	int r = destroy_as(diag, socket, socket->remote_port);
	uint16_t port;

	if (socket->protocol != IPPROTO_TCP || socket->state != TCP_LISTEN)
		return r;
	for (port = 1; r == -ENOENT && port <= REUSEPORT_TRIES; port++)
		r = destroy_as(diag, socket, port);
	return r;
}
