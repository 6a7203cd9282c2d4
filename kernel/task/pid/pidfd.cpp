// SPDX-License-Identifier: MIT
//
// The file behind a pidfd. It holds a reference to the Pid; exit_notify() wakes the Pid's
// exit_waiters when the process (or the thread, for PIDFD_THREAD) has exited.
#include "task/pid/pidfd.h"

#include <string_view>

#include "core/format.h"
#include "fs/stat.h"
#include "mm/heap.h"
#include "task/signal_state.h"
#include "task/task.h"

namespace tine {

namespace {

class PidFile final : public fs::File {
 public:
  static constexpr const char* kCacheName = "pidfd";
  PidFile(Pid& pid, uint32_t flags) : File(fs::kReadWrite | flags), pid_(pid) {}

  uint32_t poll(fs::PollTable* table) override {
    if (table != nullptr) table->wait_on(pid_->exit_waiters);
    IrqGuard tree(task_tree_lock);
    const Task* task = pid_->task;
    if (task == nullptr) return fs::kPollIn | fs::kPollRdNorm | fs::kPollHup;
    const bool has_exited = task->exit_state != Task::ExitState::alive &&
                            ((flags() & kPidfdThread) || task->signal->thread_count == 1);
    return has_exited ? fs::kPollIn | fs::kPollRdNorm : 0;
  }
  Result<void> stat(fs::StatData& out) override {
    out.mode = 0600;
    return {};
  }
  size_t write_description(std::span<char> out) override {
    return format_to(out, "anon_inode:[pidfd]");
  }
  Pid* pidfd_target() override { return pid_.get(); }

 private:
  Ref<Pid> pid_;
};

}  // namespace

Result<Ref<fs::File>> make_pidfd(Pid& pid, uint32_t flags) {
  return Ref<fs::File>(TRY(make_ref<PidFile>(pid, flags)));
}

Result<Ref<Pid>> pid_of_pidfd(int fd, uint32_t& flags) {
  Ref<fs::File> file = TRY(fs::get_file(fd));
  Pid* pid = file->pidfd_target();
  if (pid == nullptr) return Errno::badf;
  flags = file->flags();
  return Ref<Pid>(*pid);
}

Result<Ref<Pid>> pid_to_signal(int fd, uint32_t& flags) {
  Ref<fs::File> file = TRY(fs::get_file(fd));
  Pid* pid = file->signal_target();
  if (pid == nullptr) return Errno::badf;
  flags = file->pidfd_target() != nullptr ? file->flags() : 0;
  return Ref<Pid>(*pid);
}

Result<PreparedPidfd> prepare_pidfd(Pid& pid, const CloneRequest& request) {
  PreparedPidfd prepared;
  if (!request.has(kClonePidfd)) return prepared;
  prepared.descriptor = TRY(fs::reserve_fd(fs::kCloseOnExec));
  prepared.file = TRY(make_pidfd(pid, request.has(kCloneThread) ? kPidfdThread : 0));
  TRY(request.pidfd.write(prepared.descriptor.number()));
  return prepared;
}

}  // namespace tine
