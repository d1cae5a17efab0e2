// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* api_server SOCKET: the server and the API over policies in memory, until SIGTERM. */
#include <event2/event.h>
#include <netinet/in.h>
#include <signal.h>

#include "api.h"
#include "fake_policies.h"
#include "server.h"

#define DECIDE_MS 5

static struct api *api;
static struct policies policies;

static void on_stop(int signal_number, short what, void *base)
{
	(void)signal_number;
	(void)what;
	event_base_loopbreak(base);
}

/* So that there is something to follow. */
static void on_tick(int fd, short what, void *data)
{
	const struct cgf_decision decision = {
		.time_ns = monotonic_ns(), .protocol = IPPROTO_TCP, .port = 443, .comm = "curl"
	};

	(void)fd;
	(void)what;
	(void)data;
	api_decided("web", "container:a", &decision, &(struct decision_context){ .times = 1 }, api);
}

int main(int argc, char *argv[])
{
	const struct timeval step = { 0, DECIDE_MS * 1000 };
	struct event_base *base = event_base_new();
	struct server *server = NULL;
	struct failure failure = { "" };
	struct event *stop = evsignal_new(base, SIGTERM, on_stop, base);
	struct event *tick = event_new(base, -1, EV_PERSIST, on_tick, NULL);

	if (argc != 2 || api_init(&api, &(struct api_options){ 0 }))
		return 2;
	api_use(api, &policies);
	if (server_init(&server,
			&(struct server_options){ .base = base,
						  .path = argv[1],
						  .group = "daemon",
						  .idle_ms = 1000,
						  .requested = api_requested,
						  .refused = api_refused,
						  .data = api },
			&failure)) {
		fprintf(stderr, "%s\n", failure.text);
		return 1;
	}
	event_add(stop, NULL);
	event_add(tick, &step);
	event_base_dispatch(base);
	server_finish(&server);
	fake_finish(&policies);
	api_finish(&api);
	event_free(stop);
	event_free(tick);
	event_base_free(base);
	return 0;
}
