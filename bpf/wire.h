/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Every byte that crosses between the kernel and user space.
 *
 * The skeleton turns these types into Rust; nothing mirrors them by hand. Rules: fixed-width integers and arrays of
 * them only, explicit padding, a size assertion per struct, units in names. Text is bytes with a length beside it.
 */
#ifndef CTREC_WIRE_H
#define CTREC_WIRE_H

enum ctrec_limits {
	/* Numbers end at about 470 in Linux 6.18, on all processors. Others are counted in `sparse`. */
	CTREC_CELLS = 512,
	/* (number, errno) pairs kept beside the cells of one slot and CPU, a power of two; more go to `sparse`. */
	CTREC_ERRNOS = 256,
	/* Slots alive at once. An index is 4 bytes here; memory for cells is made when slots appear. */
	CTREC_SLOTS = 16384,
	/* Slots whose cells are made together: the kernel waits for every CPU when a map is put into another. */
	CTREC_BANK = 16,
	/* Slots that are made free in one go. */
	CTREC_FREED = 512,
	/* Entries of the thread cache, a power of two. A collision costs time, not correctness. */
	CTREC_THREADS = 65536,
	/* CPUs that the kernel side has room for, a power of two: more than any distribution's kernel is built for. */
	CTREC_CPUS = 8192,
	/* Bytes of a path that are kept; longer ones are marked as truncated. */
	CTREC_PATH = 1024,
	/* Bytes of a command line that are kept: a runtime's has a few hundred. */
	CTREC_ARGUMENTS = 2048,
	CTREC_COMM = 16,
	/* Kernel functions that are kept of a stack: three or four lead from the hook to the one that asked. */
	CTREC_FRAMES = 12,
	/* Different checks of one call that wait for how it ends, besides the first. */
	CTREC_PENDING = 14,
	/* Threads with a check that waits, a power of two. A collision costs time, not correctness. */
	CTREC_WAITING = 16384,
	/* Kinds of checks that are counted without a hash; later ones cost more. */
	CTREC_CHECKS = 65536,
	/* Call numbers whose arguments may be kept: x32's own end at 547. */
	CTREC_NUMBERS = 576,
	/* Different values of its arguments that are kept of one call of a slot. */
	CTREC_VALUES = 32,
	/* Values that are known to be kept, a power of two. A collision costs time, not correctness. */
	CTREC_SEEN = 16384,
	/* Path components that are walked. */
	CTREC_DEPTH = 48,
};

enum ctrec_origin { CTREC_ORIGIN_INIT = 0, CTREC_ORIGIN_EXEC = 1 };

enum ctrec_phase { CTREC_PHASE_SETUP = 0, CTREC_PHASE_RUNTIME = 1, CTREC_PHASE_WORKLOAD = 2 };

/* x32 needs no value: its numbers carry bit 30 under X86_64. */
enum ctrec_abi { CTREC_ABI_X86_64 = 0, CTREC_ABI_I386, CTREC_ABI_AARCH64, CTREC_ABI_ARM };

/* What a thread has yet to return from: the call that made it, or that made it another program. */
enum ctrec_returning { CTREC_RETURNING_BORN = 1, CTREC_RETURNING_EXECUTED };

/* What happened to a call counted in `sparse`. 1 to 4095 are what the call returned, negated. */
enum ctrec_outcome {
	CTREC_OUTCOME_SUCCEEDED = 0,
	CTREC_OUTCOME_UNFINISHED = 0x10000,
	CTREC_OUTCOME_REFUSED, /* beside one of the others: a filter gave the answer */
	CTREC_OUTCOME_NO_CALL, /* of a check: made outside of a call */
	CTREC_OUTCOME_UNKNOWN, /* of a check: one of too many in a call */
};

/* Whether the kernel would log the denial of a check. */
enum ctrec_audit { CTREC_AUDIT_AUDITED = 0, CTREC_AUDIT_PROBE, CTREC_AUDIT_UNKNOWN };

