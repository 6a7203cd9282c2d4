// SPDX-License-Identifier: MIT
//
// Which address space a CPU has loaded, and the flushes of its translations; see tlb.h.
//
// A CPU owns a reference to the Mm whose page table it has loaded, so that a kernel thread, or a
// task that is exiting, may go on with it (B25). While a kernel thread or the idle task does, the
// CPU is lazy: it touches no user memory, so flushes leave it alone. Each flush of an Mm has a
// number, and a CPU remembers up to which one it is current: a lazy CPU finds out by it what it
// missed when it goes back to user memory. Either the flusher sees that the CPU is lazy no more, or
// the CPU sees the new number: both write first and then, behind a full barrier, read.
//
// Page tables that are freed are another matter, for a processor walks the loaded ones whenever it
// likes: then lazy CPUs are made to leave the address space.
#include "mm/tlb.h"

#include <atomic>
#include <bit>

#include "arch/cpu.h"
#include "mm/mm.h"
#include "sync/cross_call.h"
#include "sync/preempt.h"

namespace tine::mm {
namespace {

constexpr uint64_t kMaxSinglePageFlushes = 32;

struct alignas(64) CpuTlb {
  std::atomic<bool> lazy{false};
  uint64_t flushes_seen = 0;  // of the loaded Mm; this CPU's alone, interrupts off
};
constinit CpuTlb cpu_tlbs[kMaxCpus];

constexpr uint64_t bit_of(CpuId cpu) { return uint64_t{1} << cpu; }
CpuTlb& this_cpu_tlb() { return cpu_tlbs[arch::this_cpu().id]; }

// Interrupts off.
void set_loaded(Mm* next) {
  arch::CpuLocal& cpu = arch::this_cpu();
  auto* previous = static_cast<Mm*>(cpu.active_mm);
  if (next != nullptr) {
    CpuTlb& tlb = cpu_tlbs[cpu.id];
    tlb.lazy.store(false, std::memory_order_relaxed);
    next->ref_get();
    next->loaded_on.fetch_or(bit_of(cpu.id));
    tlb.flushes_seen = next->flushes.load();
  }
  arch::load_page_table(next != nullptr ? next->top_table.load(std::memory_order_relaxed)
                                        : arch::kernel_page_table());
  cpu.active_mm = next;
  if (previous != nullptr) {
    previous->loaded_on.fetch_and(~bit_of(cpu.id), std::memory_order_relaxed);
    previous->ref_put();
  }
}

// The top table may be another one since (mm/fold.cpp), which is loaded with this.
void flush_everything_here(const Mm& mm) {
  this_cpu_tlb().flushes_seen = mm.flushes.load();  // before the flush: it covers at least these
  arch::load_page_table(mm.top_table.load(std::memory_order_relaxed));
}

void stop_being_lazy(const Mm& mm) {
  CpuTlb& tlb = this_cpu_tlb();
  tlb.lazy.exchange(false);
  if (tlb.flushes_seen != mm.flushes.load()) flush_everything_here(mm);
}

struct Flush {
  Mm& mm;
  UserAddr start, end;
  bool frees_tables;
  uint64_t number;
};

// Interrupts off.
void flush_here(const Flush& flush) {
  if (arch::this_cpu().active_mm != &flush.mm) return;
  CpuTlb& tlb = this_cpu_tlb();
  if (tlb.lazy.load(std::memory_order_relaxed)) {
    if (flush.frees_tables) set_loaded(nullptr);
    return;
  }
  if (tlb.flushes_seen >= flush.number) return;
  bool is_next = tlb.flushes_seen + 1 == flush.number;
  if (!is_next || flush.end - flush.start > kMaxSinglePageFlushes * kPageSize) {
    return flush_everything_here(flush.mm);
  }
  for (UserAddr at = flush.start; at < flush.end; at += kPageSize) arch::flush_tlb_page(at.value);
  tlb.flushes_seen = flush.number;
}

void flush_on_other_cpus(Flush& flush, uint64_t cpus) {
  if (!flush.frees_tables) {
    for (uint64_t left = cpus; left != 0; left &= left - 1) {
      auto cpu = static_cast<CpuId>(std::countr_zero(left));
      if (cpu_tlbs[cpu].lazy.load()) cpus &= ~bit_of(cpu);
    }
  }
  call_on_cpus(cpus, [](void* f) { flush_here(*static_cast<Flush*>(f)); }, &flush);
}

void flush_tlb(Mm& mm, UserAddr start, UserAddr end, bool frees_tables) {
  PreemptGuard guard;
  // A full barrier: the changed entries are visible before anybody is looked at.
  Flush flush{mm, start, end, frees_tables, mm.flushes.fetch_add(1) + 1};
  arch::IrqState irqs = arch::irq_save();
  flush_here(flush);
  arch::irq_restore(irqs);
  uint64_t others = mm.loaded_on.load() & ~bit_of(arch::this_cpu().id);
  if (others != 0) [[unlikely]]
    flush_on_other_cpus(flush, others);
}

void unload_here(const Mm& mm) {
  if (arch::this_cpu().active_mm == &mm) set_loaded(nullptr);
}

}  // namespace

void switch_address_space(void* next_mm) {
  void* loaded = arch::this_cpu().active_mm;
  if (next_mm == nullptr) {
    if (loaded != nullptr) this_cpu_tlb().lazy.store(true, std::memory_order_release);
  } else if (next_mm != loaded) {
    set_loaded(static_cast<Mm*>(next_mm));
  } else if (this_cpu_tlb().lazy.load(std::memory_order_relaxed)) {
    stop_being_lazy(*static_cast<Mm*>(next_mm));
  }
}

void unload_everywhere(Mm& mm) {
  PreemptGuard guard;
  arch::IrqState irqs = arch::irq_save();
  unload_here(mm);
  arch::irq_restore(irqs);
  uint64_t others = mm.loaded_on.load();
  if (others != 0) [[unlikely]]
    call_on_cpus(others, [](void* unused) { unload_here(*static_cast<Mm*>(unused)); }, &mm);
}

void flush_tlb_mm(Mm& mm) { flush_tlb(mm, UserAddr(0), UserAddr(~uint64_t{0}), false); }

void flush_tlb_range(Mm& mm, UserAddr start, UserAddr end) { flush_tlb(mm, start, end, false); }

void flush_tlb_tables(Mm& mm, UserAddr start, UserAddr end) { flush_tlb(mm, start, end, true); }

void UnmapBatch::finish() {
  if (start_ < end_) flush_tlb(mm_, start_, end_, drops_table_ || !tables_.is_empty());
  for (unsigned i = 0; i < count_; ++i) put_frame(*frames_[i]);
  tables_.free_all();
  count_ = 0;
  start_ = UserAddr(~uint64_t{0});
  end_ = UserAddr();
}

}  // namespace tine::mm
