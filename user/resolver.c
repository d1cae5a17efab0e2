// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * A name is two questions. A question is either in the heap, by the time it is next to be asked, or
 * in flight, or at rest. So the heap is also the queue of what waits for room.
 */
#include "resolver.h"

#include <errno.h>
#include <string.h>

#include "cgfence.h"
#include "dns.h"
#include "heap.h"
#include "hosts.h"
#include "refresh.h"
#include "timer.h"
#include "util.h"

enum state {
	WAITING, /* in the heap */
	ASKED,	 /* in flight */
	RESTING	 /* the file has answered it */
};

struct question {
	struct refresh refresh;
	enum state state;
	bool ipv6;
	bool answered; /* once at least */
};

struct name {
	struct name *next;
	void *data;
	struct question questions[2]; /* the second is the IPv6 one */
	uint64_t again_ns;	      /* when resolver_ask_again() last did something */
	bool fixed;
	bool gone; /* nobody wants it any more; what is in flight is waited for */
	char text[];
};

struct resolver {
	struct resolver_options options;
	struct dns *dns;
	struct hosts *hosts;
	struct timer due;    /* for the first in the heap */
	struct heap waiting; /* questions, by the time they are to be asked */
	struct name *names;
	struct name *gone; /* with a question in flight */
	uint64_t added;	   /* questions, since the beginning */
	size_t questions;  /* all of them */
	size_t unanswered; /* those that had no answer yet */
	unsigned short random[3];
};

static struct name *question_name(struct question *question)
{
	struct question *first = question - question->ipv6;

	return (struct name *)((char *)first - offsetof(struct name, questions));
}

static bool is_in_flight(const struct name *name)
{
	return name->questions[0].state == ASKED || name->questions[1].state == ASKED;
}

static void free_gone(struct resolver *resolver, struct name *name)
{
	struct name **at = &resolver->gone;

	if (is_in_flight(name))
		return;
	while (*at != name)
		at = &(*at)->next;
	*at = name->next;
	free(name);
}

static void wait_until(struct resolver *resolver, struct question *question, uint64_t when_ns)
{
	question->state = WAITING;
	heap_push(&resolver->waiting, when_ns, question);
}

static void deliver(struct resolver *resolver, struct question *question,
		    struct resolver_answer *answer)
{
	struct name *name = question_name(question);

	answer->name = name->text;
	answer->name_data = name->data;
	answer->ipv6 = question->ipv6;
	answer->first = !question->answered;
	if (answer->first)
		resolver->unanswered--;
	question->answered = true;
	resolver->options.answer(answer, resolver->options.answer_data);
}

/* A family that the file does not have, for a name that it has, is no address, as in libc. */
static void deliver_fixed(struct resolver *resolver, struct question *question)
{
	struct address addresses[CGF_NAME_ADDRESSES_MAX];
	struct resolver_answer answer = { .status = RESOLVER_OK, .addresses = addresses };
	const struct hosts_entry *entries;
	size_t count = hosts_find(resolver->hosts, question_name(question)->text, &entries);

	for (size_t i = 0; i < count && !answer.cut; i++) {
		if (address_is_ipv4(&entries[i].address) == question->ipv6)
			continue;
		answer.cut = answer.count == CGF_NAME_ADDRESSES_MAX;
		if (!answer.cut)
			addresses[answer.count++] = entries[i].address;
	}
	answer.fixed = true;
	answer.ttl_s = RESOLVER_TTL_CEILING_S;
	deliver(resolver, question, &answer);
}

static uint32_t reply_ttl_s(const struct dns_reply *reply)
{
	if (reply->status == RESOLVER_FAILED)
		return 0;
	if (!reply->count)
		return RESOLVER_NEGATIVE_S;
	if (reply->ttl_s < RESOLVER_TTL_FLOOR_S)
		return RESOLVER_TTL_FLOOR_S;
	return reply->ttl_s < RESOLVER_TTL_CEILING_S ? reply->ttl_s : RESOLVER_TTL_CEILING_S;
}

static void on_reply(const struct dns_reply *reply, void *question_data, void *data)
{
	struct resolver *resolver = data;
	struct question *question = question_data;
	struct resolver_answer answer = {
		.status = reply->status,
		.error = reply->error,
		.addresses = reply->addresses,
		.count = reply->count,
		.cut = reply->cut,
		.ttl_s = reply_ttl_s(reply),
	};
	uint64_t now_ns = monotonic_ns(), wait_ns;

	if (question_name(question)->gone) {
		question->state = RESTING;
		free_gone(resolver, question_name(question));
		return;
	}
	if (answer.status == RESOLVER_FAILED)
		wait_ns = refresh_after_failure(&question->refresh);
	else
		wait_ns = refresh_after_answer(&question->refresh, now_ns,
					       answer.ttl_s * NSEC_PER_SEC,
					       (uint32_t)nrand48(resolver->random));
	/* The file has the name since it was asked for. */
	if (question_name(question)->fixed)
		wait_ns = 0;
	wait_until(resolver, question, now_ns + wait_ns);
	if (!question_name(question)->fixed)
		deliver(resolver, question, &answer);
}

