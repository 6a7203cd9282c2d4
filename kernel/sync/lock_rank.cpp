// SPDX-License-Identifier: MIT
//
// The run-time check of the lock order, in debug builds: every CPU keeps the ranks of the spin
// locks that it holds, every task those of its sleeping locks. Taking a lock of a rank that is not
// above all that are held, or a sleeping lock under a spin lock, panics: it is a bug in the kernel.
// So does waiting for a SpinLock under an IrqSpinLock: who has the first can be interrupted, and the
// handler may wait for the second. LockRank::unranked may be taken under anything, itself included.
#include "sync/lock_rank.h"

#include <algorithm>

#ifdef TINE_DEBUG

#include "arch/cpu.h"
#include "core/format.h"
#include "core/panic.h"
#include "sched/schedulable.h"
#include "sync/mutex.h"
#include "sync/spin_lock.h"

namespace tine {
namespace {

constexpr uint32_t kMaxHeld = 16;
// What an interrupt takes is compared only with what interrupts took: the locks of the task that it
// interrupted stand below, and are not irq-safe ones.
constexpr uint16_t kTakenInInterrupt = 0x8000;
constexpr uint16_t kIrqsOff = 0x4000;  // an IrqSpinLock
constexpr uint16_t kMarks = kTakenInInterrupt | kIrqsOff;

uint16_t context_mark() {
  return arch::preempt_count() >= arch::kHardIrqUnit ? kTakenInInterrupt : 0;
}

struct HeldRanks {
  uint32_t& count;
  uint16_t (&ranks)[kMaxHeld];

  uint16_t highest() const {
    uint16_t found = 0;
    uint16_t mark = context_mark();
    for (uint32_t i = 0; i < count; ++i) {
      uint16_t number = ranks[i] & ~kMarks;
      if ((ranks[i] & kTakenInInterrupt) != mark) continue;
      if (number > found && number != static_cast<uint16_t>(LockRank::unranked)) found = number;
    }
    return found;
  }
  bool has_irqs_off() const {
    return std::any_of(ranks, ranks + count, [](uint16_t held) { return held & kIrqsOff; });
  }
  void push(LockRank rank, uint16_t marks = 0) {
    TINE_ASSERT(count < kMaxHeld);
    ranks[count++] = static_cast<uint16_t>(rank) | context_mark() | marks;
  }
  void remove(LockRank rank) {
    for (uint32_t i = count; i-- > 0;) {
      if ((ranks[i] & ~kMarks) != static_cast<uint16_t>(rank)) continue;
      for (; i + 1 < count; ++i) ranks[i] = ranks[i + 1];
      --count;
      return;
    }
    panic("a lock is released that is not held");
  }
};

HeldRanks spin_ranks_of(arch::CpuLocal& cpu) { return {cpu.spin_ranks_held, cpu.spin_ranks}; }
HeldRanks mutex_ranks_of(sched::Schedulable& task) {
  return {task.mutex_ranks_held, task.mutex_ranks};
}

void check_order(const HeldRanks& held, LockRank rank) {
  auto number = static_cast<uint16_t>(rank);
  if (rank == LockRank::unranked || number > held.highest()) return;
  char message[80] = {};
  format_to({message, sizeof message - 1},
            "lock order violated: rank {} is taken while rank {} is held", number, held.highest());
  panic(message);
}

void check_interrupts(const HeldRanks& held, LockRank rank) {
  if (!held.has_irqs_off()) return;
  char message[100] = {};
  format_to({message, sizeof message - 1},
            "rank {}, which may be interrupted, is waited for while rank {} is held with irqs off",
            static_cast<uint16_t>(rank), held.highest());
  panic(message);
}

uint16_t mark_of(Holder holder) { return holder == Holder::irqs_off ? kIrqsOff : uint16_t{0}; }

}  // namespace

void note_spin_acquired(LockRank rank, Holder holder) {
  HeldRanks held = spin_ranks_of(arch::this_cpu());
  check_order(held, rank);
  if (holder == Holder::with_interrupts) check_interrupts(held, rank);
  held.push(rank, mark_of(holder));
}

void note_spin_tried(LockRank rank, Holder holder) {
  spin_ranks_of(arch::this_cpu()).push(rank, mark_of(holder));
}
void note_spin_released(LockRank rank) { spin_ranks_of(arch::this_cpu()).remove(rank); }

void note_mutex_acquired(LockRank rank) {
  // Who may be preempted may be on another CPU by the next line, and holds no spin lock.
  if (arch::preempt_count() != 0 && arch::this_cpu().spin_ranks_held != 0) {
    panic("a sleeping lock is taken under a spin lock");
  }
  HeldRanks held = mutex_ranks_of(*arch::current_schedulable());
  check_order(held, rank);
  held.push(rank);
}

void note_mutex_tried(LockRank rank) { mutex_ranks_of(*arch::current_schedulable()).push(rank); }
void note_mutex_released(LockRank rank) {
  mutex_ranks_of(*arch::current_schedulable()).remove(rank);
}

}  // namespace tine

#endif  // TINE_DEBUG