/* A user namespace, as seen from the one that the container's workload was started in. */
enum ctrec_space { CTREC_SPACE_CONTAINER = 0, CTREC_SPACE_INSIDE, CTREC_SPACE_OUTSIDE, CTREC_SPACE_UNKNOWN };

enum ctrec_check_flags {
	CTREC_CHECK_GRANTED = 1,
	CTREC_CHECK_OVERRIDDEN = 2, /* not the thread's own credentials */
	CTREC_CHECK_BOUNDED = 4, /* in the bounding set */
	CTREC_CHECK_ROOT = 8, /* the root user of its user namespace */
	CTREC_CHECK_NEEDLESS = 16, /* its arguments say that the call does the same without */
};

enum ctrec_cause { CTREC_CAUSE_EXECVE = 0, CTREC_CAUSE_CAPSET };

enum ctrec_loss {
	CTREC_LOSS_SLOTS_FULL = 0, /* a call that no slot could be had for */
	CTREC_LOSS_TASKS_FULL, /* a task that could not be followed */
	CTREC_LOSS_SPARSE_FULL, /* a call or an errno that `sparse` had no room for */
	CTREC_LOSS_PROGRAMS_FULL,
	CTREC_LOSS_CONTAINERS_FULL, /* a cgroup or container that could not be kept */
	CTREC_LOSS_STARTS_FULL,
	CTREC_LOSS_ARGUMENTS_FULL,
	CTREC_LOSS_RING_FULL, /* an event; counts are not affected */
	CTREC_LOSS_CHECKS_FULL,
	CTREC_LOSS_ASKERS_FULL, /* a sample of who asked; counts are not affected */
	CTREC_LOSS_IDENTITIES_FULL,
	CTREC_LOSS_MOVED_OUT, /* a task of the workload that left its container's cgroup; no more of it is recorded */
	CTREC_LOSS_VALUES_FULL, /* values of a call's arguments; counts are not affected */
	CTREC_LOSS_READ_FAULT, /* kernel memory that could not be read */
	CTREC_LOSS_MAX,
};

/* One call number of one slot on one CPU. Only ever grows; user space takes differences modulo 2^32. */
struct ctrec_cell {
	__u32 succeeded; /* calls without an errno; the others are counted by errno alone */
	__u32 first_2e20_ns; /* (bpf_ktime_get_ns() >> 20) + 1 at the first call, however it ended; 0: none yet */
	__u32 last_jiffies; /* low half of jiffies at the last call */
};
_Static_assert(sizeof(struct ctrec_cell) == 12, "cell");

struct ctrec_errno {
	__u32 key; /* number << 16 | errno; 0 is free */
	__u32 count;
};
_Static_assert(sizeof(struct ctrec_errno) == 8, "errno");

/* The counters of one slot on one CPU. */
struct ctrec_cells {
	struct ctrec_cell calls[CTREC_CELLS];
	struct ctrec_errno errnos[CTREC_ERRNOS];
};
_Static_assert(sizeof(struct ctrec_cells) == 8192, "cells");

/* Identity of a slot. */
struct ctrec_slot_key {
	__u32 container;
	__u32 program;
	__u8 origin;
	__u8 phase;
	__u8 abi;
	__u8 pad;
};
_Static_assert(sizeof(struct ctrec_slot_key) == 12, "slot_key");

/* A count outside the cells: numbers beyond them, calls before cells were made, exec, exit. */
struct ctrec_sparse_key {
	__u32 slot;
	__s32 number;
	__u32 outcome;
};
_Static_assert(sizeof(struct ctrec_sparse_key) == 12, "sparse_key");

struct ctrec_count {
	__u64 count;
	__u64 first_ns; /* bpf_ktime_get_ns() */
	__u64 last_ns;
};
_Static_assert(sizeof(struct ctrec_count) == 24, "count");

