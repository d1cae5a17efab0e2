/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * One attempt to get out of a fence, and what is known about it. An attempt sends its payload, a
 * token that no other attempt has, to a host that is not allowed, or has the wire carry it in some
 * other way. It prints one line for people; whether it got out is for the wire to say (judge.py).
 *
 * Of every rule that the fence has, an attempt may use its own port (see escape.c): attempt->to is
 * not allowed, attempt->allowed and attempt->other are, and are different hosts on different ports.
 */
#ifndef ESCAPE_H
#define ESCAPE_H

#include "../tools/probe.h"

#define ESCAPE_SERVED_PORT 7100	  /* `listen` allows it */
#define ESCAPE_UNSERVED_PORT 7200 /* nothing does; one more for IPv6 */
#define ESCAPE_LOCAL_PORT 9100	  /* allowed on localhost */
/* Descriptors that `escape outside` leaves open for the command. */
#define ESCAPE_FD_DIRECTORY 7
#define ESCAPE_FD_RING 8
#define ESCAPE_FD_UDP4 9
#define ESCAPE_FD_UDP6 10

enum escape_flags {
	ESCAPE_IPV4 = 1 << 0,
	ESCAPE_IPV6 = 1 << 1,
	ESCAPE_BOTH = ESCAPE_IPV4 | ESCAPE_IPV6,
	/* The one row has no address family; it is attempted once. */
	ESCAPE_ONCE = ESCAPE_IPV4,
	ESCAPE_ROOT = 1 << 2, /* works for root only, fence or not */
	/* What proves it, if not the token in a packet that no rule allows: */
	ESCAPE_MADE = 1 << 3,	 /* no wire sees it: that the socket could be made */
	ESCAPE_REPORTS = 1 << 4, /* the token in pieces, in IGMP or MLD reports */
	/* Some kernels only have it: if it does not work without a fence, that is why. */
	ESCAPE_RARE = 1 << 14,
	/* A control: it must work, fence or not; the packet is one that a rule allows. */
	ESCAPE_CONTROL = 1 << 5,
	/* Of a control: its packet is an answer to the forbidden host, which has asked. */
	ESCAPE_INBOUND = 1 << 15,
	ESCAPE_DIRECTORY = 1 << 16,
	/* Works by chance, and so seldom that a run without a fence need not see it. */
	ESCAPE_SELDOM = 1 << 17,
	/* Attempted in a run of its own: standard input is a socket; a terminal; the fence breaks.
	 */
	ESCAPE_STDIN = 1 << 6,
	ESCAPE_TERMINAL = 1 << 7,
	ESCAPE_ALONE = 1 << 8,
	/* Where it is open, as README says, for the reason in `because`. */
	ESCAPE_OPEN_USER = 1 << 9,
	ESCAPE_OPEN_CONFINED = 1 << 10,
	ESCAPE_OPEN_DOCKER = 1 << 11,
	ESCAPE_OPEN_ROOT = 1 << 12, /* confined root */
	ESCAPE_OPEN_FULL = 1 << 13,
	/* Open where the kernel has no Landlock. */
	ESCAPE_BARE_USER = 1 << 18,
	ESCAPE_BARE_CONFINED = 1 << 19,
	/* Closed everywhere where the kernel runs BPF LSM. */
	ESCAPE_FAMILY = 1 << 20,
	ESCAPE_OPEN_EVERYWHERE = ESCAPE_OPEN_USER | ESCAPE_OPEN_CONFINED | ESCAPE_OPEN_DOCKER |
				 ESCAPE_OPEN_ROOT | ESCAPE_OPEN_FULL,
};

struct escape {
	const char *name; /* at most 13 bytes: with /4 or /6 it is the comm in decision records */
	const char *says;
	int (*run)(struct attempt *attempt);
	unsigned int flags;
	const char *closed_by; /* what closes it, if that is none of the fence's hooks */
	const char *because;   /* why it is open where it is */
};

/* Each ends with an entry without a name. */
extern const struct escape escape_control[], escape_tcp[], escape_udp[], escape_race[],
	escape_uring[], escape_option[], escape_report[], escape_inbound[], escape_raw[],
	escape_link[], escape_inherit[], escape_move_attempts[], escape_break[], escape_question[];

/* Where `/4` and `/6` of an attempt differ in more than the addresses. */
bool escape_is_ipv4(const struct attempt *attempt);
/* Sends the payload to attempt->to, by UDP: for those that are out by then. */
int escape_send(struct attempt *attempt);
/* Sends the payload to `to` on `fd`, which may be -1. */
int escape_send_on(const struct attempt *attempt, int fd, const union address *to);
/* Asks the peer outside, which has the forbidden address: see peer.py. */
int escape_ask_peer(const struct attempt *attempt, const char *what, int port);
/* Prints why, for what has no errno; returns 1. */
int escape_fail(const char *why);

#endif
