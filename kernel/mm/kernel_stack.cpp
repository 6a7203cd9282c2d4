// SPDX-License-Identifier: MIT
//
// Kernel stacks: two pages in the vmalloc area with an unmapped page below each (E53), and a few
// per CPU kept mapped for the next task (E50).
//
// A stack is all zero when it is handed out, so that nothing of its last owner leaks (E35). Most
// tasks never leave the topmost page; of the others, only those that the hardware marked dirty are
// cleared. Where there is no page table to ask (hosted), all are.
// Cached stacks belong to the CPU and are touched with interrupts off; what is more goes to a pool
// of all CPUs, because stacks are given back where no other CPU can be waited for. Only somebody who
// allocates (or reclaims) unmaps them, and then makes all CPUs forget the addresses before they are
// used again. Slots of addresses belong to `slots.lock`.
// Since a stack begins as zeros, what a task has used of it can be seen when it is given back: debug
// builds note the most that any task has used (KernelStackCounts::deepest).
// ENOMEM when frames, page tables or addresses run out.
#include <algorithm>
#include <atomic>
#include <bit>

#include "arch/cpu.h"
#include "arch/page_table.h"
#include "mm/frame.h"
#include "mm/heap.h"
#include "sched/schedulable.h"
#include "sync/cross_call.h"
#include "sync/hint.h"
#include "sync/spin_lock.h"

