// SPDX-License-Identifier: Apache-2.0 OR MIT
// Users, groups, capability sets, and what a file brings with it when it is executed.

#define _GNU_SOURCE
#include "asks.h"

#include <grp.h>
#include <linux/capability.h>
#include <linux/securebits.h>
#include <signal.h>
#include <stdint.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

struct sets {
	uint64_t effective, permitted, inheritable;
};

static struct sets sets_now(void)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[2];

	prepared(syscall(SYS_capget, &header, data), "capget");
	return (struct sets){
		.effective = data[0].effective | (uint64_t)data[1].effective << 32,
		.permitted = data[0].permitted | (uint64_t)data[1].permitted << 32,
		.inheritable = data[0].inheritable | (uint64_t)data[1].inheritable << 32,
	};
}

static int set_sets(struct sets sets)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[2] = {
		{ sets.effective, sets.permitted, sets.inheritable },
		{ sets.effective >> 32, sets.permitted >> 32, sets.inheritable >> 32 },
	};

	return outcome(syscall(SYS_capset, &header, data));
}

static int kill_other(const struct given *given)
{
	return outcome(kill(given->other, 0));
}

static int become_user(const struct given *given)
{
	(void)given;
	return outcome(setuid(SOMEBODY));
}

/* What the process is already: the kernel asks all the same. */
static int stay_user(const struct given *given)
{
	(void)given;
	return outcome(setuid(0));
}

static int become_group(const struct given *given)
{
	(void)given;
	return outcome(setgid(SOMEBODY));
}

static int stay_group(const struct given *given)
{
	(void)given;
	return outcome(setgid(0));
}

static int set_groups(const struct given *given)
{
	(void)given;
	gid_t groups[] = { SOMEBODY, SOMEBODY_ELSE };

	return outcome(setgroups(2, groups));
}

/* Comes back to root after it has left it for good. */
static int come_back(const struct given *given)
{
	(void)given;
	prepared(setresuid(SOMEBODY, SOMEBODY, SOMEBODY), "setresuid");
	return outcome(setuid(0));
}

/* Sets what is set: capset asks every time. */
static int keep_sets(const struct given *given)
{
	(void)given;
	return set_sets(sets_now());
}

/* Makes inheritable what is no longer permitted, only bounding. */
static int inherit_more(const struct given *given)
{
	(void)given;
	struct sets sets = sets_now();

	sets.permitted &= ~(1ULL << CAP_MKNOD);
	sets.effective &= sets.permitted;
	prepared(-set_sets(sets), "capset");
	sets.inheritable |= 1ULL << CAP_MKNOD;
	return set_sets(sets);
}

static int drop_bounding(const struct given *given)
{
	(void)given;
	return outcome(prctl(PR_CAPBSET_DROP, CAP_MKNOD, 0, 0, 0));
}

static int secure_bits(const struct given *given)
{
	(void)given;
	return outcome(prctl(PR_SET_SECUREBITS, SECBIT_NO_SETUID_FIXUP, 0, 0, 0));
}

/* Keeps a list of its own and nothing else. */
static int keep_list(const struct given *given)
{
	(void)given;
	uint64_t list = 1ULL << CAP_CHOWN | 1ULL << CAP_SYS_CHROOT;

	return set_sets((struct sets){ .effective = list, .permitted = list });
}

/* Gives up one and keeps the rest. */
static int drop_one(const struct given *given)
{
	(void)given;
	struct sets sets = sets_now();

	sets.permitted &= ~(1ULL << CAP_MKNOD);
	sets.effective &= sets.permitted;
	return set_sets(sets);
}

/* Hands a capability on to what it executes as another user. */
static int raise_ambient(const struct given *given)
{
	(void)given;
	struct sets sets = sets_now();

	prepared(prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0), "PR_SET_KEEPCAPS");
	prepared(setresuid(SOMEBODY, SOMEBODY, SOMEBODY), "setresuid");
	sets.inheritable |= 1ULL << CAP_SYS_CHROOT;
	sets.effective = sets.permitted;
	prepared(-set_sets(sets), "capset");
	prepared(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_SYS_CHROOT, 0, 0), "PR_CAP_AMBIENT_RAISE");
	return outcome(execl("/rows/has_ambient", "has_ambient", NULL));
}

/* Executed by somebody else than this program's owner, or with capabilities from its file: does nothing with them. */
static int idle(const struct given *given)
{
	(void)given;
	return 0;
}

/* Executes a file whose capabilities are more than the bounding set has. */
static int exec_file_cap(const struct given *given)
{
	(void)given;
	int status;
	pid_t child = fork();

	prepared(child, "fork");
	if (child == 0) {
		execl("/rows/has_file_cap", "has_file_cap", NULL);
		_exit(errno);
	}
	prepared(waitpid(child, &status, 0), "waitpid");
	return WIFEXITED(status) ? WEXITSTATUS(status) : EINTR;
}

const struct row identity_rows[] = {
	{ "kill_other", kill_other },
	{ "become_user", become_user },
	{ "stay_user", stay_user },
	{ "become_group", become_group },
	{ "stay_group", stay_group },
	{ "set_groups", set_groups },
	{ "come_back", come_back },
	{ "keep_sets", keep_sets },
	{ "inherit_more", inherit_more },
	{ "drop_bounding", drop_bounding },
	{ "secure_bits", secure_bits },
	{ "keep_list", keep_list },
	{ "drop_one", drop_one },
	{ "raise_ambient", raise_ambient },
	{ "exec_file_cap", exec_file_cap },
	/* executed by raise_ambient; with capabilities from its file; with the set-user-id bit */
	{ "has_ambient", idle },
	{ "has_file_cap", idle },
	{ "set_user", idle },
	{},
};