/* A kind of capability check. How the call ended is no part of it: that is known later. */
struct ctrec_check_key {
	__u32 slot;
	__s32 number; /* of the call; -1: outside of one */
	__u8 capability;
	__u8 audit;
	__u8 target; /* enum ctrec_space: of the user namespace that the capability was asked for */
	__u8 holder; /* enum ctrec_space: of that of the credentials */
	__u8 flags;
	__u8 pad[3];
};
_Static_assert(sizeof(struct ctrec_check_key) == 16, "check_key");

struct ctrec_check {
	__u32 id;
	__u32 pad;
	__u64 asked;
};
_Static_assert(sizeof(struct ctrec_check) == 16, "check");

/* How often the calls ended in the way in which the first one did. Other ways have a ctrec_check_end. */
struct ctrec_check_count {
	__u64 asked;
	__u64 count;
	__u64 first_ns; /* bpf_ktime_get_ns() */
	__u32 outcome; /* as in ctrec_check_end, plus 1; 0: none has ended yet */
	__u32 last_jiffies; /* low half */
};
_Static_assert(sizeof(struct ctrec_check_count) == 32, "check_count");

/* The check that a thread asked last, and how many of it wait for the end of the call. */
struct ctrec_waiting {
	__u64 owner; /* kernel stack << 32 | how many wait; changed as a whole */
	__u32 check;
	__u32 slot; /* of the thread */
	__u64 kind[2]; /* a ctrec_check_key */
};
_Static_assert(sizeof(struct ctrec_waiting) == 32, "waiting");

/* A kind of check by how its call ended: enum ctrec_outcome, or an errno. */
struct ctrec_check_end {
	__u32 check;
	__u32 outcome;
};
_Static_assert(sizeof(struct ctrec_check_end) == 8, "check_end");

/* Checks of the call that a thread is in, where there is more than one kind. */
struct ctrec_pending {
	__u32 used;
	__u32 pad;
	struct ctrec_pending_check {
		__u32 check;
		__u32 count;
	} checks[CTREC_PENDING];
};
_Static_assert(sizeof(struct ctrec_pending) == 8 + 8 * CTREC_PENDING, "pending");

/* A sampled stack. Innermost first; 0 after the last. */
struct ctrec_asker_key {
	__u32 check;
	__u32 pad;
	__u64 frames[CTREC_FRAMES];
};
_Static_assert(sizeof(struct ctrec_asker_key) == 8 + 8 * CTREC_FRAMES, "asker_key");

/* As whom a program runs, after an execve or a capset. */
struct ctrec_identity_key {
	__u32 slot;
	__u8 cause;
	__u8 holder; /* enum ctrec_space */
	__u8 root;
	__u8 set_user_id;
	__u32 user; /* effective, as the initial user namespace numbers it */
	__u32 pad;
	__u64 before; /* permitted set before a capset, as the execve or capset before that left it */
	__u64 permitted;
	__u64 ambient;
	__u64 bounding;
};
_Static_assert(sizeof(struct ctrec_identity_key) == 48, "identity_key");

struct ctrec_argument_key {
	__u32 slot;
	__s32 number;
	__u32 index;
	__u32 pad;
	__u64 value;
};
_Static_assert(sizeof(struct ctrec_argument_key) == 24, "argument_key");

/* Which arguments of a call are kept. */
enum ctrec_kept {
	CTREC_KEPT_FIRST = 1,
	CTREC_KEPT_SECOND = 2,
	CTREC_KEPT_THIRD = 4,
	CTREC_KEPT_WHOLE = 8, /* all 64 bits of it; else the low half */
};

/* Values that the arguments of a call had together; 0 where an argument is not kept. */
struct ctrec_values_key {
	__u32 slot;
	__s32 number;
	__u64 arguments[3];
};
_Static_assert(sizeof(struct ctrec_values_key) == 32, "values_key");

