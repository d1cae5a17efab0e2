// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* What goes around sockets and needs CAP_NET_ADMIN or a device: AF_XDP, TUN, tunnels. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <linux/if_xdp.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include "escape_raw.h"

#define UMEM_BYTES (16 * 4096)
#define RING_ENTRIES 4

/* The rings and the memory of an AF_XDP socket; -1 and errno. */
static int xdp_prepare(int fd, char *memory)
{
	struct xdp_umem_reg umem = { .addr = (uintptr_t)memory,
				     .len = UMEM_BYTES,
				     .chunk_size = 4096 };
	int entries = RING_ENTRIES;
	struct sockaddr_xdp own = { .sxdp_family = AF_XDP,
				    .sxdp_flags = XDP_COPY,
				    .sxdp_ifindex = if_nametoindex("eth0") };

	if (setsockopt(fd, SOL_XDP, XDP_UMEM_REG, &umem, sizeof(umem)) ||
	    setsockopt(fd, SOL_XDP, XDP_UMEM_FILL_RING, &entries, sizeof(entries)) ||
	    setsockopt(fd, SOL_XDP, XDP_UMEM_COMPLETION_RING, &entries, sizeof(entries)) ||
	    setsockopt(fd, SOL_XDP, XDP_TX_RING, &entries, sizeof(entries)))
		return -1;
	/* Until the kernel is done with the socket of the attempt before. */
	for (int i = 0; i < 50; i++) {
		if (!bind(fd, (struct sockaddr *)&own, sizeof(own)))
			return 0;
		if (errno != EBUSY || poll(NULL, 0, 10))
			return -1;
	}
	return -1;
}

/* Puts one frame in the ring and has the kernel take it. */
static int xdp_send(int fd, uint32_t length)
{
	struct xdp_mmap_offsets offsets;
	socklen_t size = sizeof(offsets);
	struct xdp_desc *entry;
	char *ring;

	if (getsockopt(fd, SOL_XDP, XDP_MMAP_OFFSETS, &offsets, &size))
		return -1;
	ring = mmap(NULL, offsets.tx.desc + RING_ENTRIES * sizeof(*entry), PROT_READ | PROT_WRITE,
		    MAP_SHARED, fd, XDP_PGOFF_TX_RING);
	if (ring == MAP_FAILED)
		return -1;
	entry = (struct xdp_desc *)(ring + offsets.tx.desc);
	*entry = (struct xdp_desc){ .addr = 0, .len = length };
	__atomic_store_n((uint32_t *)(ring + offsets.tx.producer), 1, __ATOMIC_RELEASE);
	return (int)sendto(fd, NULL, 0, MSG_DONTWAIT, NULL, 0);
}

static int xdp(struct attempt *attempt)
{
	struct ether_header header = {
		.ether_type = htons(escape_is_ipv4(attempt) ? ETHERTYPE_IP : ETHERTYPE_IPV6)
	};
	char *memory = mmap(NULL, UMEM_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
			    -1, 0);
	struct rlimit none = { RLIM_INFINITY, RLIM_INFINITY };
	int fd = socket(AF_XDP, SOCK_RAW, 0);
	struct packet packet;
	size_t length = escape_packet(attempt, &packet);

	if (fd < 0)
		return fail("socket");
	setrlimit(RLIMIT_MEMLOCK, &none);
	memset(header.ether_dhost, 0xff, sizeof(header.ether_dhost));
	memcpy(memory, &header, sizeof(header));
	memcpy(memory + sizeof(header), packet.bytes, length);
	if (xdp_prepare(fd, memory))
		return fail("bind");
	if (xdp_send(fd, (uint32_t)(sizeof(header) + length)) < 0)
		return fail("sendto");
	return succeed(attempt, fd);
}

