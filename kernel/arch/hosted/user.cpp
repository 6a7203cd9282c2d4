// SPDX-License-Identifier: MIT
//
// Running C++ callables as user mode: the call gate, signal handlers as nested calls, and exec as
// an exception that unwinds the old program (this is host code; the core itself never throws).
// Addresses of handlers and entries are tickets into the tables here; they are never dereferenced.
#include "arch/hosted/user.h"

#include <map>
#include <memory>
#include <mutex>
#include <vector>

#include "arch/cpu.h"
#include "core/panic.h"
#include "sched/schedulable.h"
#include "syscall/syscall.h"

namespace tine::arch::hosted {
namespace {

constexpr long kSysRtSigreturn = 15;
constexpr long kSysExitGroup = 231;
constexpr uint64_t kFirstHandler = 0x7000'0000'0000;

std::mutex tables_lock;  // guards the three; a callable runs without it
std::vector<std::unique_ptr<UserProgram>> programs;
std::vector<std::function<void(int)>> handlers;
std::map<uint64_t, UserProgram*> entries;

struct ExecStarted {
  UserProgram* program;
};

UserRegs& regs_of_current() { return user_regs(*current_schedulable()); }

// The way back to user mode: interrupts off across the work, on in the program.
void leave_kernel(bool from_system_call) {
  irq_disable();
  exit_to_user_work(regs_of_current(), from_system_call);
  irq_enable();
}

std::function<void(int)> handler_at(UserAddr address) {
  std::lock_guard guard(tables_lock);
  uint64_t ticket = address.value - kFirstHandler;
  TINE_ASSERT(ticket < handlers.size());
  return handlers[ticket];
}

UserProgram* program_at(UserAddr entry) {
  std::lock_guard guard(tables_lock);
  auto found = entries.find(entry.value);
  return found != entries.end() ? found->second : nullptr;
}

void run_due_handlers() {
  while (regs_of_current().signal_number != 0) {
    UserRegs& regs = regs_of_current();
    int number = std::exchange(regs.signal_number, 0);
    handler_at(regs.instruction)(number);
    regs_of_current().number = kSysRtSigreturn;
    dispatch_system_call(regs_of_current());
    leave_kernel(/*from_system_call=*/true);
  }
}

}  // namespace

UserProgram* register_program(std::function<void()> run) {
  std::lock_guard guard(tables_lock);
  programs.push_back(std::make_unique<UserProgram>(std::move(run)));
  return programs.back().get();
}

void register_entry(UserAddr entry, std::function<void()> run) {
  UserProgram* program = register_program(std::move(run));
  std::lock_guard guard(tables_lock);
  entries[entry.value] = program;
}

UserAddr register_handler(std::function<void(int)> handler) {
  std::lock_guard guard(tables_lock);
  handlers.push_back(std::move(handler));
  return UserAddr(kFirstHandler + handlers.size() - 1);
}

void forget_user_programs() {
  std::lock_guard guard(tables_lock);
  programs.clear();
  handlers.clear();
  entries.clear();
}

long system_call(long number, uint64_t a0, uint64_t a1, uint64_t a2, uint64_t a3, uint64_t a4,
                 uint64_t a5) {
  UserRegs& regs = regs_of_current();
  uint64_t values[] = {a0, a1, a2, a3, a4, a5};
  for (int i = 0; i < 6; ++i) regs.arguments[i] = values[i];
  regs.number = number;
  do {
    regs.rewound = false;
    dispatch_system_call(regs);
    leave_kernel(/*from_system_call=*/true);
    run_due_handlers();
    if (UserProgram* program = program_at(regs.instruction)) {
      regs.instruction = UserAddr();
      throw ExecStarted{program};
    }
  } while (regs.rewound);
  return regs.result;
}

long system_call_with_child(std::function<void()> child, long number, uint64_t a0, uint64_t a1,
                            uint64_t a2, uint64_t a3, uint64_t a4) {
  regs_of_current().child_program = register_program(std::move(child));
  long result = system_call(number, a0, a1, a2, a3, a4);
  regs_of_current().child_program = nullptr;
  return result;
}

void enter_user_mode(UserProgram& program) {
  UserProgram* next = &program;
  leave_kernel(/*from_system_call=*/false);
  for (;;) {
    try {
      run_due_handlers();
      next->run();
      break;
    } catch (const ExecStarted& started) {
      next = started.program;
    }
  }
  system_call(kSysExitGroup, 0);
  panic("exit_group returned to the program");
}

}  // namespace tine::arch::hosted