/* What came of the calls with these values: each is 1 once there was one. */
struct ctrec_values {
	__u32 succeeded;
	__u32 failed;
};
_Static_assert(sizeof(struct ctrec_values) == 8, "values");

struct ctrec_values_owner {
	__u32 slot;
	__s32 number;
};
_Static_assert(sizeof(struct ctrec_values_owner) == 8, "values_owner");

struct ctrec_values_count {
	__u32 kept;
	__u32 many; /* 1: there were more, which are not kept */
};
_Static_assert(sizeof(struct ctrec_values_count) == 8, "values_count");

/* An execution: `parent` called execve and became `program`. */
struct ctrec_start_key {
	__u32 container;
	__u32 parent;
	__u32 program;
	__u8 origin;
	__u8 phase;
	__u8 pad[2];
};
_Static_assert(sizeof(struct ctrec_start_key) == 16, "start_key");

/* A followed thread, by thread id. */
struct ctrec_task {
	__u32 container;
	__u32 program;
	__u32 slot; /* for the native ABI; 0: none could be had */
	__s32 exec_number; /* the call that is executing a program, -1: none */
	__u8 origin;
	__u8 phase;
	__u8 exec_abi;
	__u8 handlers; /* signal handlers that it is in: each ends with rt_sigreturn, or is left by a jump */
	__u32 runtime_mounts; /* mount namespace of the task that put it into the container */
	__u64 runtime_root; /* address of the dentry of that task's root directory, only compared; 0: not seen */
	__u8 returning; /* enum ctrec_returning; 0: from nothing that was not its own call */
	__u8 adopted; /* it was found in the midst of a call, whose beginning was not seen */
	__u8 settled; /* of two programs on a hook, the first has done what there is to do */
	__u8 pad;
	__u32 user_space; /* user namespace that its container's workload was started in; 0: not yet */
	__u64 permitted; /* permitted set as its last execve or capset left it */
};
_Static_assert(sizeof(struct ctrec_task) == 48, "task");

/* A cgroup in one hierarchy: id is that of its kernfs node, equal to the inode of its folder. */
struct ctrec_cgroup_key {
	__u64 id;
	__u32 hierarchy;
	__u32 pad;
};
_Static_assert(sizeof(struct ctrec_cgroup_key) == 16, "cgroup_key");

struct ctrec_container {
	__u64 started_ns; /* bpf_ktime_get_ns() when its first task came; 0: none yet */
	__u64 runtime_inode; /* executable of its first task: the runtime */
	__u32 runtime_device;
	__u32 init_tid;
	__s64 tasks; /* threads alive */
	__u64 ended_ns; /* when `tasks` last fell to 0 */
	__u32 user_space; /* inode of the user namespace that its workload was started in; 0: not yet */
	/* Of the network namespace that its workload was started in; valid if has_network. */
	__u32 port_start; /* net.ipv4.ip_unprivileged_port_start */
	__u32 ping_groups[2]; /* net.ipv4.ping_group_range, as the initial user namespace numbers them */
	__u32 has_network;
	__u32 pad;
};
_Static_assert(sizeof(struct ctrec_container) == 64, "container");

struct ctrec_program_key {
	__u64 inode;
	__u32 device;
	__u32 container;
};
_Static_assert(sizeof(struct ctrec_program_key) == 16, "program_key");

/* Path of a program as the container sees it, last component first: "nginx\0sbin\0usr\0". */
struct ctrec_path {
	__u64 inode;
	__u32 device;
	__u32 container;
	__u32 length_bytes;
	__u32 truncated;
	__u8 components[CTREC_PATH];
};
_Static_assert(sizeof(struct ctrec_path) == 24 + CTREC_PATH, "path");

struct ctrec_loss_key {
	__u32 loss; /* enum ctrec_loss */
	__u32 container; /* 0: not known */
};
_Static_assert(sizeof(struct ctrec_loss_key) == 8, "loss_key");

