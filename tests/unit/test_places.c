// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Places of processes, in network and mount namespaces of the test: the "host" is one of them.
 * Needs root.
 */
#include "resolver_fixture.h"
#include "workload.h"

#include "netns.h"
#include "places.h"
#include "routes.h"
#include "watch.h"

#define HOST_NETWORK                                                                               \
	"ip link add bridge0 type veth peer name bridge1 && ip link set bridge0 up && "            \
	"ip link set bridge1 up && ip addr add 10.88.0.1/16 dev bridge0 && "                       \
	"ip -6 addr add fd00:88::1/64 dev bridge0 nodad"
#define CONTAINER_NETWORK                                                                          \
	"ip link add eth0 type veth peer name eth1 && ip link set eth0 up && "                     \
	"ip link set eth1 up && ip addr add 10.88.0.2/16 dev eth0"
#define HOST_CONF "nameserver 192.0.2.53\nnameserver 127.0.0.53\nsearch corp.example test\n"
#define QUIET_MS (WATCH_AFTER_MS + 2 * WATCH_SETTLE_MS + 50)
#define FILES FIXTURE_DIRECTORY "/files"

struct scene {
	struct workload workload;
	struct event_base *base;
	struct watch *watch;
	struct places *places;
	struct place_set set;
	unsigned int changes;
	struct place *changed;
	bool late;
};

/* --- what children do ------------------------------------------------------------------------ */

static int new_mounts(int a, int b)
{
	(void)a, (void)b;
	return unshare(CLONE_NEWNS) || mount("none", "/", "none", MS_REC | MS_PRIVATE, NULL)
		       ? -errno
		       : 0;
}

/* Sees the file of that number in place of resolv.conf. */
static int see_file(int number, int b)
{
	char path[64];

	(void)b;
	snprintf(path, sizeof(path), FILES "/%d", number);
	return mount(path, "/etc/resolv.conf", "none", MS_BIND, NULL) ? -errno : 0;
}

static int see_root(int number, int b)
{
	char path[64];

	(void)b;
	snprintf(path, sizeof(path), FILES "/%d", number);
	return chroot(path) || chdir("/") ? -errno : 0;
}

static int make_network(int a, int b)
{
	(void)a, (void)b;
	return system(CONTAINER_NETWORK) ? -EIO : 0;
}

static int lose_network(int a, int b)
{
	(void)a, (void)b;
	return system("ip link del eth0") ? -EIO : 0;
}

static int index_of_eth0(int a, int b)
{
	(void)a, (void)b;
	return (int)if_nametoindex("eth0");
}

static int new_user(int a, int b)
{
	(void)a, (void)b;
	return unshare(CLONE_NEWUSER | CLONE_NEWNET) ? -errno : 0;
}

/* Few bits are enough, and no error. */
static int low_cookie(int a, int b)
{
	_cleanup_close_ int fd = socket(AF_INET, SOCK_DGRAM, 0);
	uint64_t cookie = 0;
	socklen_t length = sizeof(cookie);

	(void)a, (void)b;
	if (getsockopt(fd, SOL_SOCKET, 71, &cookie, &length))
		return -errno;
	return (int)(cookie & 0x7fffffff);
}

/* --- scene ----------------------------------------------------------------------------------- */

static int enter(void **state)
{
	int r = fixture_enter(state);

	return r || mkdir(FILES, 0755) || system(HOST_NETWORK);
}

static void on_changed(struct place *place, void *data)
{
	struct scene *scene = data;

	scene->changes++;
	scene->changed = place;
}

static void begin(struct scene *scene)
{
	struct places_options options = {
		.base = scene->base,
		.watch = scene->watch,
		.changed = on_changed,
		.data = scene,
	};

	assert_int_equal(places_init(&scene->places, &options), 0);
}

static int setup(void **state)
{
	struct scene *scene = calloc(1, sizeof(*scene));
	char hierarchy[CGROUP_PATH_BYTES];

	*state = scene;
	fixture_write("/etc/resolv.conf", HOST_CONF);
	scene->base = event_base_new();
	if (cgroup_mount(hierarchy, NULL) ||
	    cgroup_create(hierarchy, "cgfence-test-places", &scene->workload.cgroup, NULL) ||
	    watch_init(&scene->watch, scene->base))
		return -1;
	begin(scene);
	return 0;
}

static void end_children(struct scene *scene)
{
	struct workload *workload = &scene->workload;

	while (workload->count) {
		kill(workload->children[--workload->count].pid, SIGKILL);
		waitpid(workload->children[workload->count].pid, NULL, 0);
		close(workload->children[workload->count].channel);
	}
}

