// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "conntrack.h"

#include <arpa/inet.h>
#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_conntrack.h>
#include <stdbool.h>
#include <stdlib.h>
#include <unistd.h>

#include "util.h"

/* There if the kernel tracks connections, in any network namespace. */
#define TRACKING "/proc/sys/net/netfilter/nf_conntrack_max"

#define REQUEST_BYTES 256
#define RECEIVE_BYTES 8192

struct conntrack {
	struct mnl_socket *netlink; /* NULL: the kernel has no netfilter */
	unsigned int sequence;
};

/* Who sends and who receives: as the first packet came, and as answers are to come. */
struct tuple {
	uint32_t from, to;
};

struct tracked {
	struct tuple tuples[2];
};

int conntrack_open(struct conntrack **ret_conntrack)
{
	struct conntrack *conntrack = calloc(1, sizeof(*conntrack));
	int r = 0;

	if (!conntrack)
		return -ENOMEM;
	conntrack->netlink = mnl_socket_open2(NETLINK_NETFILTER, SOCK_CLOEXEC);
	if (conntrack->netlink ? mnl_socket_bind(conntrack->netlink, 0, MNL_SOCKET_AUTOPID) < 0
			       : errno != EPROTONOSUPPORT)
		r = -errno;
	if (r)
		conntrack_close(&conntrack);
	*ret_conntrack = conntrack;
	return r;
}

void conntrack_close(struct conntrack **conntrack)
{
	if (*conntrack && (*conntrack)->netlink)
		mnl_socket_close((*conntrack)->netlink);
	free(TAKE_PTR(*conntrack));
}

/* --- what there is --------------------------------------------------------------------------- */

static int take_address(const struct nlattr *attribute, void *data)
{
	struct tuple *tuple = data;
	uint16_t type = mnl_attr_get_type(attribute);

	if (mnl_attr_get_payload_len(attribute) != sizeof(uint32_t))
		return MNL_CB_OK;
	if (type == CTA_IP_V4_SRC)
		tuple->from = mnl_attr_get_u32(attribute);
	if (type == CTA_IP_V4_DST)
		tuple->to = mnl_attr_get_u32(attribute);
	return MNL_CB_OK;
}

static int take_tuple(const struct nlattr *attribute, void *data)
{
	if (mnl_attr_get_type(attribute) == CTA_TUPLE_IP)
		mnl_attr_parse_nested(attribute, take_address, data);
	return MNL_CB_OK;
}

static int take_tuples(const struct nlattr *attribute, void *data)
{
	struct tracked *tracked = data;
	uint16_t type = mnl_attr_get_type(attribute);

	if (type == CTA_TUPLE_ORIG || type == CTA_TUPLE_REPLY)
		mnl_attr_parse_nested(attribute, take_tuple,
				      &tracked->tuples[type == CTA_TUPLE_REPLY]);
	return MNL_CB_OK;
}

static int take_tracked(const struct nlmsghdr *header, void *data)
{
	mnl_attr_parse(header, sizeof(struct nfgenmsg), take_tuples, data);
	return MNL_CB_STOP;
}

static void put_tuple(struct nlmsghdr *header, const struct conntrack_datagram *datagram)
{
	struct nlattr *tuple = mnl_attr_nest_start(header, CTA_TUPLE_REPLY);
	struct nlattr *part = mnl_attr_nest_start(header, CTA_TUPLE_IP);

	mnl_attr_put_u32(header, CTA_IP_V4_SRC, datagram->from.s_addr);
	mnl_attr_put_u32(header, CTA_IP_V4_DST, datagram->to.s_addr);
	mnl_attr_nest_end(header, part);
	part = mnl_attr_nest_start(header, CTA_TUPLE_PROTO);
	mnl_attr_put_u8(header, CTA_PROTO_NUM, IPPROTO_UDP);
	mnl_attr_put_u16(header, CTA_PROTO_SRC_PORT, htons(datagram->from_port));
	mnl_attr_put_u16(header, CTA_PROTO_DST_PORT, htons(datagram->to_port));
	mnl_attr_nest_end(header, part);
	mnl_attr_nest_end(header, tuple);
}

/* Either what is tracked comes, or an error. */
static int look_up(struct conntrack *conntrack, const struct conntrack_datagram *datagram,
		   struct tracked *ret_tracked)
{
	char buffer[RECEIVE_BYTES];
	char request[REQUEST_BYTES] = {};
	struct nlmsghdr *header = mnl_nlmsg_put_header(request);
	struct nfgenmsg *general;
	ssize_t length;

	header->nlmsg_type = NFNL_SUBSYS_CTNETLINK << 8 | IPCTNL_MSG_CT_GET;
	header->nlmsg_flags = NLM_F_REQUEST;
	header->nlmsg_seq = ++conntrack->sequence;
	general = mnl_nlmsg_put_extra_header(header, sizeof(*general));
	general->nfgen_family = AF_INET;
	general->version = NFNETLINK_V0;
	put_tuple(header, datagram);
	if (mnl_socket_sendto(conntrack->netlink, header, header->nlmsg_len) < 0)
		return -errno;
	length = mnl_socket_recvfrom(conntrack->netlink, buffer, sizeof(buffer));
	if (length < 0)
		return -errno;
	return mnl_cb_run(buffer, (size_t)length, header->nlmsg_seq,
			  mnl_socket_get_portid(conntrack->netlink), take_tracked, ret_tracked) < 0
		       ? -errno
		       : 0;
}

/* In one direction or the other: who receives is who sent. */
static bool is_mirror(const struct tracked *tracked, uint32_t to)
{
	const struct tuple *first = &tracked->tuples[0], *answer = &tracked->tuples[1];

	return (first->from == to && answer->to == to) || (first->to == to && answer->from == to);
}

int conntrack_rewrites(struct conntrack *conntrack, const struct conntrack_datagram *datagram)
{
	struct tracked tracked = {};
	int r;

	if (access(TRACKING, F_OK))
		return errno == ENOENT ? 0 : -errno;
	if (!conntrack->netlink)
		return -EPROTONOSUPPORT;
	r = look_up(conntrack, datagram, &tracked);
	if (r)
		return r == -ENOENT ? 0 : r;
	return !is_mirror(&tracked, datagram->to.s_addr);
}
