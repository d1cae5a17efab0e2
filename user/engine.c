// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "engine.h"

#include <errno.h>
#include <string.h>

#include "cgroup_search.h"
#include "engine_internal.h"
#include "util.h"

#define HEX "0123456789abcdef"
#define LETTERS_AND_DIGITS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
/* So many digits of an id are what engines show, and no accident. */
#define ID_DIGITS_MIN 12
#define SCOPE ".scope"

bool engine_is_name(const char *text)
{
	return text[0] && strchr(LETTERS_AND_DIGITS, text[0]) &&
	       !text[strspn(text, LETTERS_AND_DIGITS "_.-")] &&
	       strlen(text) <= ENGINE_NAME_BYTES_MAX;
}

static bool is_id_prefix(const char *name)
{
	size_t length = strlen(name);

	return length >= ID_DIGITS_MIN && length < ENGINE_ID_BYTES && !name[strspn(name, HEX)];
}

/* --- cgroups of containers by their names ---------------------------------------------------- */

/*
 * The id in the name of a container's cgroup, or NULL: "ID" (Docker, containerd), "libpod-ID",
 * with ".scope" behind it where systemd makes them. Not those of what watches over a container.
 */
static const char *id_in(const char *name)
{
	static const char *const prefixes[] = { "",	   "docker-",
						"libpod-", "libpod-payload-",
						"crio-",   "cri-containerd-" };
	const char *id;
	size_t i, length;

	for (i = 0; i < ARRAY_SIZE(prefixes); i++) {
		length = strlen(prefixes[i]);
		id = name + length;
		if (!strncmp(name, prefixes[i], length) && strspn(id, HEX) == ENGINE_ID_BYTES - 1 &&
		    (!id[ENGINE_ID_BYTES - 1] || !strcmp(id + ENGINE_ID_BYTES - 1, SCOPE)))
			return id;
	}
	return NULL;
}

/* What is below a container is its own matter. */
static enum cgroup_judged judge(const char *name, const void *prefix)
{
	const char *id = id_in(name);

	if (!id)
		return CGROUP_ENTER;
	return strncmp(id, prefix, strlen(prefix)) != 0 ? CGROUP_PASS : CGROUP_FOUND;
}

static enum cgroup_judged judge_any(const char *name, const void *prefix)
{
	const char *id = id_in(name);

	return id && !strncmp(id, prefix, strlen(prefix)) ? CGROUP_FOUND : CGROUP_ENTER;
}

static int refuse_several(const char *name, const char *first, const char *second,
			  struct failure *failure)
{
	failure_set(failure, 0, "there are several containers %.80s: %.150s and %.150s", name,
		    first, second);
	failure_hint(failure, "say the id of the one that is meant");
	return -EINVAL;
}

/*
 * By the id, or its beginning, where those who manage this host make cgroups. If an engine does not
 * know it, anywhere else, too, as root's engines have no others.
 */
static int find_by_id(const char *mount, const char *id, const char *name, bool anywhere,
		      char ret_path[CGROUP_PATH_BYTES], struct failure *failure)
{
	struct cgroup_found found;
	int r = cgroup_search(mount, CGROUP_OWNERS, judge, id, &found);

	if (!r && !found.count && anywhere)
		r = cgroup_search(mount, CGROUP_ANYONES, judge_any, id, &found);
	if (r)
		return failure_set(failure, -r, "cannot look for containers in %s", mount);
	if (found.count > 1)
		return refuse_several(name, found.paths[0], found.paths[1], failure);
	if (!found.count) {
		failure_set(failure, 0, "the container %.80s does not run: no cgroup has its id",
			    name);
		return -ENOENT;
	}
	strcpy(ret_path, found.paths[0]);
	return 0;
}

/* --- engines that answer --------------------------------------------------------------------- */

struct asked {
	struct engine_container found;
	const char *engine; /* that has it */
	bool stopped;	    /* one has it, and it does not run */
	const char *silent; /* that did not answer */
	int why;
	int last, docker; /* what came of asking: the last one, and Docker */
};

static void remember(struct asked *asked, const char *engine, const struct engine_container *one)
{
	if (!one->pid) {
		asked->stopped = true;
		return;
	}
	asked->found = *one;
	asked->engine = engine;
}

/* Nobody to be asked. */
static bool is_absent(int error)
{
	return error == -ENOENT || error == -ECONNREFUSED || error == -ENOTDIR;
}