static int teardown(void **state)
{
	struct scene *scene = *state;
	int r;

	end_children(scene);
	watch_finish(&scene->watch);
	place_set_release(&scene->set);
	places_finish(&scene->places);
	event_base_free(scene->base);
	cgroup_empty(&scene->workload.cgroup);
	r = cgroup_remove(&scene->workload.cgroup);
	free(scene);
	return r;
}

static void on_late(int fd, short what, void *data)
{
	(void)fd;
	(void)what;
	((struct scene *)data)->late = true;
}

static void run(struct scene *scene, unsigned int changes, unsigned int wait_ms)
{
	const struct timeval wait = { .tv_sec = wait_ms / 1000, .tv_usec = wait_ms % 1000 * 1000 };
	struct event *timer = event_new(scene->base, -1, 0, on_late, scene);

	scene->late = false;
	event_add(timer, &wait);
	while (scene->changes < changes && !scene->late)
		event_base_loop(scene->base, EVLOOP_ONCE);
	event_free(timer);
}

static void assert_changed(struct scene *scene, const struct place *place)
{
	run(scene, scene->changes + 1, DEADLINE_MS);
	assert_false(scene->late);
	assert_ptr_equal(scene->changed, place);
}

static void assert_unchanged(struct scene *scene)
{
	run(scene, scene->changes + 1, QUIET_MS);
	assert_true(scene->late);
}

/* In the cgroup, with namespaces of its own and a network. */
static struct child *contain(struct scene *scene, const char *conf)
{
	struct child *child = start_child(&scene->workload);
	char path[64];

	snprintf(path, sizeof(path), FILES "/%zu", scene->workload.count);
	fixture_write(path, conf);
	get(child, new_mounts, 0, 0);
	get(child, new_netns, 0, 0);
	get(child, make_network, 0, 0);
	get(child, see_file, (int)scene->workload.count, 0);
	get(child, join_cgroup, scene->workload.cgroup.fd, 0);
	return child;
}

/* In place of what was found before, which is let go afterwards. */
static void find(struct scene *scene)
{
	struct place_set before = scene->set;
	struct failure failure = {};
	int r = places_find(scene->places, scene->workload.cgroup.fd, &scene->set, &failure);

	if (r)
		print_error("%s\n", failure.text);
	assert_int_equal(r, 0);
	place_set_release(&before);
}

static struct place *find_one(struct scene *scene)
{
	find(scene);
	assert_int_equal(scene->set.count, 1);
	return scene->set.items[0];
}

static void assert_trusted(const struct place *place, const char *expected)
{
	const struct place_resolver *resolvers;
	char found[1024] = "", text[ADDRESS_TEXT_BYTES];
	size_t i, count = place_resolvers(place, &resolvers);

	for (i = 0; i < count; i++)
		snprintf(found + strlen(found), sizeof(found) - strlen(found), "%s%s", i ? " " : "",
			 address_format(&resolvers[i].address, text));
	assert_string_equal(found, expected);
}

static void assert_strangers(const struct place *place, const char *expected)
{
	const struct address *servers;
	char found[1024] = "", text[ADDRESS_TEXT_BYTES];
	size_t i, count = place_strangers(place, &servers);

	for (i = 0; i < count; i++)
		snprintf(found + strlen(found), sizeof(found) - strlen(found), "%s%s", i ? " " : "",
			 address_format(&servers[i], text));
	assert_string_equal(found, expected);
}

static void assert_domains(const struct place *place, const char *expected)
{
	const char *const *domains;
	char found[1024] = "";
	size_t i, count = place_domains(place, &domains);

	for (i = 0; i < count; i++)
		snprintf(found + strlen(found), sizeof(found) - strlen(found), "%s%s", i ? " " : "",
			 domains[i]);
	assert_string_equal(found, expected);
}

/* --- the host -------------------------------------------------------------------------------- */

static void the_host_has_its_own_resolvers(void **state)
{
	struct scene *scene = *state;
	struct place *host = places_host(scene->places);

	assert_true(place_is_host(host));
	assert_trusted(host, "192.0.2.53 127.0.0.53");
	assert_strangers(host, "");
	assert_domains(host, "corp.example test");
	assert_int_equal(place_cookie(host) & 0x7fffffff, low_cookie(0, 0));
	assert_ptr_equal(places_by_cookie(scene->places, place_cookie(host)), host);
	assert_null(places_by_cookie(scene->places, 0));
}

