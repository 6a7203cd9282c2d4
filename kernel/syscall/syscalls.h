// SPDX-License-Identifier: MIT
//
// Prototypes of all system calls, sorted by family: one block for each file of syscall/. Arguments
// have the types of the C prototypes, with user pointers as UserIn/UserOut/UserString/UserAddr;
// `int` where the kernel reads 32 bits. A call that is declared here and defined in its family's
// file becomes callable by its line in syscalls.inc.
#pragma once

#include "mm/user_memory.h"
#include "syscall/abi.h"
#include "syscall/file_syscalls.h"
#include "task/signal/signal.h"

namespace tine {

// clone.cpp
SyscallResult sys_fork();
SyscallResult sys_vfork();
SyscallResult sys_clone(uint64_t flags, UserAddr stack, UserAddr parent_tid, UserAddr child_tid,
                        UserAddr tls);
SyscallResult sys_clone3(UserAddr arguments, uint64_t size);

// exec.cpp
SyscallResult sys_execve(UserString path, UserAddr argv, UserAddr envp);
SyscallResult sys_execveat(int directory_fd, UserString path, UserAddr argv, UserAddr envp,
                           int flags);

// process.cpp
SyscallResult sys_exit(int code);
SyscallResult sys_exit_group(int code);
SyscallResult sys_wait4(int pid, UserOut<int> status, int options, UserOut<abi::Rusage> usage);
SyscallResult sys_waitid(int which, int id, UserOut<signal::SigInfo> info, int options,
                         UserOut<abi::Rusage> usage);
SyscallResult sys_getpid();
SyscallResult sys_gettid();
SyscallResult sys_getppid();
SyscallResult sys_setpgid(int pid, int group);
SyscallResult sys_getpgid(int pid);
SyscallResult sys_getpgrp();
SyscallResult sys_setsid();
SyscallResult sys_getsid(int pid);
SyscallResult sys_set_tid_address(UserAddr address);
SyscallResult sys_pidfd_open(int pid, uint32_t flags);

// signal.cpp
SyscallResult sys_rt_sigaction(int number, UserIn<signal::SigAction> action,
                               UserOut<signal::SigAction> old_action, uint64_t set_size);
SyscallResult sys_rt_sigprocmask(int how, UserIn<signal::SigSet> set,
                                 UserOut<signal::SigSet> old_set, uint64_t set_size);
SyscallResult sys_rt_sigreturn();
SyscallResult sys_rt_sigpending(UserOut<signal::SigSet> set, uint64_t set_size);
SyscallResult sys_rt_sigtimedwait(UserIn<signal::SigSet> set, UserOut<signal::SigInfo> info,
                                  UserIn<abi::Timespec> timeout, uint64_t set_size);
SyscallResult sys_rt_sigsuspend(UserIn<signal::SigSet> mask, uint64_t set_size);
SyscallResult sys_rt_sigqueueinfo(int pid, int number, UserIn<signal::SigInfo> info);
SyscallResult sys_rt_tgsigqueueinfo(int pid, int tid, int number, UserIn<signal::SigInfo> info);
SyscallResult sys_sigaltstack(UserIn<signal::AltStack> stack, UserOut<signal::AltStack> old_stack);
SyscallResult sys_kill(int pid, int number);
SyscallResult sys_tkill(int tid, int number);
SyscallResult sys_tgkill(int pid, int tid, int number);
SyscallResult sys_pidfd_send_signal(int fd, int number, UserIn<signal::SigInfo> info,
                                    uint32_t flags);
SyscallResult sys_pause();
SyscallResult sys_restart_syscall();

// cred.cpp
SyscallResult sys_getuid();
SyscallResult sys_geteuid();
SyscallResult sys_getgid();
SyscallResult sys_getegid();
SyscallResult sys_setuid(uint32_t uid);
SyscallResult sys_setgid(uint32_t gid);
SyscallResult sys_setreuid(uint32_t ruid, uint32_t euid);
SyscallResult sys_setregid(uint32_t rgid, uint32_t egid);
SyscallResult sys_setresuid(uint32_t ruid, uint32_t euid, uint32_t suid);
SyscallResult sys_setresgid(uint32_t rgid, uint32_t egid, uint32_t sgid);
SyscallResult sys_getresuid(UserOut<uint32_t> ruid, UserOut<uint32_t> euid, UserOut<uint32_t> suid);
SyscallResult sys_getresgid(UserOut<uint32_t> rgid, UserOut<uint32_t> egid, UserOut<uint32_t> sgid);
SyscallResult sys_setfsuid(uint32_t uid);
SyscallResult sys_setfsgid(uint32_t gid);
SyscallResult sys_getgroups(int size, UserOut<uint32_t> list);
SyscallResult sys_setgroups(int size, UserIn<uint32_t> list);
SyscallResult sys_capget(UserAddr header, UserOut<abi::CapabilityData> data);
SyscallResult sys_capset(UserAddr header, UserIn<abi::CapabilityData> data);

// prctl.cpp
SyscallResult sys_prctl(int option, uint64_t argument2, uint64_t argument3, uint64_t argument4,
                        uint64_t argument5);
SyscallResult sys_arch_prctl(int code, uint64_t address);
SyscallResult sys_personality(uint32_t persona);

// limits.cpp
SyscallResult sys_prlimit64(int pid, uint32_t resource, UserIn<abi::Rlimit> new_limit,
                            UserOut<abi::Rlimit> old_limit);
SyscallResult sys_getrlimit(uint32_t resource, UserOut<abi::Rlimit> limit);
SyscallResult sys_setrlimit(uint32_t resource, UserIn<abi::Rlimit> limit);
SyscallResult sys_getrusage(int who, UserOut<abi::Rusage> usage);
SyscallResult sys_times(UserOut<abi::Tms> times);

// sched.cpp
SyscallResult sys_sched_yield();
SyscallResult sys_getpriority(int which, int who);
SyscallResult sys_setpriority(int which, int who, int nice);
SyscallResult sys_sched_setscheduler(int pid, int policy, UserIn<int> priority);
SyscallResult sys_sched_getscheduler(int pid);
SyscallResult sys_sched_setparam(int pid, UserIn<int> priority);
SyscallResult sys_sched_getparam(int pid, UserOut<int> priority);
SyscallResult sys_sched_setattr(int pid, UserIn<abi::SchedAttributes> attributes, uint32_t flags);
SyscallResult sys_sched_getattr(int pid, UserOut<abi::SchedAttributes> attributes, uint32_t size,
                                uint32_t flags);
SyscallResult sys_sched_get_priority_max(int policy);
SyscallResult sys_sched_get_priority_min(int policy);
SyscallResult sys_sched_rr_get_interval(int pid, UserOut<abi::Timespec> interval);
SyscallResult sys_sched_setaffinity(int pid, uint32_t length, UserIn<uint64_t> mask);
SyscallResult sys_sched_getaffinity(int pid, uint32_t length, UserOut<uint64_t> mask);
SyscallResult sys_getcpu(UserOut<uint32_t> cpu, UserOut<uint32_t> node, UserAddr unused);

// io_priority.cpp
SyscallResult sys_ioprio_set(int which, int who, int priority);
SyscallResult sys_ioprio_get(int which, int who);

// time.cpp
SyscallResult sys_nanosleep(UserIn<abi::Timespec> request, UserOut<abi::Timespec> remaining);
SyscallResult sys_clock_nanosleep(int clock, int flags, UserIn<abi::Timespec> request,
                                  UserOut<abi::Timespec> remaining);
SyscallResult sys_clock_gettime(int clock, UserOut<abi::Timespec> time);
SyscallResult sys_clock_settime(int clock, UserIn<abi::Timespec> time);
SyscallResult sys_clock_getres(int clock, UserOut<abi::Timespec> resolution);
SyscallResult sys_gettimeofday(UserOut<abi::Timeval> time, UserOut<abi::Timezone> zone);
SyscallResult sys_settimeofday(UserIn<abi::Timeval> time, UserIn<abi::Timezone> zone);
SyscallResult sys_time(UserOut<int64_t> time);

// timer.cpp
SyscallResult sys_getitimer(int which, UserOut<abi::IntervalTimeval> value);
SyscallResult sys_setitimer(int which, UserIn<abi::IntervalTimeval> value,
                            UserOut<abi::IntervalTimeval> old_value);
SyscallResult sys_alarm(uint32_t seconds);
SyscallResult sys_timer_create(int clock, UserIn<abi::SignalEvent> event, UserOut<int> id);
SyscallResult sys_timer_settime(int id, int flags, UserIn<abi::IntervalTimespec> value,
                                UserOut<abi::IntervalTimespec> old_value);
SyscallResult sys_timer_gettime(int id, UserOut<abi::IntervalTimespec> value);
SyscallResult sys_timer_getoverrun(int id);
SyscallResult sys_timer_delete(int id);

// rseq.cpp
SyscallResult sys_rseq(UserAddr area, uint32_t length, int flags, uint32_t signature);
SyscallResult sys_membarrier(int command, uint32_t flags, int cpu);

// futex.cpp
SyscallResult sys_futex(UserAddr word, int operation, uint32_t value, uint64_t timeout_or_value2,
                        UserAddr word2, uint32_t value3);
SyscallResult sys_futex_waitv(UserAddr entries, uint32_t count, uint32_t flags, UserAddr timeout,
                              int clock);
SyscallResult sys_set_robust_list(UserAddr head, uint64_t size);
SyscallResult sys_get_robust_list(int pid, UserOut<uint64_t> head, UserOut<uint64_t> size);

// system.cpp
SyscallResult sys_uname(UserOut<abi::Utsname> name);
SyscallResult sys_sethostname(UserAddr name, int length);
SyscallResult sys_setdomainname(UserAddr name, int length);
SyscallResult sys_sysinfo(UserOut<abi::Sysinfo> info);
SyscallResult sys_reboot(uint32_t magic1, uint32_t magic2, uint32_t command, UserAddr argument);
SyscallResult sys_getrandom(UserAddr buffer, uint64_t length, uint32_t flags);

// memory.cpp
SyscallResult sys_mmap(UserAddr address, uint64_t length, uint64_t protection, uint64_t flags,
                       int fd, uint64_t offset);
SyscallResult sys_munmap(UserAddr address, uint64_t length);
SyscallResult sys_mprotect(UserAddr address, uint64_t length, uint64_t protection);
SyscallResult sys_pkey_mprotect(UserAddr address, uint64_t length, uint64_t protection, int key);
SyscallResult sys_pkey_alloc(uint64_t flags, uint64_t rights);
SyscallResult sys_pkey_free(int key);
SyscallResult sys_remap_file_pages(UserAddr address, uint64_t length, uint64_t protection,
                                   uint64_t object_page, uint64_t map_flags);
SyscallResult sys_process_madvise(int pidfd, UserIn<IoVector> vectors, uint64_t count, int advice,
                                  uint32_t flags);
SyscallResult sys_brk(UserAddr end);
SyscallResult sys_mremap(UserAddr old_address, uint64_t old_length, uint64_t new_length,
                         uint64_t flags, UserAddr new_address);
SyscallResult sys_madvise(UserAddr address, uint64_t length, int advice);
SyscallResult sys_mlock(UserAddr address, uint64_t length);
SyscallResult sys_mlock2(UserAddr address, uint64_t length, uint32_t flags);
SyscallResult sys_munlock(UserAddr address, uint64_t length);
SyscallResult sys_mlockall(int flags);
SyscallResult sys_munlockall();
SyscallResult sys_mincore(UserAddr address, uint64_t length, UserOut<uint8_t> vector);
SyscallResult sys_msync(UserAddr address, uint64_t length, int flags);

// remote_memory.cpp
SyscallResult sys_process_vm_readv(int pid, UserIn<IoVector> local, uint64_t local_count,
                                   UserIn<IoVector> remote, uint64_t remote_count, uint64_t flags);
SyscallResult sys_process_vm_writev(int pid, UserIn<IoVector> local, uint64_t local_count,
                                    UserIn<IoVector> remote, uint64_t remote_count, uint64_t flags);

}  // namespace tine
