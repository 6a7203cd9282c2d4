// SPDX-License-Identifier: MIT
//
// How a system call is declared: a function `SyscallResult sys_NAME(typed arguments)` in the file
// of its man-page family, with a prototype in syscalls.h and a line SYSCALL(number, NAME) in
// syscalls.inc.
// bind<sys_NAME> turns the registers into the typed arguments: integers are cut to their type,
// UserIn/UserOut/UserString/UserAddr wrap an address; nothing is dereferenced while decoding.
// A number that no line names returns ENOSYS and is reported once on the console.
#pragma once

#include <array>
#include <cstddef>
#include <type_traits>
#include <utility>

#include "arch/context.h"
#include "core/result.h"
#include "mm/user_memory.h"

namespace tine {

using SyscallFunction = long (*)(const arch::UserRegs&);
inline constexpr size_t kSyscallCount = 462;
inline constexpr long kRestartSyscallNumber = 219;
extern const std::array<SyscallFunction, kSyscallCount> syscall_table;
long not_implemented(const arch::UserRegs& regs);

// The architecture's entry code calls this with interrupts on; sets the return value in `regs`.
void dispatch_system_call(arch::UserRegs& regs);
// The slow way back to user mode, interrupts off on entry and exit: reschedules, delivers signals,
// restarts system calls, until nothing is due. `system_call` says whether a call is being left.
void exit_to_user_work(arch::UserRegs& regs, bool system_call);

namespace detail {

template <class T>
T decode_argument(uint64_t raw) {
  if constexpr (std::is_integral_v<T>)
    return static_cast<T>(raw);
  else if constexpr (std::is_enum_v<T>)
    return static_cast<T>(raw);
  else if constexpr (std::is_same_v<T, UserAddr>)
    return UserAddr(raw);
  else
    return T(UserAddr(raw));
}

template <class... Arguments, size_t... indices>
long invoke(SyscallResult (*function)(Arguments...), const arch::UserRegs& regs,
            std::index_sequence<indices...>) {
  SyscallResult result = function(decode_argument<Arguments>(regs.argument(indices))...);
  return result ? *result : -static_cast<long>(result.error());
}
template <class... Arguments>
long invoke(SyscallResult (*function)(Arguments...), const arch::UserRegs& regs) {
  return invoke(function, regs, std::index_sequence_for<Arguments...>());
}

}  // namespace detail

template <auto function>
long bind(const arch::UserRegs& regs) {
  return detail::invoke(function, regs);
}

}  // namespace tine
