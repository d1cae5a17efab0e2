// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Containers by what engines say of them: engines of the test, on sockets in a directory of its
 * own, which is the hierarchy of cgroups too. Real engines are asked in tests/e2e.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include <errno.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>

#include "engine_internal.h"
#include "util.h"

#define ID "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define OTHER "fedcba9876543210fedcba9876543210fedcba9876543210fedcba9876543210"
#define NEAR "0123456789abcdee0123456789abcdef0123456789abcdef0123456789abcdef"
#define OK "HTTP/1.0 200 OK\r\nContent-Type: application/json\r\n\r\n"
#define NOT_FOUND "HTTP/1.0 404 Not Found\r\n\r\n{\"message\":\"No such container\"}"
#define RUNS(id) OK "{\"Id\":\"" id "\",\"State\":{\"Running\":true,\"Pid\":7},\"Name\":\"/web\"}"
#define STOPPED(id) OK "{\"Id\":\"" id "\",\"State\":{\"Running\":false,\"Pid\":0}}"

struct fixture {
	char directory[64], docker[128], podman[128], conf[128];
	struct engine_paths paths;
	pid_t engines[2];
	size_t count;
};

static void command(const struct fixture *fixture, const char *text)
{
	char line[2048];

	snprintf(line, sizeof(line), "cd %s && %s", fixture->directory, text);
	assert_int_equal(system(line), 0);
}

static int setup(void **state)
{
	struct fixture *fixture = calloc(1, sizeof(*fixture));

	strcpy(fixture->directory, "/tmp/cgfence-engine.XXXXXX");
	if (!mkdtemp(fixture->directory))
		return -1;
	snprintf(fixture->docker, sizeof(fixture->docker), "%s/docker.sock", fixture->directory);
	snprintf(fixture->podman, sizeof(fixture->podman), "%s/podman.sock", fixture->directory);
	snprintf(fixture->conf, sizeof(fixture->conf), "%s/storage.conf", fixture->directory);
	fixture->paths = (struct engine_paths){ .docker = fixture->docker,
						.podman = fixture->podman,
						.storage_conf = { fixture->conf } };
	*state = fixture;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *fixture = *state;
	char line[128];

	while (fixture->count) {
		kill(fixture->engines[--fixture->count], SIGKILL);
		waitpid(fixture->engines[fixture->count], NULL, 0);
	}
	snprintf(line, sizeof(line), "rm -r %s", fixture->directory);
	free(fixture);
	return system(line);
}

/* NULL: it takes the connection, and says nothing. */
static void serve(int listener, const char *answer)
{
	char question[1024];
	ssize_t length;
	int fd;

	for (;;) {
		fd = accept(listener, NULL, NULL);
		length = recv(fd, question, sizeof(question) - 1, 0);
		question[length > 0 ? length : 0] = '\0';
		if (!answer) {
			pause();
			continue;
		}
		/* In two pieces, so that there is something to wait for. */
		if (!strstr(question, "GET /containers/web/json HTTP/1.0\r\n") &&
		    !strstr(question, "GET /containers/" ID "/json HTTP/1.0\r\n"))
			answer = NOT_FOUND;
		send(fd, answer, 9, MSG_NOSIGNAL);
		send(fd, answer + 9, strlen(answer) - 9, MSG_NOSIGNAL);
		close(fd);
	}
}

