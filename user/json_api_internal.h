/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What the files of json_api share; NULL without memory. */
#ifndef CGFENCE_JSON_API_INTERNAL_H
#define CGFENCE_JSON_API_INTERNAL_H

#include "json_api.h"
#include "json_internal.h"

/*
 * Text as it is; a byte that is not of UTF-8, as text from outside may have, becomes U+FFFD. NULL
 * is null.
 */
json_t *json_api_text(const char *text);
json_t *json_api_text_n(const char *text, size_t length);
json_t *json_api_texts(const char *const *texts, size_t count);
json_t *json_api_count(uint64_t count);
/* { "code", "message", … } */
json_t *json_api_error_object(const struct json_api_error *error);
json_t *json_api_fence_object(const struct policies_fence *fence);
json_t *json_api_changed_object(const struct policies_changed *changed);

#endif
