// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "places.h"

#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>

#include "places_internal.h"
#include "routes.h"
#include "util.h"
#include "watch.h"

/* --- telling --------------------------------------------------------------------------------- */

void place_tell(struct place *place)
{
	uint64_t now_ns = monotonic_ns();

	place->changed = true;
	timer_set(&place->places->tell, now_ns, now_ns);
}

static struct place *find_changed(const struct places *places)
{
	struct place *place, *next;

	HASH_ITER (hh, places->all, place, next)
		if (place->changed)
			return place;
	return NULL;
}

/* Whoever is told may release any. */
static void on_tell(void *data)
{
	struct places *places = data;
	struct place *place;

	while ((place = find_changed(places))) {
		place->changed = false;
		places->options.changed(place, places->options.data);
	}
}

static void judge_all(struct places *places)
{
	struct place *place, *next;

	HASH_ITER (hh, places->all, place, next)
		if (place_judge(place))
			place_tell(place);
}

/* --- what changes by itself ------------------------------------------------------------------ */

static void on_conf(void *data)
{
	places_read_conf(data);
	judge_all(data);
}

/* Without memory what was known of the host stays. */
static void take_routes(struct place *place)
{
	place->routes_changed = false;
	/* First this: what changes from here on is told again. */
	routes_drain(place->routes);
	event_add(place->routes_event, NULL);
}

static void on_settled(void *data)
{
	struct places *places = data;
	struct place *place, *next;
	bool host = places->host->routes_changed;

	HASH_ITER (hh, places->all, place, next) {
		if (!place->routes_changed)
			continue;
		take_routes(place);
		if (!host && place_judge(place))
			place_tell(place);
	}
	if (host) {
		places_read_addresses(places);
		judge_all(places);
	}
}

/* A bridge comes with its first container, before the loop has turned. */
void places_refresh(struct places *places)
{
	struct pollfd routes = { .fd = routes_fd(places->host->routes), .events = POLLIN };
	struct stat st;

	if (places->host->routes_changed || poll(&routes, 1, 0) > 0)
		places_read_addresses(places);
	if (!stat(RESOLVCONF_PATH, &st) && st.st_ino != places->conf_file.number)
		on_conf(places);
}

/* --- begin and end --------------------------------------------------------------------------- */

void place_let_go(struct place **place)
{
	struct places *places = (*place)->places;

	if (--(*place)->references)
		return;
	HASH_DELETE(hh, places->all, *place);
	if ((*place)->cookie)
		HASH_DELETE(by_cookie, places->by_cookie, *place);
	place_close(place);
}

static int open_host(struct places *places)
{
	int fd = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
	struct stat st;
	int r;

	if (fd < 0)
		return -errno;
	r = places_add(places, fd, &places->host);
	if (r)
		return r;
	places->host->references++;
	if (stat("/proc/self/ns/user", &st))
		return -errno;
	places->user_namespace = (struct inode){ st.st_dev, st.st_ino };
	return 0;
}

int places_init(struct places **ret_places, const struct places_options *options)
{
	_cleanup_(places_finish) struct places *places = calloc(1, sizeof(*places));
	int r;

	if (!places)
		return -ENOMEM;
	places->options = *options;
	r = timer_init(&places->settle, options->base, on_settled, places);
	if (!r)
		r = timer_init(&places->tell, options->base, on_tell, places);
	if (!r)
		r = open_host(places);
	/* Before it is read, so that no change is missed. */
	if (!r)
		r = watch_add(options->watch, RESOLVCONF_PATH, on_conf, places);
	if (!r)
		r = places_read_addresses(places);
	if (r)
		return r;
	places_read_conf(places);
	place_judge(places->host);
	*ret_places = TAKE_PTR(places);
	return 0;
}

void places_finish(struct places **places)
{
	if (!*places)
		return;
	if ((*places)->host)
		place_let_go(&(*places)->host);
	timer_finish(&(*places)->settle);
	timer_finish(&(*places)->tell);
	free((*places)->addresses);
	free(TAKE_PTR(*places));
}

struct place *places_host(const struct places *places)
{
	return places->host;
}

struct place *places_by_cookie(const struct places *places, uint64_t netns_cookie)
{
	struct place *place = NULL;

	if (netns_cookie)
		HASH_FIND(by_cookie, places->by_cookie, &netns_cookie, sizeof(netns_cookie), place);
	return place;
}
