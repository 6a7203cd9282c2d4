// SPDX-License-Identifier: MIT
//
// /proc/PID and /proc/PID/task/TID: their tables of files, and the directory of threads.
#include <iterator>

#include "fs/proc/proc.h"
#include "fs/proc/system_files.h"
#include "mm/heap.h"
#include "task/oom.h"
#include "task/signal_state.h"

namespace tine::fs::proc {

namespace {

template <ProcessFile::Show show, ProcessFile::Store store = nullptr>
Result<Ref<Inode>> make_process_file(TableDirectory& directory, uint32_t mode) {
  auto& process = static_cast<ProcessDirectory&>(directory);
  return Ref<Inode>(TRY(make_ref<ProcessFile>(directory.superblock(), mode & kPermissionMask,
                                              Ref<Task>(process.task()), show, store)));
}

Result<void> show_process_mounts(Task&, TextBuilder& out) { return show_mounts(out); }

// No control groups: one empty hierarchy, as a kernel with cgroup2 and nothing mounted shows.
Result<void> show_cgroup(Task&, TextBuilder& out) {
  out.append("0::/\n");
  return {};
}

Result<void> show_oom_score_adj(Task& task, TextBuilder& out) {
  out.print("{}\n", int{task.signal->oom_score_adj});
  return {};
}

Result<void> store_oom_score_adj(Task& task, std::string_view text) {
  return set_oom_score_adj(task, TRY(parse_number(text)), false);
}

Result<void> show_oom_score(Task& task, TextBuilder& out) {
  out.print("{}\n", oom_score(task));
  return {};
}

// The scale of -17..15 that came before; -17 is "never" (proc_pid_oom_adj(5)).
constexpr int kOomAdjNever = -17, kOomAdjFirst = 15;
Result<void> show_oom_adj(Task& task, TextBuilder& out) {
  const int value = task.signal->oom_score_adj;
  out.print("{}\n", value == kOomKillFirst ? kOomAdjFirst : value * -kOomAdjNever / 1000);
  return {};
}
Result<void> store_oom_adj(Task& task, std::string_view text) {
  const int64_t value = TRY(parse_number(text));
  if (value < kOomAdjNever || value > kOomAdjFirst) return Errno::inval;
  return set_oom_score_adj(
      task, value == kOomAdjFirst ? kOomKillFirst : value * 1000 / -kOomAdjNever, true);
}

Result<void> show_personality(Task& task, TextBuilder& out) {
  out.print("{:08x}\n", uint32_t{task.personality});
  return {};
}

// As Linux's fault injection has it: writing N makes the N-th allocation or acquiring step of the
// writer from then on fail; reading tells how many steps have been seen since.
Result<void> show_fail_nth(Task&, TextBuilder& out) {
  out.print("{}\n", fault_injection_steps_seen());
  return {};
}

Result<void> store_fail_nth(Task& task, std::string_view text) {
  if (&task != &current()) return Errno::perm;
  int64_t value = TRY(parse_number(text));
  if (value < 0) return Errno::inval;
  arm_fault_injection(static_cast<uint64_t>(value));
  return {};
}

constexpr uint32_t kFile = kTypeRegular | 0444;
constexpr uint32_t kWritable = kTypeRegular | 0644;
constexpr uint32_t kPrivate = kTypeRegular | 0400;
constexpr uint32_t kDirectory = kTypeDirectory | 0555;
constexpr uint32_t kLink = kTypeSymlink | 0777;

// A thread has the table without its last two lines, a process without its first.
constexpr TableEntry kEntries[] = {
    {"stat", kFile, make_process_file<show_thread_stat>},
    {"auxv", kPrivate, make_process_file<show_auxv>},
    {"cgroup", kFile, make_process_file<show_cgroup>},
    {"clear_refs", kTypeRegular | 0200, make_process_file<show_clear_refs, store_clear_refs>},
    {"cmdline", kFile, make_process_file<show_cmdline>},
    {"comm", kWritable, make_process_file<show_comm, store_comm>},
    {"cwd", kLink, make_cwd_link},
    {"environ", kPrivate, make_process_file<show_environ>},
    {"exe", kLink, make_exe_link},
    {"fail-nth", kWritable, make_process_file<show_fail_nth, store_fail_nth>},
    {"fd", kTypeDirectory | 0500, make_fd_directory},
    {"fdinfo", kDirectory, make_fdinfo_directory},
    {"io", kPrivate, make_process_file<show_io>},
    {"limits", kFile, make_process_file<show_limits>},
    {"maps", kFile, make_process_file<show_maps>},
    {"mounts", kFile, make_process_file<show_process_mounts>},
    {"oom_adj", kWritable, make_process_file<show_oom_adj, store_oom_adj>},
    {"oom_score", kFile, make_process_file<show_oom_score>},
    {"oom_score_adj", kWritable, make_process_file<show_oom_score_adj, store_oom_score_adj>},
    {"pagemap", kPrivate, make_page_map},
    {"personality", kPrivate, make_process_file<show_personality>},
    {"root", kLink, make_root_link},
    {"sched", kFile, make_process_file<show_sched>},
    {"schedstat", kFile, make_process_file<show_schedstat>},
    {"smaps", kFile, make_process_file<show_smaps>},
    {"smaps_rollup", kFile, make_process_file<show_smaps_rollup>},
    {"statm", kFile, make_process_file<show_statm>},
    {"status", kFile, make_process_file<show_status>},
    {"stat", kFile, make_process_file<show_stat>},
    {"task", kDirectory, make_task_directory},
};
constexpr std::span<const TableEntry> kThreadEntries(kEntries, std::size(kEntries) - 2);
constexpr std::span<const TableEntry> kProcessEntries(kEntries + 1, std::size(kEntries) - 1);

// /proc/PID/task.
class ThreadsDirectory final : public SyntheticDirectory {
 public:
  static constexpr const char* kCacheName = "proc_task";
  ThreadsDirectory(Superblock& superblock, Ref<Task> task)
      : SyntheticDirectory(superblock), task_(std::move(task)) {}

