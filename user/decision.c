// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "decision.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdarg.h>
#include <string.h>
#include <sys/socket.h>

#include "address.h"
#include "escape.h"
#include "span.h"
#include "util.h"

#define RED "\x1b[31m"
#define YELLOW "\x1b[33m"
#define BOLD "\x1b[1m"
#define PLAIN "\x1b[0m"

/* Of a name or a rule: a whole name, if nothing is escaped. The rest of a line is 255 at most. */
#define SHOWN_BYTES 257
_Static_assert(SHOWN_BYTES >= CGF_NAME_BYTES_MAX + sizeof("..."), "a name");
_Static_assert(DECISION_TEXT_BYTES >= 2 * (SHOWN_BYTES - 1) + 256, "a line");

struct text_of_number {
	unsigned int number;
	const char *text;
};

/* Not getprotobynumber(): this is pure, and sock_create sees numbers that /etc/protocols lacks. */
static const struct text_of_number protocols[] = {
	{ IPPROTO_ICMP, "icmp" },     { IPPROTO_IGMP, "igmp" },	  { IPPROTO_TCP, "tcp" },
	{ IPPROTO_UDP, "udp" },	      { IPPROTO_DCCP, "dccp" },	  { IPPROTO_IPV6, "ipv6" },
	{ IPPROTO_GRE, "gre" },	      { IPPROTO_ESP, "esp" },	  { IPPROTO_AH, "ah" },
	{ IPPROTO_ICMPV6, "icmpv6" }, { IPPROTO_SCTP, "sctp" },	  { IPPROTO_UDPLITE, "udplite" },
	{ IPPROTO_RAW, "raw" },	      { IPPROTO_MPTCP, "mptcp" },
};

static const struct text_of_number levels[] = {
	{ IPPROTO_IP, "ip" },
	{ IPPROTO_IPV6, "ipv6" },
	{ IPPROTO_TCP, "tcp" },
};

static const struct text_of_number families[] = {
	{ AF_INET, "inet" },   { AF_INET6, "inet6" }, { AF_PACKET, "packet" },
	{ AF_VSOCK, "vsock" }, { AF_XDP, "xdp" },
};

static const struct text_of_number socket_types[] = {
	{ SOCK_STREAM, "stream" },
	{ SOCK_DGRAM, "dgram" },
	{ SOCK_RAW, "raw" },
	{ SOCK_SEQPACKET, "seqpacket" },
};

static const char *const verdicts[] = {
	[CGF_DENY] = "deny",
	[CGF_ALLOW] = "allow",
};
_Static_assert(ARRAY_SIZE(verdicts) == CGF_ALLOW + 1, "verdicts");

static const char *const hooks[] = {
	[CGF_HOOK_CONNECT] = "connect",	      [CGF_HOOK_SENDMSG] = "sendmsg",
	[CGF_HOOK_SOCKET] = "socket",	      [CGF_HOOK_BIND] = "bind",
	[CGF_HOOK_SETSOCKOPT] = "setsockopt", [CGF_HOOK_EGRESS] = "egress",
	[CGF_HOOK_INGRESS] = "ingress",
};
_Static_assert(ARRAY_SIZE(hooks) == CGF_HOOK_COUNT, "hooks");

static const char *const reasons[] = {
	[CGF_REASON_NO_RULE] = "no_rule",
	[CGF_REASON_DENY_RULE] = "deny_rule",
	[CGF_REASON_EXPIRED] = "expired",
	[CGF_REASON_NOT_A_RESOLVER] = "not_a_resolver",
	[CGF_REASON_SOCKET_TYPE] = "socket_type",
	[CGF_REASON_NO_POLICY] = "no_policy",
	[CGF_REASON_NO_LISTEN] = "no_listen_rule",
	[CGF_REASON_PACKET] = "packet",
	[CGF_REASON_LOOPBACK] = "loopback",
	[CGF_REASON_SOCKET_FAMILY] = "socket_family",
	[CGF_REASON_OPTION] = "option",
	[CGF_REASON_QUESTION] = "question",
	[CGF_REASON_NOT_A_QUESTION] = "not_a_question",
	[CGF_REASON_FORGED] = "forged",
	[CGF_REASON_TCP_QUESTION] = "tcp_question",
};
_Static_assert(ARRAY_SIZE(reasons) == CGF_REASON_COUNT, "reasons");

/* What a line says of the reason; no rule is the ordinary one and goes without saying. */
static const char *const remarks[] = {
	[CGF_REASON_NO_RULE] = NULL,
	[CGF_REASON_DENY_RULE] = "a deny rule",
	[CGF_REASON_EXPIRED] = "address of an answer that has run out",
	[CGF_REASON_NOT_A_RESOLVER] = "not a resolver of this fence",
	[CGF_REASON_SOCKET_TYPE] = "only tcp and udp sockets can be fenced",
	[CGF_REASON_NO_POLICY] = "the fence has no policy",
	[CGF_REASON_NO_LISTEN] = "no listen rule for the port",
	[CGF_REASON_PACKET] = "not plain tcp, udp or icmp echo",
	[CGF_REASON_LOOPBACK] = "loopback by way of another device",
	[CGF_REASON_SOCKET_FAMILY] = "sockets of this family cannot be fenced",
	[CGF_REASON_OPTION] = "it would send what the fence cannot judge",
	[CGF_REASON_QUESTION] = "no rule has the name that it asks for",
	[CGF_REASON_NOT_A_QUESTION] = "not one plain DNS question",
	[CGF_REASON_FORGED] = "in the name of a resolver",
	[CGF_REASON_TCP_QUESTION] =
		"questions over TCP are for cgfence run alone, with its seccomp filter",
};
_Static_assert(ARRAY_SIZE(remarks) == CGF_REASON_COUNT, "remarks");

