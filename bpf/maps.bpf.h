/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Every map: who writes it, who reads it, why its size, what happens when it is full. */
#ifndef CTREC_MAPS_BPF_H
#define CTREC_MAPS_BPF_H

#define MAX_TASKS 262144
#define MAX_CONTAINERS 65536

const volatile struct ctrec_config config = {};

/*
 * Thread -> slot, direct mapped: the whole hot path's lookup is one load. A thread is known by its kernel stack, since
 * the hook hands over the registers saved there; asking for the thread costs a helper call, more than all the rest.
 * Entry: stack number << 32 | slot, with slot 0 for a thread that is not recorded and SLOW for one that the slow path
 * must see; entry 0 for nothing known. Stacks are used again: a thread's entry goes when the thread ends, and is set
 * before it first runs if it is recorded. Written by the kernel side only, except that user space clears it when a
 * process with several threads joins a container.
 */
__u64 threads[CTREC_THREADS];

/*
 * Where a pointer becomes a number, one line a CPU: the verifier allows no arithmetic on a pointer to the registers, and
 * hands none over to a function that it checks by itself.
 */
struct {
	__u64 address;
	__u64 pad[7];
} scratch[CTREC_CPUS];

/* Slot of the same thing under the i386 ABI, by native slot; 0: not asked for yet. Cleared with the slot. */
__u32 compat_slots[CTREC_SLOTS];

/* Losses that `losses` itself had no room for. */
__u64 uncounted_losses;

/*
 * Threads that are in a call, by their kernel stack, where sys_enter is hooked; 0: free. Of two threads whose stacks
 * meet here the later one is in `more_entries`.
 */
__u32 entries[CTREC_THREADS];

/* The check that a thread asked last, by its kernel stack. */
struct ctrec_waiting waiting[CTREC_WAITING];

/* User namespace of a slot's container; 0: not known. */
__u32 slot_spaces[CTREC_SLOTS];

/* Ids for programs and containers; user space numbers those that it enters itself from 2^31. 0 is nobody. */
__u32 last_program;
__u32 last_container;
__u32 last_check;

/* Added to where a write must be seen before a look, by kernels whose only full barrier an addition is. */
__u64 fence;

/* Ids that each CPU gave, where CPUs cannot share a number (kernels.bpf.h). */
enum numbered { NUMBERED_PROGRAM, NUMBERED_CONTAINER, NUMBERED_CHECK, NUMBERED };

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, NUMBERED);
	__type(key, __u32);
	__type(value, __u32);
} numbers SEC(".maps");

/* Who was first, where CPUs cannot decide it among themselves. Needed for a moment: what is old may go. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 1024);
	__type(key, __u64);
	__type(value, __u8);
} claims SEC(".maps");

/* The types of wire.h that no map mentions reach the skeleton through this. */
struct ctrec_wire_types {
	enum ctrec_limits limits;
	enum ctrec_origin origin;
	enum ctrec_phase phase;
	enum ctrec_abi abi;
	enum ctrec_outcome outcome;
	enum ctrec_loss loss;
	enum ctrec_event_kind kind;
	struct ctrec_event event;
	struct ctrec_place place;
	struct ctrec_arrival arrival;
	struct ctrec_cells cells;
	struct ctrec_path path;
	enum ctrec_audit audit;
	enum ctrec_space space;
	enum ctrec_check_flags check_flags;
	enum ctrec_cause cause;
	enum ctrec_kept kept;
	struct ctrec_new_program new_program;
	struct ctrec_unfinished unfinished;
	struct ctrec_clock clock;
};
struct ctrec_wire_types *ctrec_wire_types;

/*
 * Counters: bank of slots -> array of one ctrec_cells per slot and possible CPU. User space makes a bank when the first
 * of its slots appears, so memory is 8 KiB per slot and CPU and next to none for slots that do not exist. Until it is
 * there, calls go to `sparse`.
 */