static void a_process_of_the_host_is_in_its_place(void **state)
{
	struct scene *scene = *state;
	struct child *child = start_child(&scene->workload);

	find(scene);
	assert_int_equal(scene->set.count, 0);
	get(child, join_cgroup, scene->workload.cgroup.fd, 0);
	assert_ptr_equal(find_one(scene), places_host(scene->places));
	assert_trusted(places_host(scene->places), "192.0.2.53 127.0.0.53");
	assert_unchanged(scene);
}

static void another_resolv_conf_of_the_host_is_told(void **state)
{
	struct scene *scene = *state;
	struct place *host = places_host(scene->places), *place;

	contain(scene, "nameserver 192.0.2.54\n");
	place = find_one(scene);
	assert_strangers(place, "192.0.2.54");
	fixture_write("/etc/resolv.conf", "nameserver 192.0.2.54\n");
	run(scene, 2, DEADLINE_MS);
	assert_false(scene->late);
	assert_trusted(host, "192.0.2.54");
	assert_domains(host, "");
	/* What the host asks counts for others too. */
	assert_trusted(place, "192.0.2.54");
	assert_strangers(place, "");
	fixture_write("/etc/resolv.conf", "");
	run(scene, 4, DEADLINE_MS);
	assert_trusted(host, "127.0.0.1");
}

/* --- containers ------------------------------------------------------------------------------ */

static void a_container_is_in_a_place_of_its_own(void **state)
{
	struct scene *scene = *state;
	struct child *child = contain(scene, "nameserver 10.88.0.1\nsearch dns.podman\n");
	struct place *place = find_one(scene);
	const struct place_resolver *resolvers;
	uint64_t cookie = place_cookie(place);
	struct address address;

	assert_false(place_is_host(place));
	assert_trusted(place, "10.88.0.1");
	assert_strangers(place, "");
	assert_domains(place, "dns.podman");
	assert_int_equal(cookie & 0x7fffffff, get(child, low_cookie, 0, 0));
	assert_ptr_equal(places_by_cookie(scene->places, cookie), place);
	place_resolvers(place, &resolvers);
	assert_int_equal(resolvers[0].ifindex, get(child, index_of_eth0, 0, 0));
	address_parse("127.0.0.1", &address);
	assert_int_equal(place_interface(place, &address), ROUTES_LOOPBACK);
	address_parse("203.0.113.1", &address);
	assert_int_equal(place_interface(place, &address), 0);
	place_set_release(&scene->set);
	assert_null(places_by_cookie(scene->places, cookie));
}

static void whom_nobody_inside_can_be_is_trusted_and_the_rest_is_not(void **state)
{
	struct scene *scene = *state;
	struct place *place;

	contain(scene, "nameserver 127.0.0.11\nnameserver ::1\nnameserver fd00:88::1\n"
		       "nameserver 192.0.2.53\nnameserver 8.8.8.8\nnameserver 10.88.0.2\n"
		       "search evil.example corp.example a.test\n");
	place = find_one(scene);
	assert_trusted(place, "127.0.0.11 ::1 fd00:88::1 192.0.2.53");
	assert_strangers(place, "8.8.8.8 10.88.0.2");
	/* What is asked in evil.example would tell its owner. */
	assert_domains(place, "corp.example a.test");
}

static void an_address_that_the_host_gets_counts(void **state)
{
	struct scene *scene = *state;
	const struct address *servers;
	struct place *place;

	contain(scene, "nameserver 10.89.0.1\n");
	place = find_one(scene);
	assert_strangers(place, "10.89.0.1");
	assert_int_equal(system("ip addr add 10.89.0.1/16 dev bridge0"), 0);
	/* At once for what is found, and for what was found before. */
	find(scene);
	assert_trusted(place, "10.89.0.1");
	assert_int_equal(system("ip addr del 10.89.0.1/16 dev bridge0"), 0);
	/* That it came may be told first. */
	while (scene->changes < 3 && !scene->late && !place_strangers(place, &servers))
		run(scene, scene->changes + 1, DEADLINE_MS);
	assert_strangers(place, "10.89.0.1");
}

static void routes_of_a_place_are_followed(void **state)
{
	struct scene *scene = *state;
	struct child *child = contain(scene, "nameserver 10.88.0.1\n");
	struct place *place = find_one(scene);
	const struct place_resolver *resolvers;

	get(child, lose_network, 0, 0);
	assert_changed(scene, place);
	place_resolvers(place, &resolvers);
	assert_int_equal(resolvers[0].ifindex, 0);
	get(child, make_network, 0, 0);
	assert_changed(scene, place);
	place_resolvers(place, &resolvers);
	assert_int_equal(resolvers[0].ifindex, get(child, index_of_eth0, 0, 0));
}

