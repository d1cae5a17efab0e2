/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The control API: what requests on the server's socket ask of the policies, and the answers. See
 * cgfence-api(7), which documents all of it.
 */
#ifndef CGFENCE_API_H
#define CGFENCE_API_H

#include <stdint.h>

struct api;
struct cgf_decision;
struct decision_context;
struct policies;
struct policies_changed;
struct server_request;

/* Decisions that are kept for who asks later, and readers that follow new ones. */
#define API_DECISIONS_KEPT 256
#define API_FOLLOWERS_MAX 8
/* Of users other than root. */
#define API_FOLLOWERS_OTHERS_MAX 6

struct api_options {
	/*
	 * A change was asked for, or refused: one line that says by whom, and what came of it. Not
	 * if they come too fast.
	 */
	void (*noted)(const char *line, void *data);
	void *data;
};

/* -ENOMEM */
int api_init(struct api **ret_api, const struct api_options *options);
/* Until then requests are answered with 503. */
void api_use(struct api *api, struct policies *policies);
/* After server_finish() and policies_finish(): what was still to be done is never done. */
void api_finish(struct api **api);

/* As struct server_options and struct policies_options have them; `api` is the data. */
void api_requested(struct server_request *request, void *api);
void api_refused(struct server_request *request, unsigned int status, const char *wrong, void *api);
void api_decided(const char *policy, const char *fence, const struct cgf_decision *decision,
		 const struct decision_context *context, void *api);

/* "web: changed, +allow github.com:22, -deny any", as the log says it; what is beyond is a number.
 */
#define API_CHANGED_BYTES 2560
void api_changed_text(const struct policies_changed *changed, char text[API_CHANGED_BYTES]);

#endif
