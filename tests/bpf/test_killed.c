// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * A change of the rules that is killed before one of its calls of bpf(2) that write, which is each
 * of them in turn, and is taken up: what the rules before and after allow is never denied, what
 * both deny never allowed, and in the end the rules after are in force. No name is asked for.
 */
#include <sys/ptrace.h>
#include <sys/syscall.h>

#include "told.h"

#define HOST "203.0.113.1"
#define WILD "203.0.113.2"
#define EVIL "203.0.113.66"
#define STRANGER "203.0.113.99"
/* Of a change; one has some 100. */
#define CALLS_MAX 1000

static const char *const texts[] = {
	"allow 192.0.2.1:22\n"
	"allow 192.0.2.64/26:80\n"
	"deny 192.0.2.66\n"
	"allow host.test:22\n"
	"allow host.test:20-30\n"
	"allow *.wild.test:443\n"
	"allow other.wild.test:80\n"
	"allow any:1000\n"
	"deny evil.test\n"
	"deny twin.test:1000\n",

	"allow 192.0.2.0/24:22\n"
	"deny 192.0.2.65\n"
	"allow host.test:22\n"
	"allow *.wild.test:443-444\n"
	"allow other.wild.test:80\n"
	"allow any:1000-1001\n"
	"deny twin.test:1000\n",

	"allow host.test:22,80\n"
	"deny host.test:80\n"
	"allow *.test:443\n"
	"allow *.wild.test:443\n"
	"allow any:1000\n"
	"deny evil.test\n"
	"deny evil.test:25\n"
	"deny twin.test:900-1000\n",
};

static const struct probe {
	const char *address;
	uint16_t port;
	bool allowed[ARRAY_SIZE(texts)];
} probes[] = {
	{ "192.0.2.1", 22, { true, true, false } },   { "192.0.2.1", 23, { false, false, false } },
	{ "192.0.2.65", 80, { true, false, false } }, { "192.0.2.66", 80, { false, false, false } },
	{ "192.0.2.66", 22, { false, true, false } }, { HOST, 22, { true, true, true } },
	{ HOST, 30, { true, false, false } },	      { HOST, 31, { false, false, false } },
	{ HOST, 80, { false, false, false } },	      { HOST, 443, { false, false, true } },
	{ HOST, 1000, { true, true, true } },	      { WILD, 443, { true, true, true } },
	{ WILD, 444, { false, true, false } },	      { WILD, 22, { false, false, false } },
	{ EVIL, 1000, { false, false, false } },      { EVIL, 1001, { false, true, false } },
	{ STRANGER, 1000, { true, true, true } },     { STRANGER, 1001, { false, true, false } },
};

struct killing {
	const struct fenced *fenced;
	size_t before, after;
	unsigned int call; /* the change is killed before that one */
};

static void check(const struct killing *killing, size_t before, const char *when)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(probes); i++) {
		const struct probe *probe = &probes[i];
		const bool after_allows = probe->allowed[killing->after];
		const bool allowed = is_allowed(killing->fenced, probe->address, probe->port);

		if (allowed != after_allows && allowed != probe->allowed[before])
			fail_msg("%s:%u is %s %s; rules %zu to %zu, killed before call %u",
				 probe->address, probe->port, allowed ? "allowed" : "denied", when,
				 killing->before, killing->after, killing->call);
	}
}

static void put_up(struct fenced *fenced, const char *text)
{
	const struct address host = { .bytes = { [10] = 255, 255, 203, 0, 113, 1 } };
	const struct address evil = { .bytes = { [10] = 255, 255, 203, 0, 113, 66 } };
	_cleanup_asker_ struct asker asker = { .fd = -1 };

	put_asking_up(fenced, text);
	listen_to_kernel(fenced);
	learn_name(fenced, "host.test", &host, 0);
	learn_name(fenced, "twin.test", &evil, 0);
	if (strstr(text, "evil.test"))
		learn_name(fenced, "evil.test", &evil, 0);
	asker = asker_open(fenced, RESOLVER_IPV4);
	hear(&asker, "a.wild.test", WILD);
	catch_up(fenced);
}

/* --- the change, killed ---------------------------------------------------------------------- */

static int change(const struct killing *killing)
{
	const struct fenced *fenced = killing->fenced;
	struct rules rules = parse_rules(texts[killing->after]);
	struct cgf_target target = target_of(fenced), between;
	struct policy_changes changes;
	size_t refused;

	if (policy_apply(fenced->policy, &rules, &changes, NULL))
		return 1;
	between = policy_target_between(fenced->policy);
	between.policy = target.policy;
	between.netns_cookie = target.netns_cookie;
	if (datapath_fence_retarget(fenced->datapath, fenced->cgroup.fd, &between))
		return 1;
	if (policy_flush(fenced->policy, fenced->maps, &refused))
		return 1;
	target = target_of(fenced);
	return datapath_fence_retarget(fenced->datapath, fenced->cgroup.fd, &target) != 0;
}

