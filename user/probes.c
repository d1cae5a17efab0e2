// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "probes.h"

#include <errno.h>
#include <netinet/in.h>
#include <string.h>

/* Without memory uthash is to leave the element out, not to end the process. */
#define HASH_NONFATAL_OOM 1
#include <uthash.h>
#include <utlist.h>

#include "report.h"
#include "util.h"

#define HOLD_NS (REPORT_HOLD_MS * NSEC_PER_MSEC)

enum trace_of {
	TRACE_PROCESS, /* and port: both in `id` */
	TRACE_SOCKET,
	TRACE_COUNT
};

struct trace_key {
	uint64_t of; /* enum trace_of; as wide as `id`: keys are compared as bytes */
	uint64_t id;
};
_Static_assert(sizeof(struct trace_key) == 16, "no padding");

/* A suspect in the list of one of its traces. */
struct link {
	struct suspect *suspect;
	struct trace *trace; /* NULL: in none */
	struct link *prev, *next;
};

/* What a process did on a port, or a socket, in the last HOLD_NS. */
struct trace {
	struct trace_key key;
	uint64_t until_ns;
	bool probing; /* TCP was tried; the socket had several addresses */
	uint8_t address[sizeof((struct cgf_decision){ 0 }.address)]; /* of a socket: the last */
	struct link *links;
	struct trace *prev, *next;
	UT_hash_handle hh;
};

struct suspect {
	struct cgf_decision decision;
	uint64_t due_ns;
	struct link links[TRACE_COUNT];
	struct suspect *prev, *next;
};

struct probes {
	probes_fn attempt;
	void *data;
	struct suspect *suspects; /* the one due first in front */
	size_t suspect_count;
	struct trace *traces; /* the hash */
	struct trace *oldest; /* the same traces as a list, the one to forget first in front */
};

static void suspect_unlink(struct probes *probes, struct suspect *suspect)
{
	for (size_t i = 0; i < ARRAY_SIZE(suspect->links); i++) {
		struct link *link = &suspect->links[i];

		if (link->trace)
			DL_DELETE(link->trace->links, link);
	}
	DL_DELETE(probes->suspects, suspect);
	probes->suspect_count--;
}

static void suspect_attempted(struct probes *probes, struct suspect *suspect, uint64_t now_ns)
{
	suspect_unlink(probes, suspect);
	probes->attempt(&suspect->decision, now_ns, probes->data);
	free(suspect);
}

static void suspect_link(struct suspect *suspect, enum trace_of of, struct trace *trace)
{
	struct link *link = &suspect->links[of];

	link->suspect = suspect;
	link->trace = trace;
	DL_APPEND(trace->links, link);
}

/* `socket` may be NULL. */
static int suspect_hold(struct probes *probes, const struct cgf_decision *decision,
			struct trace *process, struct trace *socket, uint64_t now_ns)
{
	struct suspect *suspect = calloc(1, sizeof(*suspect));

	if (!suspect)
		return -ENOMEM;
	suspect->decision = *decision;
	suspect->due_ns = now_ns + HOLD_NS;
	suspect_link(suspect, TRACE_PROCESS, process);
	if (socket)
		suspect_link(suspect, TRACE_SOCKET, socket);
	DL_APPEND(probes->suspects, suspect);
	if (++probes->suspect_count > PROBES_HELD_MAX)
		suspect_attempted(probes, probes->suspects, now_ns);
	return 0;
}

static void trace_forget(struct probes *probes, struct trace *trace, uint64_t now_ns)
{
	struct link *link, *next;

	DL_FOREACH_SAFE (trace->links, link, next)
		suspect_attempted(probes, link->suspect, now_ns);
	HASH_DEL(probes->traces, trace);
	DL_DELETE(probes->oldest, trace);
	free(trace);
}

static struct trace *trace_make(struct probes *probes, const struct trace_key *key, uint64_t now_ns)
{
	struct trace *trace;

	if (HASH_COUNT(probes->traces) >= PROBES_TRACES_MAX)
		trace_forget(probes, probes->oldest, now_ns);
	trace = calloc(1, sizeof(*trace));
	if (!trace)
		return NULL;
	trace->key = *key;
	HASH_ADD(hh, probes->traces, key, sizeof(trace->key), trace);
	if (!trace->hh.tbl) {
		free(trace);
		return NULL;
	}
	trace->until_ns = now_ns + HOLD_NS;
	DL_APPEND(probes->oldest, trace);
	return trace;
}

/* The trace, made if there is none; *ret_made says which. NULL without memory. */
static struct trace *trace_get(struct probes *probes, enum trace_of of, uint64_t id,
			       uint64_t now_ns, bool *ret_made)
{
	struct trace_key key = { .of = of, .id = id };
	struct trace *trace;

	HASH_FIND(hh, probes->traces, &key, sizeof(key), trace);
	*ret_made = !trace;
	return trace ? trace : trace_make(probes, &key, now_ns);
}