static void ask(struct resolver *resolver, struct question *question)
{
	struct name *name = question_name(question);

	question->state = name->fixed ? RESTING : ASKED;
	if (name->fixed)
		deliver_fixed(resolver, question);
	else
		dns_ask(resolver->dns, name->text, question->ipv6, question);
}

/* A window's worth at most, so that the loop has other turns when each of them fails at once. */
static void ask_due(void *data)
{
	struct resolver *resolver = data;
	const struct heap_item *first = heap_first(&resolver->waiting);
	uint64_t now_ns = monotonic_ns();

	for (unsigned int i = 0; i < RESOLVER_WINDOW; i++) {
		if (!first || first->key > now_ns || !dns_has_room(resolver->dns))
			break;
		ask(resolver, heap_pop(&resolver->waiting).data);
		first = heap_first(&resolver->waiting);
	}
	/* Without room there is something in flight, and this is called again when there is. */
	if (first && dns_has_room(resolver->dns))
		timer_set(&resolver->due, now_ns, first->key);
}

static int open_dns(struct resolver *resolver, const struct address *servers, size_t count,
		    struct dns **ret_dns)
{
	const struct dns_options options = {
		.base = resolver->options.base,
		.servers = servers,
		.server_count = count,
		.reply = on_reply,
		.room = ask_due,
		.data = resolver,
	};

	return dns_init(ret_dns, &options);
}

int resolver_init(struct resolver **ret_resolver, const struct resolver_options *options)
{
	_cleanup_(resolver_finish) struct resolver *resolver = calloc(1, sizeof(*resolver));
	uint64_t seed = monotonic_ns();
	int r;

	if (!resolver)
		return -ENOMEM;
	resolver->options = *options;
	memcpy(resolver->random, &seed, sizeof(resolver->random));
	r = hosts_read(HOSTS_PATH, &resolver->hosts);
	if (r < 0)
		return r;
	r = timer_init(&resolver->due, options->base, ask_due, resolver);
	if (r < 0)
		return r;
	r = open_dns(resolver, options->servers, options->server_count, &resolver->dns);
	if (r < 0)
		return r;
	*ret_resolver = TAKE_PTR(resolver);
	return 0;
}

static void free_names(struct name *name)
{
	struct name *next;

	for (; name; name = next) {
		next = name->next;
		free(name);
	}
}

void resolver_finish(struct resolver **resolver)
{
	if (!*resolver)
		return;
	dns_finish(&(*resolver)->dns);
	timer_finish(&(*resolver)->due);
	hosts_finish(&(*resolver)->hosts);
	heap_finish(&(*resolver)->waiting);
	free_names((*resolver)->names);
	free_names((*resolver)->gone);
	free(TAKE_PTR(*resolver));
}

size_t resolver_servers(const struct resolver *resolver, const struct address **ret_servers)
{
	return dns_servers(resolver->dns, ret_servers);
}

/*
 * The key of a new question is its number: far in the past, so that new names come before those
 * that are refreshed, in the order they were added.
 */
static void add_question(struct resolver *resolver, struct question *question)
{
	wait_until(resolver, question, ++resolver->added);
	resolver->questions++;
	resolver->unanswered++;
}

int resolver_add(struct resolver *resolver, const char *text, void *name_data)
{
	size_t length = strlen(text);
	const struct hosts_entry *entries;
	struct name *name;

	if (!length || length > CGF_NAME_BYTES_MAX)
		return -EINVAL;
	/* Room for every question, so that putting one back after its answer cannot fail. */
	if (heap_reserve(&resolver->waiting, resolver->questions + 2) < 0)
		return -ENOMEM;
	name = calloc(1, sizeof(*name) + length + 1);
	if (!name)
		return -ENOMEM;
	name->next = resolver->names;
	resolver->names = name;
	name->data = name_data;
	name->questions[1].ipv6 = true;
	name->fixed = hosts_find(resolver->hosts, text, &entries) > 0;
	memcpy(name->text, text, length);
	add_question(resolver, &name->questions[0]);
	add_question(resolver, &name->questions[1]);
	timer_set(&resolver->due, monotonic_ns(), heap_first(&resolver->waiting)->key);
	return 0;
}

static bool is_gone(const void *question)
{
	return question_name((struct question *)question)->gone;
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
		free_gone(resolver, name);
	}
}

/* --- changes --------------------------------------------------------------------------------- */

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
				wait_until(resolver, &name->questions[i], now_ns);
	ask_first(resolver);
}

int resolver_use_servers(struct resolver *resolver, const struct address *servers, size_t count)
{
	struct dns *dns = NULL;
	int r = open_dns(resolver, servers, count, &dns);

	if (r)
		return r;
	dns_finish(&resolver->dns);
	resolver->dns = dns;
	free_names(TAKE_PTR(resolver->gone));
	ask_all_now(resolver);
	return 0;
}

/* One that is in flight will find that the file has it now. */
static void fix(struct resolver *resolver, struct name *name, bool fixed, uint64_t now_ns)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(name->questions); i++) {
		if (name->questions[i].state == RESTING)
			wait_until(resolver, &name->questions[i], now_ns);
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

bool resolver_settled(const struct resolver *resolver)
{
	return !resolver->unanswered;
}
