// SPDX-License-Identifier: MIT
//
// execve: builds the new program beside the old one, ends the other threads, and then changes over.
// Once de_thread() has returned nothing can fail: everything that needs memory was made before, so
// "the point of no return" is a short run of assignments.
#include "task/exec/exec.h"

#include <algorithm>
#include <utility>

#include "arch/cpu.h"
#include "fs/files_table.h"
#include "fs/fs.h"
#include "fs/fs_context.h"
#include "ipc/futex.h"
#include "task/cred/user_account.h"
#include "task/exec/de_thread.h"
#include "task/exec/path_name.h"
#include "task/exec/personality.h"
#include "task/exec/program.h"
#include "task/exit/exit.h"
#include "task/rseq.h"
#include "task/signal_state.h"
#include "task/timer/interval_timers.h"
#include "task/wait/wait.h"

namespace tine::exec {

namespace {

// A set*uid that went over RLIMIT_NPROC could not fail; the exec after it does (setuid(2), EAGAIN).
Result<void> check_process_limit(Task& task) {
  if (!(task.flags & kPfNprocExceeded)) return {};
  const auto processes = static_cast<uint64_t>(task.creds().user->processes.load());
  if (processes > soft_limit(kLimitNproc)) return Errno::again;
  task.flags &= ~uint32_t{kPfNprocExceeded};
  return {};
}

void change_memory(Task& task, mm::MmUser fresh) {
  if (task.mm) {
    futex::exit_robust_list(task);
    futex::exit_pi_states(task);
    note_peak_rss(task);
    fresh->no_huge_pages = task.mm->no_huge_pages;
  }
  mm_release(task);  // lets a vfork parent go on
  task.robust_list = task.clear_child_tid = UserAddr();
  forget_rseq(task);
  mm::MmUser old;  // torn down last, without the lock
  IrqGuard guard(task.alloc_lock);
  const arch::IrqState irqs = arch::irq_save();
  old = std::exchange(task.mm, std::move(fresh));
  task.Schedulable::mm = task.mm.get();
  mm::switch_address_space(task.mm.get());
  arch::irq_restore(irqs);
}

void change_files(Task& task, Ref<fs::FilesTable> own) {
  if (own) {
    IrqGuard guard(task.alloc_lock);
    std::swap(task.files, own);
  }
  fs::close_on_exec(*task.files);
}

// Handlers are code of the old program: they become the default; what is ignored or blocked stays,
// and so do pending signals (execve(2)).
void change_signals(Task& task, Ref<SigHand> own) {
  if (own) {
    IrqGuard tree(task_tree_lock);
    IrqGuard guard(task.sighand->lock);
    std::swap(task.sighand, own);
  }
  {
    IrqGuard guard(task.sighand->lock);
    task.sighand->reset_handlers();
    task.alternate_stack = signal::AltStack{};
  }
  task.restart.resume = nullptr;
  delete_posix_timers(*task.signal);
}

void change_identity(Task& task, ExecCreds& creds, std::string_view file_name) {
  const bool is_dumpable = !creds.is_secure && creds.creds->euid == creds.creds->uid &&
                           creds.creds->egid == creds.creds->gid;
  task.mm->dumpable = is_dumpable ? 1 : 0;
  if (creds.gains_identity) {
    task.personality &= ~kClearedOnSetId;
    task.parent_death_signal = 0;
  }
  creds.creds = replace_creds(std::move(creds.creds));
  set_name(task, file_name.substr(file_name.rfind('/') + 1));
  ++task.self_exec_id;  // a parent with another program is told only by SIGCHLD (B65)
  task.flags &= ~uint32_t{kPfForkNoExec | kPfKernelThread | kPfNoFreeze | kPfRandomize};
  if (!(task.personality & kAddressNoRandomize)) task.flags |= kPfRandomize;
}

// The point of no return: nothing below fails.
void commit(Task& task, NewProgram program, std::string_view file_name) {
  change_memory(task, program.memory.release());
  change_files(task, std::move(program.own_files));
  change_signals(task, std::move(program.own_sighand));
  change_identity(task, program.creds, file_name);
  arch::start_user_program(arch::user_regs(task), UserAddr(program.entry),
                           UserAddr(program.stack_pointer));
}

Result<void> run(Ref<fs::File> file, std::string_view file_name, Arguments& arguments) {
  Task& task = current();
  TRY(arguments.ensure_argument());
  NewProgram program = TRY(NewProgram::build(std::move(file), file_name, arguments));
  TRY(de_thread(task));
  commit(task, std::move(program), file_name);
  return {};
}

}  // namespace

Result<void> execute(int directory_fd, UserString path, UserAddr argv, UserAddr envp, int flags) {
  TRY(check_process_limit(current()));
  sched::balance_at_exec();  // little of the old program will be missed in this CPU's caches
  const PathName name = TRY(PathName::read(directory_fd, path));
  Ref<fs::File> file = TRY(fs::open_executable(directory_fd, name.for_open(), flags));
  Arguments arguments;
  TRY(arguments.add_user_arguments(argv));
  TRY(arguments.ensure_argument());
  TRY(arguments.add_user_environment(envp));
  return run(std::move(file), name.for_program(), arguments);
}

Result<void> kernel_execve(std::string_view path, std::span<const std::string_view> argv,
                           std::span<const std::string_view> envp) {
  constexpr int kAtCwd = -100;
  Ref<fs::File> file = TRY(fs::open_executable(kAtCwd, path, 0));
  Arguments arguments;
  for (std::string_view text : argv) TRY(arguments.add_argument(text));
  for (std::string_view text : envp) TRY(arguments.add_environment(text));
  return run(std::move(file), path, arguments);
}

}  // namespace tine::exec
