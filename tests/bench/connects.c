// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * connects COUNT FIRST TARGETS: connects a UDP socket COUNT times, in turn to TARGETS addresses
 * from 198.18.0.0 + FIRST on, port 443. No packet is sent. Exits with 1 if any is refused.
 */
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>

int main(int argc, char *argv[])
{
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons(443) };
	unsigned long i, count, first, targets;
	int fd = socket(AF_INET, SOCK_DGRAM, 0);

	if (argc != 4 || fd < 0)
		return 2;
	count = strtoul(argv[1], NULL, 10);
	first = strtoul(argv[2], NULL, 10);
	targets = strtoul(argv[3], NULL, 10);
	for (i = 0; i < count; i++) {
		address.sin_addr.s_addr = htonl(0xc6120000U + (uint32_t)(first + i % targets));
		if (connect(fd, (struct sockaddr *)&address, sizeof(address))) {
			perror("connect");
			return 1;
		}
	}
	return 0;
}
