// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* The kernel's word that somebody else may have changed what is kept there. */
#include <errno.h>
#include <sys/stat.h>

#include <bpf/btf.h>

#include "datapath_internal.h"
#include "notice.skel.h"

#define NAMES_MAX 5
#define PID_NAMESPACE "/proc/self/ns/pid"

struct datapath_notice {
	struct notice_bpf *object;
	struct ring_buffer *ring;
};

/*
 * Which functions each program comes after: the first of them that the kernel has. A system call
 * has one of its own for each architecture (arch/ARCH/include/asm/syscall_wrapper.h), and the BPF
 * file system has no functions of its own for these (kernel/bpf/inode.c).
 */
static const struct way {
	const char *program;
	bool optional; /* where the kernel has none of them nobody can call it */
	const char *functions[NAMES_MAX];
} ways[] = {
	{ "after_bpf",
	  false,
	  { "__x64_sys_bpf", "__arm64_sys_bpf", "__riscv_sys_bpf", "__s390x_sys_bpf", "sys_bpf" } },
	{ "after_bpf_compat", true, { "__ia32_sys_bpf", "__s390_sys_bpf" } },
	{ "after_unlink", false, { "simple_unlink" } },
	{ "after_rename", false, { "simple_rename" } },
	{ "after_rmdir", false, { "simple_rmdir" } },
};

static const char *find_function(const struct btf *kernel, const struct way *way)
{
	size_t i;

	for (i = 0; i < NAMES_MAX && way->functions[i]; i++)
		if (btf__find_by_name_kind(kernel, way->functions[i], BTF_KIND_FUNC) > 0)
			return way->functions[i];
	return NULL;
}

static int aim(const struct notice_bpf *object, const struct btf *kernel, const struct way *way)
{
	struct bpf_program *program = bpf_object__find_program_by_name(object->obj, way->program);
	const char *function = find_function(kernel, way);

	if (function)
		return bpf_program__set_attach_target(program, 0, function);
	if (!way->optional)
		return -ENOTSUP;
	bpf_program__set_autoload(program, false);
	bpf_program__set_autoattach(program, false);
	return 0;
}

static int name_self(struct notice_bpf *object)
{
	struct stat st;

	if (stat(PID_NAMESPACE, &st))
		return -errno;
	object->rodata->own_device = st.st_dev;
	object->rodata->own_inode = st.st_ino;
	object->rodata->own_tgid = (uint32_t)getpid();
	return 0;
}

static int aim_all(struct notice_bpf *object)
{
	struct btf *kernel = btf__load_vmlinux_btf();
	int r = kernel ? name_self(object) : -errno;
	size_t i;

	for (i = 0; !r && i < ARRAY_SIZE(ways); i++)
		r = aim(object, kernel, &ways[i]);
	btf__free(kernel);
	return r;
}

static int ignore(void *data, void *record, size_t size)
{
	(void)data;
	(void)record;
	(void)size;
	return 0;
}

static int start(struct datapath_notice *notice)
{
	int r;

	notice->object = notice_bpf__open();
	if (!notice->object)
		return -errno;
	r = aim_all(notice->object);
	if (!r)
		r = notice_bpf__load(notice->object);
	if (!r)
		r = notice_bpf__attach(notice->object);
	if (r)
		return r;
	notice->ring = ring_buffer__new(bpf_map__fd(notice->object->maps.notices), ignore, NULL,
					NULL);
	return notice->ring ? 0 : -errno;
}

int datapath_notice_open(struct datapath_notice **ret_notice, int *ret_fd)
{
	_cleanup_(datapath_notice_close) struct datapath_notice *notice = calloc(1,
										 sizeof(*notice));
	int r;

	if (!notice)
		return -ENOMEM;
	datapath_silence();
	r = start(notice);
	if (r)
		return r;
	*ret_fd = ring_buffer__epoll_fd(notice->ring);
	*ret_notice = TAKE_PTR(notice);
	return 0;
}

void datapath_notice_take(struct datapath_notice *notice)
{
	ring_buffer__consume(notice->ring);
}

void datapath_notice_close(struct datapath_notice **notice)
{
	if (!*notice)
		return;
	ring_buffer__free((*notice)->ring);
	notice_bpf__destroy((*notice)->object);
	free(TAKE_PTR(*notice));
}
