/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The command line of `run`: options and rules, from arguments and policy files. */
#ifndef CGFENCE_OPTIONS_H
#define CGFENCE_OPTIONS_H

#include <stdbool.h>

#include "policyfile.h"

struct run_options {
	struct rules rules;
	const char *user;
	const char *log_path;
	uint64_t keep_caps;
	bool no_seccomp;
	bool no_dns_filter;
	bool allow_inherited;
	bool audit;
	bool json;
	bool quiet;
	char **command; /* within argv, never empty */
};

enum options_result {
	OPTIONS_OK,
	OPTIONS_HELP, /* help was asked for and printed */
	OPTIONS_WRONG /* and what is wrong was printed */
};

enum options_result run_options_parse(int argc, char *argv[], struct run_options *ret_options);
void run_options_finish(struct run_options *options);

#endif
