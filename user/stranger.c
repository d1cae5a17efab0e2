// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "stranger.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>

#include "decision.h"
#include "escape.h"
#include "util.h"

static const char *const reasons[] = {
	[STRANGER_MADE_OUTSIDE] = "made_outside",
	[STRANGER_NO_HOOK] = "no_hook",
	[STRANGER_UNKNOWN] = "unknown",
	[STRANGER_THREAD_OUTSIDE] = "thread_outside",
};
_Static_assert(ARRAY_SIZE(reasons) == STRANGER_REASON_COUNT, "reasons");

/* Those that a program on a network is likely to have. */
static const struct {
	int family;
	const char *text;
} families[] = {
	{ AF_INET, "inet" },	 { AF_INET6, "inet6" },
	{ AF_PACKET, "packet" }, { AF_VSOCK, "vsock" },
	{ AF_XDP, "xdp" },	 { AF_ALG, "alg" },
	{ AF_TIPC, "tipc" },	 { AF_BLUETOOTH, "bluetooth" },
	{ AF_CAN, "can" },	 { AF_KCM, "kcm" },
	{ AF_SMC, "smc" },	 { AF_KEY, "key" },
	{ AF_PPPOX, "pppox" },	 { AF_QIPCRTR, "qipcrtr" },
	{ AF_UNIX, "unix" },	 { AF_NETLINK, "netlink" },
};

void stranger_finish(struct stranger *stranger)
{
	free(TAKE_PTR(stranger->cgroup));
	free(TAKE_PTR(stranger->holders));
}

const char *stranger_reason_to_string(enum stranger_reason reason)
{
	return (size_t)reason < ARRAY_SIZE(reasons) ? reasons[reason] : "unknown";
}

const char *stranger_family(const struct stranger *stranger, char text[STRANGER_KIND_BYTES])
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(families); i++)
		if (families[i].family == stranger->family)
			return families[i].text;
	snprintf(text, STRANGER_KIND_BYTES, "%d", stranger->family);
	return text;
}

static bool is_inet(const struct stranger *stranger)
{
	return stranger->family == AF_INET || stranger->family == AF_INET6;
}

const char *stranger_kind(const struct stranger *stranger, char text[STRANGER_KIND_BYTES])
{
	const struct cgf_decision of = { .protocol = (uint16_t)stranger->protocol };
	char spare[DECISION_NUMBER_BYTES];

	if (stranger->reason == STRANGER_THREAD_OUTSIDE)
		return "io_uring";
	if (stranger->family < 0 && !stranger->has_flow)
		return "socket";
	if (stranger->family >= 0 && !is_inet(stranger))
		return stranger_family(stranger, text);
	snprintf(text, STRANGER_KIND_BYTES, "%s%s", stranger->type == SOCK_RAW ? "raw " : "",
		 decision_protocol(&of, spare));
	return text;
}

static const char *format_end(const struct address *address, uint16_t port,
			      char text[STRANGER_END_BYTES])
{
	char plain[ADDRESS_TEXT_BYTES];

	snprintf(text, STRANGER_END_BYTES, address_is_ipv4(address) ? "%s:%u" : "[%s]:%u",
		 address_format(address, plain), port);
	return text;
}

const char *stranger_local(const struct stranger *stranger, char text[STRANGER_END_BYTES])
{
	return stranger->has_flow ? format_end(&stranger->local, stranger->local_port, text) : "-";
}

const char *stranger_remote(const struct stranger *stranger, char text[STRANGER_END_BYTES])
{
	if (stranger->has_flow && stranger->state == TCP_LISTEN)
		return "listening";
	if (!stranger->has_flow || !stranger->remote_port)
		return "-";
	return format_end(&stranger->remote, stranger->remote_port, text);
}

static char *made_in(const struct stranger *stranger)
{
	size_t size = ESCAPE_BYTES(stranger->cgroup ? strlen(stranger->cgroup) : 0);
	char *text;

	if (!stranger->cgroup)
		return strdup(stranger->gone ? "(gone)" : "(out of sight)");
	text = malloc(size);
	if (text)
		escape_text(stranger->cgroup, text, size);
	return text;
}

char *stranger_origin(const struct stranger *stranger)
{
	char *text = NULL;

	switch (stranger->reason) {
	case STRANGER_MADE_OUTSIDE:
		return made_in(stranger);
	case STRANGER_NO_HOOK:
		return strdup("(no hook sees it)");
	case STRANGER_UNKNOWN:
		return strdup("(cannot be told)");
	case STRANGER_THREAD_OUTSIDE:
		return asprintf(&text, "(thread %d is outside)", stranger->thread) < 0 ? NULL
										       : text;
	case STRANGER_REASON_COUNT:
		break;
	}
	return NULL;
}

char *stranger_holders(const struct stranger *stranger)
{
	char *text = NULL, comm[ESCAPE_BYTES(CGF_COMM_BYTES)];
	size_t size, i;
	FILE *out = open_memstream(&text, &size);

	if (!out)
		return NULL;
	for (i = 0; i < stranger->holder_count; i++) {
		const struct stranger_holder *holder = &stranger->holders[i];

		escape(holder->comm, strnlen(holder->comm, sizeof(holder->comm)), comm,
		       sizeof(comm));
		fprintf(out, "%s%s[%d] fd %d", i ? ", " : "", comm, holder->pid, holder->fd);
	}
	if (!fclose(out))
		return text;
	free(text);
	return NULL;
}
