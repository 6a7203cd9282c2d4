// SPDX-License-Identifier: MIT
//
// The choice of a victim when memory has run out. It is the process whose memory, page tables
// included, is the most, plus its oom_score_adj in thousandths of all memory; init and processes at
// -1000 are never chosen (D7), nor is the child of a vfork, whose memory is its parent's. All
// processes that run in the victim's memory are killed with it, or it would not come back.
//
// Before that the page tables of those who sleep are given back, as long as there are any.
// The caller then waits a little and tries again. If nothing has died within kPatience, because the
// victim waits for something that the caller holds, another one is chosen. Locks: task_tree_lock
// for one process at a time; the victims are held by references.
#include "task/oom.h"

#include <algorithm>

#include "core/log.h"
#include "mm/frame.h"
#include "sched/timer.h"
#include "task/signal_state.h"
#include "task/sleepers.h"

namespace tine {

namespace {

constexpr Nanoseconds kPause = 1'000'000;
constexpr Nanoseconds kPatience = 1'000'000'000;
constexpr int64_t kNotChosen = INT64_MIN;

constinit std::atomic<Nanoseconds> last_kill{0};

// The memory of a process, which its leader may have left already.
Ref<mm::Mm> memory_of_process(Task& leader) REQUIRES(task_tree_lock) {
  for (Task& thread : leader.signal->threads) {
    if (Ref<mm::Mm> memory = mm_of(thread)) return memory;
  }
  return {};
}

int64_t all_pages() { return static_cast<int64_t>(mm::total_frame_count()); }

bool is_in_vfork(Task& leader) {
  IrqGuard guard(leader.alloc_lock);
  return leader.vfork_done != nullptr;
}

int64_t badness(Task& leader, const mm::Mm& memory) REQUIRES(task_tree_lock) {
  const SignalState& process = *leader.signal;
  if (process.is_unkillable || process.oom_score_adj == kOomNeverKill || is_in_vfork(leader)) {
    return kNotChosen;
  }
  return memory.rss_pages() + static_cast<int64_t>(memory.table_bytes() >> kPageShift) +
         process.oom_score_adj * (all_pages() / 1000);
}

struct Choice {
  Ref<Task> victim;
  Ref<mm::Mm> memory;
  int64_t badness = kNotChosen;
  bool somebody_is_dying = false;
};

Choice choose_victim() {
  Choice choice;
  for (Ref<Task> task = next_process(1); task; task = next_process(task->tgid() + 1)) {
    Ref<mm::Mm> memory;  // dropped without the lock
    IrqGuard tree(task_tree_lock);
    memory = memory_of_process(*task);
    if (!memory) continue;
    if (task->signal->group_exiting || (task->flags & kPfExiting)) {
      choice.somebody_is_dying = true;
      continue;
    }
    const int64_t points = badness(*task, *memory);
    if (points <= choice.badness) continue;
    choice.badness = points;
    choice.victim = task;
    std::swap(choice.memory, memory);
  }
  return choice;
}

void report(Task& victim, const mm::Mm& memory) {
  auto kib = [](int64_t pages) { return pages * static_cast<int64_t>(kPageSize / 1024); };
  log_error(
      "Out of memory: Killed process {} ({}) total-vm:{}kB, anon-rss:{}kB, file-rss:{}kB, "
      "shmem-rss:{}kB, UID:{} pgtables:{}kB oom_score_adj:{}",
      victim.tgid(), name_of(victim).view(), kib(static_cast<int64_t>(memory.total_vm)),
      kib(memory.rss_of(mm::RssKind::anonymous)), kib(memory.rss_of(mm::RssKind::file)),
      kib(memory.rss_of(mm::RssKind::shmem)), creds_of(victim)->uid.value,
      memory.table_bytes() / 1024, int{victim.signal->oom_score_adj});
}

// Calls act(task) for each process other than `first` that runs in its memory.
template <class Act>
void for_each_other_user(Task& first, const mm::Mm& memory, Act&& act) {
  for (Ref<Task> task = next_process(1); task; task = next_process(task->tgid() + 1)) {
    if (task->signal.get() == first.signal.get()) continue;
    Ref<mm::Mm> other;
    {
      IrqGuard tree(task_tree_lock);
      other = memory_of_process(*task);
    }
    if (other.get() == &memory) act(*task);
  }
}

void kill_all(Task& victim, const mm::Mm& memory) {
  report(victim, memory);
  last_kill.store(time::monotonic_now(), std::memory_order_relaxed);
  (void)signal::send_to_process(victim, signal::kSigKill);
  for_each_other_user(victim, memory, [](Task& other) {
    if (!other.signal->is_unkillable) (void)signal::send_to_process(other, signal::kSigKill);
  });
}

// Lets those run who are dying, also when the caller's priority is above theirs.
void pause() {
  const Nanoseconds end = time::monotonic_now() + kPause;
  prepare_to_sleep(TaskState::killable);
  if (!sleep_is_interrupted()) (void)schedule_until(end);
  finish_sleep();
}

}  // namespace

bool oom_kill(mm::Mm&) {
  Task& caller = current();
  if (fatal_signal_pending(caller)) return false;
  if (fold_all_sleepers() != 0) return true;
  const Choice choice = choose_victim();
  const Nanoseconds waited = time::monotonic_now() - last_kill.load(std::memory_order_relaxed);
  if (!choice.somebody_is_dying || waited > kPatience) {
    if (!choice.victim) return choice.somebody_is_dying;
    kill_all(*choice.victim, *choice.memory);
    if (fatal_signal_pending(caller)) return false;
  }
  pause();
  return true;
}

int oom_score(Task& task) {
  Ref<mm::Mm> memory;
  IrqGuard tree(task_tree_lock);
  if (task.signal->thread_count == 0) return 0;  // all have been released
  Task& leader = task.signal->leader();
  memory = memory_of_process(leader);
  if (!memory) return 0;
  const int64_t points = badness(leader, *memory);
  if (points == kNotChosen) return 0;
  return static_cast<int>((1000 + points * 1000 / all_pages()) * 2 / 3);
}

Result<void> set_oom_score_adj(Task& task, int64_t value, bool legacy) {
  if (value < kOomNeverKill || value > kOomKillFirst) return Errno::inval;
  SignalState& process = *task.signal;
  const bool is_administrator = capable(kCapSysResource);
  const int lowest = legacy ? process.oom_score_adj : process.oom_score_adj_min;
  if (value < lowest && !is_administrator) return Errno::acces;
  auto set = [&](SignalState& state) {
    state.oom_score_adj = static_cast<int>(value);
    if (!legacy && is_administrator) state.oom_score_adj_min = static_cast<int>(value);
  };
  set(process);
  const Ref<mm::Mm> memory = mm_of(task);
  if (memory && memory->users.load(std::memory_order_relaxed) > 1) {
    for_each_other_user(task, *memory, [&](Task& other) {
      if (!other.signal->is_unkillable) set(*other.signal);
    });
  }
  return {};
}

}  // namespace tine
