/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What datapath*.c share: the fds of the loaded object. Not for other modules. */
#ifndef CGFENCE_DATAPATH_INTERNAL_H
#define CGFENCE_DATAPATH_INTERNAL_H

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <pthread.h>
#include <sys/types.h>

#include "datapath.h"

/* DATAPATH_ROOT, two names of 255 bytes at most of which one is short, and what is put after them.
 */
#define PIN_PATH_BYTES 384
#define BUILD_BYTES 64

/* In the order of the table in datapath.c. */
enum datapath_program {
	PROGRAM_CONNECT4,
	PROGRAM_CONNECT6,
	PROGRAM_SENDMSG4,
	PROGRAM_SENDMSG6,
	PROGRAM_SOCK_CREATE,
	PROGRAM_BIND4,
	PROGRAM_BIND6,
	PROGRAM_SETSOCKOPT,
	PROGRAM_EGRESS,
	PROGRAM_INGRESS,
	PROGRAM_SOCKET_CREATE, /* only where the kernel runs LSM programs */
	PROGRAM_COUNT
};

/* The maps each policy has of its own: their shapes, and the arrays that hold them. */
enum datapath_kind {
	KIND_ALLOW,
	KIND_PREFIXES,
	KIND_LISTENS,
	KIND_PEERS,
	KIND_NAMES,
	KIND_GRANTS,
	KIND_RESOLVERS,
	KIND_COUNTERS,
	KIND_DECISIONS,
	KIND_COUNT
};

struct datapath {
	int lock_fd;
	unsigned lock_depth;
	/* Those in force, maybe of another build: that of PROGRAM_SOCKET_CREATE may be -1. */
	int programs[PROGRAM_COUNT];
	uint32_t program_ids[PROGRAM_COUNT];
	char build[BUILD_BYTES];
	ino_t programs_inode;		/* of the directory where they are pinned */
	int btf_fd;			/* of the maps, or -1 */
	struct datapath_upkeep *upkeep; /* NULL until datapath_mend() */
	int targets;
	int keepers;
	int connected; /* TCP sockets that were let connect */
	int shapes[KIND_COUNT];
	int arrays[KIND_COUNT];
};

extern const char *const datapath_program_names[PROGRAM_COUNT];
extern const enum bpf_attach_type datapath_attach_types[PROGRAM_COUNT];
extern const char *const datapath_kind_names[KIND_COUNT];

/* What EPERM and ENOMEM mean on kernels that count it so, if CAP_SYS_RESOURCE is missing too. */
#define HINT_LOCKED_MEMORY                                                                         \
	"before Linux 5.11 BPF needs locked memory: give CAP_SYS_RESOURCE, or raise ulimit -l"

#define CONTRACTS_ROOT DATAPATH_ROOT "/datapath"
#define POLICIES_ROOT DATAPATH_ROOT "/policies"
#define LINKS_ROOT DATAPATH_ROOT "/links"
#define SLOT_NONE (~0U)
#define SLOT_WRITING 1

/*
 * Every write to an array of maps makes the caller wait for an RCU grace period (8 ms and more),
 * though the change is in force before the wait begins. So each array has a thread of its own: the
 * waits are one, and beside the rest of the work.
 */
struct slot_write {
	pthread_t thread;
	bool started;
	int array_fd;
	int map_fd; /* -1: empty the slot */
	uint32_t slot;
	_Atomic int result; /* SLOT_WRITING until it is known */
};

/* A directory of pins, to see whether any of them was changed since. */
struct pin_stamp {
	dev_t device;
	ino_t inode;
	struct timespec changed;
	bool settled; /* long enough ago */
};

struct datapath_policy {
	int maps[KIND_COUNT];
	uint32_t ids[KIND_COUNT]; /* 0: not known yet */
	uint32_t slot;
	struct pin_stamp stamp; /* of its pins, when they were seen to be right */
	char path[PIN_PATH_BYTES];
	struct slot_write writes[KIND_COUNT];
	struct ring_buffer *ring;
	datapath_decision_fn decision;
	datapath_message_fn message;
	void *decision_data;
	int keeper; /* the socket in `keepers`, or -1 */
};

struct datapath_fence {
	struct datapath *datapath;
	char name[STANDING_NAME_BYTES];
	uint64_t cgroup;
	int links[PROGRAM_COUNT]; /* -1: none, to be attached */
	uint32_t ids[PROGRAM_COUNT];
	bool foreign[PROGRAM_COUNT]; /* something else was pinned there */
	struct pin_stamp stamp;	     /* of its pins, when they were seen to be right */
};
bool datapath_fence_wants(const struct datapath *datapath, enum datapath_program program);
int datapath_fence_path(const struct datapath_fence *fence, enum datapath_program program,
			char ret_path[static PIN_PATH_BYTES]);

