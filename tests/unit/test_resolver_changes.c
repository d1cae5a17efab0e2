// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* The resolver when its servers and /etc/hosts become others, and when it is told to ask again. */
#include "fake_dns.h"
#include "resolver_fixture.h"

#define FIRST "127.0.0.2"
#define SECOND "127.0.0.3"

static void serve_all(struct fake_dns *fake)
{
	for (; fake->count; fake->count--)
		fake_reply(&fake->waiting[fake->count - 1], FAKE_ANSWER, 60);
}

static void serve_none(struct fake_dns *fake)
{
	fake->count = 0;
}

static void use(struct fixture *fixture, const char *server)
{
	struct address address;

	assert_int_equal(address_parse(server, &address), 0);
	assert_int_equal(resolver_use_servers(fixture->resolver, &address, 1), 0);
}

static bool both_again(const void *of)
{
	const struct results *results = of;

	return results->ipv4.times > 1 && results->ipv6.times > 1;
}

static bool was_asked(const void *of)
{
	return ((const struct fake_dns *)of)->received == 2;
}

static void what_is_in_flight_is_asked_of_the_new_servers(void **state)
{
	struct fixture *fixture = *state;
	struct fake_dns *silent = fake_start(fixture->base, FIRST, serve_none);
	struct fake_dns *good = fake_start(fixture->base, SECOND, serve_all);
	struct results results = {};

	fixture_resolver(fixture, (const char *[]){ FIRST }, 1);
	assert_int_equal(resolver_add(fixture->resolver, "name.test", &results), 0);
	fixture_run_until(fixture, was_asked, silent);
	use(fixture, SECOND);
	fixture_run_until(fixture, fixture_settled, fixture);
	assert_int_equal(results.ipv4.last.count + results.ipv6.last.count, 2);
	assert_int_equal(results.ipv4.failures + results.ipv6.failures, 0);
	assert_int_equal(good->received, 2);
	fake_stop(silent);
	fake_stop(good);
}

static void what_was_answered_is_asked_of_the_new_servers_at_once(void **state)
{
	struct fixture *fixture = *state;
	struct fake_dns *first = fake_start(fixture->base, FIRST, serve_all);
	struct fake_dns *second = fake_start(fixture->base, SECOND, serve_all);
	struct results results = {};

	fixture_resolver(fixture, (const char *[]){ FIRST }, 1);
	assert_int_equal(resolver_add(fixture->resolver, "name.test", &results), 0);
	fixture_run_until(fixture, fixture_settled, fixture);
	use(fixture, SECOND);
	fixture_run_until(fixture, both_again, &results);
	assert_int_equal(first->received, 2);
	assert_int_equal(second->received, 2);
	fake_stop(first);
	fake_stop(second);
}

static void servers_that_cannot_be_used_change_nothing(void **state)
{
	struct fixture *fixture = *state;
	struct fake_dns *fake = fake_start(fixture->base, "127.0.0.1", serve_all);

	fixture_resolve(fixture, "name.test");
	assert_int_equal(resolver_use_servers(fixture->resolver, NULL, 0), -EINVAL);
	assert_int_equal(fixture_resolve(fixture, "other.test").ipv4.last.count, 1);
	fake_stop(fake);
}

static void a_name_is_asked_again_at_once_and_once_a_second(void **state)
{
	struct fixture *fixture = *state;
	struct fake_dns *fake = fake_start(fixture->base, "127.0.0.1", serve_all);
	struct results results = {}, other = {};

	fixture_resolver(fixture, (const char *[]){ "127.0.0.1" }, 1);
	assert_int_equal(resolver_add(fixture->resolver, "name.test", &results), 0);
	fixture_run_until(fixture, fixture_settled, fixture);
	resolver_ask_again(fixture->resolver, &results);
	resolver_ask_again(fixture->resolver, &other);
	fixture_run_until(fixture, both_again, &results);
	assert_int_equal(fake->received, 4);
	resolver_ask_again(fixture->resolver, &results);
	/* Whatever would be asked would be before this. */
	assert_int_equal(resolver_add(fixture->resolver, "other.test", &other), 0);
	fixture_run_until(fixture, fixture_settled, fixture);
	assert_int_equal(fake->received, 6);
	assert_int_equal(results.ipv4.times, 2);
	fake_stop(fake);
}

static void a_name_that_the_file_gets_is_answered_by_it(void **state)
{
	struct fixture *fixture = *state;
	struct fake_dns *fake = fake_start(fixture->base, "127.0.0.1", serve_all);
	struct results results = {};

	fixture_resolver(fixture, (const char *[]){ "127.0.0.1" }, 1);
	assert_int_equal(resolver_add(fixture->resolver, "name.test", &results), 0);
	fixture_run_until(fixture, fixture_settled, fixture);
	assert_false(results.ipv4.last.fixed);
	fixture_write("/etc/hosts", "192.0.2.99 name.test\n");
	assert_int_equal(resolver_reread_hosts(fixture->resolver), 0);
	fixture_run_until(fixture, both_again, &results);
	assert_true(results.ipv4.last.fixed && results.ipv6.last.fixed);
	assert_address(&results.ipv4.addresses[0], "192.0.2.99");
	assert_int_equal(results.ipv6.last.count, 0);
	fake_stop(fake);
}

