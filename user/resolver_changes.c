// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Names that go, servers and files that become others, and what is asked for before its time. */
#include <errno.h>

#include "resolver_internal.h"

/* --- names that go --------------------------------------------------------------------------- */

static bool is_in_flight(const struct name *name)
{
	return name->questions[0].state == ASKED || name->questions[1].state == ASKED;
}

void resolver_free_gone(struct resolver *resolver, struct name *name)
{
	struct name **at = &resolver->gone;

	if (is_in_flight(name))
		return;
	while (*at != name)
		at = &(*at)->next;
	*at = name->next;
	free(name);
}

static bool is_gone(const void *question)
{
	return resolver_question_name((struct question *)question)->gone;
}

/* What is in flight has its place with c-ares until it is answered. */
static void drop_one(struct resolver *resolver, struct name *name)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(name->questions); i++)
		resolver->unanswered -= !name->questions[i].answered;
	resolver->questions -= ARRAY_SIZE(name->questions);
	name->gone = true;
	name->next = resolver->gone;
	resolver->gone = name;
}

void resolver_drop(struct resolver *resolver, bool (*goes)(const void *name_data))
{
	struct name *name, *next, **at = &resolver->names;

	while (*at) {
		name = *at;
		if (!goes(name->data)) {
			at = &name->next;
			continue;
		}
		*at = name->next;
		drop_one(resolver, name);
	}
	heap_remove_if(&resolver->waiting, is_gone);
	for (name = resolver->gone; name; name = next) {
		next = name->next;
		resolver_free_gone(resolver, name);
	}
}

/* --- others than before ---------------------------------------------------------------------- */

static void ask_first(struct resolver *resolver)
{
	const struct heap_item *first = heap_first(&resolver->waiting);

	if (first)
		timer_set(&resolver->due, monotonic_ns(), first->key);
}

/* What was in flight to the servers before is in flight no more. */
static void ask_all_now(struct resolver *resolver)
{
	uint64_t now_ns = monotonic_ns();
	struct name *name;
	size_t i;

	heap_advance_all(&resolver->waiting, now_ns);
	for (name = resolver->names; name; name = name->next)
		for (i = 0; i < ARRAY_SIZE(name->questions); i++)
			if (name->questions[i].state == ASKED)
				resolver_wait_until(resolver, &name->questions[i], now_ns);
	ask_first(resolver);
}

int resolver_use_servers(struct resolver *resolver, const struct address *servers, size_t count)
{
	struct dns *dns = NULL;
	int r = resolver_open_dns(resolver, servers, count, &dns);

	if (r)
		return r;
	dns_finish(&resolver->dns);
	resolver->dns = dns;
	resolver_free_names(TAKE_PTR(resolver->gone));
	ask_all_now(resolver);
	return 0;
}

/* One that is in flight will find that the file has it now. */
static void fix(struct resolver *resolver, struct name *name, bool fixed, uint64_t now_ns)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(name->questions); i++) {
		if (name->questions[i].state == RESTING)
			resolver_wait_until(resolver, &name->questions[i], now_ns);
		else if (fixed != name->fixed)
			heap_advance(&resolver->waiting, now_ns, &name->questions[i]);
	}
	name->fixed = fixed;
}

int resolver_reread_hosts(struct resolver *resolver)
{
	uint64_t now_ns = monotonic_ns();
	const struct hosts_entry *entries;
	struct hosts *hosts = NULL;
	struct name *name;
	int r = hosts_read(HOSTS_PATH, &hosts);

	if (r)
		return r;
	hosts_finish(&resolver->hosts);
	resolver->hosts = hosts;
	for (name = resolver->names; name; name = name->next)
		fix(resolver, name, hosts_find(hosts, name->text, &entries) > 0, now_ns);
	ask_first(resolver);
	return 0;
}

bool resolver_ask_again(struct resolver *resolver, const void *name_data)
{
	uint64_t now_ns = monotonic_ns();
	struct name *name = resolver->names;

	while (name && name->data != name_data)
		name = name->next;
	if (!name || now_ns < name->again_ns + RESOLVER_AGAIN_MS * NSEC_PER_MSEC)
		return false;
	name->again_ns = now_ns;
	heap_advance(&resolver->waiting, now_ns, &name->questions[0]);
	heap_advance(&resolver->waiting, now_ns, &name->questions[1]);
	ask_first(resolver);
	return true;
}
