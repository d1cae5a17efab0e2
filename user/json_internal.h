/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Objects that are parts of others; NULL without memory. */
#ifndef CGFENCE_JSON_INTERNAL_H
#define CGFENCE_JSON_INTERNAL_H

#include <jansson.h>

#include "json.h"

json_t *json_decision(const struct cgf_decision *decision, const struct decision_context *context);
json_t *json_standing(const struct standing *standing);
json_t *json_counters(const struct cgf_counters *counters);
/* One of the "problems" of a standing. */
json_t *json_problem(const struct standing_problem *problem);
json_t *json_lacks(const struct standing_kernel *kernel);

/* Takes over `item`; the array is gone if there is none, or no memory. */
void json_append(json_t **array, json_t *item);
/* Takes over `object`, which is NULL if it could not be made. */
char *json_dump(json_t *object);

#endif