static pid_t begin(const struct killing *killing)
{
	const pid_t child = fork();
	int status;

	assert_true(child >= 0);
	if (!child) {
		if (ptrace(PTRACE_TRACEME, 0, NULL, NULL) || raise(SIGSTOP))
			_exit(1);
		_exit(change(killing));
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFSTOPPED(status));
	assert_int_equal(
		ptrace(PTRACE_SETOPTIONS, child, NULL, PTRACE_O_TRACESYSGOOD | PTRACE_O_EXITKILL),
		0);
	return child;
}

static bool writes(uint64_t command)
{
	return command != BPF_MAP_LOOKUP_ELEM && command != BPF_MAP_LOOKUP_BATCH &&
	       command != BPF_MAP_GET_NEXT_KEY;
}

static bool begins_to_write(pid_t child)
{
	struct __ptrace_syscall_info info = {};

	return ptrace(PTRACE_GET_SYSCALL_INFO, child, sizeof(info), &info) > 0 &&
	       info.op == PTRACE_SYSCALL_INFO_ENTRY && info.entry.nr == __NR_bpf &&
	       writes(info.entry.args[0]);
}

/* Until its next call of the kernel begins or ends; false when it has ended. */
static bool goes_on(pid_t child)
{
	int status;

	assert_int_equal(ptrace(PTRACE_SYSCALL, child, NULL, NULL), 0);
	assert_int_equal(waitpid(child, &status, 0), child);
	if (WIFSTOPPED(status))
		return true;
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
	return false;
}

/* False: the change was made, as it has less calls. */
static bool change_killed(const struct killing *killing)
{
	const pid_t child = begin(killing);
	unsigned int calls = 0;

	while (goes_on(child)) {
		if (!begins_to_write(child) || calls++ < killing->call)
			continue;
		assert_int_equal(kill(child, SIGKILL), 0);
		assert_int_equal(waitpid(child, NULL, 0), child);
		return true;
	}
	return false;
}

/* --- and taken up ---------------------------------------------------------------------------- */

/* What the rules before needed, which are not known, and what those after do. */
static void widen_target(const struct fenced *fenced)
{
	struct cgf_target target = target_of(fenced), old;
	struct stat cgroup;
	uint64_t id;

	assert_int_equal(fstat(fenced->cgroup.fd, &cgroup), 0);
	id = cgroup.st_ino;
	assert_int_equal(bpf_map_lookup_elem(fenced->datapath->targets, &id, &old), 0);
	/* On some kernels a target is written to ask for it anew. */
	target.netns_cookie = old.netns_cookie;
	target.allow_wide_port_mask |= old.allow_wide_port_mask;
	target.deny_prefix_port_mask |= old.deny_prefix_port_mask;
	target.allow_prefix_port_mask |= old.allow_prefix_port_mask;
	retarget(fenced, &target);
}

static void take_up(struct fenced *fenced, const struct killing *killing)
{
	struct rules rules = parse_rules(texts[killing->after]);
	struct cgf_target target;
	struct failure failure;

	policy_finish(&fenced->policy);
	assert_int_equal(policy_init(&fenced->policy, &rules, &failure), 0);
	assert_int_equal(policy_readopt(fenced->policy, fenced->maps), 0);
	widen_target(fenced);
	check(killing, killing->before, "when it is taken up");
	flush_policy(fenced);
	check(killing, killing->before, "when it is written");
	target = asking_target(fenced);
	retarget(fenced, &target);
	check(killing, killing->after, "in the end");
	assert_int_equal(verify_well(fenced), 0);
}

static void kill_each(struct fenced *fenced, size_t before, size_t after)
{
	struct killing killing = { fenced, before, after, 0 };
	bool killed = true;

	for (; killed && killing.call < CALLS_MAX; killing.call++) {
		put_up(fenced, texts[before]);
		killed = change_killed(&killing);
		check(&killing, before, "when it is killed");
		take_up(fenced, &killing);
		take_fence_down(fenced);
	}
	assert_false(killed);
	assert_true(killing.call > 10);
	print_message("rules %zu to %zu: killed before each of %u calls\n", before, after,
		      killing.call - 1);
}

static void from_the_first_rules(void **state)
{
	kill_each(*state, 0, 1);
	kill_each(*state, 0, 2);
}

static void from_the_second_rules(void **state)
{
	kill_each(*state, 1, 0);
	kill_each(*state, 1, 2);
}

static void from_the_third_rules(void **state)
{
	kill_each(*state, 2, 0);
	kill_each(*state, 2, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		FENCED_TEST(from_the_first_rules),
		FENCED_TEST(from_the_second_rules),
		FENCED_TEST(from_the_third_rules),
	};

	return cmocka_run_group_tests(tests, set_up_fenced, tear_down_fenced);
}