  Result<Ref<Inode>> find(std::string_view name) override {
    Ref<Task> thread = find_task(TRY(parse_process_number(name)));
    if (!thread || thread->group_leader != task_->group_leader) return Errno::noent;
    return Ref<Inode>(TRY(make_ref<ProcessDirectory>(superblock(), std::move(thread), true)));
  }

  void stat(StatData& out) override {
    Inode::stat(out);
    IrqGuard guard(task_tree_lock);
    out.link_count += static_cast<uint32_t>(task_->signal->thread_count);
  }

  Result<void> list(DirectorySink& sink, int64_t& position) override {
    for (Ref<Task> thread = thread_at(position); thread;) {
      const int number = thread->tid();
      Ref<Task> next = thread_after(*thread);
      const int64_t next_position = next ? next->tid() + kFirst : kEnd;
      char name[12];
      size_t length = format_to(name, "{}", number);
      if (!sink.entry({name, length}, static_cast<uint64_t>(number) << 16 | 1,
                      directory_entry_type(kTypeDirectory), next_position)) {
        return {};
      }
      position = next_position;
      thread = std::move(next);
    }
    return {};
  }

 private:
  // Positions: the first thread, then kFirst + the number of the thread that is next.
  static constexpr int64_t kFirst = 2, kEnd = INT32_MAX;

  bool is_in_process(const Task& thread) const REQUIRES(task_tree_lock) {
    return thread.signal == task_->signal && thread.exit_state != Task::ExitState::dead;
  }

  // The thread at which a listing goes on. If that has gone since, the first with a higher number.
  Ref<Task> thread_at(int64_t position) {
    if (position >= kEnd) return {};
    const int number = static_cast<int>(position - kFirst);
    Ref<Task> known = number > 0 ? find_task(number) : Ref<Task>();
    IrqGuard guard(task_tree_lock);
    if (known && is_in_process(*known)) return known;
    for (Task& thread : task_->signal->threads) {
      if (thread.tid() >= number) return Ref<Task>(thread);
    }
    return {};
  }

  Ref<Task> thread_after(Task& thread) {
    {
      IrqGuard guard(task_tree_lock);
      if (is_in_process(thread)) {
        auto& threads = task_->signal->threads;
        const auto next = std::next(threads.iterator_to(thread));
        return next != threads.end() ? Ref<Task>(*next) : Ref<Task>();
      }
    }
    return thread_at(thread.tid() + 1 + kFirst);  // it has just left
  }

  Ref<Task> task_;
};

}  // namespace

void own_by(Inode& inode, Task& task) {
  Ref<const Creds> creds = creds_of(task);
  inode.set_owner(creds->euid, creds->egid);
}

ProcessFile::ProcessFile(Superblock& superblock, uint32_t permissions, Ref<Task> task, Show show,
                         Store store)
    : TextFile(superblock, permissions), task_(std::move(task)), show_(show), store_(store) {
  own_by(*this, *task_);
}

ProcessDirectory::ProcessDirectory(Superblock& superblock, Ref<Task> task, bool is_thread)
    : TableDirectory(superblock, is_thread ? kThreadEntries : kProcessEntries),
      task_(std::move(task)),
      is_thread_(is_thread) {
  may_go_stale = true;
  {
    IrqGuard tree(task_tree_lock);
    pid_ = task_->pid;
  }
  own_by(*this, *task_);
}

bool ProcessDirectory::is_stale() {
  return task_->exit_state.load(std::memory_order_acquire) == Task::ExitState::dead;
}

Result<Ref<Inode>> make_task_directory(TableDirectory& directory, uint32_t) {
  Ref<Task> task(static_cast<ProcessDirectory&>(directory).task());
  return Ref<Inode>(TRY(make_ref<ThreadsDirectory>(directory.superblock(), std::move(task))));
}

}  // namespace tine::fs::proc