struct cells_map {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__uint(map_flags, BPF_F_MMAPABLE);
	__type(key, __u32);
	__type(value, struct ctrec_cells);
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);
	__uint(max_entries, CTREC_SLOTS / CTREC_BANK);
	__type(key, __u32);
	__array(values, struct cells_map);
} cells SEC(".maps");

/*
 * Slot indices that are free, filled by user space. Empty: calls of a new slot are a loss. A stack, so that banks which
 * are there are used again before others are made.
 */
struct {
	__uint(type, BPF_MAP_TYPE_STACK);
	__uint(max_entries, CTREC_SLOTS);
	__type(value, __u32);
} free_slots SEC(".maps");

/* Slots by what they are for. Deleted by user space when their container is gone. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, CTREC_SLOTS);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct ctrec_slot_key);
	__type(value, __u32);
} slots SEC(".maps");

/* Exact counts for what has no cell. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 262144);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct ctrec_sparse_key);
	__type(value, struct ctrec_count);
} sparse SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 16384);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct ctrec_argument_key);
	__type(value, __u64);
} arguments SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 65536);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct ctrec_start_key);
	__type(value, __u64);
} starts SEC(".maps");

/* Threads in a call that `entries` had no room for, by kernel stack. As many as there are threads. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, MAX_TASKS);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, __u32);
	__type(value, __u32);
} more_entries SEC(".maps");

/* Kinds of capability checks, and how often each was asked. A program has a few dozen. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 65536);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct ctrec_check_key);
	__type(value, struct ctrec_check);
} checks SEC(".maps");

/* Counts by a check's id, for the first CTREC_CHECKS of a recording. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, CTREC_CHECKS);
	__type(key, __u32);
	__type(value, struct ctrec_check_count);
} check_counts SEC(".maps");

/* How the calls ended that they were asked in, where they did not end as the first one did. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 131072);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct ctrec_check_end);
	__type(value, struct ctrec_count);
} check_ends SEC(".maps");

/* Checks of the calls that threads are in beside those in `waiting`, by thread id; gone with the thread. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, MAX_TASKS);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, __u32);
	__type(value, struct ctrec_pending);
} pending SEC(".maps");

/* Samples of who asked. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 65536);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct ctrec_asker_key);
	__type(value, __u64);
} askers SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 16384);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct ctrec_identity_key);
	__type(value, __u64);
} identities SEC(".maps");

/* What was found out of a thread that nobody told us about. One a CPU, used with preemption off. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct ctrec_task);
} adopted SEC(".maps");

/* Followed threads by thread id; gone with the thread. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, MAX_TASKS);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, __u32);
	__type(value, struct ctrec_task);
} tasks SEC(".maps");

/* Cgroups of containers, in whatever hierarchies they have one. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, MAX_CONTAINERS);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct ctrec_cgroup_key);
	__type(value, __u32);
} cgroups SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, MAX_CONTAINERS);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, __u32);
	__type(value, struct ctrec_container);
} containers SEC(".maps");

/* Program id of an executable in a container. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 65536);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct ctrec_program_key);
	__type(value, __u32);
} programs SEC(".maps");

/* Paths of new programs by program id; user space takes them out. Full: the program stays without a path. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 16384);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, __u32);
	__type(value, struct ctrec_path);
} paths SEC(".maps");

/* A path is built here: it is too large for the stack. One a CPU, used with preemption off. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct ctrec_path);
} path_scratch SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 8192);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct ctrec_loss_key);
	__type(value, __u64);
} losses SEC(".maps");

/*
 * By the sizes of its events, of which a container's start sends a ctrec_place for each hierarchy, a ctrec_arrival and
 * some slots, 4 MiB hold about 700 containers that start while user space sleeps, 250 where each has a cgroup in a dozen
 * v1 hierarchies: reckoned, not measured. What does not fit is a loss of an event, never of a count.
 */
struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 4 << 20);
} events SEC(".maps");

#endif