/* -ESRCH: it has none of that name. */
static int ask_one(const char *socket_path, const char *name, struct engine_container *ret_one)
{
	char path[ENGINE_NAME_BYTES_MAX + sizeof("/containers//json")];
	_cleanup_free_ char *body = NULL;
	unsigned int status;
	size_t length;
	int r;

	snprintf(path, sizeof(path), "/containers/%s/json", name);
	r = socket_path ? engine_get(socket_path, path, &status, &body, &length) : -ENOENT;
	if (r)
		return r;
	if (status == 404)
		return -ESRCH;
	return status == 200 ? json_engine_container(body, length, ret_one) : -EPROTO;
}

/* The same container by two sockets is one, as where Podman has Docker's too. */
static int ask(const char *engine, const char *socket_path, const char *name, struct asked *asked,
	       struct failure *failure)
{
	struct engine_container one;
	int r = ask_one(socket_path, name, &one);

	asked->last = r;
	if (!r && one.pid && asked->engine && strcmp(asked->found.id, one.id) != 0)
		return refuse_several(name, asked->engine, engine, failure);
	if (!r) {
		remember(asked, engine, &one);
	} else if (r != -ESRCH && !is_absent(r)) {
		asked->silent = engine;
		asked->why = -r;
	}
	return 0;
}

/* --- all of it ------------------------------------------------------------------------------- */

static int refuse_stopped(const char *name, struct failure *failure)
{
	failure_set(failure, 0, "the container %.80s does not run", name);
	return -ENOENT;
}

/* What runs, and is in no cgroup of its own, shares that of others, which are not meant. */
static int find_running(const char *mount, const struct asked *asked, const char *name,
			char ret_path[CGROUP_PATH_BYTES], struct failure *failure)
{
	int r = find_by_id(mount, asked->found.id, name, false, ret_path, failure);

	if (r != -ENOENT)
		return r;
	failure_set(failure, 0, "the container %.80s of %s has no cgroup of its own below %.100s",
		    name, asked->engine, mount);
	return -EINVAL;
}

/* What an engine says is stopped is not looked for: what has its id is something else. */
static int find_stored(const struct engine_paths *paths, const char *mount, const char *name,
		       bool stopped, char ret_path[CGROUP_PATH_BYTES], struct failure *failure)
{
	char id[ENGINE_ID_BYTES];
	int r = engine_stored(paths, name, id);

	if (!r)
		return find_by_id(mount, id, name, false, ret_path, failure);
	if (r == -ENOTUNIQ)
		return refuse_several(name, "one of Podman", "another", failure);
	if (!stopped && is_id_prefix(name))
		return find_by_id(mount, name, name, true, ret_path, failure);
	failure_set(failure, 0, "there is no container %.80s of Docker or Podman", name);
	return -ENOENT;
}

/*
 * Docker's containers go on without it, and nobody else knows their names. A socket that nobody
 * listens on was somebody's: then those that could be its own count, too.
 */
static enum cgroup_judged judge_dockers(const char *name, const void *why)
{
	const char *id = id_in(name);
	bool bare = id == name && *(const int *)why == -ECONNREFUSED;

	if (!id)
		return CGROUP_ENTER;
	return bare || !strncmp(name, "docker-", strlen("docker-")) ? CGROUP_FOUND : CGROUP_PASS;
}

static void look_for_dockers(const char *mount, struct asked *asked)
{
	struct cgroup_found found;

	if (asked->silent || !is_absent(asked->docker))
		return;
	if (cgroup_search(mount, CGROUP_OWNERS, judge_dockers, &asked->docker, &found) ||
	    found.count) {
		asked->silent = "Docker";
		asked->why = -asked->docker;
	}
}

static int ask_all(const struct engine_paths *paths, const char *name, struct asked *asked,
		   struct failure *failure)
{
	int r = ask("Docker", paths->docker, name, asked, failure);

	asked->docker = asked->last;
	return r ? r : ask("Podman", paths->podman, name, asked, failure);
}

int engine_find(const struct engine_paths *paths, const char *mount, const char *name,
		char ret_path[CGROUP_PATH_BYTES], struct failure *failure)
{
	struct asked asked = {};
	int r = engine_is_name(name) ? ask_all(paths, name, &asked, failure) : -EINVAL;

	if (r)
		return r;
	if (asked.engine)
		return find_running(mount, &asked, name, ret_path, failure);
	r = find_stored(paths, mount, name, asked.stopped, ret_path, failure);
	if (r != -ENOENT)
		return r;
	if (asked.stopped)
		return refuse_stopped(name, failure);
	look_for_dockers(mount, &asked);
	if (!asked.silent)
		return r;
	failure_set(failure, asked.why, "cannot ask %s for the container %.80s", asked.silent,
		    name);
	return -EAGAIN;
}
