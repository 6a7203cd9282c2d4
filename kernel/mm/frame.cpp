// SPDX-License-Identifier: MIT
//
// The frame allocator: buddy lists of blocks of 2^0..2^10 frames, and in front of them, per CPU, a
// stack of single frames, one of frames that are zero and one of clean page tables.
//
// The per-CPU stacks are touched with interrupts off and need no lock; the buddy lists belong to
// `buddy.lock`. A block never leaves its section of 2^10 frames, so metadata of a section that was
// never used is never looked at: memory that nobody needed costs nothing at boot.
// Fails only by returning null. Frame 0 is never given out: its number ends the lists.
#include "mm/frame.h"

#include <cstring>
#include <memory>

#include "core/panic.h"
#include "mm/frame_internal.h"
#include "mm/heap.h"
#include "mm/slab.h"
#include "mm/zeroed_frames.h"
#include "sync/cross_call.h"
#include "sync/hint.h"
#include "sync/spin_lock.h"

namespace tine::mm {

Frame* frame_table = nullptr;
Frame* zero_frame = nullptr;

CpuFrames cpu_frames[kMaxCpus];

namespace {

constexpr uint16_t kInBuddy = 1;  // heads a block on a buddy list
constexpr uint32_t kCpuListLimit = 128;
constexpr uint32_t kCpuListBatch = 64;
constexpr unsigned kRefillOrder = 5;
constexpr uint32_t kZeroedLimit = 64;
constexpr uint32_t kSpareForClearing = 32;  // an idle CPU clears what it has beyond these
constexpr uint32_t kCleanTableLimit = 32;
constexpr uint32_t kTopTableLimit = 16;

struct FreshRange {
  uint32_t next, end;
};  // frame numbers of sections never used

struct Buddy {
  IrqSpinLock lock{LockRank::frame_allocator};
  uint32_t heads[kMaxFrameOrder + 1] GUARDED_BY(lock) = {};
  uint64_t free_frames GUARDED_BY(lock) = 0;  // on the lists
  FreshRange fresh[kMaxFreshRanges] GUARDED_BY(lock) = {};
  unsigned fresh_count GUARDED_BY(lock) = 0;
};
Buddy buddy;
uint64_t total_frames = 0;
uint64_t metadata_frames = 0;
uint64_t kept_frames = 0;  // reserved ones that are never given back: the image, the metadata...

CpuFrames& this_cpu_frames() { return cpu_frames[arch::this_cpu().id]; }

void link_block(uint32_t number, unsigned order) REQUIRES(buddy.lock) {
  Frame& frame = frame_table[number];
  frame.kind = FrameKind::free;
  frame.order = static_cast<uint8_t>(order);
  frame.flags = kInBuddy;
  frame.next = buddy.heads[order];
  frame.previous = 0;
  if (frame.next != 0) frame_table[frame.next].previous = number;
  buddy.heads[order] = number;
  buddy.free_frames += 1ull << order;
}

void unlink_block(uint32_t number, unsigned order) REQUIRES(buddy.lock) {
  Frame& frame = frame_table[number];
  if (frame.next != 0) frame_table[frame.next].previous = frame.previous;
  if (frame.previous != 0) {
    frame_table[frame.previous].next = frame.next;
  } else {
    buddy.heads[order] = frame.next;
  }
  frame.flags = 0;
  buddy.free_frames -= 1ull << order;
}

void free_block(uint32_t number, unsigned order) REQUIRES(buddy.lock) {
  while (order < kMaxFrameOrder) {
    uint32_t other = number ^ (1u << order);
    if (frame_table[other].flags != kInBuddy || frame_table[other].order != order) break;
    unlink_block(other, order);
    number &= ~(1u << order);
    ++order;
  }
  link_block(number, order);
}

// Fills in the metadata of a section that was never used and hands it to the buddy lists.
bool open_fresh_section() REQUIRES(buddy.lock) {
  while (buddy.fresh_count != 0) {
    FreshRange& range = buddy.fresh[buddy.fresh_count - 1];
    if (range.next == range.end) {
      --buddy.fresh_count;
      continue;
    }
    uint32_t number = range.next;
    range.next += kSectionFrames;
    memset(static_cast<void*>(&frame_table[number]), 0, kSectionFrames * sizeof(Frame));
    link_block(number, kMaxFrameOrder);
    return true;
  }
  return false;
}

// The number of a free block, or 0.
uint32_t take_block(unsigned order) REQUIRES(buddy.lock) {
  unsigned found = order;
  while (found <= kMaxFrameOrder && buddy.heads[found] == 0) ++found;
  if (found > kMaxFrameOrder) {
    if (!open_fresh_section()) return 0;
    found = kMaxFrameOrder;
  }
  uint32_t number = buddy.heads[found];
  unlink_block(number, found);
  while (found > order) {
    --found;
    link_block(number + (1u << found), found);
  }
  return number;
}

void refill(CpuFrames& cpu) {
  buddy.lock.lock_irqs_off();
  unsigned order = kRefillOrder;
  uint32_t number = take_block(order);
  while (number == 0 && order > 0) number = take_block(--order);
  buddy.lock.unlock_irqs_off();
  if (number == 0) return cpu.frames.take_all(cpu.zeroed);
  for (uint32_t i = 1u << order; i-- > 0;) cpu.frames.push(frame_table[number + i]);
}

void drain(FrameStack& frames, uint32_t keep) {
  buddy.lock.lock_irqs_off();
  while (frames.count > keep) free_block(frame_number(*frames.pop()), 0);
  buddy.lock.unlock_irqs_off();
}

void start_life(Frame& frame, FrameKind kind, unsigned order) {
  frame.count.store(1, std::memory_order_relaxed);
  frame.kind = kind;
  frame.order = static_cast<uint8_t>(order);
  frame.flags = 0;
  frame.private_value = 0;
  frame.owner = nullptr;
  frame.index = 0;
}

Frame* take_recycled(FrameStack CpuFrames::* stack) {
  arch::IrqState irqs = arch::irq_save();
  CpuFrames& cpu = this_cpu_frames();
  Frame* frame = (cpu.*stack).pop();
  if (frame != nullptr) {
    ++cpu.used[static_cast<unsigned>(FrameKind::page_table)];
    frame->count.store(1, std::memory_order_relaxed);
  }
  arch::irq_restore(irqs);
  return frame;
}

// False: the stack is full, and the frame still the caller's.
bool recycle(FrameStack CpuFrames::* stack, uint32_t limit, Frame& frame) {
  arch::IrqState irqs = arch::irq_save();
  CpuFrames& cpu = this_cpu_frames();
  bool kept = (cpu.*stack).count < limit;
  if (kept) {
    frame.count.store(0, std::memory_order_relaxed);
    (cpu.*stack).push(frame);
    --cpu.used[static_cast<unsigned>(FrameKind::page_table)];
  }
  arch::irq_restore(irqs);
  return kept;
}

}  // namespace

void add_fresh_sections(uint32_t first, uint32_t end) {
  IrqGuard guard(buddy.lock);
  TINE_ASSERT(buddy.fresh_count < kMaxFreshRanges);
  buddy.fresh[buddy.fresh_count++] = {first, end};
  total_frames += end - first;
}

void add_free_frames(uint32_t first, uint32_t end) {
  IrqGuard guard(buddy.lock);
  for (uint32_t number = first; number < end; ++number) free_block(number, 0);
  total_frames += end - first;
}

void add_used_frames(uint64_t count) {
  total_frames += count;
  kept_frames += count;
  cpu_frames[0].used[static_cast<unsigned>(FrameKind::reserved)] += static_cast<int64_t>(count);
}

void note_metadata_frames(uint64_t count) { metadata_frames = count; }

void note_file_frames(uint64_t count) { kept_frames -= count; }

void forget_all_frames() {
  IrqGuard guard(buddy.lock);
  for (uint32_t& head : buddy.heads) head = 0;
  buddy.free_frames = 0;
  buddy.fresh_count = 0;
  total_frames = 0;
  kept_frames = 0;
  for (CpuFrames& cpu : cpu_frames) std::construct_at(&cpu);
}

Frame* take_frame(FrameKind kind) {
  arch::IrqState irqs = arch::irq_save();
  CpuFrames& cpu = this_cpu_frames();
  if (cpu.frames.head == 0) [[unlikely]]
    refill(cpu);
  Frame* frame = cpu.frames.pop();
  if (frame != nullptr) [[likely]] {
    ++cpu.used[static_cast<unsigned>(kind)];
    start_life(*frame, kind, 0);
  }
  arch::irq_restore(irqs);
  return frame;
}

Frame* take_kept_zeroed_frame(FrameKind kind) {
  arch::IrqState irqs = arch::irq_save();
  CpuFrames& cpu = this_cpu_frames();
  Frame* frame = cpu.zeroed.pop();
  if (frame != nullptr) {
    ++cpu.used[static_cast<unsigned>(kind)];
    start_life(*frame, kind, 0);
  }
  arch::irq_restore(irqs);
  return frame;
}

bool clear_frame_for_later() {
  CpuFrames& cpu = this_cpu_frames();
  if (cpu.zeroed.count >= kZeroedLimit || cpu.frames.count <= kSpareForClearing) return false;
  Frame& frame = *cpu.frames.pop();
  arch::irq_enable();
  arch::clear_page(frame_data(frame));
  arch::irq_disable();
  cpu.zeroed.push(frame);
  return true;
}

unsigned take_single_frames(FrameKind kind, std::span<Frame*> out) {
  arch::IrqState irqs = arch::irq_save();
  CpuFrames& cpu = this_cpu_frames();
  unsigned taken = 0;
  for (; taken < out.size(); ++taken) {
    if (cpu.frames.head == 0) refill(cpu);
    Frame* frame = cpu.frames.pop();
    if (frame == nullptr) break;
    start_life(*frame, kind, 0);
    out[taken] = frame;
  }
  cpu.used[static_cast<unsigned>(kind)] += taken;
  arch::irq_restore(irqs);
  return taken;
}

Frame* take_frames(unsigned order, FrameKind kind) {
  if (order == 0) return take_frame(kind);
  if (order > kMaxFrameOrder) return nullptr;
  IrqGuard guard(buddy.lock);
  uint32_t number = take_block(order);
  if (number == 0) return nullptr;
  this_cpu_frames().used[static_cast<unsigned>(kind)] += int64_t{1} << order;
  start_life(frame_table[number], kind, order);
  return &frame_table[number];
}

void free_frame(Frame& frame) {
  arch::IrqState irqs = arch::irq_save();
  CpuFrames& cpu = this_cpu_frames();
  unsigned order = frame.order;
  cpu.used[static_cast<unsigned>(FrameKind{frame.kind})] -= int64_t{1} << order;
  frame.kind = FrameKind::free;
  if (order == 0) [[likely]] {
    cpu.frames.push(frame);
    if (cpu.frames.count > kCpuListLimit) drain(cpu.frames, kCpuListBatch);
  } else {
    buddy.lock.lock_irqs_off();
    free_block(frame_number(frame), order);
    buddy.lock.unlock_irqs_off();
  }
  arch::irq_restore(irqs);
}

void split_block(Frame& block) {
  for (uint32_t i = 1; i < 1u << block.order; ++i) start_life(*(&block + i), block.kind, 0);
  block.order = 0;
}

void change_kind(Frame& frame, FrameKind kind) {
  arch::IrqState irqs = arch::irq_save();
  CpuFrames& cpu = this_cpu_frames();
  --cpu.used[static_cast<unsigned>(FrameKind{frame.kind})];
  ++cpu.used[static_cast<unsigned>(kind)];
  frame.kind = kind;
  arch::irq_restore(irqs);
}

Result<FrameRef> alloc_frames(unsigned order, FrameKind kind, AllocFlags flags) {
  if (fail_here()) return Errno::nomem;
  Frame* frame = take_frames(order, kind);
  if (frame == nullptr) return Errno::nomem;
  if (flags == AllocFlags::zeroed) {
    for (uint64_t i = 0; i < 1ull << order; ++i) {
      arch::clear_page(frame_data<char>(*frame) + i * kPageSize);
    }
  }
  return FrameRef::adopt(frame);
}

Frame* take_table() {
  Frame* table = take_recycled(&CpuFrames::clean_tables);
  if (table != nullptr) [[likely]]
    return table;
  return take_zeroed_frame(FrameKind::page_table);
}

Frame* take_top_table() {
  Frame* table = take_recycled(&CpuFrames::top_tables);
  if (table != nullptr) [[likely]]
    return table;
  table = take_table();
  if (table != nullptr) arch::init_top_table(frame_address(*table));
  return table;
}

void free_table(Frame& table) {
  TINE_DEBUG_ASSERT(table.private_value == 0);
  table.table_groups = 0;
  if (recycle(&CpuFrames::clean_tables, kCleanTableLimit, table)) return;
  if (!recycle(&CpuFrames::zeroed, kZeroedLimit, table)) put_frame(table);
}

void free_top_table(Frame& table) {
  TINE_DEBUG_ASSERT(table.private_value == 0);
  table.table_groups = 0;
  if (!recycle(&CpuFrames::top_tables, kTopTableLimit, table)) put_frame(table);
}

namespace {

// What the running CPU keeps back goes to the buddy lists.
uint64_t reclaim_of_this_cpu() {
  uint64_t gained = slab_reclaim();
  arch::IrqState irqs = arch::irq_save();
  CpuFrames& cpu = this_cpu_frames();
  gained += cpu.clean_tables.count + cpu.top_tables.count;
  for (FrameStack* stack : {&cpu.zeroed, &cpu.clean_tables, &cpu.top_tables}) {
    cpu.frames.take_all(*stack);
  }
  drain(cpu.frames, 0);
  arch::irq_restore(irqs);
  return gained;
}

uint64_t kept_by_other_cpus() {
  uint64_t frames = 0;
  for (CpuId cpu = 0; cpu < kMaxCpus; ++cpu) {
    if (cpu == arch::this_cpu().id) continue;
    frames += cpu_frames[cpu].frames.count + cpu_frames[cpu].zeroed.count;
  }
  return frames;
}

}  // namespace

uint64_t reclaim_frames() {
  std::atomic<uint64_t> gained{reclaim_kernel_stacks()};
  PreemptGuard guard;
  gained.fetch_add(reclaim_of_this_cpu());
  if (uint64_t others = online_cpus() & ~(uint64_t{1} << arch::this_cpu().id)) {
    gained.fetch_add(kept_by_other_cpus());
    auto reclaim = [](void* sum) {
      static_cast<std::atomic<uint64_t>*>(sum)->fetch_add(reclaim_of_this_cpu());
    };
    call_on_cpus(others, reclaim, &gained);
  }
  return gained.load();
}

uint64_t total_frame_count() { return total_frames; }

MemoryStatistics memory_statistics() {
  int64_t used[kFrameKinds] = {};
  int64_t all = 0;
  for (const CpuFrames& cpu : cpu_frames) {
    for (unsigned kind = 0; kind < kFrameKinds; ++kind) {
      used[kind] += cpu.used[kind];
      all += cpu.used[kind];
    }
  }
  auto of = [&](FrameKind kind) {
    return static_cast<uint64_t>(used[static_cast<unsigned>(kind)]);
  };
  return {.total_frames = total_frames,
          .free_frames = total_frames - static_cast<uint64_t>(all),
          .cached_frames = of(FrameKind::cache) + of(FrameKind::reserved) - kept_frames,
          .slab_frames = of(FrameKind::slab),
          .table_frames = of(FrameKind::page_table),
          .anonymous_frames = of(FrameKind::anonymous),
          .kernel_stacks = static_cast<uint64_t>(kernel_stack_counts().live),
          .metadata_frames = metadata_frames};
}

}  // namespace tine::mm
