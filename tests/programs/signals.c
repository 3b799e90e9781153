// SPDX-License-Identifier: Apache-2.0 OR MIT
// Is interrupted TIMES times by a signal while it makes calls that fail with ENOSYS, then makes call -1 TIMES times, then
// has fork (where there is none: clone) and execveat answered with errno 0, TIMES times each, by a filter of its own.
// Before that, once: a handler is interrupted by another one, in which two children are born, one that returns from both
// and one that executes this program anew; and a child is stopped and goes on. Each of these children makes call -1 once.
//
// usage: signals [TIMES]

#define _GNU_SOURCE
#include <linux/sched.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#ifdef SYS_fork
#define FORK SYS_fork
#else
#define FORK SYS_clone
#endif

static volatile sig_atomic_t handled;

static void handle(int number)
{
	(void)number;
	handled++;
}

static pid_t first_process;

static int is_over(pid_t child)
{
	int status;

	return child > 0 && waitpid(child, &status, 0) == child && status == 0;
}

/* Neither fork nor, where there is none, clone, which are counted. */
static pid_t give_birth(void)
{
	struct clone_args arguments = { .exit_signal = SIGCHLD };

	return syscall(SYS_clone3, &arguments, sizeof(arguments));
}

static void handle_inner(int number)
{
	static char *once[] = { "signals", NULL }, *nothing[] = { NULL };
	pid_t child = give_birth();

	(void)number;
	if (child == 0) {
		execve("/proc/self/exe", once, nothing);
		_exit(6);
	}
	if (!is_over(child))
		_exit(7);
	child = give_birth();
	if (child && !is_over(child))
		_exit(8);
}

static void handle_outer(int number)
{
	(void)number;
	raise(SIGUSR2);
}

static int interrupt_a_handler(void)
{
	struct sigaction outer = { .sa_handler = handle_outer }, inner = { .sa_handler = handle_inner };

	first_process = getpid();
	if (sigaction(SIGUSR1, &outer, 0) || sigaction(SIGUSR2, &inner, 0) || raise(SIGUSR1))
		return 0;
	if (getpid() == first_process)
		return 1;
	syscall(-1);
	_exit(0);
}

/* A stop is delivered as a signal is, but there is no handler to return from. */
static int stop_once(void)
{
	pid_t child = give_birth();
	int status;

	if (child == 0) {
		kill(getpid(), SIGSTOP);
		syscall(-1);
		_exit(0);
	}
	if (child < 0 || waitpid(child, &status, WUNTRACED) != child || !WIFSTOPPED(status) || kill(child, SIGCONT))
		return 0;
	return is_over(child);
}

/* The handler re-arms nothing: each signal is asked for, so that there are as many as wanted. */
static int interrupt_one(void)
{
	struct itimerval soon = { .it_value = { .tv_usec = 200 } };
	long before = handled;

	if (setitimer(ITIMER_REAL, &soon, 0))
		return 0;
	while (handled == before)
		syscall(600);
	return 1;
}

static int answer_with_nothing(void)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, FORK, 1, 0),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_execveat, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = { .len = sizeof(code) / sizeof(code[0]), .filter = code };

	return !prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) && !prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program);
}

int main(int argc, char **argv)
{
	long times = argc == 2 ? atol(argv[1]) : 0;
	struct sigaction action = { .sa_handler = handle };

	if (argc == 1)
		return syscall(-1) != -1;
	if (times < 1 || sigaction(SIGALRM, &action, 0))
		return 2;
	if (!interrupt_a_handler() || !stop_once())
		return 9;
	for (long i = 0; i < times; i++)
		if (!interrupt_one())
			return 3;
	for (long i = 0; i < times; i++)
		syscall(-1);
	if (!answer_with_nothing())
		return 4;
	for (long i = 0; i < times; i++)
		if (syscall(FORK, 0, 0, 0, 0, 0) || syscall(SYS_execveat, -1, 0, 0, 0, 0))
			return 5;
	return 0;
}