enum ctrec_event_kind {
	CTREC_EVENT_CGROUP = 1, /* a cgroup that may become a container was made */
	CTREC_EVENT_JOINED, /* a task entered a container from outside */
	CTREC_EVENT_SLOT, /* a slot was claimed: it wants cells */
	CTREC_EVENT_EMPTY, /* the last task of a container ended */
	CTREC_EVENT_PROGRAM, /* the workload executed a file not seen before: its file capabilities are to be read */
};

/*
 * Everything that goes through the ring buffer. Losing one delays or coarsens, it never loses a count. This is all there
 * is of SLOT and EMPTY; CGROUP is a ctrec_place, JOINED a ctrec_arrival.
 */
struct ctrec_event {
	__u64 time_ns;
	__u32 kind;
	__u32 container;
	__u32 slot;
	struct ctrec_slot_key key;
};
_Static_assert(sizeof(struct ctrec_event) == 32, "event");

/* A cgroup, by name. */
struct ctrec_place {
	struct ctrec_event event;
	struct ctrec_cgroup_key cgroup;
	__u32 pad;
	__u32 path_bytes; /* without the terminating 0 */
	__u8 path[CTREC_PATH]; /* inside its hierarchy */
};
_Static_assert(sizeof(struct ctrec_place) == 56 + CTREC_PATH, "place");

/*
 * A task that entered a container, and the task that put it there: the runtime, or systemd where that manages cgroups.
 * What the runtime was asked to do is read here, for it may be gone when user space comes to look.
 */
struct ctrec_arrival {
	struct ctrec_place place;
	__u32 pid; /* process that entered, in the host's pid namespace */
	__u32 parent_pid;
	__u32 threads; /* of the process that entered */
	__u32 arguments_bytes; /* all there are; more than fit: what does not fit is not here */
	__u32 folder_bytes;
	__u32 folder_truncated;
	__u8 program[CTREC_COMM]; /* file name of what the task that entered runs */
	__u8 arguments[CTREC_ARGUMENTS]; /* of the process that put it there: "runc\0create\0..." */
	__u8 folder[CTREC_PATH]; /* its working directory, last component first, as in ctrec_path */
};
_Static_assert(sizeof(struct ctrec_arrival) == 96 + 2 * CTREC_PATH + CTREC_ARGUMENTS, "arrival");

/* A program that was executed for the first time. */
struct ctrec_new_program {
	struct ctrec_event event;
	__u32 program;
	__u32 pid;
};
_Static_assert(sizeof(struct ctrec_new_program) == 40, "new_program");

/* A call that a task was blocked in when the recording ended. */
struct ctrec_unfinished {
	__u32 slot;
	__s32 number;
};
_Static_assert(sizeof(struct ctrec_unfinished) == 8, "unfinished");

/* A pair of clocks read together, to turn jiffies into nanoseconds. */
struct ctrec_clock {
	__u64 jiffies;
	__u64 time_ns;
};
_Static_assert(sizeof(struct ctrec_clock) == 16, "clock");

/* Slots, the last of them not included. */
struct ctrec_range {
	__u32 first;
	__u32 end;
};
_Static_assert(sizeof(struct ctrec_range) == 8, "range");

/* Set between open and load, so that the verifier prunes what is off. */
struct ctrec_config {
	__u32 cpus; /* possible CPUs */
	__u8 discover; /* follow cgroups that appear outside of known containers */
	__u8 prepare_exec; /* sched_prepare_exec is attached (Linux 6.10+): exec's number and ABI are exact */
	__u8 entries; /* sys_enter is attached: a call that has no entry was answered by a filter */
	__u8 hold; /* programs turn preemption off (Linux 6.10+) */
	__u8 twice; /* hooks of lives have a second program each */
	__u8 pad[3];
};
_Static_assert(sizeof(struct ctrec_config) == 12, "config");

#endif
