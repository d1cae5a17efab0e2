// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "report.h"

#include <errno.h>
#include <string.h>

/* Without memory uthash is to leave the element out, not to end the process. */
#define HASH_NONFATAL_OOM 1
#include <uthash.h>
#include <utlist.h>

#include "heap.h"
#include "probes.h"
#include "util.h"

#define REPEAT_NS (REPORT_REPEAT_MS * NSEC_PER_MSEC)
#define REPEAT_MAX_NS (REPORT_REPEAT_MAX_MS * NSEC_PER_MSEC)

struct kind_key {
	uint8_t fence[sizeof((struct cgf_decision){ 0 }.cgroup_id)];
	uint8_t address[sizeof((struct cgf_decision){ 0 }.address)];
	char comm[CGF_COMM_BYTES];
	uint16_t port;
	uint16_t protocol;
	uint8_t verdict;
	uint8_t hook;
	uint8_t family;		  /* of CGF_HOOK_SOCKET; else 0 */
	uint8_t socket_type;	  /* the same */
	struct question question; /* all zero: none; a name has its length */
};
_Static_assert(sizeof(struct kind_key) == 48 + sizeof(struct question),
	       "no padding: keys are compared as bytes");

struct kind {
	struct kind_key key;
	struct cgf_decision decision; /* the last one */
	uint64_t times;
	uint64_t told_ns;
	uint64_t interval_ns; /* from then on, in which repetitions are not told */
	bool waiting;	      /* for the end of the interval, because there were repetitions */
	struct kind *prev, *next;
	UT_hash_handle hh;
};

/* A kind is either in `waiting` or in `silent`. */
struct report {
	report_fn tell;
	void *data;
	struct probes *probes;
	struct kind *kinds; /* the hash */
	struct heap waiting;
	struct kind *silent; /* a list: nothing to tell; the one silent for longest in front */
	uint64_t decision_count;
};

/* Whoever knocks comes from another port each time. */
static uint16_t port_of(const struct cgf_decision *decision)
{
	if (decision->hook == CGF_HOOK_SETSOCKOPT)
		return decision->option;
	return decision->hook == CGF_HOOK_INGRESS ? decision->local_port : decision->port;
}

static struct kind_key kind_key_of(const struct cgf_decision *decision,
				   const struct question *question)
{
	bool socket = decision->hook == CGF_HOOK_SOCKET;
	bool option = decision->hook == CGF_HOOK_SETSOCKOPT;
	struct kind_key key = {
		.port = port_of(decision),
		.protocol = option ? decision->option_level : decision->protocol,
		.verdict = decision->verdict,
		.hook = decision->hook,
		.family = socket ? decision->family : 0,
		.socket_type = socket ? decision->socket_type : 0,
	};

	memcpy(key.fence, &decision->cgroup_id, sizeof(key.fence));
	/* Whichever resolver was asked. */
	if (question)
		key.question = *question;
	else
		memcpy(key.address, decision->address, sizeof(key.address));
	/* What follows a NUL is no part of the name. */
	memcpy(key.comm, decision->comm, strnlen(decision->comm, sizeof(key.comm)));
	return key;
}

static uint64_t kind_due_ns(const struct kind *kind)
{
	return kind->told_ns + kind->interval_ns;
}

static void tell(struct report *report, const struct cgf_decision *decision,
		 const struct question *question, uint64_t times)
{
	report->tell(decision, question->name.length ? question : NULL, times, report->data);
}

static void kind_tell(struct report *report, struct kind *kind, uint64_t now_ns)
{
	kind->told_ns = now_ns;
	tell(report, &kind->decision, &kind->key.question, kind->times);
}

static void kind_back_off(struct kind *kind)
{
	kind->interval_ns *= 2;
	if (kind->interval_ns > REPEAT_MAX_NS)
		kind->interval_ns = REPEAT_MAX_NS;
}

/* Tells the repetitions of the kind that is due next. */
static struct kind *kind_tell_waiting(struct report *report, uint64_t now_ns)
{
	struct kind *kind = heap_pop(&report->waiting).data;

	kind->waiting = false;
	kind_back_off(kind);
	kind_tell(report, kind, now_ns);
	DL_APPEND(report->silent, kind);
	return kind;
}

/* Those that wait have something to tell and repeat themselves, so they are the last to go. */
static void kind_forget_one(struct report *report, uint64_t now_ns)
{
	struct kind *kind = report->silent ? report->silent : kind_tell_waiting(report, now_ns);

	HASH_DEL(report->kinds, kind);
	DL_DELETE(report->silent, kind);
	free(kind);
}