/* A record of a newer kernel side may have a number that this table does not. */
#define STRING_OF(table, index) ((size_t)(index) < ARRAY_SIZE(table) ? (table)[index] : "unknown")

const char *cgf_verdict_to_string(enum cgf_verdict verdict)
{
	return STRING_OF(verdicts, verdict);
}

const char *cgf_hook_to_string(enum cgf_hook hook)
{
	return STRING_OF(hooks, hook);
}

const char *cgf_reason_to_string(enum cgf_reason reason)
{
	return STRING_OF(reasons, reason);
}

/* The text of a number, or the number itself, which is written to `spare`. */
static const char *look_up(const struct text_of_number *table, size_t count, unsigned int number,
			   char spare[DECISION_NUMBER_BYTES])
{
	for (size_t i = 0; i < count; i++)
		if (table[i].number == number)
			return table[i].text;
	snprintf(spare, DECISION_NUMBER_BYTES, "%u", number & 0xffff);
	return spare;
}

#define TEXT_OF(table, number, spare) look_up(table, ARRAY_SIZE(table), number, spare)

const char *decision_protocol(const struct cgf_decision *decision,
			      char spare[DECISION_NUMBER_BYTES])
{
	return TEXT_OF(protocols, decision->protocol, spare);
}

const char *decision_family(const struct cgf_decision *decision, char spare[DECISION_NUMBER_BYTES])
{
	return TEXT_OF(families, decision->family, spare);
}

const char *decision_socket_type(const struct cgf_decision *decision,
				 char spare[DECISION_NUMBER_BYTES])
{
	return TEXT_OF(socket_types, decision->socket_type, spare);
}

const char *decision_option_level(const struct cgf_decision *decision,
				  char spare[DECISION_NUMBER_BYTES])
{
	return TEXT_OF(levels, decision->option_level, spare);
}

static int number_of(const struct text_of_number *table, size_t count, const char *text)
{
	struct span digits = { text, 0, strlen(text) };

	for (size_t i = 0; i < count; i++)
		if (!strcmp(table[i].text, text))
			return (int)table[i].number;
	return span_is_digits(digits) && span_to_number(digits) <= UINT16_MAX
		       ? (int)span_to_number(digits)
		       : -EINVAL;
}

#define NUMBER_OF(table, text) number_of(table, ARRAY_SIZE(table), text)

int decision_protocol_parse(const char *text)
{
	return NUMBER_OF(protocols, text);
}

int decision_family_parse(const char *text)
{
	return NUMBER_OF(families, text);
}

int decision_socket_type_parse(const char *text)
{
	return NUMBER_OF(socket_types, text);
}

int decision_option_level_parse(const char *text)
{
	return NUMBER_OF(levels, text);
}

static int index_of(const char *const *table, size_t count, const char *text)
{
	for (size_t i = 0; i < count; i++)
		if (!strcmp(table[i], text))
			return (int)i;
	return -EINVAL;
}

#define INDEX_OF(table, text) index_of(table, ARRAY_SIZE(table), text)

int decision_verdict_parse(const char *text)
{
	return INDEX_OF(verdicts, text);
}

int decision_hook_parse(const char *text)
{
	return INDEX_OF(hooks, text);
}

int decision_reason_parse(const char *text)
{
	return INDEX_OF(reasons, text);
}

bool decision_has_destination(const struct cgf_decision *decision)
{
	return decision->hook == CGF_HOOK_CONNECT || decision->hook == CGF_HOOK_SENDMSG ||
	       decision->hook == CGF_HOOK_EGRESS;
}

const char *decision_comm(const struct cgf_decision *decision, char text[DECISION_COMM_BYTES])
{
	size_t length = strnlen(decision->comm, sizeof(decision->comm));

	return escape(decision->comm, length, text, DECISION_COMM_BYTES);
}

struct line {
	char *text;
	size_t size;
	size_t length; /* of the whole line, also of what did not fit */
};

static void append(struct line *line, const char *format, ...) _printf_(2, 3);

static void append(struct line *line, const char *format, ...)
{
	bool full = line->length >= line->size;
	va_list arguments;
	int length;

	va_start(arguments, format);
	length = vsnprintf(full ? NULL : line->text + line->length,
			   full ? 0 : line->size - line->length, format, arguments);
	va_end(arguments);
	line->length += length > 0 ? (size_t)length : 0;
}

