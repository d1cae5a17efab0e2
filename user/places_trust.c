// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Which servers and domains count, of those that processes in a place see. */
#include <errno.h>
#include <ifaddrs.h>
#include <string.h>

#include <utlist.h>

#include "places_internal.h"
#include "util.h"

void place_lists_finish(struct place_lists *lists)
{
	size_t i;

	for (i = 0; i < lists->domain_count; i++)
		free(lists->domains[i]);
	free(lists->domains);
	free(lists->resolvers);
	free(lists->strangers);
	*lists = (struct place_lists){};
}

/* --- the host -------------------------------------------------------------------------------- */

static int compare(const void *left, const void *right)
{
	return memcmp(left, right, sizeof(struct address));
}

static bool take_address(const struct sockaddr *from, struct address *ret_address)
{
	if (!from || (from->sa_family != AF_INET && from->sa_family != AF_INET6))
		return false;
	*ret_address =
		from->sa_family == AF_INET
			? address_from_ipv4(
				  &((const struct sockaddr_in *)(const void *)from)->sin_addr)
			: address_from_ipv6(
				  &((const struct sockaddr_in6 *)(const void *)from)->sin6_addr);
	return true;
}

int places_read_addresses(struct places *places)
{
	struct ifaddrs *all, *one;
	struct address *addresses;
	size_t count = 0;

	if (getifaddrs(&all))
		return -errno;
	LL_COUNT2(all, one, count, ifa_next);
	addresses = calloc(count + 1, sizeof(*addresses));
	count = 0;
	for (one = all; addresses && one; one = one->ifa_next)
		count += take_address(one->ifa_addr, &addresses[count]);
	freeifaddrs(all);
	if (!addresses)
		return -ENOMEM;
	qsort(addresses, count, sizeof(*addresses), compare);
	free(places->addresses);
	places->addresses = addresses;
	places->address_count = count;
	return 0;
}

void places_read_conf(struct places *places)
{
	struct stat st;

	if (resolvconf_read(RESOLVCONF_PATH, &places->conf))
		resolvconf_parse("", 0, &places->conf);
	if (!places->conf.server_count)
		address_parse(RESOLVCONF_DEFAULT_SERVER,
			      &places->conf.servers[places->conf.server_count++]);
	places->conf_file = (struct inode){};
	if (!stat(RESOLVCONF_PATH, &st))
		places->conf_file = (struct inode){ st.st_dev, st.st_ino };
}

/* --- trust ----------------------------------------------------------------------------------- */

static bool is_host_server(const struct places *places, const struct address *server)
{
	size_t i;

	for (i = 0; i < places->conf.server_count; i++)
		if (!compare(&places->conf.servers[i], server))
			return true;
	return false;
}

/* Nobody inside can be it. */
static bool is_trusted(const struct places *places, const struct address *server)
{
	const char *special = address_special(server);

	return (special && !strcmp(special, "loopback")) || is_host_server(places, server) ||
	       (places->address_count && bsearch(server, places->addresses, places->address_count,
						 sizeof(*server), compare));
}

/*
 * Top-level domains that the public DNS does not have, and never will (RFC 6761, RFC 6762, ICANN's
 * "internal") or in practice ("lan"); and Podman's.
 */
static bool is_reserved(const char *domain)
{
	static const char *const tops[] = { "internal",	   "lan",    "local",
					    "localdomain", "podman", "test" };
	const char *dot = strrchr(domain, '.'), *top = dot ? dot + 1 : domain;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(tops); i++)
		if (!strcmp(top, tops[i]))
			return true;
	return false;
}

static bool is_host_domain(const struct places *places, const char *domain)
{
	size_t i;

	for (i = 0; i < places->conf.domain_count; i++)
		if (!strcmp(places->conf.domains[i], domain))
			return true;
	return false;
}

/* --- lists ----------------------------------------------------------------------------------- */

static bool has_server(const struct place_lists *lists, const struct address *server)
{
	size_t i;

	for (i = 0; i < lists->resolver_count; i++)
		if (!compare(&lists->resolvers[i].address, server))
			return true;
	for (i = 0; i < lists->stranger_count; i++)
		if (!compare(&lists->strangers[i], server))
			return true;
	return false;
}

static void add_server(const struct place *place, struct place_lists *lists,
		       const struct address *server, bool trusted)
{
	if (has_server(lists, server))
		return;
	if (!trusted && lists->stranger_count < PLACE_SERVERS_MAX)
		lists->strangers[lists->stranger_count++] = *server;
	if (trusted && lists->resolver_count < PLACE_SERVERS_MAX)
		lists->resolvers[lists->resolver_count++] = (struct place_resolver){
			.address = *server,
			.ifindex = place_interface(place, server),
		};
}

