// SPDX-License-Identifier: MIT
//
// Task::flags, with the values that field 9 of /proc/PID/stat shows (Linux: PF_*). Written by the
// task itself alone, or while it is being built. Which survive a fork is copy_flags' business
// (B46).
#pragma once

#include <cstdint>

namespace tine {

enum TaskFlags : uint32_t {
  kPfExiting = 0x4,            // in do_exit
  kPfForkNoExec = 0x40,        // forked, has not exec'd since (setpgid)
  kPfSuperPrivileges = 0x100,  // used a privilege
  kPfDumpCore = 0x200,         // died by a signal that dumps core
  kPfSignaled = 0x400,         // died by a signal
  kPfNprocExceeded = 0x1000,   // a set*uid went over RLIMIT_NPROC: execve must check again
  kPfNoFreeze = 0x8000,
  kPfKernelThread = 0x200000,
  kPfRandomize = 0x400000,  // this program's addresses were randomised
};

}  // namespace tine
