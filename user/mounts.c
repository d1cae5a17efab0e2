// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <errno.h>
#include <linux/magic.h>
#include <sched.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statfs.h>

#include "mountinfo.h"
#include "mounts_internal.h"

/*
 * Files of root's by which the kernel acts outside of the fence, and asks for no capability: it
 * runs a program (release_agent, uevent_helper, binfmt_misc), or sends by itself (netconsole, by
 * configfs; targets of NVMe and iSCSI).
 */
static const char *const guarded_types[] = {
	"binfmt_misc", "cgroup",  "configfs", "cpuset",	 "debugfs",    "efivarfs",
	"fusectl",     "nfsd",	  "pstore",   "resctrl", "rpc_pipefs", "securityfs",
	"selinuxfs",   "smackfs", "sysfs",    "tracefs", "xenfs",
};

/* The same in proc: core_pattern, modprobe, and whatever a sysctl can do. */
static const char *const guarded_parts[] = { "sys", "sysrq-trigger", "bus", "fs",
					     "irq", "scsi",	     "acpi" };

static bool is_one_of(const char *word, const char *const *words, size_t count)
{
	size_t i;

	for (i = 0; i < count; i++)
		if (!strcmp(word, words[i]))
			return true;
	return false;
}

static bool is_below(const char *path, const char *directory)
{
	return !strncmp(path, directory, strlen(directory));
}

/* A remount without them would clear them. Access times stay as they are by themselves. */
static unsigned long flags_of(const char *path)
{
	struct statfs fs;

	if (statfs(path, &fs))
		return 0;
	return (unsigned long)fs.f_flags & (MS_NOSUID | MS_NODEV | MS_NOEXEC);
}

int mounts_add(struct mounts *mounts, enum mounts_cover cover, const char *path)
{
	struct mounts_step *steps = mounts->steps;

	if (mounts->count == mounts->room) {
		steps = reallocarray(steps, mounts->room * 2 + 32, sizeof(*steps));
		if (!steps)
			return -ENOMEM;
		mounts->steps = steps;
		mounts->room = mounts->room * 2 + 32;
	}
	steps[mounts->count] = (struct mounts_step){ .cover = cover, .path = strdup(path) };
	if (!steps[mounts->count].path)
		return -ENOMEM;
	if (cover == MOUNTS_READ_ONLY || cover == MOUNTS_PART)
		steps[mounts->count].flags = flags_of(path);
	mounts->count++;
	return 0;
}

bool mounts_is_listed(const struct mounts *mounts, enum mounts_cover cover, const char *path)
{
	size_t i;

	for (i = 0; i < mounts->count; i++)
		if (mounts->steps[i].cover == cover && !strcmp(mounts->steps[i].path, path))
			return true;
	return false;
}

static int add_cover(struct mounts *mounts, enum mounts_cover cover, const char *path)
{
	int r = mounts_add(mounts, cover, path);

	return r ? r : mounts_add(mounts, MOUNTS_PRIVATE, path);
}

static int add_proc(struct mounts *mounts, const struct mountinfo *entry)
{
	char part[PATH_MAX];
	size_t i;
	int r = 0;

	/* A part of it that is mounted elsewhere. */
	if (strcmp(entry->root, "/") != 0)
		return mounts_add(mounts, MOUNTS_READ_ONLY, entry->point);
	for (i = 0; !r && i < ARRAY_SIZE(guarded_parts); i++) {
		if (snprintf(part, sizeof(part), "%s/%s", entry->point, guarded_parts[i]) >=
		    (int)sizeof(part))
			return -ENAMETOOLONG;
		if (!access(part, F_OK))
			r = mounts_add(mounts, MOUNTS_PART, part);
	}
	return r ? r : mounts_add(mounts, MOUNTS_PRIVATE, entry->point);
}

/* The types of which anything must be done. Others are not even looked at: it might hang. */
static bool is_guarded(const struct mountinfo *entry)
{
	if (!strcmp(entry->type, "autofs"))
		return false;
	return is_one_of(entry->type, guarded_types, ARRAY_SIZE(guarded_types)) ||
	       !strcmp(entry->type, "proc") || is_below(entry->point, "/sys/") ||
	       is_below(entry->point, "/proc/");
}

/* What another mount covers cannot be reached, and its path is that of something else. */
static bool is_visible(const struct mountinfo *entry)
{
	struct stat st;

	return !stat(entry->point, &st) && st.st_dev == entry->device;
}

static int add_entry(struct mounts *mounts, const struct mounts_needs *needs,
		     const struct mountinfo *entry)
{
	bool cgroup2 = !strcmp(entry->type, "cgroup2"), bpf = !strcmp(entry->type, "bpf");
	enum mounts_cover cover = cgroup2 ? MOUNTS_CGROUP2 : bpf ? MOUNTS_EMPTY : MOUNTS_READ_ONLY;

	if (cgroup2 || bpf) {
		if ((bpf && needs->bpf) || !is_visible(entry) ||
		    mounts_is_listed(mounts, cover, entry->point))
			return 0;
		return add_cover(mounts, cover, entry->point);
	}
	if (!needs->root || !is_guarded(entry) || !is_visible(entry))
		return 0;
	if (!strcmp(entry->type, "proc"))
		return add_proc(mounts, entry);
	return mounts_add(mounts, cover, entry->point);
}

static int read_mountinfo(struct mounts *mounts, const struct mounts_needs *needs)
{
	_cleanup_fclose_ FILE *file = fopen("/proc/self/mountinfo", "re");
	_cleanup_free_ char *line = NULL;
	struct mountinfo entry;
	size_t size = 0;
	int r = 0;

	if (!file)
		return -errno;
	while (!r && getline(&line, &size, file) > 0) {
		r = mountinfo_parse(line, &entry);
		if (!r)
			r = add_entry(mounts, needs, &entry);
	}
	return r ? r : ferror(file) ? -EIO : 0;
}

/*
 * Who is in a directory stays in it, whatever is mounted over it, and also if it is on no mount of
 * this namespace any more (umount -l) or hidden, so that no cover reaches it.
 */
static int find_directory(struct mounts *mounts, bool always)
{
	struct statfs fs;

	if (statfs(".", &fs))
		return -errno;
	if (!always && fs.f_type != CGROUP2_SUPER_MAGIC && fs.f_type != BPF_FS_MAGIC &&
	    fs.f_type != PROC_SUPER_MAGIC)
		return 0;
	mounts->directory = getcwd(NULL, 0);
	return mounts->directory ? 0 : -errno;
}

int mounts_find(const struct mounts_needs *needs, struct mounts *ret_mounts)
{
	_cleanup_(mounts_finish) struct mounts mounts = { .separate = needs->root };
	int r = 0;

	/* They come first, to be covered last: what else is mounted there is reached until then. */
	if (!needs->resolvers)
		r = mounts_find_resolvers(&mounts);
	if (!r)
		r = read_mountinfo(&mounts, needs);
	if (!r && !mounts.directory)
		r = find_directory(&mounts, needs->root);
	if (!r)
		*ret_mounts = TAKE(mounts, (struct mounts){});
	return r;
}

void mounts_finish(struct mounts *mounts)
{
	size_t i;

	for (i = 0; i < mounts->count; i++)
		free(mounts->steps[i].path);
	free(mounts->steps);
	free(mounts->directory);
	*mounts = (struct mounts){};
}
