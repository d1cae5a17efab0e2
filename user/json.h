/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What cgfence says, as JSON objects on one line each; `event` says what it is. The only module
 * that knows jansson. The caller frees the text; NULL without memory. Pure.
 */
#ifndef CGFENCE_JSON_H
#define CGFENCE_JSON_H

#include "decision.h"
#include "standing.h"
#include "stranger.h"
#include "summary.h"

/* { "event": "decision", … } */
char *json_of_decision(const struct cgf_decision *decision, const struct decision_context *context);
/* { "event": "note", "message": … } */
char *json_of_note(const char *note);
/* { "event": "summary", … } */
char *json_of_summary(const struct run_summary *summary);
/* { "event": "socket", … } or { "event": "ring", … } */
char *json_of_stranger(const struct stranger *stranger);
/* { "event": "status", "whole": …, "kernel_lacks": [ … ], "fences": [ … ] } */
char *json_of_standings(const struct standings *standings, const struct standing_kernel *kernel);

#endif
