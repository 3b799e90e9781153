/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Programs: which executable a task runs, what it is called inside the container, and whether it is a runtime. */
#ifndef CTREC_PROGRAMS_BPF_H
#define CTREC_PROGRAMS_BPF_H

#define NAME_BYTES 256 /* NAME_MAX and the terminating 0 */

/*
 * Writes a path up to the task's root into the scratch area, last component first. No helper does this in a tracepoint:
 * bpf_d_path is for a short list of fentry hooks. Returns whether kernel memory could not be read: the caller counts
 * that, for each call from here deepens the stack.
 */
__noinline int read_path(__u64 path_address, __u64 fs_address)
{
	struct path *from = (void *)path_address;
	struct fs_struct *fs = (void *)fs_address;
	struct dentry *dentry = BPF_CORE_READ(from, dentry), *root = BPF_CORE_READ(fs, root.dentry);
	struct vfsmount *mnt = BPF_CORE_READ(from, mnt), *root_mnt = BPF_CORE_READ(fs, root.mnt);
	__u32 zero = 0;
	struct ctrec_path *path = bpf_map_lookup_elem(&path_scratch, &zero);
	/* Kept in memory, where the verifier does not follow it: it would look at each turn for each length. */
	volatile __u32 *length;

	if (!path)
		return 0;
	length = &path->length_bytes;
	path->truncated = 0;
	*length = 0;
	for (int depth = 0; depth < CTREC_DEPTH; depth++) {
		struct dentry *parent;
		long added;
		__u32 offset;

		if (dentry == root && mnt == root_mnt)
			return 0;
		if (dentry == BPF_CORE_READ(mnt, mnt_root)) {
			struct mount *mount = (void *)mnt - bpf_core_field_offset(struct mount, mnt);
			struct mount *above = BPF_CORE_READ(mount, mnt_parent);

			if (above == mount) {
				/*
				 * Outside of the task's root. A file that is a mount of its own, as runc mounts itself
				 * before it enters a container, has no other name than this.
				 */
				if (!*length) {
					added = bpf_probe_read_kernel_str(path->components, NAME_BYTES,
									  BPF_CORE_READ(dentry, d_name.name));
					*length = added > 0 ? added : 0;
				}
				return 0;
			}
			dentry = BPF_CORE_READ(mount, mnt_mountpoint);
			mnt = (void *)above + bpf_core_field_offset(struct mount, mnt);
			continue;
		}
		offset = *length;
		if (offset > CTREC_PATH - NAME_BYTES)
			break;
		barrier_var(offset);
		if (offset > CTREC_PATH - NAME_BYTES)
			break;
		added = bpf_probe_read_kernel_str(&path->components[offset], NAME_BYTES,
						  BPF_CORE_READ(dentry, d_name.name));
		if (added < 0) {
			path->truncated = 1;
			return 1;
		}
		*length = offset + added;
		parent = BPF_CORE_READ(dentry, d_parent);
		if (parent == dentry)
			return 0; /* a memfd: a file without a folder */
		dentry = parent;
	}
	path->truncated = 1;
	return 0;
}

/* __builtin_memcmp becomes a call for some lengths, and there is nothing to call. */
static __always_inline bool starts_with(const __u8 *text, const char *word, int bytes)
{
	bool same = true;

	for (int i = 0; i < bytes; i++)
		same &= text[i] == (__u8)word[i];
	return same;
}

#define STARTS_WITH(text, word) starts_with(text, word, sizeof(word) - 1)
#define IS(text, word) starts_with(text, word, sizeof(word))

/*
 * What a runtime executes in its own root before it enters the container's: itself again, and the helpers that write a
 * user namespace's id maps for one without privileges.
 */
static __always_inline bool is_runtime_name(const __u8 *name)
{
	return IS(name, "runc") || IS(name, "crun") || IS(name, "youki") || IS(name, "newuidmap") ||
	       IS(name, "newgidmap");
}

struct executable {
	__u64 inode;
	__u32 device;
	__u32 program; /* 0: could not be kept */
	__u8 name[CTREC_COMM];
	bool is_new; /* not seen in this container before */
	bool runtime; /* by its name */
	bool memfd; /* a file without a folder: a sealed copy of a runtime, or the tiny helper of runc 1.2 */
};

/* What `find_program` found. One a CPU, used with preemption off. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct executable);
} executables SEC(".maps");

static __always_inline struct file *executable_of(struct task_struct *task)
{
	return BPF_CORE_READ(task, mm, exe_file);
}

__noinline int find_program(__u64 address, __u32 container)
{
	struct task_struct *task = (void *)address;
	struct ctrec_program_key key = { .container = container };
	struct ctrec_path *path;
	struct dentry *dentry;
	struct file *file;
	__u32 zero = 0, *known, program;
	struct executable *out = bpf_map_lookup_elem(&executables, &zero);

	if (!out)
		return 0;
	__builtin_memset(out, 0, sizeof(*out));
	file = executable_of(task);
	if (!file)
		return 0; /* a kernel thread */
	key.inode = BPF_CORE_READ(file, f_inode, i_ino);
	key.device = BPF_CORE_READ(file, f_inode, i_sb, s_dev);
	out->inode = key.inode;
	out->device = key.device;
	dentry = BPF_CORE_READ(file, f_path.dentry);
	bpf_probe_read_kernel_str(out->name, sizeof(out->name), BPF_CORE_READ(dentry, d_name.name));
	out->runtime = is_runtime_name(out->name);
	out->memfd = dentry == BPF_CORE_READ(dentry, d_parent) && STARTS_WITH(out->name, "memfd:");
	known = bpf_map_lookup_elem(&programs, &key);
	if (known) {
		out->program = *known;
		return 0;
	}
	program = next_number(NUMBERED_PROGRAM, &last_program);
	path = bpf_map_lookup_elem(&path_scratch, &zero);
	if (path) {
		path->inode = key.inode;
		path->device = key.device;
		path->container = container;
		if (read_path((__u64)&file->f_path, (__u64)BPF_CORE_READ(task, fs)))
			lose(CTREC_LOSS_READ_FAULT, container);
		if (bpf_map_update_elem(&paths, &program, path, BPF_NOEXIST))
			lose(CTREC_LOSS_PROGRAMS_FULL, container);
	}
	if (bpf_map_update_elem(&programs, &key, &program, BPF_NOEXIST)) {
		known = bpf_map_lookup_elem(&programs, &key);
		bpf_map_delete_elem(&paths, &program);
		if (!known) {
			lose(CTREC_LOSS_PROGRAMS_FULL, container);
			return 0;
		}
		out->program = *known;
		return 0;
	}
	out->program = program;
	out->is_new = true;
	return 0;
}

/* NULL never, but for the verifier. */
static __always_inline struct executable *find_executable(__u64 address, __u32 container)
{
	__u32 zero = 0;

	find_program(address, container);
	return bpf_map_lookup_elem(&executables, &zero);
}

#endif
