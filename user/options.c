// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "options.h"

#include <errno.h>
#include <getopt.h>
#include <string.h>

#include "capability.h"
#include "escape.h"
#include "file.h"
#include "util.h"

#define POLICY_DIRECTORY CGFENCE_SYSCONFDIR "/cgfence/policies.d"

enum {
	OPTION_ALLOW = 0x100,
	OPTION_DENY,
	OPTION_LISTEN,
	OPTION_DNS,
	OPTION_AUDIT,
	OPTION_USER,
	OPTION_KEEP_CAPS,
	OPTION_NO_SECCOMP,
	OPTION_NO_DNS_FILTER,
	OPTION_ALLOW_INHERITED,
	OPTION_JSON,
	OPTION_QUIET,
	OPTION_LOG,
};

static const struct option long_options[] = {
	{ "policy", required_argument, NULL, 'p' },
	{ "allow", required_argument, NULL, OPTION_ALLOW },
	{ "deny", required_argument, NULL, OPTION_DENY },
	{ "listen", required_argument, NULL, OPTION_LISTEN },
	{ "dns", required_argument, NULL, OPTION_DNS },
	{ "audit", no_argument, NULL, OPTION_AUDIT },
	{ "user", required_argument, NULL, OPTION_USER },
	{ "keep-caps", required_argument, NULL, OPTION_KEEP_CAPS },
	{ "no-seccomp", no_argument, NULL, OPTION_NO_SECCOMP },
	{ "no-dns-filter", no_argument, NULL, OPTION_NO_DNS_FILTER },
	{ "allow-inherited", no_argument, NULL, OPTION_ALLOW_INHERITED },
	{ "json", no_argument, NULL, OPTION_JSON },
	{ "quiet", no_argument, NULL, OPTION_QUIET },
	{ "log", required_argument, NULL, OPTION_LOG },
	{ "help", no_argument, NULL, 'h' },
	{},
};

static void print_help(void)
{
	fputs("Usage: cgfence run [OPTION]... [--] COMMAND [ARGUMENT]...\n"
	      "Run COMMAND so that it reaches only what the rules allow.\n\n"
	      "  -p, --policy FILE|POLICY  rules from FILE, or from POLICY in\n"
	      "                            " POLICY_DIRECTORY "\n"
	      "      --allow RULE          allow NAME, *.NAME, ADDRESS, PREFIX or a word,\n"
	      "                            with [:PORTS] and [/tcp|udp|icmp]: github.com:22;\n"
	      "                            after a name also 'private', 'ttl SECONDS'\n"
	      "      --deny RULE           deny it, whatever else allows it\n"
	      "      --listen PORTS        serve on these ports, with [/tcp|udp]: --listen "
	      "8080/tcp\n"
	      "      --dns ADDRESS         the resolver to ask and to let COMMAND ask; those of\n"
	      "                            /etc/resolv.conf, which COMMAND asks, are refused\n"
	      "      --audit               let all traffic through and say what would be denied\n"
	      "      --user USER           run COMMAND as USER, not as the one who called sudo\n"
	      "      --keep-caps LIST      leave capabilities to a COMMAND that runs as root:\n"
	      "                            names with commas between, or all\n"
	      "      --no-seccomp          leave all system calls to COMMAND\n"
	      "      --no-dns-filter       let COMMAND ask its resolvers for any name\n"
	      "      --allow-inherited     let standard input, output and error be sockets\n"
	      "      --json                one JSON object a line instead of text\n"
	      "      --quiet               write no denials, notes or summary to standard error\n"
	      "      --log FILE            append what is said to FILE as well\n"
	      "  -h, --help                this text\n\n"
	      "Words for destinations: any, localhost, private, link-local, multicast.\n"
	      "The exit status is COMMAND's, 128 + N if signal N ended it, 127 if it is not\n"
	      "found, 126 if it cannot be executed, 125 if cgfence itself failed.\n",
	      stdout);
}

static int keep_capabilities(uint64_t *keep, const char *list)
{
	char word[ESCAPE_BYTES(64)];
	const char *unknown;
	uint64_t set;
	size_t length;
	int r = capability_parse(list, &set, &unknown, &length);

	if (r)
		fprintf(stderr,
			"cgfence: --keep-caps: there is no capability '%s'; see capabilities(7)\n",
			escape(unknown, length, word, sizeof(word)));
	else
		*keep |= set;
	return r;
}

