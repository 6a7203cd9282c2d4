// SPDX-License-Identifier: MIT
//
// The table of system calls, made from syscalls.inc at compile time; a number given twice does not
// compile. Every number without a call goes to not_implemented(), which says so once on the
// console and fails with ENOSYS, so that dispatching needs no test for a hole.
#include <array>
#include <atomic>

#include "core/log.h"
#include "syscall/syscall.h"
#include "syscall/syscalls.h"
#include "task/task.h"

namespace tine {

long not_implemented(const arch::UserRegs& regs) {
  static std::atomic<uint64_t> reported[kSyscallCount / 64 + 1];
  const auto number = static_cast<uint64_t>(regs.system_call_number());
  const uint64_t slot = number < kSyscallCount ? number : kSyscallCount;  // one for all beyond
  const uint64_t mask = 1ull << (slot % 64);
  if (!(reported[slot / 64].fetch_or(mask, std::memory_order_relaxed) & mask)) {
    log_warning("{}[{}]: system call {} is not implemented", std::string_view(current().name),
                current().tid(), number);
  }
  return -static_cast<long>(Errno::nosys);
}

void number_given_twice();  // never defined: reaching it in a constant expression is the error

namespace {

constexpr auto make_table() {
  std::array<SyscallFunction, kSyscallCount> table{};
  auto place = [&table](size_t number, SyscallFunction function) {
    if (table[number] != nullptr) number_given_twice();
    table[number] = function;
  };
#define SYSCALL(number, name) place(number, bind<sys_##name>);
#include "syscall/syscalls.inc"
#undef SYSCALL
  for (auto& function : table) {
    if (function == nullptr) function = not_implemented;
  }
  return table;
}

}  // namespace

constinit const std::array<SyscallFunction, kSyscallCount> syscall_table = make_table();

}  // namespace tine