/* The list stays in order, because all are kept for the same time. */
static void trace_extend(struct probes *probes, struct trace *trace, uint64_t now_ns)
{
	trace->until_ns = now_ns + HOLD_NS;
	DL_DELETE(probes->oldest, trace);
	DL_APPEND(probes->oldest, trace);
}

/* All that it links are probes, and so is what comes until `until_ns`. */
static void trace_set_probing(struct probes *probes, struct trace *trace)
{
	struct link *link, *next;

	trace->probing = true;
	DL_FOREACH_SAFE (trace->links, link, next) {
		struct suspect *suspect = link->suspect;

		suspect_unlink(probes, suspect);
		free(suspect);
	}
}

static struct trace *process_get(struct probes *probes, const struct cgf_decision *decision,
				 uint64_t now_ns)
{
	uint64_t id = (uint64_t)decision->pid << 16 | decision->port;
	bool made;

	return trace_get(probes, TRACE_PROCESS, id, now_ns, &made);
}

/* Notes that the socket was connected to the address. */
static struct trace *socket_note(struct probes *probes, const struct cgf_decision *decision,
				 uint64_t now_ns)
{
	bool made;
	struct trace *trace = trace_get(probes, TRACE_SOCKET, decision->socket_cookie, now_ns,
					&made);

	if (!trace)
		return NULL;
	if (!made && memcmp(trace->address, decision->address, sizeof(trace->address)) != 0)
		trace_set_probing(probes, trace);
	memcpy(trace->address, decision->address, sizeof(trace->address));
	trace_extend(probes, trace, now_ns);
	return trace;
}

/* Records of a socket() have no port. */
static int add_tcp(struct probes *probes, const struct cgf_decision *decision, uint64_t now_ns)
{
	struct trace *process = process_get(probes, decision, now_ns);

	if (!process)
		return -ENOMEM;
	trace_set_probing(probes, process);
	trace_extend(probes, process, now_ns);
	return 1;
}

static int add_suspect(struct probes *probes, const struct cgf_decision *decision, uint64_t now_ns)
{
	struct trace *socket = NULL, *process;

	if (decision->socket_cookie) {
		socket = socket_note(probes, decision, now_ns);
		if (!socket)
			return -ENOMEM;
		if (socket->probing)
			return 0;
	}
	process = process_get(probes, decision, now_ns);
	if (!process)
		return -ENOMEM;
	if (process->probing)
		return 0;
	trace_extend(probes, process, now_ns);
	return suspect_hold(probes, decision, process, socket, now_ns);
}

/* Ports that only probes use: c-ares and Go connect to 9, musl to 65535, glibc to 0 if it has none.
 */
static bool is_probe_port(uint16_t port)
{
	return port == 0 || port == 9 || port == 65535;
}

int probes_add(struct probes *probes, const struct cgf_decision *decision, uint64_t now_ns)
{
	bool udp_connect = decision->hook == CGF_HOOK_CONNECT && decision->protocol == IPPROTO_UDP;

	if (decision->flags & CGF_FLAG_PROBE) {
		if (udp_connect && decision->socket_cookie)
			socket_note(probes, decision, now_ns);
		return 0;
	}
	if (decision->protocol == IPPROTO_TCP &&
	    (decision->hook == CGF_HOOK_CONNECT || decision->hook == CGF_HOOK_SENDMSG))
		return add_tcp(probes, decision, now_ns);
	if (!udp_connect)
		return 1;
	return is_probe_port(decision->port) ? 0 : add_suspect(probes, decision, now_ns);
}

void probes_flush(struct probes *probes, uint64_t now_ns, bool all)
{
	while (probes->suspects && (all || probes->suspects->due_ns <= now_ns))
		suspect_attempted(probes, probes->suspects, now_ns);
	while (probes->oldest && probes->oldest->until_ns <= now_ns)
		trace_forget(probes, probes->oldest, now_ns);
}

uint64_t probes_due_ns(const struct probes *probes)
{
	return probes->suspects ? probes->suspects->due_ns : 0;
}

int probes_init(struct probes **ret_probes, probes_fn attempt, void *data)
{
	struct probes *probes = calloc(1, sizeof(*probes));

	if (!probes)
		return -ENOMEM;
	probes->attempt = attempt;
	probes->data = data;
	*ret_probes = probes;
	return 0;
}

static void ignore(const struct cgf_decision *decision, uint64_t now_ns, void *data)
{
	(void)decision, (void)now_ns, (void)data;
}

void probes_finish(struct probes **probes)
{
	if (!*probes)
		return;
	(*probes)->attempt = ignore;
	probes_flush(*probes, UINT64_MAX, true);
	free(TAKE_PTR(*probes));
}
