// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "resolvers.h"

#include <errno.h>
#include <event2/event.h>
#include <string.h>

#include "output.h"
#include "policy.h"
#include "resolvconf.h"
#include "routes.h"
#include "timer.h"
#include "watch.h"

/* So that a link that comes up, with its addresses and routes, is one change. */
#define SETTLE_MS 50
/* Of which a line tells. */
#define LISTED_MAX 3

struct resolvers {
	struct resolvers_options options;
	struct resolvconf conf; /* that was last used */
	struct address servers[CGF_RESOLVERS_MAX];
	uint32_t interfaces[CGF_RESOLVERS_MAX];
	size_t count;
	bool by_rule;
	struct routes *routes; /* NULL: they cannot be asked for */
	struct event *routes_event;
	struct timer settle;
};

/* Without routes all that can be said is what no other interface has. */
static uint32_t interface_of(const struct resolvers *resolvers, const struct address *server)
{
	const char *special = address_special(server);
	uint32_t index;

	if (resolvers->routes && !routes_interface(resolvers->routes, server, &index))
		return index;
	return special && !strcmp(special, "loopback") ? ROUTES_LOOPBACK : 0;
}

/* Deny wins over everything, so a denied resolver is not asked; better said than searched for. */
static void tell_denied(const struct resolvers *resolvers, const struct address *server)
{
	const struct policy *policy = resolvers->options.policy;
	uint32_t rule = policy_denied_by(policy, server, CGF_DNS_PORT);
	char text[ADDRESS_TEXT_BYTES], rule_text[CGF_LINE_BYTES_MAX];

	if (rule == CGF_RULE_NONE ||
	    rule_format(policy_rule(policy, rule), rule_text, sizeof(rule_text)) < 0)
		return;
	output_note(
		resolvers->options.output,
		"the rule '%s' denies the resolver %s: the command cannot look up names with it",
		rule_text, address_format(server, text));
}

static bool is_in(const struct address *servers, size_t count, const struct address *server)
{
	size_t i;

	for (i = 0; i < count; i++)
		if (!memcmp(&servers[i], server, sizeof(*server)))
			return true;
	return false;
}

/* The command is not told of `dns` rules; what it asks elsewhere looks like an outage to it. */
static void tell_left_out(const struct resolvers *resolvers, const struct resolvconf *conf)
{
	const struct policy *policy = resolvers->options.policy;
	char list[LISTED_MAX * (ADDRESS_TEXT_BYTES + 2)] = "", text[ADDRESS_TEXT_BYTES];
	size_t i, used = 0, count = 0;

	if (!resolvers->by_rule || policy_target(policy).mode == CGF_MODE_AUDIT)
		return;
	for (i = 0; i < conf->server_count && count < LISTED_MAX; i++) {
		const struct address *server = &conf->servers[i];

		if (is_in(resolvers->servers, resolvers->count, server) ||
		    policy_allows_dns(policy, server))
			continue;
		used += (size_t)snprintf(list + used, sizeof(list) - used, "%s%s",
					 count++ ? ", " : "", address_format(server, text));
	}
	if (count)
		output_note(resolvers->options.output,
			    "the command itself asks %s, as " RESOLVCONF_PATH
			    " says, which is refused: give --dns for %s too, or change that file",
			    list, count == 1 ? "it" : "them");
}

static void forget(const struct resolvers *resolvers, const struct address *server)
{
	const struct policy_resolver_at at = { .address = *server };

	policy_remove_resolver(resolvers->options.policy, &at);
}

static int trust(const struct resolvers *resolvers, const struct address *server, uint32_t ifindex)
{
	const struct policy_resolver_at at = { .address = *server, .ifindex = ifindex };

	return policy_add_resolver(resolvers->options.policy, &at);
}

/* Of those that were to be added `count` were: they go again, but for the ones before. */
static void take_back(struct resolvers *resolvers, const struct address *servers, size_t count)
{
	size_t i;

	for (i = 0; i < count; i++)
		if (!is_in(resolvers->servers, resolvers->count, &servers[i]))
			forget(resolvers, &servers[i]);
}

