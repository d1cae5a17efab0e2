// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* A network namespace, and the sockets that are kept in it: three descriptors, six if it refuses.
 */
#include <errno.h>
#include <event2/event.h>
#include <string.h>
#include <sys/socket.h>

#include <utlist.h>

#include "netns.h"
#include "places_internal.h"
#include "refusal.h"
#include "routes.h"
#include "util.h"

/* So that a link that comes up, with its addresses and routes, is one change. */
#define SETTLE_MS 50
/* Since Linux 5.14. */
#ifndef SO_NETNS_COOKIE
#define SO_NETNS_COOKIE 71
#endif

static void on_routes(evutil_socket_t fd, short what, void *data)
{
	struct place *place = data;
	uint64_t now_ns = monotonic_ns();

	(void)fd;
	(void)what;
	place->routes_changed = true;
	timer_set(&place->places->settle, now_ns, now_ns + SETTLE_MS * NSEC_PER_MSEC);
}

/* An older kernel has no cookies. */
static int read_cookie(struct place *place)
{
	_cleanup_close_ int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	socklen_t length = sizeof(place->cookie);

	if (fd < 0)
		return -errno;
	if (getsockopt(fd, SOL_SOCKET, SO_NETNS_COOKIE, &place->cookie, &length))
		place->cookie = 0;
	return 0;
}

static int open_inside(void *data)
{
	struct place *place = data;
	int r = read_cookie(place);

	return r ? r : routes_open(&place->routes);
}

static int follow_routes(struct place *place)
{
	place->routes_event = event_new(place->places->options.base, routes_fd(place->routes),
					EV_READ, on_routes, place);
	return !place->routes_event || event_add(place->routes_event, NULL) ? -ENOMEM : 0;
}

int place_open(struct places *places, int own_fd, struct place **ret_place)
{
	_cleanup_(place_close) struct place *place = calloc(1, sizeof(*place));
	_cleanup_close_ int fd = own_fd;
	struct stat st;
	int r;

	if (!place)
		return -ENOMEM;
	place->places = places;
	place->fd = TAKE_FD(fd);
	if (fstat(place->fd, &st))
		return -errno;
	place->netns = (struct inode){ st.st_dev, st.st_ino };
	r = netns_visit(place->fd, open_inside, place);
	if (!r)
		r = follow_routes(place);
	if (!r)
		*ret_place = TAKE_PTR(place);
	return r;
}

void place_close(struct place **place)
{
	if (!*place)
		return;
	if ((*place)->routes_event)
		event_free((*place)->routes_event);
	routes_close(&(*place)->routes);
	refusal_close(&(*place)->refusal);
	close_fd(&(*place)->fd);
	place_lists_finish(&(*place)->lists);
	free(TAKE_PTR(*place));
}

struct place *places_by_netns(const struct places *places, const struct inode *netns)
{
	struct place *place;

	HASH_FIND(hh, places->all, netns, sizeof(*netns), place);
	return place;
}

int places_add(struct places *places, int own_fd, struct place **ret_place)
{
	struct place *place, *known;
	int r = place_open(places, own_fd, &place);

	if (r)
		return r;
	/* Its thread may have gone elsewhere since its number was read. */
	known = places_by_netns(places, &place->netns);
	if (known) {
		place_close(&place);
		*ret_place = known;
		return 0;
	}
	HASH_ADD(hh, places->all, netns, sizeof(place->netns), place);
	if (place->cookie)
		HASH_ADD(by_cookie, places->by_cookie, cookie, sizeof(place->cookie), place);
	*ret_place = place;
	return 0;
}

uint64_t place_cookie(const struct place *place)
{
	return place->cookie;
}

bool place_is_host(const struct place *place)
{
	return place == place->places->host;
}

/* Without routes all that can be said is what no other interface has. */
uint32_t place_interface(const struct place *place, const struct address *address)
{
	const char *special = address_special(address);
	uint32_t index;

	if (place->routes && !routes_interface(place->routes, address, &index))
		return index;
	return special && !strcmp(special, "loopback") ? ROUTES_LOOPBACK : 0;
}

static int open_refusal(void *data)
{
	struct place *place = data;

	return refusal_open(&place->refusal);
}

int place_refuse(struct place *place, const struct cgf_message *message, size_t size)
{
	int r = place->refusal ? 0 : netns_visit(place->fd, open_refusal, place);

	return r ? r : refusal_send(place->refusal, message, size);
}
