/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The answer to a question that the fence refused: "no such name", as from the resolver that was
 * asked, so that the application gives up at once rather than asks again until it times out. Over
 * UDP by a packet to the socket that asked, in the network namespace that this was opened in, by
 * its loopback device: it never leaves it, and no error of it does. Over TCP the connection is
 * destroyed.
 *
 * Not reached: a UDP socket that is bound to another device, or a link-local address; and over IPv4
 * one whose own address was rewritten on the way (NAT).
 */
#ifndef CGFENCE_REFUSAL_H
#define CGFENCE_REFUSAL_H

#include <stddef.h>
#include <stdint.h>

#include "cgfence.h"

struct refusal;

/*
 * In the network namespace of the calling thread, to be used by that thread only. -EPERM without
 * CAP_NET_RAW there. A kernel without IPv6 is no error.
 */
int refusal_open(struct refusal **ret_refusal);
void refusal_close(struct refusal **refusal);

/*
 * `size` is of the whole record. -EBADMSG: it has no question that can be answered; otherwise what
 * the kernel said. 0 too if the connection is not there any more.
 */
int refusal_send(struct refusal *refusal, const struct cgf_message *message, size_t size);

/*
 * The answer alone: the question copied, RCODE 3, and an OPT record if there was one. Returns its
 * length; -EBADMSG if the message is no question. Pure.
 */
#define REFUSAL_BYTES 288
int refusal_write(const uint8_t *message, size_t length, uint8_t ret_answer[REFUSAL_BYTES]);

#endif