namespace tine::mm {
namespace {

constexpr unsigned kStackPages = sched::kKernelStackSize / kPageSize;
constexpr uint64_t kSlotBytes = (kStackPages + 1) * kPageSize;  // the guard page comes first
constexpr uint32_t kSlots = 1u << 16;                           // more than there can be tasks
constexpr uint32_t kSlotsPerChunk = kPageSize / sizeof(uint32_t);
constexpr unsigned kCachedStacks = 8;
static_assert(kSlots * kSlotBytes <= arch::kVmallocSize);

struct StackCache {
  VirtAddr stacks[kCachedStacks];
  unsigned count = 0;
};
StackCache stack_caches[kMaxCpus];

// A list through the topmost word of each stack; that page is cleared for the next owner anyway.
struct StackPool {
  IrqSpinLock lock{LockRank::vmalloc};
  VirtAddr first GUARDED_BY(lock);
  Hint<uint32_t> count;  // written under the lock
};
constinit StackPool pool;
constexpr uint32_t kPooledStacks = 64;
constexpr uint32_t kUnmapBatch = 32;

std::atomic<int64_t> live_stacks{0};
std::atomic<uint64_t> cached_stacks{0};
std::atomic<uint64_t> cache_hits{0};
std::atomic<uint64_t> slot_chunks{0};
std::atomic<uint64_t> deepest{0};

struct StackSlots {
  SpinLock lock{LockRank::vmalloc};
  uint64_t used[kSlots / 64] GUARDED_BY(lock) = {};
  uint32_t search_from GUARDED_BY(lock) = 0;
  // Number of the first of each slot's frames, which are chained by Frame::next. Chunks are made
  // when a slot of theirs is first used.
  uint32_t* frames[kSlots / kSlotsPerChunk] GUARDED_BY(lock) = {};
};
StackSlots slots;

VirtAddr stack_of_slot(uint32_t slot) {
  return VirtAddr(arch::kVmallocBase + slot * kSlotBytes + kPageSize);
}
uint32_t slot_of_stack(VirtAddr stack) {
  return static_cast<uint32_t>((stack.value - kPageSize - arch::kVmallocBase) / kSlotBytes);
}

Result<uint32_t> take_slot() {
  SpinGuard guard(slots.lock);
  for (uint32_t i = 0; i < kSlots / 64; ++i) {
    uint32_t word = (slots.search_from + i) % (kSlots / 64);
    if (slots.used[word] == ~uint64_t{0}) continue;
    uint32_t slot = word * 64 + static_cast<uint32_t>(std::countr_one(slots.used[word]));
    uint32_t*& chunk = slots.frames[slot / kSlotsPerChunk];
    if (chunk == nullptr) {
      Frame* frame = take_frame(FrameKind::kernel);
      if (frame == nullptr) return Errno::nomem;
      chunk = frame_data<uint32_t>(*frame);
      slot_chunks.fetch_add(1, std::memory_order_relaxed);
    }
    chunk[slot % kSlotsPerChunk] = 0;
    slots.used[word] |= uint64_t{1} << slot % 64;
    slots.search_from = word;
    return slot;
  }
  return Errno::nomem;
}

uint32_t& first_frame_locked(uint32_t slot) REQUIRES(slots.lock) {
  return slots.frames[slot / kSlotsPerChunk][slot % kSlotsPerChunk];
}

// The first half of undoing take_slot() and as much of map_new_stack() as has been done.
void unmap_slot(uint32_t slot) {
  SpinGuard guard(slots.lock);
  for (uint32_t number = first_frame_locked(slot); number != 0; number = frame_table[number].next) {
    arch::unmap_kernel_page(VirtAddr(reinterpret_cast<uint64_t>(frame_table[number].owner)));
  }
}

// The second half, when no CPU can reach the frames any more.
void release_slot(uint32_t slot) {
  SpinGuard guard(slots.lock);
  for (uint32_t number = first_frame_locked(slot); number != 0;) {
    Frame& frame = frame_table[number];
    number = frame.next;
    put_frame(frame);
  }
  slots.used[slot / 64] &= ~(uint64_t{1} << slot % 64);
  if (slot / 64 < slots.search_from) slots.search_from = slot / 64;
}

struct UnmappedSlots {
  uint32_t slots[kUnmapBatch];
  uint32_t count = 0;
};

void forget_addresses(void* unmapped) {
  const auto& batch = *static_cast<UnmappedSlots*>(unmapped);
  for (uint32_t i = 0; i < batch.count; ++i) {
    VirtAddr stack = stack_of_slot(batch.slots[i]);
    for (unsigned page = 0; page < kStackPages; ++page) {
      arch::flush_tlb_page(stack.value + page * kPageSize);
    }
  }
}

// Task context, interrupts on.
void unmap_stacks(UnmappedSlots& batch) {
  for (uint32_t i = 0; i < batch.count; ++i) unmap_slot(batch.slots[i]);
  call_on_cpus(online_cpus(), forget_addresses, &batch);
  for (uint32_t i = 0; i < batch.count; ++i) release_slot(batch.slots[i]);
}

// The kernel's entry for a mapped page of the vmalloc area; null where tables are not walked.
arch::Pte* kernel_entry(VirtAddr address) {
  PhysAddr table = arch::kernel_page_table();
  if (table.value == 0) return nullptr;
  for (unsigned level = arch::kTableLevels - 1;; --level) {
    arch::Pte* entry = arch::direct_map<arch::Pte>(table) +
                       (address.value >> (kPageShift + 9 * level)) % arch::kTableEntries;
    if (level == 0) return entry;
    table = entry->address();
  }
}

void mark_clean(arch::Pte& entry) {
  entry = arch::Pte::page(entry.address(), arch::kWritable | arch::kGlobal | arch::kAccessed);
}

Result<void> map_stack_page(uint32_t slot, VirtAddr address) {
  Frame* frame = take_frame(FrameKind::stack);
  if (frame == nullptr) return Errno::nomem;
  arch::clear_page(frame_data(*frame));
  SpinGuard guard(slots.lock);
  if (!arch::map_kernel_page(address, frame_address(*frame))) {
    put_frame(*frame);
    return Errno::nomem;
  }
  if (arch::Pte* entry = kernel_entry(address)) mark_clean(*entry);
  frame->owner = reinterpret_cast<void*>(address.value);
  frame->next = first_frame_locked(slot);
  first_frame_locked(slot) = frame_number(*frame);
  return {};
}

Result<VirtAddr> map_new_stack() {
  uint32_t slot = TRY(take_slot());
  for (unsigned i = 0; i < kStackPages; ++i) {
    if (auto mapped = map_stack_page(slot, stack_of_slot(slot) + i * kPageSize); !mapped) {
      unmap_slot(slot);  // nobody has used the addresses: no CPU has them in its cache
      release_slot(slot);
      return mapped.error();
    }
  }
  return stack_of_slot(slot);
}

void clear_used_pages(VirtAddr stack) {
  for (unsigned i = 0; i < kStackPages; ++i) {
    VirtAddr page = stack + i * kPageSize;
    arch::Pte* entry = i + 1 < kStackPages ? kernel_entry(page) : nullptr;
    if (entry == nullptr) {
      arch::clear_page(reinterpret_cast<void*>(page.value));
    } else if (entry->is_dirty()) {
      arch::clear_page(arch::direct_map(entry->address()));
      mark_clean(*entry);
      arch::flush_tlb_page(page.value);  // or its next write would not be noticed
    }
  }
}

// Null address: this CPU has none.
VirtAddr take_from_cache() {
  arch::IrqState irqs = arch::irq_save();
  StackCache& cache = stack_caches[arch::this_cpu().id];
  VirtAddr stack = cache.count != 0 ? cache.stacks[--cache.count] : VirtAddr();
  arch::irq_restore(irqs);
  return stack;
}

bool add_to_cache(VirtAddr stack) {
  arch::IrqState irqs = arch::irq_save();
  StackCache& cache = stack_caches[arch::this_cpu().id];
  bool kept = cache.count < kCachedStacks;
  if (kept) cache.stacks[cache.count++] = stack;
  arch::irq_restore(irqs);
  return kept;
}

VirtAddr& pool_link(VirtAddr stack) {
  return *reinterpret_cast<VirtAddr*>(stack.value + sched::kKernelStackSize - sizeof(VirtAddr));
}

void add_to_pool(VirtAddr stack) {
  IrqGuard guard(pool.lock);
  pool_link(stack) = pool.first;
  pool.first = stack;
  ++pool.count;
}

// Null address: there are not more than `keep`.
VirtAddr take_from_pool(uint32_t keep) {
  IrqGuard guard(pool.lock);
  if (pool.count <= keep) return VirtAddr();
  VirtAddr stack = pool.first;
  pool.first = pool_link(stack);
  --pool.count;
  return stack;
}

VirtAddr take_cached_stack() {
  VirtAddr stack = take_from_cache();
  if (stack.value == 0) stack = take_from_pool(0);
  if (stack.value != 0) cached_stacks.fetch_sub(1, std::memory_order_relaxed);
  return stack;
}

// Unmaps what the pool has above `keep`; how many stacks.
uint64_t trim_pool(uint32_t keep) {
  uint64_t trimmed = 0;
  UnmappedSlots batch;
  do {
    batch.count = 0;
    while (batch.count < kUnmapBatch) {
      VirtAddr stack = take_from_pool(keep);
      if (stack.value == 0) break;
      batch.slots[batch.count++] = slot_of_stack(stack);
    }
    if (batch.count == 0) break;
    unmap_stacks(batch);
    cached_stacks.fetch_sub(batch.count, std::memory_order_relaxed);
    trimmed += batch.count;
  } while (batch.count == kUnmapBatch);
  return trimmed;
}

#ifdef TINE_DEBUG
constexpr bool kNotesDepth = true;
#else
constexpr bool kNotesDepth = false;
#endif

// How much of `stack` has been written to, from its top down.
[[maybe_unused]] void note_depth(VirtAddr stack) {
  const auto* words = reinterpret_cast<const uint64_t*>(stack.value);
  constexpr size_t kWords = sched::kKernelStackSize / sizeof(uint64_t);
  const uint64_t unused = static_cast<uint64_t>(std::find_if(words, words + kWords,
                                                             [](uint64_t word) { return word != 0; }) -
                                                words);
  const uint64_t depth = sched::kKernelStackSize - unused * sizeof(uint64_t);
  uint64_t seen = deepest.load(std::memory_order_relaxed);
  while (depth > seen && !deepest.compare_exchange_weak(seen, depth, std::memory_order_relaxed)) {
  }
}

bool pool_is_large() { return pool.count > kPooledStacks; }

}  // namespace

Result<VirtAddr> alloc_kernel_stack() {
  if (fail_here()) return Errno::nomem;
  VirtAddr stack = take_cached_stack();
  if (stack.value != 0) [[likely]] {
    clear_used_pages(stack);
    cache_hits.fetch_add(1, std::memory_order_relaxed);
  } else {
    stack = TRY(map_new_stack());
  }
  if (pool_is_large()) [[unlikely]]
    trim_pool(kPooledStacks / 2);
  live_stacks.fetch_add(1, std::memory_order_relaxed);
  return stack;
}

void free_kernel_stack(VirtAddr stack) {
  if constexpr (kNotesDepth) note_depth(stack);
  live_stacks.fetch_sub(1, std::memory_order_relaxed);
  if (!add_to_cache(stack)) add_to_pool(stack);
  cached_stacks.fetch_add(1, std::memory_order_relaxed);
}

uint64_t reclaim_kernel_stacks() {
  for (VirtAddr stack; (stack = take_from_cache()).value != 0;) add_to_pool(stack);
  return trim_pool(0) * kStackPages;
}

void forget_all_kernel_stacks() {
  {
    IrqGuard guard(pool.lock);
    pool.first = VirtAddr();
    pool.count = 0;
  }
  SpinGuard guard(slots.lock);
  for (StackCache& cache : stack_caches) cache.count = 0;
  for (uint64_t& word : slots.used) word = 0;
  for (uint32_t*& chunk : slots.frames) chunk = nullptr;
  slots.search_from = 0;
  live_stacks = 0;
  cached_stacks = 0;
  slot_chunks = 0;
  deepest = 0;
}

KernelStackCounts kernel_stack_counts() {
  return {live_stacks.load(std::memory_order_relaxed), cache_hits.load(std::memory_order_relaxed),
          cached_stacks.load(std::memory_order_relaxed) * kStackPages,
          slot_chunks.load(std::memory_order_relaxed), deepest.load(std::memory_order_relaxed)};
}

}  // namespace tine::mm
