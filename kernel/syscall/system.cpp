// SPDX-License-Identifier: MIT
//
// The machine as a whole: uname(2), sethostname(2), setdomainname(2), sysinfo(2), reboot(2),
// getrandom(2).
#include <algorithm>
#include <string_view>

#include "arch/cpu.h"
#include "core/log.h"
#include "core/random.h"
#include "mm/frame.h"
#include "sched/timer.h"
#include "syscall/syscalls.h"
#include "task/boot_tasks.h"
#include "task/namespace/namespaces.h"
#include "task/signal_state.h"

namespace tine {

namespace {

UtsNames& own_names() { return *current().namespaces->uts; }

void set_field(char (&field)[65], std::string_view text) {
  auto end = std::ranges::copy(text.substr(0, sizeof field - 1), field).out;
  std::fill(end, std::end(field), '\0');
}

}  // namespace

// The release is that of the Linux whose behaviour we promise: programs compare it with the oldest
// kernel they run on.
SyscallResult sys_uname(UserOut<abi::Utsname> out) {
  abi::Utsname name;
  set_field(name.system, "Linux");
  set_field(name.release, "6.1.0-tine");
  set_field(name.version, "#1 Tine");
  set_field(name.machine, "x86_64");
  {
    UtsNames& names = own_names();
    SpinGuard guard(names.lock);
    std::ranges::copy(names.node, name.node);
    std::ranges::copy(names.domain, name.domain);
  }
  TRY(out.write(name));
  return 0;
}

namespace {

SyscallResult set_uts_name(char (UtsNames::*field)[65], UserAddr text, int length) {
  if (!capable(kCapSysAdmin)) return Errno::perm;
  if (length < 0 || length > 64) return Errno::inval;
  char fresh[65] = {};
  if (arch::copy_from_user(fresh, text, static_cast<size_t>(length)) != 0) return Errno::fault;
  UtsNames& names = own_names();
  SpinGuard guard(names.lock);
  std::ranges::copy(fresh, names.*field);
  return 0;
}

}  // namespace

SyscallResult sys_sethostname(UserAddr name, int length) {
  return set_uts_name(&UtsNames::node, name, length);
}

SyscallResult sys_setdomainname(UserAddr name, int length) {
  return set_uts_name(&UtsNames::domain, name, length);
}

SyscallResult sys_sysinfo(UserOut<abi::Sysinfo> out) {
  const mm::MemoryStatistics memory = mm::memory_statistics();
  const sched::LoadSnapshot load = sched::load_snapshot();
  abi::Sysinfo info;
  info.uptime = time::monotonic_now() / kNsPerSecond;
  constexpr unsigned kLoadShift = 16 - 11;  // ours has 11 fraction bits, the ABI's 16
  for (int i = 0; i < 3; ++i) info.loads[i] = load.load_average[i] << kLoadShift;
  info.total_ram = memory.total_frames * kPageSize;
  info.free_ram = memory.free_frames * kPageSize;
  info.processes = static_cast<uint16_t>(task_counts().threads);
  TRY(out.write(info));
  return 0;
}

SyscallResult sys_reboot(uint32_t magic1, uint32_t magic2, uint32_t command, UserAddr) {
  constexpr uint32_t kMagic1 = 0xfee1dead;
  constexpr uint32_t kMagic2[] = {0x28121969, 0x05121996, 0x16041998, 0x20112000};
  enum : uint32_t {
    kRestart = 0x01234567,
    kHalt = 0xcdef0123,
    kPowerOff = 0x4321fedc,
    kCtrlAltDelOn = 0x89abcdef,
    kCtrlAltDelOff = 0,
  };
  if (!capable(kCapSysBoot)) return Errno::perm;
  const bool has_magic2 = std::ranges::any_of(kMagic2, [=](uint32_t m) { return m == magic2; });
  if (magic1 != kMagic1 || !has_magic2) return Errno::inval;
  switch (command) {
    case kRestart:
      log_info("reboot: Restarting system");
      arch::machine_restart();
    case kHalt:
      log_info("reboot: System halted");
      arch::cpu_halt_forever();
    case kPowerOff:
      log_info("reboot: Power down");
      arch::machine_power_off();
    case kCtrlAltDelOn:
    case kCtrlAltDelOff:
      return 0;  // there is no keyboard whose keys could be pressed
    default:
      return Errno::inval;
  }
}

SyscallResult sys_getrandom(UserAddr buffer, uint64_t length, uint32_t flags) {
  enum : uint32_t { kNonBlock = 1, kRandom = 2, kInsecure = 4 };
  if (flags & ~(kNonBlock | kRandom | kInsecure)) return Errno::inval;
  if ((flags & (kRandom | kInsecure)) == (kRandom | kInsecure)) return Errno::inval;
  length = std::min<uint64_t>(length, IoBuffer::kMaxBytes);
  std::byte chunk[256];
  uint64_t done = 0;
  while (done < length) {
    const size_t count = std::min<uint64_t>(length - done, sizeof chunk);
    random_bytes(std::span(chunk).first(count));
    const size_t missed = arch::copy_to_user(buffer + done, chunk, count);
    done += count - missed;
    if (missed != 0) {
      if (done == 0) return Errno::fault;
      break;
    }
    // getrandom(2): more than 256 bytes may be interrupted.
    if (done < length && signal_pending(current())) break;
  }
  return static_cast<long>(done);
}

}  // namespace tine