/* The new before the old go: there may be room for both, and no moment without any. */
static int use_servers(struct resolvers *resolvers, const struct address *servers, size_t count)
{
	uint32_t interfaces[CGF_RESOLVERS_MAX];
	size_t i;
	int r = 0;

	for (i = 0; !r && i < count; i++) {
		interfaces[i] = interface_of(resolvers, &servers[i]);
		if (!is_in(resolvers->servers, resolvers->count, &servers[i]))
			tell_denied(resolvers, &servers[i]);
		r = trust(resolvers, &servers[i], interfaces[i]);
	}
	if (r) {
		take_back(resolvers, servers, i);
		return r;
	}
	for (i = 0; i < resolvers->count; i++)
		if (!is_in(servers, count, &resolvers->servers[i]))
			forget(resolvers, &resolvers->servers[i]);
	memcpy(resolvers->servers, servers, count * sizeof(*servers));
	memcpy(resolvers->interfaces, interfaces, count * sizeof(*interfaces));
	resolvers->count = count;
	return 0;
}

static int use_domains(const struct resolvers *resolvers, const struct resolvconf *conf)
{
	const char *domains[RESOLVCONF_DOMAINS_MAX];
	size_t i;

	for (i = 0; i < conf->domain_count; i++)
		domains[i] = conf->domains[i];
	return policy_use_searches(resolvers->options.policy, domains, conf->domain_count);
}

static int use(struct resolvers *resolvers, const struct resolvconf *conf)
{
	int r = use_domains(resolvers, conf);

	if (!r && !resolvers->by_rule)
		r = use_servers(resolvers, conf->servers, conf->server_count);
	if (!r) {
		resolvers->conf = *conf;
		tell_left_out(resolvers, conf);
	}
	return r;
}

/* --- resolv.conf becomes another ------------------------------------------------------------- */

static int read_conf(struct resolvconf *ret_conf)
{
	int r = resolvconf_read(RESOLVCONF_PATH, ret_conf);

	if (!r)
		resolvconf_search(ret_conf, getenv("LOCALDOMAIN"));
	return r;
}

static bool is_same(const struct resolvconf *left, const struct resolvconf *right)
{
	size_t i;

	if (left->server_count != right->server_count ||
	    left->domain_count != right->domain_count || left->ndots != right->ndots ||
	    memcmp(left->servers, right->servers, left->server_count * sizeof(*left->servers)) != 0)
		return false;
	for (i = 0; i < left->domain_count; i++)
		if (strcmp(left->domains[i], right->domains[i]) != 0)
			return false;
	return true;
}

static void tell_changed(const struct resolvers *resolvers)
{
	char list[LISTED_MAX * (ADDRESS_TEXT_BYTES + 2)] = "", text[ADDRESS_TEXT_BYTES];
	size_t i, used = 0;

	for (i = 0; i < resolvers->count && i < LISTED_MAX; i++)
		used += (size_t)snprintf(list + used, sizeof(list) - used, "%s%s", i ? ", " : "",
					 address_format(&resolvers->servers[i], text));
	output_note(resolvers->options.output, RESOLVCONF_PATH " has changed: asking %s now", list);
}

static void tell_kept(const struct resolvers *resolvers, const char *why)
{
	output_note(resolvers->options.output,
		    RESOLVCONF_PATH " has changed and cannot be used: %s; the resolvers stay as "
				    "they were",
		    why);
}

static void on_changed(void *data)
{
	struct resolvers *resolvers = data;
	struct resolvconf conf;
	int r = read_conf(&conf);

	if (r || !conf.server_count) {
		tell_kept(resolvers, r ? strerror(-r) : "it names no server");
		return;
	}
	if (is_same(&conf, &resolvers->conf))
		return;
	r = use(resolvers, &conf);
	if (r)
		tell_kept(resolvers, strerror(-r));
	else if (!resolvers->by_rule)
		tell_changed(resolvers);
	resolvers->options.changed(!r, resolvers->options.data);
}

/* --- routes become others -------------------------------------------------------------------- */

