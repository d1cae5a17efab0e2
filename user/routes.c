// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "routes.h"

#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/rtnetlink.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>

#include "util.h"

/* As much as the kernel puts into one message. */
#define RECEIVE_BYTES 32768

struct routes {
	struct mnl_socket *questions, *changes;
	unsigned int sequence;
	char buffer[RECEIVE_BYTES];
};

struct route {
	uint8_t type; /* RTN_UNICAST and so on; RTN_UNSPEC: the kernel named none */
	uint32_t index;
};

static int open_socket(struct mnl_socket **ret_socket, int flags, unsigned int groups)
{
	*ret_socket = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC | flags);
	if (!*ret_socket || mnl_socket_bind(*ret_socket, groups, MNL_SOCKET_AUTOPID) < 0)
		return -errno;
	return 0;
}

int routes_open(struct routes **ret_routes)
{
	_cleanup_(routes_close) struct routes *routes = calloc(1, sizeof(*routes));
	int r;

	if (!routes)
		return -ENOMEM;
	r = open_socket(&routes->questions, 0, 0);
	if (!r)
		r = open_socket(&routes->changes, SOCK_NONBLOCK,
				RTMGRP_LINK | RTMGRP_IPV4_IFADDR | RTMGRP_IPV6_IFADDR |
					RTMGRP_IPV4_ROUTE | RTMGRP_IPV6_ROUTE);
	if (!r)
		*ret_routes = TAKE_PTR(routes);
	return r;
}

void routes_close(struct routes **routes)
{
	if (!*routes)
		return;
	if ((*routes)->questions)
		mnl_socket_close((*routes)->questions);
	if ((*routes)->changes)
		mnl_socket_close((*routes)->changes);
	free(TAKE_PTR(*routes));
}

int routes_fd(const struct routes *routes)
{
	return mnl_socket_get_fd(routes->changes);
}

/* What has changed is not looked at: the question is asked again. ENOBUFS is a change too. */
void routes_drain(struct routes *routes)
{
	ssize_t length;

	do {
		length = mnl_socket_recvfrom(routes->changes, routes->buffer,
					     sizeof(routes->buffer));
	} while (length > 0 || (length < 0 && errno == ENOBUFS));
}

static int take_attribute(const struct nlattr *attribute, void *data)
{
	struct route *route = data;

	if (mnl_attr_get_type(attribute) == RTA_OIF &&
	    mnl_attr_get_payload_len(attribute) == sizeof(route->index))
		route->index = mnl_attr_get_u32(attribute);
	return MNL_CB_OK;
}

static int take_route(const struct nlmsghdr *header, void *data)
{
	const struct rtmsg *message = mnl_nlmsg_get_payload(header);
	struct route *route = data;

	if (header->nlmsg_type != RTM_NEWROUTE ||
	    mnl_nlmsg_get_payload_len(header) < sizeof(*message))
		return MNL_CB_OK;
	route->type = message->rtm_type;
	mnl_attr_parse(header, sizeof(*message), take_attribute, route);
	return MNL_CB_STOP;
}

static const struct nlmsghdr *put_question(struct routes *routes, const struct address *address,
					   char *buffer)
{
	bool ipv4 = address_is_ipv4(address);
	uint8_t skipped = ipv4 ? 12 : 0;
	struct nlmsghdr *header = mnl_nlmsg_put_header(buffer);
	struct rtmsg *message;

	header->nlmsg_type = RTM_GETROUTE;
	header->nlmsg_flags = NLM_F_REQUEST;
	header->nlmsg_seq = ++routes->sequence;
	message = mnl_nlmsg_put_extra_header(header, sizeof(*message));
	message->rtm_family = ipv4 ? AF_INET : AF_INET6;
	message->rtm_dst_len = (uint8_t)(8 * (sizeof(address->bytes) - skipped));
	mnl_attr_put(header, RTA_DST, sizeof(address->bytes) - skipped, address->bytes + skipped);
	return header;
}

static int ask(struct routes *routes, const struct nlmsghdr *question, struct route *route)
{
	unsigned int port = mnl_socket_get_portid(routes->questions);
	ssize_t length;
	int r = MNL_CB_OK;

	if (mnl_socket_sendto(routes->questions, question, question->nlmsg_len) < 0)
		return -errno;
	while (r == MNL_CB_OK) {
		length = mnl_socket_recvfrom(routes->questions, routes->buffer,
					     sizeof(routes->buffer));
		if (length < 0)
			return -errno;
		r = mnl_cb_run(routes->buffer, (size_t)length, question->nlmsg_seq, port,
			       take_route, route);
	}
	return r == MNL_CB_STOP ? 0 : -errno;
}

/* IPv4 says so by an error of the route's own, IPv6 by a route of another type. */
static bool is_no_route(int error)
{
	return error == -ENETUNREACH || error == -EHOSTUNREACH || error == -EACCES ||
	       error == -EINVAL || error == -ENETDOWN || error == -EAFNOSUPPORT ||
	       error == -EOPNOTSUPP;
}

int routes_interface(struct routes *routes, const struct address *address, uint32_t *ret_index)
{
	char buffer[MNL_NLMSG_HDRLEN + sizeof(struct rtmsg) + sizeof(struct nlattr) +
		    sizeof(address->bytes)] = {};
	struct route route = {};
	int r = ask(routes, put_question(routes, address, buffer), &route);

	if (r && !is_no_route(r))
		return r;
	if (route.type == RTN_LOCAL)
		*ret_index = ROUTES_LOOPBACK;
	else
		*ret_index = route.type == RTN_UNICAST ? route.index : 0;
	return 0;
}