static void a_name_that_the_file_loses_is_asked_for(void **state)
{
	struct fixture *fixture = *state;
	struct fake_dns *fake = fake_start(fixture->base, "127.0.0.1", serve_all);
	struct results results = {};

	fixture_write("/etc/hosts", "192.0.2.99 name.test\n");
	fixture_resolver(fixture, (const char *[]){ "127.0.0.1" }, 1);
	assert_int_equal(resolver_add(fixture->resolver, "name.test", &results), 0);
	fixture_run_until(fixture, fixture_settled, fixture);
	fixture_write("/etc/hosts", "192.0.2.99 other.test\n");
	assert_int_equal(resolver_reread_hosts(fixture->resolver), 0);
	fixture_run_until(fixture, both_again, &results);
	assert_false(results.ipv4.last.fixed || results.ipv6.last.fixed);
	assert_address(&results.ipv4.addresses[0], "192.0.2.1");
	fake_stop(fake);
}

static void an_answer_on_its_way_does_not_undo_the_file(void **state)
{
	struct fixture *fixture = *state;
	struct fake_dns *fake = fake_start(fixture->base, "127.0.0.1", serve_none);
	struct results results = {};

	fixture_write("/etc/hosts", "");
	fixture_resolver(fixture, (const char *[]){ "127.0.0.1" }, 1);
	assert_int_equal(resolver_add(fixture->resolver, "name.test", &results), 0);
	fixture_run_until(fixture, was_asked, fake);
	fixture_write("/etc/hosts", "192.0.2.99 name.test\n");
	assert_int_equal(resolver_reread_hosts(fixture->resolver), 0);
	fake->serve = serve_all; /* when it is asked again */
	fixture_run_until(fixture, fixture_settled, fixture);
	assert_true(results.ipv4.last.fixed && results.ipv6.last.fixed);
	assert_int_equal(results.ipv4.times + results.ipv6.times, 2);
	fake_stop(fake);
}

static bool is_unwanted(const void *data)
{
	return !((const struct results *)data)->ipv4.error[0];
}

static void names_that_go_are_not_answered_nor_asked_for(void **state)
{
	struct fixture *fixture = *state;
	struct fake_dns *fake = fake_start(fixture->base, "127.0.0.1", serve_all);
	struct results kept = { .ipv4.error = "wanted" }, gone = {},
		       later = { .ipv4.error = "wanted" };

	fixture_resolver(fixture, (const char *[]){ "127.0.0.1" }, 1);
	assert_int_equal(resolver_add(fixture->resolver, "gone.test", &gone), 0);
	assert_int_equal(resolver_add(fixture->resolver, "kept.test", &kept), 0);
	resolver_drop(fixture->resolver, is_unwanted);
	fixture_run_until(fixture, fixture_settled, fixture);
	assert_int_equal(fake->received, 2);
	assert_int_equal(gone.ipv4.times + gone.ipv6.times, 0);
	assert_int_equal(kept.ipv4.times + kept.ipv6.times, 2);
	assert_int_equal(resolver_add(fixture->resolver, "later.test", &later), 0);
	fixture_run_until(fixture, fixture_settled, fixture);
	assert_int_equal(later.ipv4.last.count + later.ipv6.last.count, 2);
	fake_stop(fake);
}

static void names_that_go_while_they_are_in_flight_are_not_answered(void **state)
{
	struct fixture *fixture = *state;
	struct fake_dns *fake = fake_start(fixture->base, "127.0.0.1", serve_none);
	struct results kept = { .ipv4.error = "wanted" }, gone = {};

	fixture_resolver(fixture, (const char *[]){ "127.0.0.1" }, 1);
	assert_int_equal(resolver_add(fixture->resolver, "gone.test", &gone), 0);
	fixture_run_until(fixture, was_asked, fake);
	resolver_drop(fixture->resolver, is_unwanted);
	assert_true(resolver_settled(fixture->resolver));
	fake->serve = serve_all; /* when it is asked again */
	assert_int_equal(resolver_add(fixture->resolver, "kept.test", &kept), 0);
	fixture_run_until(fixture, fixture_settled, fixture);
	assert_int_equal(gone.ipv4.times + gone.ipv6.times, 0);
	/* And what goes with the servers that it was asked of. */
	fake->serve = serve_none;
	assert_int_equal(resolver_add(fixture->resolver, "gone.test", &gone), 0);
	event_base_loop(fixture->base, EVLOOP_ONCE);
	resolver_drop(fixture->resolver, is_unwanted);
	use(fixture, SECOND);
	assert_true(resolver_settled(fixture->resolver));
	fake_stop(fake);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(what_is_in_flight_is_asked_of_the_new_servers),
		TEST(what_was_answered_is_asked_of_the_new_servers_at_once),
		TEST(servers_that_cannot_be_used_change_nothing),
		TEST(a_name_is_asked_again_at_once_and_once_a_second),
		TEST(a_name_that_the_file_gets_is_answered_by_it),
		TEST(a_name_that_the_file_loses_is_asked_for),
		TEST(an_answer_on_its_way_does_not_undo_the_file),
		TEST(names_that_go_are_not_answered_nor_asked_for),
		TEST(names_that_go_while_they_are_in_flight_are_not_answered),
	};

	return cmocka_run_group_tests(tests, fixture_enter, NULL);
}
