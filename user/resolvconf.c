// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "resolvconf.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "span.h"
#include "util.h"

#define BLANKS " \t\r\v\f"
#define OPTION_NDOTS "ndots:"

static void add_server(struct resolvconf *conf, const char *word)
{
	struct address address;
	size_t i;

	if (address_parse(word, &address) || conf->server_count == CGF_RESOLVERS_MAX)
		return;
	for (i = 0; i < conf->server_count; i++)
		if (!memcmp(&conf->servers[i], &address, sizeof(address)))
			return;
	conf->servers[conf->server_count++] = address;
}

/* "." is the root: names as they are, which is what is asked for in any case. */
static void add_domain(struct resolvconf *conf, const char *word)
{
	size_t i, length = strlen(word);
	char *domain;

	if (length && word[length - 1] == '.')
		length--;
	if (!length || length > CGF_NAME_BYTES_MAX || conf->domain_count == RESOLVCONF_DOMAINS_MAX)
		return;
	domain = conf->domains[conf->domain_count++];
	for (i = 0; i < length; i++)
		domain[i] = ascii_to_lower(word[i]);
	domain[length] = '\0';
}

static void add_option(struct resolvconf *conf, const char *word)
{
	unsigned long ndots;
	char *end;

	if (strncmp(word, OPTION_NDOTS, strlen(OPTION_NDOTS)) != 0)
		return;
	ndots = strtoul(word + strlen(OPTION_NDOTS), &end, 10);
	if (end != word + strlen(OPTION_NDOTS))
		conf->ndots = ndots < RESOLVCONF_NDOTS_MAX ? (unsigned int)ndots
							   : RESOLVCONF_NDOTS_MAX;
}

/* `line` is cut into words. A keyword stands at its very beginning. */
static void parse_line(struct resolvconf *conf, char *line)
{
	char *rest, *keyword = strtok_r(line, BLANKS, &rest), *word;
	bool domain, search;

	if (!keyword || keyword != line)
		return;
	domain = !strcmp(keyword, "domain");
	search = !strcmp(keyword, "search");
	word = strtok_r(NULL, BLANKS, &rest);
	if (word && (domain || search))
		conf->domain_count = 0;
	if (word && !strcmp(keyword, "nameserver"))
		add_server(conf, word);
	else if (word && domain)
		add_domain(conf, word);
	for (; word && search; word = strtok_r(NULL, BLANKS, &rest))
		add_domain(conf, word);
	for (; word && !strcmp(keyword, "options"); word = strtok_r(NULL, BLANKS, &rest))
		add_option(conf, word);
}

void resolvconf_parse(const char *text, size_t length, struct resolvconf *ret_conf)
{
	const char *end = text + length, *newline;
	char line[CGF_LINE_BYTES_MAX];
	size_t count;

	*ret_conf = (struct resolvconf){ .ndots = 1 };
	for (; text < end; text = newline + 1) {
		newline = memchr(text, '\n', (size_t)(end - text));
		if (!newline)
			newline = end;
		count = (size_t)(newline - text);
		/* A NUL inside: what follows it would be read as less than it is. */
		if (count >= sizeof(line) || memchr(text, '\0', count))
			continue;
		memcpy(line, text, count);
		line[count] = '\0';
		parse_line(ret_conf, line);
	}
}

void resolvconf_search(struct resolvconf *conf, const char *domains)
{
	_cleanup_free_ char *copy = domains ? strdup(domains) : NULL;
	char *rest, *word;

	if (!copy)
		return;
	conf->domain_count = 0;
	for (word = strtok_r(copy, BLANKS, &rest); word; word = strtok_r(NULL, BLANKS, &rest))
		add_domain(conf, word);
}

int resolvconf_read_fd(int fd, struct resolvconf *ret_conf)
{
	char text[RESOLVCONF_FILE_BYTES_MAX + 1];
	size_t length = 0;
	ssize_t got = 1;

	for (; got && length < sizeof(text); length += (size_t)got) {
		got = read(fd, text + length, sizeof(text) - length);
		if (got < 0)
			return -errno;
	}
	if (length > RESOLVCONF_FILE_BYTES_MAX)
		return -EFBIG;
	resolvconf_parse(text, length, ret_conf);
	return 0;
}

int resolvconf_read(const char *path, struct resolvconf *ret_conf)
{
	_cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);

	return fd < 0 ? -errno : resolvconf_read_fd(fd, ret_conf);
}