static void start(struct fixture *fixture, const char *path, const char *answer)
{
	int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct sockaddr_un at = { .sun_family = AF_UNIX };
	pid_t pid;

	snprintf(at.sun_path, sizeof(at.sun_path), "%s", path);
	assert_int_equal(bind(listener, (struct sockaddr *)&at, sizeof(at)), 0);
	assert_int_equal(listen(listener, 4), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (!pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		serve(listener, answer);
	}
	close(listener);
	fixture->engines[fixture->count++] = pid;
}

static int find(const struct fixture *fixture, const char *name, char ret_path[CGROUP_PATH_BYTES],
		const char *says)
{
	struct failure failure = {};
	int r = engine_find(&fixture->paths, fixture->directory, name, ret_path, &failure);

	if (r && !strstr(failure.text, says))
		fail_msg("%s: '%s' is not '%s'", name, failure.text, says);
	return r;
}

static void assert_found(const struct fixture *fixture, const char *name, const char *expected)
{
	char path[CGROUP_PATH_BYTES];

	assert_int_equal(find(fixture, name, path, ""), 0);
	assert_string_equal(path + strlen(fixture->directory) + 1, expected);
}

static void assert_not_found(const struct fixture *fixture, const char *name, int error,
			     const char *says)
{
	char path[CGROUP_PATH_BYTES];

	assert_int_equal(find(fixture, name, path, says), error);
}

/* --- with an engine that answers ------------------------------------------------------------- */

static void a_container_is_found_wherever_its_cgroup_is(void **state)
{
	static const char *const paths[] = {
		"docker/" ID,
		"system.slice/docker-" ID ".scope",
		"libpod_parent/libpod-" ID,
		"machine.slice/libpod-" ID ".scope",
		"system.slice/some.service/libpod-payload-" ID,
		"ci/jobs/libpod-" ID,
		"kubepods.slice/a.slice/crio-" ID ".scope",
		"kubepods.slice/a.slice/cri-containerd-" ID ".scope",
		"k8s.io/" ID,
	};
	struct fixture *fixture = *state;
	char line[1024];
	size_t i;

	start(fixture, fixture->docker, RUNS(ID));
	for (i = 0; i < ARRAY_SIZE(paths); i++) {
		snprintf(line, sizeof(line),
			 "mkdir -p %s/container/init.scope machine.slice/libpod-conmon-" ID
			 ".scope docker/" OTHER,
			 paths[i]);
		command(fixture, line);
		assert_found(fixture, "web", paths[i]);
		snprintf(line, sizeof(line), "rm -r %s", paths[i]);
		command(fixture, line);
	}
}

static void podman_is_asked_too(void **state)
{
	struct fixture *fixture = *state;

	command(fixture, "mkdir -p libpod_parent/libpod-" ID);
	start(fixture, fixture->docker, NOT_FOUND);
	start(fixture, fixture->podman, RUNS(ID));
	assert_found(fixture, "web", "libpod_parent/libpod-" ID);
}

static void one_container_by_two_sockets_is_one(void **state)
{
	struct fixture *fixture = *state;

	command(fixture, "mkdir -p libpod_parent/libpod-" ID);
	start(fixture, fixture->docker, RUNS(ID));
	start(fixture, fixture->podman, RUNS(ID));
	assert_found(fixture, "web", "libpod_parent/libpod-" ID);
}

static void two_of_a_name_are_told(void **state)
{
	struct fixture *fixture = *state;

	command(fixture, "mkdir -p libpod_parent/libpod-" ID " docker/" OTHER);
	start(fixture, fixture->docker, RUNS(OTHER));
	start(fixture, fixture->podman, RUNS(ID));
	assert_not_found(fixture, "web", -EINVAL, "several containers web: Docker and Podman");
}

static void what_does_not_run_is_not_found(void **state)
{
	struct fixture *fixture = *state;

	command(fixture, "mkdir -p libpod_parent/libpod-" ID);
	start(fixture, fixture->docker, STOPPED(ID));
	assert_not_found(fixture, "web", -ENOENT, "the container web does not run");
	assert_not_found(fixture, "other", -ENOENT, "there is no container other");
}

static void one_of_two_that_runs_is_meant(void **state)
{
	struct fixture *fixture = *state;

	command(fixture, "mkdir -p libpod_parent/libpod-" ID);
	start(fixture, fixture->docker, RUNS(ID));
	start(fixture, fixture->podman, STOPPED(OTHER));
	assert_found(fixture, "web", "libpod_parent/libpod-" ID);
}

/* Such as one that Podman started with --cgroups=disabled: others are in there. */
static void a_container_without_a_cgroup_of_its_own_is_refused(void **state)
{
	struct fixture *fixture = *state;

	command(fixture, "mkdir -p user.slice docker/" OTHER);
	start(fixture, fixture->podman, RUNS(ID));
	assert_not_found(fixture, "web", -EINVAL, "web of Podman has no cgroup of its own");
}

static void an_engine_that_says_nothing_is_not_waited_for(void **state)
{
	struct fixture *fixture = *state;
	uint64_t begun_ns = monotonic_ns();

	start(fixture, fixture->docker, NULL);
	assert_not_found(fixture, "web", -EAGAIN, "cannot ask Docker for the container web: ");
	assert_in_range((monotonic_ns() - begun_ns) / NSEC_PER_MSEC, ENGINE_TIMEOUT_MS,
			4 * ENGINE_TIMEOUT_MS);
}

static void what_is_no_answer_is_told(void **state)
{
	static const char *const wrong[] = {
		"HTTP/1.0 500 Internal Server Error\r\n\r\n",
		OK,
		OK "{}",
		OK "{\"Id\":\"../../x\",\"State\":{\"Running\":true,\"Pid\":7}}",
		OK "{\"Id\":\"" ID "\",\"State\":{\"Running\":true,\"Pid\":-7}}",
		OK "{\"Id\":\"" ID "\",\"State\":{\"Running\":true,\"Pid\":\"7\"}}",
		OK "{\"Id\":\"" ID "\"}",
		"220 mail.example ESMTP\r\n\r\n",
		"HTTP/1.0 200 OK\r\n",
	};
	struct fixture *fixture = *state;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(wrong); i++) {
		start(fixture, fixture->docker, wrong[i]);
		assert_not_found(fixture, "web", -EAGAIN, "cannot ask Docker");
		kill(fixture->engines[--fixture->count], SIGKILL);
		waitpid(fixture->engines[fixture->count], NULL, 0);
		unlink(fixture->docker);
	}
}

