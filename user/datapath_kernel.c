// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* What this kernel has of that which not every kernel has. */
#include "datapath_internal.h"

static bool helper_exists(enum bpf_prog_type type, enum bpf_func_id helper)
{
	return libbpf_probe_bpf_helper(type, helper, NULL) == 1;
}

static int be_silent(enum libbpf_print_level level, const char *format, va_list arguments)
{
	(void)level;
	(void)format;
	(void)arguments;
	return 0;
}

/* To ask the kernel is to try, and libbpf would tell of it. */
void datapath_silence(void)
{
	libbpf_set_print(be_silent);
}

bool datapath_has_set_retval(void)
{
	return helper_exists(BPF_PROG_TYPE_CGROUP_SOCK, BPF_FUNC_set_retval);
}

bool datapath_has_coarse_clock(void)
{
	return helper_exists(BPF_PROG_TYPE_CGROUP_SOCK_ADDR, BPF_FUNC_ktime_get_coarse_ns);
}

bool datapath_has_sockopt_task(void)
{
	return helper_exists(BPF_PROG_TYPE_CGROUP_SOCKOPT, BPF_FUNC_get_current_comm);
}

void datapath_kernel(struct standing_kernel *ret_kernel)
{
	datapath_silence();
	*ret_kernel = (struct standing_kernel){ .lacks = {
							[STANDING_LACK_SET_RETVAL] =
								!datapath_has_set_retval(),
							[STANDING_LACK_COARSE_CLOCK] =
								!datapath_has_coarse_clock(),
							[STANDING_LACK_SOCKOPT_TASK] =
								!datapath_has_sockopt_task(),
							[STANDING_LACK_LSM] = !datapath_lsm_runs(),
						} };
}
