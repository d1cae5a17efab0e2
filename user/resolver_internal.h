/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What resolver*.c share. Not for other modules. */
#ifndef CGFENCE_RESOLVER_INTERNAL_H
#define CGFENCE_RESOLVER_INTERNAL_H

#include "dns.h"
#include "heap.h"
#include "hosts.h"
#include "refresh.h"
#include "resolver.h"
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

static inline struct name *resolver_question_name(struct question *question)
{
	struct question *first = question - question->ipv6;

	return (struct name *)((char *)first - offsetof(struct name, questions));
}

/* Into the heap, which has room for it. */
void resolver_wait_until(struct resolver *resolver, struct question *question, uint64_t when_ns);
int resolver_open_dns(struct resolver *resolver, const struct address *servers, size_t count,
		      struct dns **ret_dns);
void resolver_free_names(struct name *name);
/* One that is gone, if nothing of it is in flight any more. */
void resolver_free_gone(struct resolver *resolver, struct name *name);

#endif
