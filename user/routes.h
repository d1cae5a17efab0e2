/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * By which interface an address is reached, as the kernel would route to it now, in the network
 * namespace that this was opened in; see rtnetlink(7). With diag.c all that knows libmnl.
 */
#ifndef CGFENCE_ROUTES_H
#define CGFENCE_ROUTES_H

#include <stdint.h>

#include "address.h"

struct routes;

/* Loopback, and what is sent to an address of this host. */
#define ROUTES_LOOPBACK 1

/* In the network namespace of the calling thread. -errno. */
int routes_open(struct routes **ret_routes);
void routes_close(struct routes **routes);

/* ROUTES_LOOPBACK for an address of this host; 0 if there is no route now. -errno. */
int routes_interface(struct routes *routes, const struct address *address, uint32_t *ret_index);

/* Becomes readable when routes, links or addresses have changed; then routes_drain() it. */
int routes_fd(const struct routes *routes);
void routes_drain(struct routes *routes);

#endif
