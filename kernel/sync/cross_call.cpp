// SPDX-License-Identifier: MIT
//
// See cross_call.h. Each CPU has one call under way at most, for its preemption is off until the
// call is answered; and one inbox, a set of the CPUs whose calls it has to answer. Only who finds an
// inbox empty sends an interrupt: for the others one is on its way.
#include "sync/cross_call.h"

#include <atomic>
#include <bit>

#include "arch/cpu.h"
#include "core/panic.h"
#include "sync/preempt.h"
#include "sync/reclaim.h"

namespace tine {
namespace {

struct alignas(64) Call {
  CrossCallFunction function = nullptr;
  void* argument = nullptr;
  std::atomic<uint64_t> unanswered{0};  // CPUs
};
struct alignas(64) Inbox {
  std::atomic<uint64_t> callers{0};  // CPUs
};

constinit Call calls[kMaxCpus];
constinit Inbox inboxes[kMaxCpus];

constinit std::atomic<uint64_t> online{1};

constexpr uint64_t bit_of(CpuId cpu) { return uint64_t{1} << cpu; }

// Takes the lowest CPU out of the set.
CpuId take_first(uint64_t& cpus) {
  auto cpu = static_cast<CpuId>(std::countr_zero(cpus));
  cpus &= cpus - 1;
  return cpu;
}

}  // namespace

uint64_t online_cpus() { return online.load(std::memory_order_acquire); }
void set_online(CpuId cpu) {
  // The boot CPU comes first; in a hosted program it may be the next machine's.
  if (cpu == 0) online.store(bit_of(cpu));
  else online.fetch_or(bit_of(cpu));
  reclaim_is_deferred = cpu != 0;
}

void call_on_cpus(uint64_t cpus, CrossCallFunction function, void* argument) {
  PreemptGuard guard;
  const CpuId self = arch::this_cpu().id;
  cpus &= ~bit_of(self);
  if (cpus == 0) return;
  TINE_DEBUG_ASSERT(arch::irqs_enabled());
  Call& call = calls[self];
  call.function = function;
  call.argument = argument;
  call.unanswered.store(cpus, std::memory_order_relaxed);
  for (uint64_t left = cpus; left != 0;) {
    CpuId cpu = take_first(left);
    if (inboxes[cpu].callers.fetch_or(bit_of(self)) == 0) arch::send_call_interrupt(cpu);
  }
  while (call.unanswered.load(std::memory_order_acquire) != 0) arch::cpu_relax();
}

void cross_call_interrupt() {
  const CpuId self = arch::this_cpu().id;
  for (uint64_t callers = inboxes[self].callers.exchange(0); callers != 0;) {
    Call& call = calls[take_first(callers)];
    call.function(call.argument);
    call.unanswered.fetch_and(~bit_of(self), std::memory_order_release);
  }
}

}  // namespace tine
