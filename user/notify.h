/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Tells a service manager how it goes, as sd_notify(3) does: datagrams to the socket of
 * $NOTIFY_SOCKET. Without one, nothing is told, and that is no error.
 */
#ifndef CGFENCE_NOTIFY_H
#define CGFENCE_NOTIFY_H

#include <stdint.h>

#include "util.h"

struct notify {
	int fd;		      /* -1: nobody wants to know */
	uint64_t watchdog_ns; /* how often notify_alive() is wanted at least; 0: not at all */
};

/*
 * Reads the environment, and takes what it has read out of it, so that children do not speak for
 * this process. -errno if there is a socket that cannot be reached: nothing is told then.
 */
int notify_init(struct notify *ret_notify);
void notify_finish(struct notify *notify);

/* All of these: -errno if it could not be told. */
int notify_ready(const struct notify *notify);
/* Until notify_ready(). */
int notify_reloading(const struct notify *notify);
int notify_stopping(const struct notify *notify);
int notify_alive(const struct notify *notify);
/* One line. */
int notify_status(const struct notify *notify, const char *format, ...) _printf_(2, 3);

#endif
