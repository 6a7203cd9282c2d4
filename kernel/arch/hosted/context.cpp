// SPDX-License-Identifier: MIT
//
// Task contexts of the hosted machine: a fibre per task, made when the context is set up and
// destroyed by release_context(). Signal frames are copies of UserRegs on a list of the context,
// not on the user's stack. The first switch to a fibre finishes the switch (schedule_tail) and goes
// to the kernel entry or to user mode.
#include "arch/context.h"

#include <utility>
#include <vector>

#include "arch/cpu.h"
#include "arch/hosted/fibre.h"
#include "arch/hosted/user.h"
#include "arch/signal_frame.h"
#include "arch/user_access.h"
#include "core/panic.h"
#include "mm/user_memory.h"
#include "sched/sched.h"
#include "task/signal/signal.h"

namespace tine::arch {
namespace hosted {

struct SignalFrames {
  struct Saved {
    UserRegs regs;
    signal::SigSet mask;
    signal::AltStack alternate;
  };
  std::vector<Saved> saved;
};

namespace {

void task_entry(void* task_pointer) {
  auto* task = static_cast<sched::Schedulable*>(task_pointer);
  sched::schedule_tail(running_cpu().switched_from);
  irq_enable();
  if (task->context.kernel_entry != nullptr) {
    task->context.kernel_entry(task->context.kernel_argument);
    // Like a kernel thread that has become init by exec, the task goes on in user mode.
  }
  UserRegs& regs = task->context.regs;
  TINE_ASSERT(regs.program != nullptr);
  enter_user_mode(*regs.program);
}

}  // namespace
}  // namespace hosted

using namespace hosted;

sched::Schedulable* switch_context(sched::Schedulable& previous, sched::Schedulable& next) {
  previous.context.fibre = current_fibre();
  running_cpu().switched_from = &previous;
  set_current(&next);
  switch_fibre(next.context.fibre);
  return running_cpu().switched_from;
}

UserRegs& user_regs(sched::Schedulable& task) { return task.context.regs; }

Result<void> copy_user_context(sched::Schedulable& child, sched::Schedulable& caller,
                               UserAddr new_stack) {
  UserRegs& regs = child.context.regs;
  regs = caller.context.regs;
  regs.result = 0;
  regs.program = std::exchange(regs.child_program, nullptr);
  if (new_stack.value != 0) regs.stack = new_stack;
  child.context.thread_pointer = caller.context.thread_pointer;
  child.context.fibre = create_fibre(task_entry, &child);
  return {};
}

Result<void> set_thread_pointer(sched::Schedulable& child, UserAddr tls) {
  if (tls.value >= kUserTop) return Errno::perm;
  child.context.thread_pointer = tls.value;
  return {};
}

void set_kernel_entry(sched::Schedulable& child, void (*entry)(void*), void* argument) {
  child.context.kernel_entry = entry;
  child.context.kernel_argument = argument;
  child.context.fibre = create_fibre(task_entry, &child);
}

void release_context(sched::Schedulable& task) {
  delete std::exchange(task.context.signal_frames, nullptr);
  if (Fibre* fibre = std::exchange(task.context.fibre, nullptr)) destroy_fibre(fibre);
}

void start_user_program(UserRegs& regs, UserAddr entry, UserAddr stack_pointer) {
  regs.instruction = entry;
  regs.stack = stack_pointer;
  regs.number = -1;
  regs.rewound = false;
  regs.signal_number = 0;
  current_schedulable()->context.thread_pointer = 0;
}

SyscallResult thread_control(sched::Schedulable& caller, int code, uint64_t address) {
  constexpr int kArchSetFs = 0x1002;
  constexpr int kArchGetFs = 0x1003;
  switch (code) {
    case kArchSetFs:
      TRY(set_thread_pointer(caller, UserAddr(address)));
      return 0;
    case kArchGetFs:
      TRY(UserOut<uint64_t>(UserAddr(address)).write(caller.context.thread_pointer));
      return 0;
    default:
      return Errno::inval;
  }
}

Result<void> push_signal_frame(UserRegs& regs, int signal_number, const signal::SigAction& action,
                               const signal::SigInfo&, signal::SigSet saved_mask,
                               const signal::AltStack& alternate) {
  ThreadContext& context = current_schedulable()->context;
  if (context.signal_frames == nullptr) context.signal_frames = new SignalFrames;
  context.signal_frames->saved.push_back({regs, saved_mask, alternate});
  regs.instruction = UserAddr(action.handler);
  regs.signal_number = signal_number;
  regs.rewound = false;
  regs.number = -1;
  return {};
}

Result<RestoredFrame> pop_signal_frame(UserRegs& regs) {
  SignalFrames* frames = current_schedulable()->context.signal_frames;
  if (frames == nullptr || frames->saved.empty()) return Errno::fault;
  SignalFrames::Saved saved = frames->saved.back();
  frames->saved.pop_back();
  regs = saved.regs;
  return RestoredFrame{saved.mask, UserAddr(saved.alternate.base), saved.alternate.size,
                       saved.alternate.flags};
}

}  // namespace tine::arch
