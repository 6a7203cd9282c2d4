// SPDX-License-Identifier: MIT
//
// SignalState: what the threads of one process share (Linux: signal_struct): the list of threads,
// shared pending signals, limits, timers, children's accounting, terminal and job control.
// Guarded by sighand's lock unless said otherwise. Each thread holds a reference.
#pragma once

#include "core/list.h"
#include "core/ref.h"
#include "sched/timer.h"
#include "sync/hint.h"
#include "sync/wait_queue.h"
#include "task/signal/signal.h"
#include "task/task.h"
#include "task/work_queue.h"

namespace tine {

class ForkUnderWay;
namespace tty {
class Terminal;  // fs/tty/: a tty; opaque here
}

struct ResourceLimit {
  uint64_t soft = ~0ull;
  uint64_t hard = ~0ull;
};
// One that others read without the lock, which its writers hold: task_tree_lock.
struct SharedLimit {
  Hint<uint64_t> soft = ~0ull, hard = ~0ull;

  SharedLimit() = default;
  SharedLimit& operator=(const ResourceLimit& limit) {
    soft = limit.soft, hard = limit.hard;
    return *this;
  }
  SharedLimit& operator=(const SharedLimit& other) { return *this = ResourceLimit(other); }
  operator ResourceLimit() const { return {.soft = soft, .hard = hard}; }
};
enum Resource : unsigned {  // getrlimit(2)
  kLimitCpu,
  kLimitFsize,
  kLimitData,
  kLimitStack,
  kLimitCore,
  kLimitRss,
  kLimitNproc,
  kLimitNofile,
  kLimitMemlock,
  kLimitAs,
  kLimitLocks,
  kLimitSigpending,
  kLimitMsgqueue,
  kLimitNice,
  kLimitRtprio,
  kLimitRttime,
  kLimitCount,
};

struct CpuUsage {  // of threads that have gone, or of children waited for
  Nanoseconds user_time = 0, system_time = 0;
  uint64_t minor_faults = 0, major_faults = 0, voluntary_switches = 0, involuntary_switches = 0;
  uint64_t max_rss_pages = 0;
  void add(const CpuUsage& other);  // rss: the larger of both
};

// What all threads of a process have to know, and are told a few at a time
// (task/signal/announce.cpp).
struct Announcement : Work {
  Announcement();
  Task* next_to_tell = nullptr;  // in `threads`, as they are guarded; null: all know
};

struct SignalState : RefCounted<SignalState>, GroupMember, Announcement {
  static constexpr const char* kCacheName = "signal_struct";
  SignalState();
  ~SignalState();

  List<Task, &Task::thread_node> threads;  // leader first; task_tree_lock and sighand's lock
  std::atomic<int> live_threads{1};        // that have not begun to exit
  Hint<int> thread_count = 1;              // in `threads`, guarded as it is
  signal::PendingSignals shared_pending;
  signal::SigSet sent_to_threads = 0;  // what may be pending for a single one; guarded likewise
  ForkUnderWay* forks_under_way = nullptr;  // task/clone/fork_under_way.h
  int group_exit_code = 0;
  Hint<bool> group_exiting = false;       // exit_group or a fatal signal; for the tick a hint
  Hint<Task*> group_exec_task = nullptr;  // the thread that is to survive an exec; likewise
  int exec_waits_for = 0;                 // threads that must go before it goes on
  Hint<uint32_t> stop_number = 1;  // of the stop under way, or the next; cancelling one counts on
  int group_stop_count = 0;        // threads that have yet to stop
  int group_stop_signal = 0;
  Hint<bool> group_stopped = false;  // orphaned groups are judged without the lock
  bool continued_unreported = false,
       stopped_unreported = false;  // for wait4 (WCONTINUED, WUNTRACED)
  uint32_t children_adopted = 0;    // counts on when its threads inherit some; task_tree_lock
  WaitQueue child_exit;             // wait4: woken by children's state changes
  Ref<Pid> process_group, session;  // guarded by task_tree_lock
  Hint<bool> is_session_leader = false;
  Ref<tty::Terminal> terminal;  // controlling tty, inherited; task_tree_lock
  SharedLimit limits[kLimitCount];
  CpuUsage dead_threads, children_usage;
  Hint<uint64_t> left_rss_pages;    // most that a memory it has left held; written under sighand
  Hint<bool> is_child_subreaper = false;  // prctl(2)
  bool is_unkillable = false;             // PID 1: signals without handler do nothing
  Hint<int> oom_score_adj = 0, oom_score_adj_min = 0;
  struct IntervalTimers* interval_timers =
      nullptr;  // setitimer and timer_create; made on first use

  // The first thread's task stays in the list until the process is released.
  Task& leader() { return threads.front(); }
};

// The thread is to die with its process, or for another's exec. It may not have been told yet.
inline bool is_doomed(const Task& task) {
  const SignalState& process = *task.signal;
  const Task* survivor = process.group_exec_task;
  return process.group_exiting || (survivor != nullptr && survivor != &task);
}
// A stop is under way that the thread has yet to take part in.
inline bool is_stop_due(const Task& task) { return task.due_stop == task.signal->stop_number; }

// The limit of the running task's process, in the unit of setrlimit(2).
uint64_t soft_limit(Resource resource);
ResourceLimit resource_limit(const Task& task, Resource resource);

}  // namespace tine