static void what_a_process_sees_is_read_anew(void **state)
{
	struct scene *scene = *state;
	struct place *place;

	contain(scene, "nameserver 10.88.0.1\n");
	place = find_one(scene);
	fixture_write(FILES "/1", "nameserver 127.0.0.1\nnameserver 9.9.9.9\n");
	assert_ptr_equal(find_one(scene), place);
	assert_trusted(place, "127.0.0.1");
	assert_strangers(place, "9.9.9.9");
	assert_changed(scene, place);
}

static void the_hosts_own_file_counts_whole(void **state)
{
	struct scene *scene = *state;
	struct child *child = start_child(&scene->workload);
	struct place *place;

	fixture_write("/etc/resolv.conf", "nameserver 8.8.4.4\nsearch any.example\n");
	get(child, new_netns, 0, 0);
	get(child, join_cgroup, scene->workload.cgroup.fd, 0);
	run(scene, 1, DEADLINE_MS);
	place = find_one(scene);
	assert_false(place_is_host(place));
	assert_trusted(place, "8.8.4.4");
	assert_domains(place, "any.example");
}

static void two_fences_share_a_place(void **state)
{
	struct scene *scene = *state;
	struct place_set other = {};
	struct place *place;
	uint64_t cookie;

	contain(scene, "nameserver 10.88.0.1\n");
	place = find_one(scene);
	cookie = place_cookie(place);
	assert_int_equal(places_find(scene->places, scene->workload.cgroup.fd, &other, NULL), 0);
	assert_ptr_equal(other.items[0], place);
	place_set_release(&scene->set);
	assert_ptr_equal(places_by_cookie(scene->places, cookie), place);
	assert_trusted(place, "10.88.0.1");
	place_set_release(&other);
	assert_null(places_by_cookie(scene->places, cookie));
}

static void several_containers_are_several_places(void **state)
{
	struct scene *scene = *state;
	size_t i;

	for (i = 0; i < CHILDREN_MAX; i++)
		contain(scene, "nameserver 10.88.0.1\n");
	find(scene);
	assert_int_equal(scene->set.count, CHILDREN_MAX);
	end_children(scene);
	find(scene);
	assert_int_equal(scene->set.count, 0);
}

/* Whoever made it may have made the host's address at the other end. */
static void a_network_of_another_user_namespace_is_no_place(void **state)
{
	struct scene *scene = *state;
	struct child *child = start_child(&scene->workload);

	get(child, join_cgroup, scene->workload.cgroup.fd, 0);
	get(child, new_user, 0, 0);
	find(scene);
	assert_int_equal(scene->set.count, 0);
	assert_int_equal(scene->set.foreign, 1);
}

/* --- files that are none --------------------------------------------------------------------- */

static void assert_seen(struct scene *scene, const char *make, const char *trusted,
			const char *strangers)
{
	struct child *child = start_child(&scene->workload);
	int number = (int)scene->workload.count;
	struct place *place;
	char line[512];

	snprintf(line, sizeof(line), "rm -rf %s/%d && mkdir -p %s/%d/etc && cd %s/%d && %s", FILES,
		 number, FILES, number, FILES, number, make);
	assert_int_equal(system(line), 0);
	get(child, new_netns, 0, 0);
	get(child, see_root, number, 0);
	get(child, join_cgroup, scene->workload.cgroup.fd, 0);
	place = find_one(scene);
	assert_trusted(place, trusted);
	assert_strangers(place, strangers);
	end_children(scene);
	snprintf(line, sizeof(line), "rm -r %s/%d", FILES, number);
	assert_int_equal(system(line), 0);
}

static void what_is_no_file_is_as_an_empty_one(void **state)
{
	assert_seen(*state, "true", "127.0.0.1", "");
	assert_seen(*state, "mkfifo etc/resolv.conf", "127.0.0.1", "");
	assert_seen(*state, "mknod etc/resolv.conf c 1 5", "127.0.0.1", "");
	assert_seen(*state, "mkdir etc/resolv.conf", "127.0.0.1", "");
	assert_seen(*state, "ln -s resolv.conf etc/resolv.conf", "127.0.0.1", "");
	assert_seen(*state, "truncate -s 1G etc/resolv.conf", "127.0.0.1", "");
	assert_seen(*state, "rmdir etc && echo nameserver 1.1.1.1 >etc", "127.0.0.1", "");
}

