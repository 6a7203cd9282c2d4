// SPDX-License-Identifier: MIT
//
// Waiting for children: wait4(2), waitid(2), and what their callers and exit share: whom a state
// change is reported to and how resource usage adds up.
#pragma once

#include "core/ref.h"
#include "core/result.h"
#include "syscall/abi.h"
#include "task/signal_state.h"

namespace tine {

enum WaitOptions : int {  // wait4(2), waitid(2)
  kWaitNoHang = 1,
  kWaitUntraced = 2,
  kWaitStopped = 2,
  kWaitExited = 4,
  kWaitContinued = 8,
  kWaitNoWait = 0x0100'0000,
  kWaitNoThread = 0x2000'0000,
  kWaitAll = 0x4000'0000,
  kWaitClone = static_cast<int>(0x8000'0000),
};
enum class WaitWhich : uint8_t { any, process, group };

struct WaitRequest {
  WaitWhich which = WaitWhich::any;
  Ref<Pid> pid;  // the process or group waited for
  int options = 0;
};
struct WaitOutcome {
  int pid = 0;  // 0: kWaitNoHang and nothing to report
  uint32_t uid = 0;
  int status = 0;                 // as wait(2) encodes it
  int code = 0, info_status = 0;  // as siginfo tells it
  CpuUsage usage;
};
// ECHILD: nothing to wait for; restart_sys: a signal came first.
Result<WaitOutcome> do_wait(const WaitRequest& request);

// The wait status (wait(2)) of a process that has ended, and the same as siginfo tells it.
int exit_status_of(const Task& leader);
constexpr int si_code_of_status(int status) {
  return (status & 0x80)   ? signal::kCldDumped
         : (status & 0x7f) ? signal::kCldKilled
                           : signal::kCldExited;
}
constexpr int si_status_of(int status) {
  return (status & 0x7f) ? status & 0x7f : status >> 8 & 0xff;
}

// Of a whole process: its gone threads and its living ones. Caller holds a reference.
// The memory that `task` is about to leave has had so much at its most: for its process.
void note_peak_rss(Task& task);
CpuUsage usage_of_process(Task& task) REQUIRES(task_tree_lock);
CpuUsage usage_of_thread(const Task& task);
abi::Rusage to_rusage(const CpuUsage& usage);

}  // namespace tine