/* "DATAPATH_ROOT/…": -ENAMETOOLONG if it does not fit, which no valid name makes happen. */
int pin_path(char ret_path[static PIN_PATH_BYTES], const char *format, ...) _printf_(2, 3);
/* Creates a directory, 0700, that may be there already. */
int pin_mkdir(const char *path);
/* Pins it there, in place of what is there. */
int pin_put(int fd, const char *path);
int pin_stamp(const char *directory, struct pin_stamp *ret_stamp);
bool pin_unchanged(const char *directory, const struct pin_stamp *known);
/* Whether the map, link or program that is pinned there is the one with the id: 0; -ENOENT; -EEXIST
 * for something else; -errno. */
int pin_check(const char *path, uint32_t id);
/* Unlinks every pin in a directory and below, then the directory. Missing is no error. */
int pin_remove_dir(const char *path);
/* Calls for the name of everything in the directory. Missing is no error. */
int pin_each(const char *directory, datapath_name_fn call, void *data);

/* Below datapath/CONTRACT: programs-BUILD, and programs-new while an upgrade is not done. */
#define PROGRAMS_PREFIX "programs-"
#define PROGRAMS_NEW PROGRAMS_PREFIX "new"
/* DATAPATH_ROOT/datapath/CONTRACT */
extern const char *const datapath_contract_path;
/*
 * Opens the programs of this build and the maps of its contract. If they are not pinned they are
 * loaded, and fences of the same contract get the programs. The lock must be held.
 */
int datapath_build_open(struct datapath *datapath, struct failure *failure);
/* Opens the programs pinned in that directory of the contract; -ENOENT. */
int datapath_build_programs(struct datapath *datapath, const char *directory);
/* What is pinned as PROGRAMS_NEW, and open, gets into every fence and has the build's name. */
int datapath_build_switch(struct datapath *datapath);
int datapath_build_remember(struct datapath *datapath);
/*
 * If another build's programs are pinned now, those are the ones that `datapath` has from then on;
 * if none are, its own are put back. The lock must be held.
 */
int datapath_build_refresh(struct datapath *datapath, bool *ret_restored);

/* What datapath_mend() keeps. */
struct datapath_upkeep;
void datapath_upkeep_free(struct datapath_upkeep **upkeep);

struct cgfence_bpf;
/*
 * Loads the BPF object of this build, with `reuse` upon the maps that are pinned: -ESTALE, and no
 * failure told, if there are none.
 */
int datapath_object_load(struct cgfence_bpf **ret_object, bool reuse, struct failure *failure);
void datapath_object_destroy(struct cgfence_bpf **object);

int datapath_cgroup_id(int cgroup_fd, uint64_t *ret_id);
int datapath_link_info(int link_fd, uint64_t *ret_cgroup, uint32_t *ret_program);
int datapath_link_id(int link_fd, uint32_t *ret_id);
int datapath_program_id(int program_fd, uint32_t *ret_id);
bool datapath_program_uses(int program_fd, uint32_t map_id);
/* Attaches and reads back; with a name also pins. */
int datapath_link_create(const struct datapath *datapath, enum datapath_program program,
			 int cgroup_fd, uint64_t cgroup, int *ret_fd);
int datapath_link_attach(const struct datapath *datapath, enum datapath_program program,
			 const char *name, int cgroup_fd, uint64_t cgroup);
/* Puts the program in the place of the fence's; -ESTALE if that one uses other maps. */
int datapath_link_switch(const struct datapath *datapath, enum datapath_program program,
			 const char *name);

/* Takes the lock, also if its directory was removed and made anew. */
int datapath_relock(struct datapath *datapath);
/* Nothing open, every fd -1; NULL without memory. */
struct datapath *datapath_new(void);
int datapath_require_bpffs(struct failure *failure);

/* Helpers that the programs do without on older kernels. */
bool datapath_has_set_retval(void);
bool datapath_has_coarse_clock(void);
bool datapath_has_sockopt_task(void);
bool datapath_lsm_runs(void);
/* From now on libbpf writes nothing. */
void datapath_silence(void);

/* Whether a deny rule has that address, port and protocol. */
bool datapath_denies(const struct datapath_policy *policy, const struct cgf_target *target,
		     const struct cgf_key *key);

/* Whether a prefix of this verdict has it, by port blocks of the mask's widths, and which rule's.
 */
bool datapath_find_prefix(const struct datapath_policy *policy, enum cgf_verdict verdict,
			  uint32_t mask, const struct cgf_key *key, uint32_t *ret_rule);

