// SPDX-License-Identifier: MIT
//
// arch/clock.h for x86-64: the TSC is the clock, the APIC timer wakes us, the RTC says the date.
//
// The TSC's rate comes from KVM's clock page where there is one (exact), else from counting against
// the APIC timer, which every hypervisor runs at 1 GHz: 20 us show whether the TSC runs at 1 GHz
// too (then that is exact: an emulator counting instructions), else 500 us measure it. All of it is
// written once at boot and constant afterwards.
#include "arch/clock.h"

#include <atomic>

#include "arch/cpu.h"
#include "arch/x86_64/boot/image.h"
#include "arch/x86_64/cpu/features.h"
#include "arch/x86_64/cpu/instructions.h"
#include "arch/x86_64/machine/apic.h"
#include "arch/x86_64/time/kvm_clock.h"
#include "arch/x86_64/time/rtc.h"
#include "arch/x86_64/time/tsc.h"
#include "core/log.h"
#include "sync/cross_call.h"

namespace tine::x86 {

namespace {

constexpr uint32_t kScaleShift = 31;  // the multiplier fits for every TSC above 500 MHz
constexpr uint32_t kOneGigahertz = 1u << kScaleShift;
constinit arch::CycleScale scale{0, 0, 0, kScaleShift};
constinit Nanoseconds wall_clock_at_boot = 0;

struct Sample {
  uint64_t cycles;
  uint32_t apic_count;
};

// Both counters at one moment: of several tries, the one that took the shortest.
Sample take_sample() {
  Sample best{};
  uint64_t shortest = ~0ull;
  for (int i = 0; i < 4; ++i) {
    uint64_t before = arch::cycle_counter();
    uint32_t count = apic_timer_count();
    uint64_t after = arch::cycle_counter();
    if (after - before < shortest) {
      shortest = after - before;
      best = {before + (after - before) / 2, count};
    }
  }
  return best;
}

// nanoseconds = cycles * multiplier >> kScaleShift
uint32_t measure_multiplier(Nanoseconds duration) {
  start_apic_timer(~0u);
  Sample first = take_sample();
  uint32_t end = first.apic_count - static_cast<uint32_t>(duration);
  while (apic_timer_count() > end) arch::cpu_relax();
  Sample last = take_sample();
  start_apic_timer(0);
  uint64_t nanoseconds = first.apic_count - last.apic_count;
  uint64_t cycles = last.cycles - first.cycles;
  uint64_t multiplier = (nanoseconds << kScaleShift) / cycles;
  return multiplier > ~0u ? ~0u : static_cast<uint32_t>(multiplier);
}

// KVM fills the page in once when it is registered: enough for the rate.
uint32_t kvm_multiplier() {
  alignas(64) static constinit KvmClockPage page{};
  constexpr uint32_t kMsrKvmSystemTime = 0x4b56'4d01;
  write_msr(kMsrKvmSystemTime, image_phys(&page).value | 1);
  asm volatile("" : "+m"(page));  // written by the hypervisor
  uint32_t multiplier = kvm_clock_multiplier(page, kScaleShift);
  write_msr(kMsrKvmSystemTime, 0);
  return multiplier;
}

bool is_near_one_gigahertz(uint32_t multiplier) {
  constexpr uint32_t kTolerance = kOneGigahertz / 128;
  return multiplier - (kOneGigahertz - kTolerance) < 2 * kTolerance;
}

}  // namespace

void init_clock() {
  wall_clock_at_boot = read_rtc() * kNsPerSecond;
  uint32_t multiplier = features.kvm_clock ? kvm_multiplier() : 0;
  if (multiplier == 0) {
    multiplier = measure_multiplier(20'000);
    multiplier = is_near_one_gigahertz(multiplier) ? kOneGigahertz : measure_multiplier(500'000);
  }
  scale = {arch::cycle_counter(), 0, multiplier, kScaleShift};
}

// The boot CPU's counter lies between two readings of ours, if they run alike. If it does not, ours
// is set to what the boot CPU's is likely to be, so that time never goes back from one CPU to
// another.
void synchronise_cycle_counter() {
  constexpr uint32_t kMsrTsc = 0x10;
  for (int tries = 0; tries < 3; ++tries) {
    std::atomic<uint64_t> theirs{0};
    uint64_t before = arch::cycle_counter();
    call_on_cpus(
        1,
        [](void* out) { static_cast<std::atomic<uint64_t>*>(out)->store(arch::cycle_counter()); },
        &theirs);
    uint64_t after = arch::cycle_counter();
    if (theirs >= before && theirs <= after) return;
    write_msr(kMsrTsc, arch::cycle_counter() + (theirs - before - (after - before) / 2));
  }
  log_warning("CPU {}: the cycle counter does not agree with the boot CPU's", arch::this_cpu().id);
}

}  // namespace tine::x86

namespace tine::arch {

Nanoseconds monotonic_now() {
  const CycleScale& scale = x86::scale;
  auto cycles = static_cast<unsigned __int128>(cycle_counter() - scale.base_cycles);
  return static_cast<Nanoseconds>(static_cast<uint64_t>(cycles * scale.multiplier >> scale.shift));
}

Nanoseconds boot_wall_clock() { return x86::wall_clock_at_boot; }
CycleScale cycle_scale() { return x86::scale; }

void arm_timer(Nanoseconds deadline) {
  if (deadline == kNever) return x86::start_apic_timer(0);
  // A deadline further away than the counter reaches interrupts early, and is armed again then.
  constexpr Nanoseconds kLongest = 4'000'000'000;
  Nanoseconds wait = deadline - monotonic_now();
  x86::start_apic_timer(static_cast<uint32_t>(wait < 1 ? 1 : wait > kLongest ? kLongest : wait));
}

}  // namespace tine::arch