/* The file outside names 192.0.2.53, which would be trusted. */
static void links_lead_to_what_is_inside(void **state)
{
	assert_seen(*state, "echo nameserver 8.8.8.8 >x && ln -s /x etc/resolv.conf", "",
		    "8.8.8.8");
	assert_seen(*state, "echo nameserver 8.8.8.8 >x && ln -s ../../../../../x etc/resolv.conf",
		    "", "8.8.8.8");
	assert_seen(*state, "ln -s ../../../../../etc/hosts etc/resolv.conf", "127.0.0.1", "");
	assert_seen(*state, "mkdir proc && ln -s /proc/self/root/etc/resolv.conf etc/resolv.conf",
		    "127.0.0.1", "");
}

/* --- refusals -------------------------------------------------------------------------------- */

static const uint8_t question[] = {
	0x12, 0x34, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, 1, 'a', 0, 0, 1, 0, 1
};

/* Returns the port that it asks from; `b` is where the socket is put. */
static int ask_loopback(int number, int b)
{
	union endpoint to = loopback_of(AF_INET), from = loopback_of(AF_INET);
	socklen_t length = sizeof(from);
	int fd = socket(AF_INET, SOCK_DGRAM, 0);

	(void)b;
	to.ipv4.sin_port = htons(CGF_DNS_PORT);
	if (fd < 0 || connect(fd, &to.any, sizeof(to.ipv4)) || dup2(fd, number) < 0 ||
	    getsockname(fd, &from.any, &length))
		return -errno;
	close(fd);
	return ntohs(from.ipv4.sin_port);
}

/* The RCODE. */
static int read_answer(int number, int b)
{
	struct pollfd answer = { .fd = number, .events = POLLIN };
	uint8_t bytes[512];

	(void)b;
	if (poll(&answer, 1, DEADLINE_MS) != 1)
		return -ETIMEDOUT;
	if (read(number, bytes, sizeof(bytes)) < (ssize_t)sizeof(question))
		return -EBADMSG;
	return bytes[3] & 0xf;
}

static void a_question_is_refused_where_it_was_asked(void **state)
{
	struct scene *scene = *state;
	struct child *child = contain(scene, "nameserver 127.0.0.1\n");
	struct place *place = find_one(scene);
	union {
		struct cgf_message message;
		char bytes[sizeof(struct cgf_message) + sizeof(question)];
	} of = {};
	struct address loopback;

	address_parse("127.0.0.1", &loopback);
	memcpy(of.message.decision.address, loopback.bytes, sizeof(loopback.bytes));
	memcpy(of.message.local_address, loopback.bytes, sizeof(loopback.bytes));
	of.message.decision.protocol = IPPROTO_UDP;
	of.message.decision.port = CGF_DNS_PORT;
	of.message.decision.local_port = (uint16_t)get(child, ask_loopback, 100, 0);
	of.message.netns_cookie = place_cookie(place);
	of.message.length = sizeof(question);
	memcpy(of.message.bytes, question, sizeof(question));
	place = places_by_cookie(scene->places, of.message.netns_cookie);
	assert_int_equal(place_refuse(place, &of.message, sizeof(of)), 0);
	assert_int_equal(get(child, read_answer, 100, 0), 3);
}

#define PLACE_TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		PLACE_TEST(the_host_has_its_own_resolvers),
		PLACE_TEST(a_process_of_the_host_is_in_its_place),
		PLACE_TEST(another_resolv_conf_of_the_host_is_told),
		PLACE_TEST(a_container_is_in_a_place_of_its_own),
		PLACE_TEST(whom_nobody_inside_can_be_is_trusted_and_the_rest_is_not),
		PLACE_TEST(an_address_that_the_host_gets_counts),
		PLACE_TEST(routes_of_a_place_are_followed),
		PLACE_TEST(what_a_process_sees_is_read_anew),
		PLACE_TEST(the_hosts_own_file_counts_whole),
		PLACE_TEST(two_fences_share_a_place),
		PLACE_TEST(several_containers_are_several_places),
		PLACE_TEST(a_network_of_another_user_namespace_is_no_place),
		PLACE_TEST(what_is_no_file_is_as_an_empty_one),
		PLACE_TEST(links_lead_to_what_is_inside),
		PLACE_TEST(a_question_is_refused_where_it_was_asked),
	};

	return cmocka_run_group_tests(tests, enter, NULL);
}