/* A packet out of a TUN device comes from a neighbour, as it were, and the host forwards it. */
static int send_through(struct attempt *attempt, const char *device)
{
	struct ifreq request = { .ifr_flags = IFF_TUN | IFF_NO_PI };
	struct packet packet;
	size_t length = escape_packet(attempt, &packet);
	char path[256];
	int fd;

	/* /dev/net/tun as it is on most hosts: for everyone. */
	snprintf(path, sizeof(path), "%s/tun", attempt->directory);
	fd = open(path, O_RDWR | O_CLOEXEC);
	snprintf(request.ifr_name, sizeof(request.ifr_name), "%s", device);
	if (fd < 0)
		return fail(path);
	if (ioctl(fd, TUNSETIFF, &request))
		return fail("TUNSETIFF");
	if (!strcmp(device, "escape1") && system("ip link set escape1 up") != 0)
		return escape_fail("ip link");
	if (write(fd, packet.bytes, length) < 0)
		return fail("write");
	puts("OK");
	return 0;
}

static int tun(struct attempt *attempt)
{
	return send_through(attempt, "escape1");
}

/* Of a device that root has given to the user, as for virtual machines and VPNs. */
static int tun_owned(struct attempt *attempt)
{
	return send_through(attempt, "escape0");
}

/* What goes to the host that is allowed goes through a tunnel, to the forbidden one. */
static int tunnel(struct attempt *attempt, const char *type)
{
	char command[512];
	int r;

	snprintf(command, sizeof(command),
		 "ip link add escape2 type %s remote 198.51.100.66 2>/dev/null && "
		 "ip address add 192.0.2.1/24 dev escape2",
		 type);
	if (system(command)) {
		errno = EOPNOTSUPP;
		return fail("ip link add");
	}
	r = system("ip link set escape2 up && ip route add 198.51.100.10 dev escape2 && "
		   "ip neighbour replace 198.51.100.10 lladdr 02:00:00:00:00:01 dev escape2");
	attempt->to = attempt->allowed;
	r = r ? escape_fail("ip link set up") : escape_send(attempt);
	return system("ip link del escape2") ? escape_fail("ip link del") : r;
}

/* From and to a port that may be served: the kernel binds a socket to it. */
static int vxlan(struct attempt *attempt)
{
	return tunnel(attempt, "vxlan id 1 dstport 7100");
}

static int gre(struct attempt *attempt)
{
	return tunnel(attempt, "gre local 198.51.100.2");
}

static int ipip(struct attempt *attempt)
{
	return tunnel(attempt, "ipip local 198.51.100.2");
}

const struct escape escape_link[] = {
	/* Linux 6.1 makes and binds the socket, and sends nothing to a veth: EBUSY. */
	{ "xdp", "`AF_XDP`", xdp,
	  ESCAPE_BOTH | ESCAPE_ROOT | ESCAPE_RARE | ESCAPE_FAMILY | ESCAPE_OPEN_FULL |
		  ESCAPE_OPEN_DOCKER,
	  "capabilities", "`CAP_NET_RAW`" },
	{ "tun", "a TUN device of its own", tun, ESCAPE_BOTH | ESCAPE_ROOT | ESCAPE_OPEN_FULL,
	  "capabilities", "`CAP_NET_ADMIN`" },
	{ "tun-owned", "a TUN device that the user owns", tun_owned,
	  ESCAPE_BOTH | ESCAPE_OPEN_USER | ESCAPE_OPEN_FULL, "seccomp", "`--no-seccomp`" },
	{ "vxlan", "a VXLAN tunnel", vxlan, ESCAPE_IPV4 | ESCAPE_ROOT | ESCAPE_OPEN_FULL,
	  "capabilities", "`CAP_NET_ADMIN`" },
	{ "gre", "a GRE tunnel", gre, ESCAPE_IPV4 | ESCAPE_ROOT | ESCAPE_OPEN_FULL, "capabilities",
	  "`CAP_NET_ADMIN`" },
	{ "ipip", "an IPIP tunnel", ipip, ESCAPE_IPV4 | ESCAPE_ROOT | ESCAPE_OPEN_FULL,
	  "capabilities", "`CAP_NET_ADMIN`" },
	{ 0 },
};