static void append_verdict(struct line *line, const struct cgf_decision *decision, bool color)
{
	bool denied = decision->verdict == CGF_DENY;
	const char *verdict = denied ? "denied" : "would deny";

	if (color)
		append(line, "cgfence: %s%s" PLAIN, denied ? RED : YELLOW, verdict);
	else
		append(line, "cgfence: %s", verdict);
}

static void append_socket(struct line *line, const struct cgf_decision *decision)
{
	char family[DECISION_NUMBER_BYTES], type[DECISION_NUMBER_BYTES],
		protocol[DECISION_NUMBER_BYTES];

	append(line, " socket %s %s %s", decision_family(decision, family),
	       decision_socket_type(decision, type), decision_protocol(decision, protocol));
}

const char *decision_address(const struct cgf_decision *decision, bool *ret_ipv4,
			     char text[ADDRESS_TEXT_BYTES])
{
	struct address address;

	memcpy(address.bytes, decision->address, sizeof(address.bytes));
	*ret_ipv4 = address_is_ipv4(&address);
	return address_format(&address, text);
}

static bool has_port(const struct cgf_decision *decision)
{
	return decision->port || decision->protocol == IPPROTO_TCP ||
	       decision->protocol == IPPROTO_UDP;
}

static void append_destination(struct line *line, const struct cgf_decision *decision,
			       const struct decision_context *context)
{
	char protocol[DECISION_NUMBER_BYTES], escaped[SHOWN_BYTES], text[ADDRESS_TEXT_BYTES];
	const char *name = escape_text(context->name, escaped, sizeof(escaped));
	bool ipv4;
	const char *address = decision_address(decision, &ipv4, text);

	append(line, " %s %s", decision_protocol(decision, protocol), context->color ? BOLD : "");
	/* A guess: another name may have the address too. */
	if (name)
		append(line, "%s? ", name);
	if (has_port(decision))
		append(line, ipv4 ? "%s:%u" : "[%s]:%u", address, decision->port);
	else
		append(line, "%s", address);
	append(line, "%s", context->color ? PLAIN : "");
}

static void append_question(struct line *line, const struct question *question, bool color)
{
	char type[QUESTION_TYPE_TEXT_BYTES], text[DNAME_TEXT_BYTES];
	int shown = SHOWN_BYTES - 1;

	/* Nothing in it is to be escaped any more; a tunnel's name is not worth more of the line.
	 */
	dname_format(&question->name, text);
	append(line, " question %s%.*s%s%s (%s)", color ? BOLD : "", shown, text,
	       strlen(text) > (size_t)shown ? "..." : "", color ? PLAIN : "",
	       question_type(question->type, type));
}

static void append_option(struct line *line, const struct cgf_decision *decision)
{
	char level[DECISION_NUMBER_BYTES];

	append(line, " setsockopt %s option %u", decision_option_level(decision, level),
	       decision->option);
}

/* What is attempted. */
static void append_flow(struct line *line, const struct cgf_decision *decision,
			const struct decision_context *context)
{
	if (context->question) {
		append_question(line, context->question, context->color);
		return;
	}
	if (decision->hook == CGF_HOOK_SOCKET) {
		append_socket(line, decision);
		return;
	}
	if (decision->hook == CGF_HOOK_SETSOCKOPT) {
		append_option(line, decision);
		return;
	}
	if (decision->hook == CGF_HOOK_BIND)
		append(line, " bind");
	if (decision->hook == CGF_HOOK_INGRESS)
		append(line, " inbound");
	if (decision->hook == CGF_HOOK_EGRESS)
		append(line, " packet");
	append_destination(line, decision, context);
	if (decision->hook == CGF_HOOK_INGRESS && decision->local_port)
		append(line, " to port %u", decision->local_port);
}

/* Ping sockets are the one kind that a rule can allow. */
static const char *remark_of(const struct cgf_decision *decision)
{
	bool icmp = decision->protocol == IPPROTO_ICMP || decision->protocol == IPPROTO_ICMPV6;

	if (decision->reason == CGF_REASON_SOCKET_TYPE && decision->socket_type == SOCK_DGRAM &&
	    icmp)
		return "no rule says /icmp";
	return STRING_OF(remarks, decision->reason);
}

static void append_remark(struct line *line, const struct cgf_decision *decision,
			  const struct decision_context *context)
{
	const char *remark = remark_of(decision);
	char escaped[SHOWN_BYTES];

	if (context->rule && (decision->reason == CGF_REASON_DENY_RULE || context->question))
		append(line, " (rule: %s)", escape_text(context->rule, escaped, sizeof(escaped)));
	else if (remark && !context->question)
		append(line, " (%s)", remark);
}

int decision_format(const struct cgf_decision *decision, const struct decision_context *context,
		    char *text, size_t size)
{
	struct line line = { .text = text, .size = size };
	char comm[DECISION_COMM_BYTES];

	append_verdict(&line, decision, context->color);
	append_flow(&line, decision, context);
	if (decision->pid)
		append(&line, " by %s[%u]", decision_comm(decision, comm), decision->pid);
	if (context->times > 1)
		append(&line, ", %llu times", (unsigned long long)context->times);
	append_remark(&line, decision, context);
	return line.length < line.size ? (int)line.length : -ENOSPC;
}