static void an_engine_that_was_stopped_has_none(void **state)
{
	struct fixture *fixture = *state;

	start(fixture, fixture->docker, RUNS(ID));
	kill(fixture->engines[--fixture->count], SIGKILL);
	waitpid(fixture->engines[fixture->count], NULL, 0);
	assert_not_found(fixture, "web", -ENOENT, "there is no container web");
}

/* Its containers run on, and nobody else knows which of them is meant. */
static void an_engine_that_was_stopped_may_have_left_containers(void **state)
{
	struct fixture *fixture = *state;

	command(fixture, "mkdir -p kubepods/" OTHER " system.slice/docker-" ID ".scope");
	assert_not_found(fixture, "web", -EAGAIN, "cannot ask Docker for the container web: ");
	command(fixture, "rmdir system.slice/docker-" ID ".scope");
	assert_not_found(fixture, "web", -ENOENT, "there is no container web");
	command(fixture, "mkdir -p docker/" ID);
	start(fixture, fixture->docker, RUNS(ID));
	kill(fixture->engines[--fixture->count], SIGKILL);
	waitpid(fixture->engines[fixture->count], NULL, 0);
	assert_not_found(fixture, "web", -EAGAIN, "cannot ask Docker for the container web: ");
}

static void an_engine_that_knows_its_containers_is_believed(void **state)
{
	struct fixture *fixture = *state;

	command(fixture, "mkdir -p system.slice/docker-" OTHER ".scope");
	start(fixture, fixture->docker, NOT_FOUND);
	assert_not_found(fixture, "web", -ENOENT, "there is no container web");
}

/* --- cgroups of others ----------------------------------------------------------------------- */

/* As those of systemd's user managers are, and of containers that may make cgroups. */
static void whoever_was_given_a_cgroup_makes_no_container_in_it(void **state)
{
	struct fixture *fixture = *state;

	command(fixture, "mkdir -p given/docker-" ID ".scope docker/" OTHER "/docker-" ID ".scope"
			 " && chown 1 given");
	start(fixture, fixture->docker, RUNS(ID));
	assert_not_found(fixture, "web", -EINVAL, "no cgroup of its own");
	command(fixture, "mkdir -p system.slice/docker-" ID ".scope");
	assert_found(fixture, "web", "system.slice/docker-" ID ".scope");
}

static void a_stopped_container_is_not_what_has_its_id(void **state)
{
	struct fixture *fixture = *state;

	command(fixture, "mkdir -p given/docker-" ID ".scope && chown 1 given");
	start(fixture, fixture->docker, STOPPED(ID));
	assert_not_found(fixture, ID, -ENOENT, "does not run");
	kill(fixture->engines[--fixture->count], SIGKILL);
	waitpid(fixture->engines[fixture->count], NULL, 0);
	unlink(fixture->docker);
	/* One of a user's own engine has no other name. */
	assert_found(fixture, ID, "given/docker-" ID ".scope");
}

