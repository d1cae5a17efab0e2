// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* What the options open, in words. */
#include <linux/capability.h>

#include "capability.h"
#include "confine.h"

/* When a capability opens something. */
enum when {
	WHEN_ALWAYS,
	WHEN_NO_FILTER,
	WHEN_NO_FAMILIES,
	WHEN_NO_LANDLOCK
};

static const struct {
	unsigned int capability;
	enum when when;
	const char *text;
} openings[] = {
	{ CAP_SYS_ADMIN, WHEN_ALWAYS,
	  "--keep-caps: cap_sys_admin: the command can uncover its cgroup and leave the fence" },
	{ CAP_NET_ADMIN, WHEN_ALWAYS,
	  "--keep-caps: cap_net_admin: the command can lead traffic around the fence, by tunnels "
	  "and "
	  "redirections" },
	{ CAP_NET_RAW, WHEN_NO_FAMILIES,
	  "--keep-caps: cap_net_raw: the command can send any packet past the fence (AF_PACKET): "
	  "no "
	  "cgroup hook sees it, and BPF LSM, which would refuse it, is not active in this kernel" },
	{ CAP_BPF, WHEN_ALWAYS, "--keep-caps: cap_bpf: the command can remove the fence" },
	{ CAP_SYS_PTRACE, WHEN_NO_LANDLOCK,
	  "--keep-caps: cap_sys_ptrace: the command can take over processes outside of the fence" },
	{ CAP_DAC_READ_SEARCH, WHEN_NO_FILTER,
	  "--keep-caps: cap_dac_read_search: the command can open what no path leads to, and "
	  "leave the fence" },
	{ CAP_SYS_MODULE, WHEN_ALWAYS,
	  "--keep-caps: cap_sys_module: the command can load kernel modules, which nothing holds" },
	{ CAP_SYS_RAWIO, WHEN_ALWAYS,
	  "--keep-caps: cap_sys_rawio: the command can write to devices and to the kernel's "
	  "memory" },
	{ CAP_SYS_BOOT, WHEN_ALWAYS,
	  "--keep-caps: cap_sys_boot: the command can start another kernel" },
};

static bool is_open(enum when when, const struct confine_options *options,
		    const struct confinement *confinement)
{
	switch (when) {
	case WHEN_ALWAYS:
		return true;
	case WHEN_NO_FILTER:
		return options->no_filter;
	case WHEN_NO_FAMILIES:
		return options->no_filter && !options->families_held;
	case WHEN_NO_LANDLOCK:
		return confinement->landlock_fd < 0;
	}
	return true;
}

static void warn_of_capabilities(const struct confine_options *options,
				 const struct confinement *confinement,
				 void (*warning)(const char *text, void *data), void *data)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(openings); i++)
		if (capability_in(options->keep_caps, openings[i].capability) &&
		    is_open(openings[i].when, options, confinement))
			warning(openings[i].text, data);
}

void confine_each_warning(const struct confine_options *options,
			  const struct confinement *confinement,
			  void (*warning)(const char *text, void *data), void *data)
{
	bool admin = capability_in(confinement->capabilities, CAP_SYS_ADMIN);

	if (options->keep_caps && !options->root)
		warning("--keep-caps: changes nothing, as the command does not run as root", data);
	if (options->root && options->keep_caps == UINT64_MAX)
		warning("--keep-caps all: the command can leave the fence and remove it", data);
	else if (options->root)
		warn_of_capabilities(options, confinement, warning, data);
	if (options->root && !options->no_filter &&
	    capability_in(options->keep_caps, CAP_NET_RAW) && options->keep_caps != UINT64_MAX)
		warning("--keep-caps: cap_net_raw: changes nothing without --no-seccomp, as raw "
			"and "
			"packet sockets are refused all the same",
			data);
	if (options->no_filter)
		warning("--no-seccomp: the command may use io_uring, keys, ptrace, user "
			"namespaces, a TUN device of its user's, any socket option by 32-bit "
			"calls, and type into the terminal by TIOCSTI",
			data);
	if (options->no_filter && !options->families_held)
		warning("--no-seccomp: the command may talk to the hypervisor (AF_VSOCK): no "
			"cgroup hook "
			"sees it, and BPF LSM, which would refuse it, is not active in this kernel",
			data);
	if (options->no_dns_filter)
		warning("--no-dns-filter: the command may ask for any name, which is a way out "
			"(DNS "
			"tunnels), also by the Unix sockets of nscd and systemd-resolved",
			data);
	if (confinement->landlock_fd < 0 && !admin)
		warning("this kernel has no Landlock: the command can reach the memory of "
			"processes of its user outside of the fence, unless Yama forbids it",
			data);
}
