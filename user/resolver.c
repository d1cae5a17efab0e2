// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * A name is two questions. A question is either in the heap, by the time it is next to be asked, or
 * in flight, or at rest. So the heap is also the queue of what waits for room.
 */
#include "resolver_internal.h"

#include <errno.h>
#include <string.h>

#include "cgfence.h"

void resolver_wait_until(struct resolver *resolver, struct question *question, uint64_t when_ns)
{
	question->state = WAITING;
	heap_push(&resolver->waiting, when_ns, question);
}

static void deliver(struct resolver *resolver, struct question *question,
		    struct resolver_answer *answer)
{
	struct name *name = resolver_question_name(question);

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
	size_t count = hosts_find(resolver->hosts, resolver_question_name(question)->text,
				  &entries);

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

	if (resolver_question_name(question)->gone) {
		question->state = RESTING;
		resolver_free_gone(resolver, resolver_question_name(question));
		return;
	}
	if (answer.status == RESOLVER_FAILED)
		wait_ns = refresh_after_failure(&question->refresh);
	else
		wait_ns = refresh_after_answer(&question->refresh, now_ns,
					       answer.ttl_s * NSEC_PER_SEC,
					       (uint32_t)nrand48(resolver->random));
	/* The file has the name since it was asked for. */
	if (resolver_question_name(question)->fixed)
		wait_ns = 0;
	resolver_wait_until(resolver, question, now_ns + wait_ns);
	if (!resolver_question_name(question)->fixed)
		deliver(resolver, question, &answer);
}

static void ask(struct resolver *resolver, struct question *question)
{
	struct name *name = resolver_question_name(question);

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

int resolver_open_dns(struct resolver *resolver, const struct address *servers, size_t count,
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

int resolver_init(struct resolver **ret_resolver, const struct resolver_options *options,
		  struct failure *failure)
{
	_cleanup_(resolver_finish) struct resolver *resolver = calloc(1, sizeof(*resolver));
	uint64_t seed = monotonic_ns();
	int r;

	if (!resolver)
		return failure_set(failure, ENOMEM, "cannot ask resolvers");
	resolver->options = *options;
	memcpy(resolver->random, &seed, sizeof(resolver->random));
	r = hosts_read(HOSTS_PATH, &resolver->hosts);
	if (r < 0)
		return failure_set(failure, -r, "cannot read " HOSTS_PATH);
	r = timer_init(&resolver->due, options->base, ask_due, resolver);
	if (!r)
		r = resolver_open_dns(resolver, options->servers, options->server_count,
				      &resolver->dns);
	if (r < 0)
		return failure_set(failure, -r, "cannot ask resolvers");
	*ret_resolver = TAKE_PTR(resolver);
	return 0;
}

void resolver_free_names(struct name *name)
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
	resolver_free_names((*resolver)->names);
	resolver_free_names((*resolver)->gone);
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
	resolver_wait_until(resolver, question, ++resolver->added);
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

bool resolver_settled(const struct resolver *resolver)
{
	return !resolver->unanswered;
}