static void what_cannot_be_looked_at_is_not_said_to_be_missing(void **state)
{
	struct fixture *fixture = *state;

	command(fixture, "mkdir -p $(printf 'd/%.0s' $(seq 300))");
	start(fixture, fixture->docker, RUNS(ID));
	assert_not_found(fixture, "web", -ELOOP, "cannot look for containers in ");
	/* Those of others are not looked at. */
	command(fixture, "chown 1 d && mkdir -p docker/" ID);
	assert_found(fixture, "web", "docker/" ID);
}

/* --- without --------------------------------------------------------------------------------- */

#define STORE                                                                                      \
	"mkdir -p store/overlay-containers libpod_parent/libpod-" ID " docker/" OTHER              \
	" && echo '[{\"id\":\"" ID "\",\"names\":[\"web\",\"alias\"]},{\"id\":\"bad\"},"           \
	"{\"id\":\"" OTHER "\",\"names\":null},{\"id\":\"" NEAR "\",\"names\":[\"near\"]}]'"       \
	" >store/overlay-containers/containers.json"

static void what_podman_keeps_is_found_without_a_service(void **state)
{
	static const char *const confs[] = {
		"'[storage]' '# graphroot = \"/none\"' \"graphroot = \\\"$PWD/store\\\"\"",
		"\"  graphroot='$PWD/store' # here\"",
		"\"graphroot=\\\"$PWD/store\\\"\"",
	};
	struct fixture *fixture = *state;
	char line[256];
	size_t i;

	command(fixture, STORE);
	for (i = 0; i < ARRAY_SIZE(confs); i++) {
		snprintf(line, sizeof(line), "printf '%%s\\n' %s >storage.conf", confs[i]);
		command(fixture, line);
		assert_found(fixture, "web", "libpod_parent/libpod-" ID);
		assert_found(fixture, "alias", "libpod_parent/libpod-" ID);
		assert_not_found(fixture, "near", -ENOENT, "the container near does not run");
		assert_not_found(fixture, "none", -ENOENT, "there is no container none");
	}
	command(fixture, "echo '[{' >store/overlay-containers/containers.json");
	assert_not_found(fixture, "web", -ENOENT, "there is no container web");
}

static void the_usual_store_counts_if_nothing_says_another(void **state)
{
	struct fixture *fixture = *state;
	char root[128];

	command(fixture, STORE);
	command(fixture, "printf 'driver = \"overlay\"\\ngraphroot = \"\"\\n' >storage.conf");
	snprintf(root, sizeof(root), "%s/store", fixture->directory);
	fixture->paths.graphroot = root;
	assert_found(fixture, "web", "libpod_parent/libpod-" ID);
}

static void an_id_or_enough_of_it_is_a_name(void **state)
{
	struct fixture *fixture = *state;

	command(fixture, "mkdir -p k8s.io/" ID " docker/" OTHER);
	assert_found(fixture, ID, "k8s.io/" ID);
	assert_found(fixture, "0123456789ab", "k8s.io/" ID);
	assert_found(fixture, "fedcba987654321", "docker/" OTHER);
	assert_not_found(fixture, "0123456789a", -ENOENT, "there is no container 0123456789a");
	assert_not_found(fixture, "0123456789ac", -ENOENT, "does not run");
	command(fixture, "mkdir -p docker/" NEAR);
	assert_not_found(fixture, "0123456789ab", -EINVAL, "several containers 0123456789ab");
	assert_found(fixture, "0123456789abcdef0", "k8s.io/" ID);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_container_is_found_wherever_its_cgroup_is),
		TEST(podman_is_asked_too),
		TEST(one_container_by_two_sockets_is_one),
		TEST(two_of_a_name_are_told),
		TEST(what_does_not_run_is_not_found),
		TEST(one_of_two_that_runs_is_meant),
		TEST(a_container_without_a_cgroup_of_its_own_is_refused),
		TEST(an_engine_that_says_nothing_is_not_waited_for),
		TEST(what_is_no_answer_is_told),
		TEST(an_engine_that_was_stopped_has_none),
		TEST(an_engine_that_was_stopped_may_have_left_containers),
		TEST(an_engine_that_knows_its_containers_is_believed),
		TEST(whoever_was_given_a_cgroup_makes_no_container_in_it),
		TEST(a_stopped_container_is_not_what_has_its_id),
		TEST(what_cannot_be_looked_at_is_not_said_to_be_missing),
		TEST(what_podman_keeps_is_found_without_a_service),
		TEST(the_usual_store_counts_if_nothing_says_another),
		TEST(an_id_or_enough_of_it_is_a_name),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