static inline uint16_t datapath_port_of_block(uint16_t port, int port_bits)
{
	return port & (uint16_t)(0xffff0000U >> port_bits);
}

/* See "Port 53" in cgfence-policy(5). */
static inline bool datapath_is_shut(const struct cgf_key *key, int port_bits)
{
	return key->port == CGF_DNS_PORT && port_bits < CGF_PORT_BITS_ONE;
}

/* The kernel's id of a map. */
int datapath_map_id(int map_fd, uint32_t *ret_id);
/* Whether the programs find this map in the slot. */
bool datapath_slot_holds(int array_fd, uint32_t slot, uint32_t map_id);
/* Puts the policy's maps into its slot, or empties it, without waiting for grace periods. */
void datapath_slot_start(struct datapath_policy *policy, const struct datapath *datapath,
			 bool fill);
/* The same for one of them. */
void datapath_slot_put(struct datapath_policy *policy, const struct datapath *datapath,
		       enum datapath_kind kind);
/* Whether the target of a fence that is pinned refers to the slot, whatever is in it. */
bool datapath_slot_is_referred(const struct datapath *datapath, uint32_t slot);
/* Waits until every array shows the policy's map: what the programs will find. -ETIMEDOUT; -errno.
 */
int datapath_slot_wait(struct datapath_policy *policy, const struct datapath *datapath);
/* Waits for the grace periods of what was started. */
void datapath_slot_join(struct datapath_policy *policy);
/* -ENOSPC if all are taken. */
int datapath_slot_find_free(const struct datapath *datapath, uint32_t *ret_slot);
/* The slot that holds the map, whoever put it there, or SLOT_NONE. */
uint32_t datapath_slot_find(const struct datapath *datapath, enum datapath_kind kind, int map_fd);
struct datapath_policy *datapath_policy_new(void);
/* A map of the shape's type, sizes, flags and BTF, so that bpftool names its fields. */
int datapath_map_create(const struct datapath *datapath, enum datapath_kind kind, uint32_t entries,
			int *ret_fd);
int datapath_map_capacity(int map_fd, uint32_t *ret_entries);
/* Opens what is pinned there of the maps; -1 for what is not. */
int datapath_policy_open_pins(struct datapath_policy *policy, const char *directory);
/* Asks the kernel for the ids of its maps. */
int datapath_policy_identify(struct datapath_policy *policy);
/* Puts every map into the slot that is not there, and waits until the programs find them. */
int datapath_policy_refill(const struct datapath *datapath, struct datapath_policy *policy);
/* As datapath_allow_each(). */
int datapath_allow_walk(int map_fd, datapath_entry_fn entry, void *data);
/* A larger `allow` before it is in the slot. */
#define DATAPATH_GROWING "allow%larger"
/*
 * Copies from one `allow` map to another what was learned or used since then and is not there, or
 * is older there.
 */
int datapath_allow_carry(int to_fd, int from_fd, uint64_t since_ns);
/* What is in its ring is not told. */
int datapath_decisions_skip(struct datapath_policy *policy);
/* Empties its slot, if it has one, and removes its pins. */
void datapath_policy_unpin(const struct datapath *datapath, struct datapath_policy *policy);

/* Which maps those of some ids are: all fences have the same few, and each id is asked for once. */
#define KNOWN_MAPS_MAX 128
struct datapath_known {
	struct {
		uint32_t id;
		int place;
	} maps[KNOWN_MAPS_MAX];
	size_t count;
};

/*
 * Reads back the links of the fence: the cgroup, the build, and what does not hold. `used` has then
 * the maps that its programs use; shapes and programs stay closed. `known` may begin all zero.
 */
int datapath_attached_read(struct standing *standing, struct datapath *used,
			   struct datapath_known *known);

/* Its name, or NULL. */
const char *datapath_pinned_find(const struct datapath_pinned *pinned, uint32_t allow_id);

/*
 * Spare policies: maps that a run has emptied and left in their slot. To fill a slot takes an RCU
 * grace period, and to empty it another, which is most of what a short run would cost. Spares are
 * pinned at spare/SLOT beside the maps of the contract. The lock must be held.
 */
#define SPARES_MAX 4
#define SPARE_ENTRIES_MAX 16384

/* Opens a spare with room for `entries` as `policy`, under its path; -ENOENT if there is none. */
int datapath_spare_take(const struct datapath *datapath, struct datapath_policy *policy,
			uint32_t entries);
/* Empties the policy's maps and makes it a spare; if not 0, it is still where it was. */
int datapath_spare_give(const struct datapath *datapath, struct datapath_policy *policy);

#endif