static void on_settled(void *data)
{
	struct resolvers *resolvers = data;
	bool changed = false;
	uint32_t index;
	size_t i;

	/* First this: what changes from here on is told again. */
	routes_drain(resolvers->routes);
	event_add(resolvers->routes_event, NULL);
	for (i = 0; i < resolvers->count; i++) {
		index = interface_of(resolvers, &resolvers->servers[i]);
		if (index == resolvers->interfaces[i])
			continue;
		changed |= !trust(resolvers, &resolvers->servers[i], index);
		resolvers->interfaces[i] = index;
	}
	if (changed)
		resolvers->options.changed(false, resolvers->options.data);
}

static void on_routes(evutil_socket_t fd, short what, void *data)
{
	struct resolvers *resolvers = data;
	uint64_t now_ns = monotonic_ns();

	(void)fd;
	(void)what;
	timer_set(&resolvers->settle, now_ns, now_ns + SETTLE_MS * NSEC_PER_MSEC);
}

/* --- begin and end --------------------------------------------------------------------------- */

static int watch_routes(struct resolvers *resolvers)
{
	int r = routes_open(&resolvers->routes);

	if (r) {
		output_note(resolvers->options.output,
			    "cannot ask for routes: answers may come in on any device: %s",
			    strerror(-r));
		return 0;
	}
	resolvers->routes_event = event_new(resolvers->options.base, routes_fd(resolvers->routes),
					    EV_READ, on_routes, resolvers);
	if (!resolvers->routes_event || event_add(resolvers->routes_event, NULL))
		return -ENOMEM;
	return timer_init(&resolvers->settle, resolvers->options.base, on_settled, resolvers);
}

/* It says who is asked, unless rules do; and in which domains names are looked for. */
static int watch_file(struct resolvers *resolvers)
{
	if (resolvers->by_rule && !policy_has_names(resolvers->options.policy))
		return 0;
	return watch_add(resolvers->options.watch, RESOLVCONF_PATH, on_changed, resolvers);
}

/* A file that is not there, or that nobody can read, is to libc as an empty one. */
static void read_first(struct resolvconf *ret_conf)
{
	if (read_conf(ret_conf)) {
		resolvconf_parse("", 0, ret_conf);
		resolvconf_search(ret_conf, getenv("LOCALDOMAIN"));
	}
	if (!ret_conf->server_count)
		address_parse(RESOLVCONF_DEFAULT_SERVER,
			      &ret_conf->servers[ret_conf->server_count++]);
}

static int begin(struct resolvers *resolvers)
{
	struct address by_rule[CGF_RESOLVERS_MAX];
	size_t count = policy_dns(resolvers->options.policy, by_rule);
	struct resolvconf conf;
	int r = watch_routes(resolvers);

	resolvers->by_rule = count > 0;
	/* Before it is read, so that no change is missed. */
	if (!r)
		r = watch_file(resolvers);
	if (r)
		return r;
	read_first(&conf);
	if (resolvers->by_rule)
		r = use_servers(resolvers, by_rule, count);
	return r ? r : use(resolvers, &conf);
}

int resolvers_start(struct resolvers **ret_resolvers, const struct resolvers_options *options,
		    struct failure *failure)
{
	_cleanup_(resolvers_stop) struct resolvers *resolvers = calloc(1, sizeof(*resolvers));
	int r = resolvers ? 0 : -ENOMEM;

	if (!r) {
		resolvers->options = *options;
		r = begin(resolvers);
	}
	if (r)
		return failure_set(failure, -r, "cannot use the resolvers of " RESOLVCONF_PATH);
	*ret_resolvers = TAKE_PTR(resolvers);
	return 0;
}

void resolvers_stop(struct resolvers **resolvers)
{
	if (!*resolvers)
		return;
	if ((*resolvers)->routes_event)
		event_free((*resolvers)->routes_event);
	timer_finish(&(*resolvers)->settle);
	routes_close(&(*resolvers)->routes);
	free(TAKE_PTR(*resolvers));
}

size_t resolvers_list(const struct resolvers *resolvers, const struct address **ret_servers)
{
	*ret_servers = resolvers->servers;
	return resolvers->count;
}
