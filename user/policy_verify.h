/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What policy_verify*.c share. Not for other modules. */
#ifndef CGFENCE_POLICY_VERIFY_H
#define CGFENCE_POLICY_VERIFY_H

#include <stdarg.h>

#include "datapath.h"
#include "policy_found.h"

#define PORT_TEXT_BYTES sizeof("65535-")
#define WHAT_BYTES 128

struct verifier {
	struct policy *policy;
	struct datapath_policy *datapath;
	struct policy_differences differences;
	bool untold;
	struct policy_founds founds;
};

static inline void verifier_finish(struct verifier *verifier)
{
	policy_founds_finish(&verifier->founds);
}

/* One more of `count`; the first is kept in words. */
void policy_differs(struct verifier *verifier, size_t *count, const char *format, ...)
	_printf_(3, 4);

/* Names and grants; nothing is said of them while what is wanted is not all written. */
int policy_verify_questions(struct verifier *verifier);
int policy_verify_resolvers(struct verifier *verifier);

#endif
