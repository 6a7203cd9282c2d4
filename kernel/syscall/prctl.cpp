// SPDX-License-Identifier: MIT
//
// Odds and ends of a process: prctl(2), arch_prctl(2), personality(2). Options that are not here
// fail with EINVAL, as on a kernel built without them.
#include <algorithm>

#include "syscall/syscalls.h"
#include "task/signal_state.h"

namespace tine {

namespace {

enum Option : int {
  kSetPdeathsig = 1,
  kGetPdeathsig = 2,
  kGetDumpable = 3,
  kSetDumpable = 4,
  kGetKeepcaps = 7,
  kSetKeepcaps = 8,
  kSetName = 15,
  kGetName = 16,
  kCapbsetRead = 23,
  kCapbsetDrop = 24,
  kGetSecurebits = 27,
  kSetSecurebits = 28,
  kSetTimerslack = 29,
  kGetTimerslack = 30,
  kSetChildSubreaper = 36,
  kGetChildSubreaper = 37,
  kSetNoNewPrivs = 38,
  kGetNoNewPrivs = 39,
  kGetTidAddress = 40,
  kSetThpDisable = 41,
  kGetThpDisable = 42,
  kCapAmbient = 47,
};

constexpr uint32_t kKeepCapsBit = 1u << 4, kKeepCapsLocked = 1u << 5;

SyscallResult set_own_name(UserAddr address) {
  char name[Task::kNameLength] = {};
  // A longer name is cut, so only a bad address fails.
  const Result<size_t> length = arch::copy_string_from_user(name, address, Task::kNameLength - 1);
  if (!length && length.error() == Errno::fault) return Errno::fault;
  name[Task::kNameLength - 1] = 0;
  set_name(current(), name);
  return 0;
}

SyscallResult get_own_name(UserAddr address) {
  std::array<char, Task::kNameLength> name;
  std::ranges::copy(name_of(current()).text, name.data());
  TRY(UserOut<std::array<char, Task::kNameLength>>(address).write(name));
  return 0;
}

SyscallResult set_securebits(uint32_t bits) {
  constexpr uint32_t kAll = 0xff, kLocks = 0xaa;
  const Creds& old = current().creds();
  const bool unlocks = old.securebits & kLocks & ~bits;
  const bool changes_locked = ((old.securebits & kLocks) >> 1) & (old.securebits ^ bits);
  if (bits & ~kAll) return Errno::inval;
  if (unlocks || changes_locked || !capable(kCapSetpcap)) return Errno::perm;
  Ref<Creds> fresh = TRY(prepare_creds());
  fresh->securebits = bits;
  commit_creds(std::move(fresh));
  return 0;
}

SyscallResult set_keepcaps(uint64_t value) {
  if (value > 1) return Errno::inval;
  if (current().creds().securebits & kKeepCapsLocked) return Errno::perm;
  Ref<Creds> fresh = TRY(prepare_creds());
  if (value)
    fresh->securebits |= kKeepCapsBit;
  else
    fresh->securebits &= ~kKeepCapsBit;
  commit_creds(std::move(fresh));
  return 0;
}

SyscallResult drop_bounding(uint64_t capability) {
  if (capability > kCapLast) return Errno::inval;
  if (!capable(kCapSetpcap)) return Errno::perm;
  Ref<Creds> fresh = TRY(prepare_creds());
  fresh->bounding &= ~(1ull << capability);
  commit_creds(std::move(fresh));
  return 0;
}

SyscallResult ambient(uint64_t command, uint64_t capability) {
  enum : uint64_t { kIsSet = 1, kRaise = 2, kLower = 3, kClearAll = 4 };
  const Creds& old = current().creds();
  if (command == kClearAll ? capability != 0 : capability > kCapLast) return Errno::inval;
  const CapabilitySet mask = 1ull << capability;
  if (command == kIsSet) return (old.ambient & mask) != 0;
  if (command < kRaise || command > kClearAll) return Errno::inval;
  constexpr uint32_t kNoAmbientRaise = 1u << 6;
  if (command == kRaise &&
      (!(old.permitted & old.inheritable & mask) || (old.securebits & kNoAmbientRaise))) {
    return Errno::perm;
  }
  Ref<Creds> fresh = TRY(prepare_creds());
  if (command == kRaise)
    fresh->ambient |= mask;
  else if (command == kLower)
    fresh->ambient &= ~mask;
  else
    fresh->ambient = 0;
  commit_creds(std::move(fresh));
  return 0;
}

SyscallResult set_no_new_privileges(uint64_t value, uint64_t a3, uint64_t a4, uint64_t a5) {
  if (value != 1 || a3 != 0 || a4 != 0 || a5 != 0) return Errno::inval;
  Ref<Creds> fresh = TRY(prepare_creds());
  fresh->no_new_privileges = true;
  commit_creds(std::move(fresh));
  return 0;
}

}  // namespace

SyscallResult sys_prctl(int option, uint64_t argument2, uint64_t argument3, uint64_t argument4,
                        uint64_t argument5) {
  Task& task = current();
  const Creds& creds = task.creds();
  const bool has_more = argument2 != 0 || argument3 != 0 || argument4 != 0 || argument5 != 0;
  switch (option) {
    case kSetPdeathsig:
      if (argument2 > signal::kSignalCount) return Errno::inval;
      task.parent_death_signal = static_cast<int>(argument2);
      return 0;
    case kGetPdeathsig:
      TRY(UserOut<int>(UserAddr(argument2)).write(task.parent_death_signal));
      return 0;
    case kGetDumpable:
      return task.mm->dumpable;
    case kSetDumpable:
      if (argument2 > 1) return Errno::inval;
      task.mm->dumpable = static_cast<uint32_t>(argument2);
      return 0;
    case kGetKeepcaps:
      return (creds.securebits & kKeepCapsBit) != 0;
    case kSetKeepcaps:
      return set_keepcaps(argument2);
    case kSetName:
      return set_own_name(UserAddr(argument2));
    case kGetName:
      return get_own_name(UserAddr(argument2));
    case kCapbsetRead:
      if (argument2 > kCapLast) return Errno::inval;
      return (creds.bounding >> argument2) & 1;
    case kCapbsetDrop:
      return drop_bounding(argument2);
    case kGetSecurebits:
      return creds.securebits;
    case kSetSecurebits:
      return set_securebits(static_cast<uint32_t>(argument2));
    case kSetTimerslack:
      task.timer_slack_ns = argument2 != 0 ? argument2 : task.default_timer_slack_ns;
      return 0;
    case kGetTimerslack:
      return static_cast<long>(task.timer_slack_ns);
    case kSetChildSubreaper:
      task.signal->is_child_subreaper = argument2 != 0;
      return 0;
    case kGetChildSubreaper:
      TRY(UserOut<int>(UserAddr(argument2)).write(task.signal->is_child_subreaper));
      return 0;
    case kSetNoNewPrivs:
      return set_no_new_privileges(argument2, argument3, argument4, argument5);
    case kGetNoNewPrivs:
      if (has_more) return Errno::inval;
      return creds.no_new_privileges;
    case kGetTidAddress:
      TRY(UserOut<uint64_t>(UserAddr(argument2)).write(task.clear_child_tid.value));
      return 0;
    case kSetThpDisable:
      if (argument3 != 0 || argument4 != 0 || argument5 != 0) return Errno::inval;
      task.mm->no_huge_pages = argument2 != 0;
      return 0;
    case kGetThpDisable:
      if (has_more) return Errno::inval;
      return task.mm->no_huge_pages;
    case kCapAmbient:
      if (argument4 != 0 || argument5 != 0) return Errno::inval;
      return ambient(argument2, argument3);
    default:
      return Errno::inval;
  }
}

SyscallResult sys_arch_prctl(int code, uint64_t address) {
  return arch::thread_control(current(), code, address);
}

SyscallResult sys_personality(uint32_t persona) {
  constexpr uint32_t kAskOnly = 0xffff'ffff;
  Task& task = current();
  const uint32_t old = task.personality;
  if (persona != kAskOnly) task.personality = persona;
  return old;
}

}  // namespace tine
