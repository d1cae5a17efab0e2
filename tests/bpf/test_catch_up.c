// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * The kernel wakes no one for what it learned: at each of their own turns names read what it has
 * told by then, before they make anything of what they know.
 */
#include <event2/event.h>

#include "answer.h"
#include "asked.h"
#include "names.h"
#include "output.h"
#include "watch.h"

#define NAME "a.x"
#define ADDRESS "198.51.100.10"

struct kept {
	struct fixture *fixture;
	struct event_base *base;
	struct output output;
	struct watch *watch;
	struct names *names;
	unsigned int caught_up;
	bool told; /* by the kernel, and not yet read: NAME has ADDRESS */
	bool ready;
	unsigned int narrowed;
};

static void on_catch_up(void *data)
{
	struct kept *kept = data;
	struct answer answer = {
		.question.name = { .length = sizeof("\1a\1x"), .bytes = "\1a\1x" },
		.question.type = QUESTION_TYPE_A,
		.ttl_s = 60,
		.count = 1,
		.addresses = { address_of(ADDRESS) },
	};

	kept->caught_up++;
	if (!kept->told)
		return;
	kept->told = false;
	names_adopt(kept->names, &answer, grant_number_of(kept->fixture, NAME), monotonic_ns());
}

static void on_ready(int error, const struct failure *failure, void *data)
{
	struct kept *kept = data;

	(void)failure;
	assert_int_equal(error, 0);
	kept->ready = true;
}

static void on_narrowed(void *data)
{
	((struct kept *)data)->narrowed++;
}

static int set_up_names(void **state)
{
	struct kept *kept = calloc(1, sizeof(*kept));
	void *fixture = NULL;

	if (!kept || set_up(&fixture))
		return -1;
	kept->fixture = fixture;
	kept->base = event_base_new();
	kept->output.quiet = true;
	*state = kept;
	return watch_init(&kept->watch, kept->base);
}

static int tear_down_names(void **state)
{
	struct kept *kept = *state;
	void *fixture = kept->fixture;

	watch_finish(&kept->watch);
	names_stop(&kept->names);
	event_base_free(kept->base);
	free(kept);
	return tear_down(&fixture);
}

/* One that is never asked: there is no name to ask for. */
static void begin(struct kept *kept, const char *policy)
{
	const struct address server = address_of("127.0.0.1");
	struct names_options options = {
		.base = kept->base,
		.datapath = &kept->fixture->maps,
		.output = &kept->output,
		.watch = kept->watch,
		.servers = &server,
		.server_count = 1,
		.catch_up = on_catch_up,
		.catch_up_data = kept,
		.ready = on_ready,
		.narrowed = on_narrowed,
		.data = kept,
	};
	struct failure failure;

	set_policy(kept->fixture, policy);
	options.policy = kept->fixture->policy;
	assert_int_equal(names_start(&kept->names, &options, &failure), 0);
	while (!kept->ready)
		assert_int_equal(event_base_loop(kept->base, EVLOOP_ONCE), 0);
}

/* Whatever is due at once. */
static void turn(struct kept *kept)
{
	names_flush(kept->names);
	event_base_loop(kept->base, EVLOOP_NONBLOCK);
}

static const char *name_at(const struct kept *kept)
{
	const struct address address = address_of(ADDRESS);

	return policy_name_of(kept->fixture->policy, &address);
}

static bool is_in_force(const struct kept *kept)
{
	struct cgf_entry entry;
	struct cgf_key key = {
		.port = 443,
		.protocol = IPPROTO_TCP,
		.port_bits = CGF_PORT_BITS_ONE,
	};
	const struct address address = address_of(ADDRESS);

	memcpy(key.address, address.bytes, sizeof(key.address));
	return !datapath_allow_read(&kept->fixture->maps, &key, &entry);
}

static void every_turn_of_the_names_begins_with_what_the_kernel_has_told(void **state)
{
	struct kept *kept = *state;
	unsigned int before;

	begin(kept, "allow *.x:443/tcp\n");
	before = kept->caught_up;
	assert_true(before > 0);
	turn(kept);
	assert_true(kept->caught_up > before);
}

/* The kernel had no room for it: it is written by the flush that comes after. */
static void what_is_adopted_so_is_in_force_after_the_same_turn(void **state)
{
	struct kept *kept = *state;

	begin(kept, "allow *.x:443/tcp\n");
	assert_null(name_at(kept));
	assert_false(is_in_force(kept));
	kept->told = true;
	turn(kept);
	assert_string_equal(name_at(kept), NAME);
	assert_true(is_in_force(kept));
}

static void what_was_adopted_goes_with_its_rule(void **state)
{
	struct kept *kept = *state;

	begin(kept, "allow *.x:443/tcp\n");
	kept->told = true;
	turn(kept);
	assert_true(is_in_force(kept));
	policy_remove_rule(kept->fixture->policy, 0);
	turn(kept);
	assert_int_equal(kept->narrowed, 1);
	assert_false(is_in_force(kept));
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up_names, tear_down_names)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(every_turn_of_the_names_begins_with_what_the_kernel_has_told),
		CASE(what_is_adopted_so_is_in_force_after_the_same_turn),
		CASE(what_was_adopted_goes_with_its_rule),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
