// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "dns_reply.h"

#include <ares.h>
#include <string.h>

#include "util.h"

/* RFC 1035 §4.1.1: bytes of the header. */
#define HEADER_FLAGS 2
#define HEADER_RCODE 3
#define HEADER_ANSWERS 6
#define FLAG_ANSWER 0x80
#define RCODE_MASK 0x0f

/* One address too many shows that there are more. A chain of 16 CNAMEs is where resolvers stop. */
#define ADDRESSES_MAX (CGF_NAME_ADDRESSES_MAX + 1)
#define RECORDS_MAX (ADDRESSES_MAX + 16)

/*
 * c-ares finds the end of its list of addresses by walking it: the 4,000 that fit a message took it
 * 50 ms. So it is not told of records beyond those that we would use.
 */
static void cap_records(unsigned char *message)
{
	unsigned int count = message[HEADER_ANSWERS] * 256U + message[HEADER_ANSWERS + 1];

	if (count <= RECORDS_MAX)
		return;
	message[HEADER_ANSWERS] = RECORDS_MAX / 256;
	message[HEADER_ANSWERS + 1] = RECORDS_MAX % 256;
}

/*
 * c-ares has taken the CNAMEs into the TTL of each address. RFC 2181 §8: a TTL with its highest bit
 * set is 0; c-ares reads it as negative.
 */
static void add_address(struct dns_reply *reply, const struct address *address, int ttl_s)
{
	uint32_t seconds = ttl_s > 0 ? (uint32_t)ttl_s : 0;

	if (reply->count == CGF_NAME_ADDRESSES_MAX) {
		reply->cut = true;
		return;
	}
	if (!reply->count || seconds < reply->ttl_s)
		reply->ttl_s = seconds;
	reply->addresses[reply->count++] = *address;
}

static int parse_ipv4(struct dns_reply *reply, const unsigned char *message, int length)
{
	struct ares_addrttl records[ADDRESSES_MAX];
	int count = ADDRESSES_MAX;
	int status = ares_parse_a_reply(message, length, NULL, records, &count);
	struct address address;

	for (int i = 0; i < count; i++) {
		address = address_from_ipv4(&records[i].ipaddr);
		add_address(reply, &address, records[i].ttl);
	}
	return status;
}

static int parse_ipv6(struct dns_reply *reply, const unsigned char *message, int length)
{
	struct ares_addr6ttl records[ADDRESSES_MAX];
	int count = ADDRESSES_MAX;
	int status = ares_parse_aaaa_reply(message, length, NULL, records, &count);
	struct address address;

	for (int i = 0; i < count; i++) {
		memcpy(address.bytes, &records[i].ip6addr, sizeof(address.bytes));
		add_address(reply, &address, records[i].ttl);
	}
	return status;
}

/* c-ares takes for an answer what is a question, and for success an error that it does not know. */
static int checked_status(int status, const unsigned char *message)
{
	if (!message)
		return status;
	if (!(message[HEADER_FLAGS] & FLAG_ANSWER))
		return ARES_EBADRESP;
	if (status == ARES_SUCCESS && (message[HEADER_RCODE] & RCODE_MASK))
		return ARES_EBADRESP;
	return status;
}

void dns_reply_read(struct dns_reply *ret_reply, int status, bool ipv6, unsigned char *message,
		    int length)
{
	ret_reply->error = NULL;
	ret_reply->count = 0;
	ret_reply->cut = false;
	ret_reply->ttl_s = 0;
	status = checked_status(status, message);
	if (status == ARES_SUCCESS) {
		cap_records(message);
		status = ipv6 ? parse_ipv6(ret_reply, message, length)
			      : parse_ipv4(ret_reply, message, length);
	}
	switch (status) {
	case ARES_SUCCESS:
	case ARES_ENODATA:
		ret_reply->status = RESOLVER_OK;
		return;
	case ARES_ENOTFOUND:
		ret_reply->status = RESOLVER_NOT_FOUND;
		return;
	default:
		ret_reply->status = RESOLVER_FAILED;
		/* c-ares says "could not contact" also if every one of several refuses. */
		ret_reply->error = status == ARES_ECONNREFUSED
					   ? "no resolver answers, or all refuse"
					   : ares_strerror(status);
	}
}
