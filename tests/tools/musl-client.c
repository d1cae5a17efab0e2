// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * A client like those in small containers: static, and its DNS is musl's, which asks all resolvers
 * at once by unconnected sendto(), where glibc connects a socket to each.
 *
 *   musl-client 4|6 NAME PORT
 *
 * Prints what an HTTP server answers to GET /, or the errors of all addresses that were tried.
 */
#include <netdb.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static int fetch(int fd, const char *name)
{
	char buffer[4096];
	ssize_t length;

	dprintf(fd, "GET / HTTP/1.0\r\nHost: %s\r\n\r\n", name);
	while ((length = read(fd, buffer, sizeof(buffer))) > 0)
		fwrite(buffer, 1, (size_t)length, stdout);
	return length < 0;
}

int main(int argc, char **argv)
{
	struct addrinfo hints = { .ai_socktype = SOCK_STREAM }, *list;
	int error, fd;

	if (argc != 4)
		return 2;
	hints.ai_family = argv[1][0] == '4' ? AF_INET : AF_INET6;
	error = getaddrinfo(argv[2], argv[3], &hints, &list);
	if (error) {
		fprintf(stderr, "%s: %s\n", argv[2], gai_strerror(error));
		return 1;
	}
	for (struct addrinfo *i = list; i; i = i->ai_next) {
		fd = socket(i->ai_family, i->ai_socktype, i->ai_protocol);
		if (fd >= 0 && connect(fd, i->ai_addr, i->ai_addrlen) == 0)
			return fetch(fd, argv[2]);
		perror(argv[2]);
		close(fd);
	}
	return 1;
}
