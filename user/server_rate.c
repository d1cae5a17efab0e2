// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "server_internal.h"
#include "util.h"

#define COST_NS (NSEC_PER_SEC / SERVER_RATE)

static size_t place_of(const struct server_rate *rate, uid_t uid)
{
	size_t i, quietest = 0;

	for (i = 0; i < SERVER_RATE_USERS; i++) {
		if (rate->users[i].spent_ns && rate->users[i].uid == uid)
			return i;
		if (rate->users[i].spent_ns < rate->users[quietest].spent_ns)
			quietest = i;
	}
	return quietest;
}

bool server_rate_take(struct server_rate *rate, uid_t uid, uint64_t now_ns)
{
	size_t place = place_of(rate, uid);
	uint64_t spent_ns = rate->users[place].spent_ns;

	if (spent_ns < now_ns || rate->users[place].uid != uid)
		spent_ns = now_ns;
	if (spent_ns + COST_NS > now_ns + SERVER_BURST * COST_NS)
		return false;
	rate->users[place].uid = uid;
	rate->users[place].spent_ns = spent_ns + COST_NS;
	return true;
}