static int add_argument(struct rules *rules, enum rule_verb verb, const char *text)
{
	struct rule_error error;
	struct rule rule = {};
	char source[32];
	int r = rule_parse(verb, text, &rule, &error);

	if (!r) {
		r = rules_add(rules, &rule);
		if (r)
			fprintf(stderr, "cgfence: --%s: %s\n", rule_verb_to_string(verb),
				r == -E2BIG ? "too many rules" : strerror(-r));
		return r;
	}
	snprintf(source, sizeof(source), "cgfence: --%s", rule_verb_to_string(verb));
	rule_error_print(stderr, source, 0, text, strlen(text), &error);
	return r;
}

static bool ends_in_suffix(const char *name)
{
	size_t length = strlen(name), suffix = sizeof(".policy") - 1;

	return length >= suffix && !strcmp(name + length - suffix, ".policy");
}

/*
 * A plain word is a policy of the host if there is one, so that no file of that name in a cloned
 * repository takes its place; what looks like a file is one.
 */
static const char *policy_path(const char *policy, char *buffer, size_t size)
{
	char name[CGF_POLICY_NAME_MAX + 1];

	if (strchr(policy, '/') || policyfile_name(policy, name))
		return policy;
	snprintf(buffer, size, POLICY_DIRECTORY "/%s.policy", name);
	if (!access(policy, F_OK) && (ends_in_suffix(policy) || access(buffer, F_OK)))
		return policy;
	return buffer;
}

static int add_policy(struct rules *rules, const char *policy)
{
	_cleanup_free_ char *text = NULL;
	struct policyfile_error error;
	char buffer[4096], source[4096 + 16];
	const char *path = policy_path(policy, buffer, sizeof(buffer));
	size_t length;
	int r = file_read(path, CGF_POLICY_FILE_BYTES_MAX, &text, &length);

	if (r) {
		fprintf(stderr, "cgfence: cannot read policy %s: %s\n", path, strerror(-r));
		return r;
	}
	r = policyfile_parse(text, length, rules, &error);
	if (!r)
		return 0;
	snprintf(source, sizeof(source), "cgfence: %s", path);
	rule_error_print(stderr, source, error.line, error.text, error.text_length, &error.rule);
	return r;
}

/* 0, or -EINVAL after it said what is wrong. */
static int take(struct run_options *options, int option)
{
	switch (option) {
	case 'p':
		return add_policy(&options->rules, optarg);
	case OPTION_ALLOW:
		return add_argument(&options->rules, RULE_ALLOW, optarg);
	case OPTION_DENY:
		return add_argument(&options->rules, RULE_DENY, optarg);
	case OPTION_LISTEN:
		return add_argument(&options->rules, RULE_LISTEN, optarg);
	case OPTION_DNS:
		return add_argument(&options->rules, RULE_DNS, optarg);
	case OPTION_AUDIT:
		options->audit = true;
		return 0;
	case OPTION_USER:
		options->user = optarg;
		return 0;
	case OPTION_KEEP_CAPS:
		return keep_capabilities(&options->keep_caps, optarg);
	case OPTION_NO_SECCOMP:
		options->no_seccomp = true;
		return 0;
	case OPTION_NO_DNS_FILTER:
		options->no_dns_filter = true;
		return 0;
	case OPTION_ALLOW_INHERITED:
		options->allow_inherited = true;
		return 0;
	case OPTION_JSON:
		options->json = true;
		return 0;
	case OPTION_QUIET:
		options->quiet = true;
		return 0;
	case OPTION_LOG:
		options->log_path = optarg;
		return 0;
	}
	fprintf(stderr, "cgfence: see cgfence run --help\n");
	return -EINVAL;
}

enum options_result run_options_parse(int argc, char *argv[], struct run_options *ret_options)
{
	_cleanup_(run_options_finish) struct run_options options = {};
	int option;

	argv[0] = (char *)"cgfence";
	/* '+': what follows the command is the command's. */
	while ((option = getopt_long(argc, argv, "+p:h", long_options, NULL)) != -1) {
		if (option == 'h') {
			print_help();
			return OPTIONS_HELP;
		}
		if (take(&options, option))
			return OPTIONS_WRONG;
	}
	if (optind >= argc) {
		fprintf(stderr, "cgfence: run: no command; see cgfence run --help\n");
		return OPTIONS_WRONG;
	}
	/* Last, so that it wins over the mode of a policy, wherever it stands. */
	if (options.audit && add_argument(&options.rules, RULE_MODE, "audit"))
		return OPTIONS_WRONG;
	options.command = argv + optind;
	*ret_options = TAKE(options, (struct run_options){});
	return OPTIONS_OK;
}

void run_options_finish(struct run_options *options)
{
	rules_finish(&options->rules);
}
