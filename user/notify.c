// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "notify.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#define STATUS_BYTES 256

/* "/path", or "@name" of a socket that has no file; what systemd's other kinds are is not known. */
static int connect_to(const char *name)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	_cleanup_close_ int fd = -1;
	size_t length = strlen(name);

	if ((*name != '/' && *name != '@') || length < 2 || length >= sizeof(address.sun_path))
		return -EINVAL;
	memcpy(address.sun_path, name, length + 1);
	if (*name == '@')
		address.sun_path[0] = '\0';
	else
		length++;
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0 || connect(fd, (const struct sockaddr *)&address,
			      (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length)))
		return -errno;
	return TAKE_FD(fd);
}

/* -1 if there is no such number. */
static int64_t number_of(const char *name)
{
	const char *text = getenv(name);
	char *end;
	long long number;

	if (!text || !*text)
		return -1;
	errno = 0;
	number = strtoll(text, &end, 10);
	return errno || *end || number < 0 ? -1 : number;
}

/* Meant for another process if it names one. */
static uint64_t read_watchdog(void)
{
	int64_t interval_us = number_of("WATCHDOG_USEC");
	const char *pid = getenv("WATCHDOG_PID");

	if (interval_us <= 0 || (pid && number_of("WATCHDOG_PID") != getpid()))
		return 0;
	return (uint64_t)interval_us * 1000;
}

int notify_init(struct notify *ret_notify)
{
	const char *name = getenv("NOTIFY_SOCKET");
	struct notify notify = { .fd = -1 };
	int fd = name && *name ? connect_to(name) : -1;
	bool failed = name && *name && fd < 0;

	notify.fd = failed ? -1 : fd;
	if (notify.fd >= 0)
		notify.watchdog_ns = read_watchdog();
	unsetenv("NOTIFY_SOCKET");
	unsetenv("WATCHDOG_USEC");
	unsetenv("WATCHDOG_PID");
	*ret_notify = notify;
	return failed ? fd : 0;
}

void notify_finish(struct notify *notify)
{
	close_fd(&notify->fd);
	notify->watchdog_ns = 0;
}

/* A manager that does not read is not waited for. */
static int tell(const struct notify *notify, const char *text)
{
	if (notify->fd < 0)
		return 0;
	return send(notify->fd, text, strlen(text), MSG_NOSIGNAL | MSG_DONTWAIT) < 0 ? -errno : 0;
}

int notify_ready(const struct notify *notify)
{
	return tell(notify, "READY=1");
}

/* systemd takes the end of the reload to be the first READY=1 after this time. */
int notify_reloading(const struct notify *notify)
{
	char text[64];

	snprintf(text, sizeof(text), "RELOADING=1\nMONOTONIC_USEC=%" PRIu64, monotonic_ns() / 1000);
	return tell(notify, text);
}

int notify_stopping(const struct notify *notify)
{
	return tell(notify, "STOPPING=1");
}

int notify_alive(const struct notify *notify)
{
	return tell(notify, "WATCHDOG=1");
}

int notify_status(const struct notify *notify, const char *format, ...)
{
	char text[STATUS_BYTES] = "STATUS=";
	size_t used = strlen(text);
	va_list arguments;
	char *c;

	va_start(arguments, format);
	vsnprintf(text + used, sizeof(text) - used, format, arguments);
	va_end(arguments);
	/* Another line would be another message. */
	for (c = text; *c; c++)
		if (*c == '\n')
			*c = ' ';
	return tell(notify, text);
}