static void add_domain(struct place_lists *lists, const char *domain)
{
	size_t i;

	for (i = 0; i < lists->domain_count; i++)
		if (!strcmp(lists->domains[i], domain))
			return;
	if (lists->domain_count == PLACE_DOMAINS_MAX)
		return;
	lists->domains[lists->domain_count] = strdup(domain);
	lists->domain_count += lists->domains[lists->domain_count] != NULL;
}

static void add_host(const struct place *place, struct place_lists *lists)
{
	const struct resolvconf *conf = &place->places->conf;
	size_t i;

	for (i = 0; i < conf->server_count; i++)
		add_server(place, lists, &conf->servers[i], true);
	for (i = 0; i < conf->domain_count; i++)
		add_domain(lists, conf->domains[i]);
}

static void add_seen(const struct place *place, struct place_lists *lists, const struct seen *seen)
{
	const struct places *places = place->places;
	size_t i;

	if (seen->host) {
		add_host(place, lists);
		return;
	}
	for (i = 0; i < seen->server_count; i++)
		add_server(place, lists, &seen->servers[i], is_trusted(places, &seen->servers[i]));
	for (i = 0; i < seen->domain_count; i++)
		if (is_host_domain(places, seen->domains[i]) || is_reserved(seen->domains[i]))
			add_domain(lists, seen->domains[i]);
}

static bool lists_init(struct place_lists *lists)
{
	*lists = (struct place_lists){
		.resolvers = calloc(PLACE_SERVERS_MAX, sizeof(*lists->resolvers)),
		.strangers = calloc(PLACE_SERVERS_MAX, sizeof(*lists->strangers)),
		.domains = calloc(PLACE_DOMAINS_MAX, sizeof(*lists->domains)),
	};
	return lists->resolvers && lists->strangers && lists->domains;
}

/* As small as they are: there are many places. */
static void trim(void **array, size_t count, size_t size)
{
	void *smaller = realloc(*array, (count ? count : 1) * size);

	if (smaller)
		*array = smaller;
}

static bool has_same_domains(const struct place_lists *left, const struct place_lists *right)
{
	size_t i;

	if (left->domain_count != right->domain_count)
		return false;
	for (i = 0; i < left->domain_count; i++)
		if (strcmp(left->domains[i], right->domains[i]) != 0)
			return false;
	return true;
}

static bool is_same(const struct place_lists *left, const struct place_lists *right)
{
	return left->resolver_count == right->resolver_count &&
	       left->stranger_count == right->stranger_count &&
	       (!left->resolver_count ||
		!memcmp(left->resolvers, right->resolvers,
			left->resolver_count * sizeof(*left->resolvers))) &&
	       (!left->stranger_count ||
		!memcmp(left->strangers, right->strangers,
			left->stranger_count * sizeof(*left->strangers))) &&
	       has_same_domains(left, right);
}

/* Without memory it stays as it was. */
bool place_judge(struct place *place)
{
	_cleanup_(place_lists_finish) struct place_lists lists;
	const struct tenant *tenant;
	size_t i;

	if (!lists_init(&lists))
		return false;
	/* First what nobody inside can put others before. */
	if (place_is_host(place))
		add_host(place, &lists);
	LL_FOREACH (place->tenants, tenant)
		for (i = 0; i < tenant->count; i++)
			add_seen(place, &lists, &tenant->seen[i]);
	if (is_same(&place->lists, &lists))
		return false;
	trim((void **)&lists.resolvers, lists.resolver_count, sizeof(*lists.resolvers));
	trim((void **)&lists.strangers, lists.stranger_count, sizeof(*lists.strangers));
	trim((void **)&lists.domains, lists.domain_count, sizeof(*lists.domains));
	place_lists_finish(&place->lists);
	place->lists = TAKE(lists, (struct place_lists){});
	return true;
}

size_t place_resolvers(const struct place *place, const struct place_resolver **ret_resolvers)
{
	*ret_resolvers = place->lists.resolvers;
	return place->lists.resolver_count;
}

size_t place_strangers(const struct place *place, const struct address **ret_servers)
{
	*ret_servers = place->lists.strangers;
	return place->lists.stranger_count;
}

size_t place_domains(const struct place *place, const char *const **ret_domains)
{
	*ret_domains = (const char *const *)place->lists.domains;
	return place->lists.domain_count;
}