static struct kind *kind_make(struct report *report, const struct kind_key *key, uint64_t now_ns)
{
	struct kind *kind;

	if (HASH_COUNT(report->kinds) >= REPORT_KINDS_MAX)
		kind_forget_one(report, now_ns);
	kind = calloc(1, sizeof(*kind));
	if (!kind)
		return NULL;
	kind->key = *key;
	HASH_ADD(hh, report->kinds, key, sizeof(kind->key), kind);
	if (!kind->hh.tbl) {
		free(kind);
		return NULL;
	}
	DL_APPEND(report->silent, kind);
	return kind;
}

static int kind_first(struct report *report, const struct kind_key *key,
		      const struct cgf_decision *decision, uint64_t now_ns)
{
	struct kind *kind = kind_make(report, key, now_ns);

	if (!kind) {
		tell(report, decision, &key->question, 1);
		return -ENOMEM;
	}
	kind->decision = *decision;
	kind->times = 1;
	kind->interval_ns = REPEAT_NS;
	kind_tell(report, kind, now_ns);
	return 0;
}

/*
 * A kind that was silent for its interval is told at once when it comes back, and the interval
 * grows all the same: what is tried every two seconds is not to be a line every two seconds. It
 * starts anew when nothing was told for the longest interval.
 */
static void kind_again(struct report *report, struct kind *kind,
		       const struct cgf_decision *decision, uint64_t now_ns)
{
	kind->decision = *decision;
	kind->times++;
	if (kind->waiting)
		return;
	DL_DELETE(report->silent, kind);
	if (now_ns < kind_due_ns(kind)) {
		kind->waiting = true;
		heap_push(&report->waiting, kind_due_ns(kind), kind);
		return;
	}
	if (now_ns - kind->told_ns < REPEAT_MAX_NS)
		kind_back_off(kind);
	else
		kind->interval_ns = REPEAT_NS;
	DL_APPEND(report->silent, kind);
	kind_tell(report, kind, now_ns);
}

static int kind_add(struct report *report, const struct cgf_decision *decision,
		    const struct question *question, uint64_t now_ns)
{
	struct kind_key key = kind_key_of(decision, question);
	struct kind *kind;

	report->decision_count++;
	HASH_FIND(hh, report->kinds, &key, sizeof(key), kind);
	if (!kind)
		return kind_first(report, &key, decision, now_ns);
	kind_again(report, kind, decision, now_ns);
	return 0;
}

static void attempt_add(const struct cgf_decision *decision, uint64_t now_ns, void *data)
{
	kind_add(data, decision, NULL, now_ns);
}

int report_add(struct report *report, const struct cgf_decision *decision,
	       const struct question *question, uint64_t now_ns)
{
	int result, error;

	/* What is over by now is not to be judged by what comes after it, however late the timer.
	 */
	report_flush(report, now_ns, false);
	result = probes_add(report->probes, decision, now_ns);
	if (result == 0)
		return 0;
	error = kind_add(report, decision, question, now_ns);
	return result < 0 ? result : error;
}

void report_flush(struct report *report, uint64_t now_ns, bool all)
{
	const struct heap_item *first;

	/* First the suspects: they may be repetitions. */
	probes_flush(report->probes, now_ns, all);
	while ((first = heap_first(&report->waiting)) && (all || first->key <= now_ns))
		kind_tell_waiting(report, now_ns);
}

uint64_t report_due_ns(const struct report *report)
{
	const struct heap_item *first = heap_first(&report->waiting);
	uint64_t due_ns = probes_due_ns(report->probes);

	if (!first)
		return due_ns;
	return due_ns && due_ns < first->key ? due_ns : first->key;
}

uint64_t report_decisions(const struct report *report)
{
	return report->decision_count;
}

int report_init(struct report **ret_report, report_fn tell, void *data)
{
	_cleanup_(report_finish) struct report *report = calloc(1, sizeof(*report));
	int error;

	if (!report)
		return -ENOMEM;
	report->tell = tell;
	report->data = data;
	error = heap_reserve(&report->waiting, REPORT_KINDS_MAX);
	if (error)
		return error;
	error = probes_init(&report->probes, attempt_add, report);
	if (error)
		return error;
	*ret_report = TAKE_PTR(report);
	return 0;
}

void report_finish(struct report **report)
{
	struct kind *kind, *next;

	if (!*report)
		return;
	HASH_ITER (hh, (*report)->kinds, kind, next) {
		HASH_DEL((*report)->kinds, kind);
		free(kind);
	}
	heap_finish(&(*report)->waiting);
	probes_finish(&(*report)->probes);
	free(TAKE_PTR(*report));
}
