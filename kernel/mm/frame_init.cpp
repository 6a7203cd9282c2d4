// SPDX-License-Identifier: MIT
//
// Carves the table of frame metadata out of RAM and tells the frame allocator what is free.
//
// A section (4 MiB) that is RAM throughout and holds nothing reserved is only noted: its metadata
// is written when the allocator first needs it. All others are filled in here, frame by frame.
// Reserved frames get one reference, which release_reserved() drops.
// Runs once, on one CPU, before any allocation; panics when the table finds no place.
#include <algorithm>
#include <cstring>
#include <limits>

#include "core/panic.h"
#include "mm/commit.h"
#include "mm/frame_internal.h"
#include "mm/init.h"

namespace tine::mm {
namespace {

struct Layout {
  std::span<const MemoryRange> ram;
  std::span<const MemoryRange> reserved;
  MemoryRange table;  // the metadata itself
};

bool overlaps(const MemoryRange& range, uint64_t start, uint64_t end) {
  return range.length != 0 && range.start.value < end && start < range.end().value;
}

// The highest place for `bytes` that is RAM and reserved by nobody.
MemoryRange place_table(const Layout& layout, uint64_t bytes) {
  for (size_t i = layout.ram.size(); i-- > 0;) {
    const MemoryRange& ram = layout.ram[i];
    uint64_t end = page_floor(ram.end().value);
    while (end >= bytes && end - bytes >= std::max(ram.start.value, kPageSize)) {
      const MemoryRange* in_the_way = nullptr;
      for (const MemoryRange& range : layout.reserved) {
        if (overlaps(range, end - bytes, end)) in_the_way = &range;
      }
      if (in_the_way == nullptr) return {PhysAddr(end - bytes), bytes};
      end = page_floor(in_the_way->start.value);
    }
  }
  panic("no room for the table of frames: the machine has too little memory");
}

// Whether the page at `address` is free, and up to where (at most `limit`) that answer holds.
struct Run {
  bool is_ram, is_free;
  uint64_t end;
};
Run run_at(const Layout& layout, uint64_t address, uint64_t limit) {
  Run run{false, false, limit};
  auto narrow = [&](uint64_t start, uint64_t end) {
    if (address < start) run.end = std::min(run.end, start);
    if (address >= start && address < end) run.end = std::min(run.end, end);
    return address >= start && address < end;
  };
  for (const MemoryRange& range : layout.ram) {
    if (narrow(range.start.value, range.end().value)) run.is_ram = true;
  }
  run.is_free = run.is_ram;
  auto exclude = [&](const MemoryRange& range) {
    if (range.length == 0) return;
    if (narrow(page_floor(range.start.value), page_ceil(range.end().value))) run.is_free = false;
  };
  for (const MemoryRange& range : layout.reserved) exclude(range);
  exclude(layout.table);
  return run;
}

void fill_in_section(const Layout& layout, uint64_t start, uint64_t end) {
  memset(static_cast<void*>(&frame_at(PhysAddr(start))), 0,
         ((end - start) >> kPageShift) * sizeof(Frame));
  for (uint64_t at = start; at < end;) {
    Run run = run_at(layout, at, end);
    uint64_t first = at >> kPageShift;
    uint64_t last = run.end >> kPageShift;
    if (run.is_free && first == 0) ++first;  // frame 0 ends the allocator's lists
    if (run.is_free) {
      add_free_frames(static_cast<uint32_t>(first), static_cast<uint32_t>(last));
    } else {
      for (uint64_t number = first; number < last; ++number) {
        frame_table[number].kind = FrameKind::reserved;
        frame_table[number].count.store(1, std::memory_order_relaxed);
      }
      if (run.is_ram) add_used_frames(last - first);
    }
    at = run.end;
  }
}

}  // namespace

void init(std::span<const MemoryRange> ram, std::span<const MemoryRange> reserved) {
  constexpr uint64_t kSectionBytes = uint64_t{kSectionFrames} << kPageShift;
  constexpr uint64_t kLimit = uint64_t{std::numeric_limits<uint32_t>::max()} << kPageShift;
  TINE_ASSERT(!ram.empty() && ram.back().end().value < kLimit);
  forget_all_frames();
  forget_all_kernel_stacks();
  Layout layout{ram, reserved, {}};
  uint64_t top = ram.back().end().value;
  uint64_t sections = (top + kSectionBytes - 1) / kSectionBytes;
  layout.table = place_table(layout, page_ceil(sections * kSectionFrames * sizeof(Frame)));
  note_metadata_frames(layout.table.length >> kPageShift);
  frame_table = arch::direct_map<Frame>(layout.table.start);

  uint64_t fresh_from = 0;  // end of the last section that is not fresh
  auto flush_fresh = [&](uint64_t end) {
    if (fresh_from < end) {
      add_fresh_sections(static_cast<uint32_t>(fresh_from >> kPageShift),
                         static_cast<uint32_t>(end >> kPageShift));
    }
  };
  for (uint64_t at = 0; at < sections * kSectionBytes; at += kSectionBytes) {
    Run run = run_at(layout, at, at + kSectionBytes);
    if (run.is_free && run.end == at + kSectionBytes && at != 0) continue;
    flush_fresh(at);
    fresh_from = at + kSectionBytes;
    if (!run.is_ram && run.end == at + kSectionBytes) continue;  // a hole has no metadata
    fill_in_section(layout, at, at + kSectionBytes);
  }
  flush_fresh(sections * kSectionBytes);

  zero_frame = take_frame(FrameKind::kernel);
  TINE_ASSERT(zero_frame != nullptr);
  arch::clear_page(frame_data(*zero_frame));
  init_overcommit();
}

void release_reserved(MemoryRange range) {
  PhysAddr start = range.start.page_ceil();
  PhysAddr end = range.end().page_floor();
  if (start < end) note_file_frames((end - start) >> kPageShift);
  for (PhysAddr at = start; at < end; at += kPageSize) put_frame(frame_at(at));
}

}  // namespace tine::mm
