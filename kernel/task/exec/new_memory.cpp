// SPDX-License-Identifier: MIT
//
// Building a program's address space from outside: segments, stack, vDSO, and the bytes that the
// kernel puts there. Pages that it writes are faulted in as the program's own writes would do it,
// then filled through the direct map.
#include "task/exec/new_memory.h"

#include <algorithm>

#include "arch/user_access.h"
#include "arch/vdso.h"
#include "core/random.h"
#include "fs/fs.h"
#include "mm/fault.h"
#include "mm/heap.h"
#include "mm/ready_tables.h"
#include "task/exec/personality.h"

namespace tine::exec {

namespace {

constexpr uint64_t kProgramBase = 0x5555'5555'4000;  // two thirds of the user half
constexpr uint64_t kStackReserve = 32 * kPageSize;   // mapped below what is used at once
// Of code and constants: a page costs about 80 instructions at exec and exit, a fault for 16 of
// them 1,500. Of what is larger a run may use little.
constexpr uint64_t kMappedAtOnce = 1ull << 20;

uint32_t vm_flags_of(uint32_t segment_flags) {
  uint32_t flags = mm::kVmMayAll;
  if (segment_flags & kSegmentReadable) flags |= mm::kVmRead;
  if (segment_flags & kSegmentWritable) flags |= mm::kVmWrite;
  if (segment_flags & kSegmentExecutable) flags |= mm::kVmExec;
  return flags;
}

// Where a segment's parts lie: pages of the file, of which the last may be the file's only in part,
// and zeros.
struct Extent {
  Extent(const ProgramHeader& segment, uint64_t bias)
      : start(page_floor(segment.address + bias)),
        file_end(segment.address + bias + segment.file_size),
        file_pages_end(segment.file_size != 0 ? page_ceil(file_end) : start),
        end(page_ceil(segment.address + bias + segment.memory_size)) {}
  uint64_t start, file_end, file_pages_end, end;
};

}  // namespace

Layout Layout::choose(uint32_t personality, uint64_t stack_limit) {
  // 32 bytes are one draw from the generator.
  struct {
    std::byte seed[16];
    uint64_t stack : 22, mmap : 28, program_low : 14, program_high : 14, brk : 13, vdso : 9;
  } random;
  static_assert(sizeof random == 32);
  random_bytes(std::as_writable_bytes(std::span(&random, 1)));
  uint64_t program = uint64_t{random.program_high} << 14 | random.program_low;
  if (personality & kAddressNoRandomize) {
    random.stack = random.mmap = random.brk = random.vdso = 0;
    program = 0;
  }
  // mmap leaves the stack room to grow up to its limit, within reason.
  constexpr uint64_t kMinGap = 128ull << 20;
  const uint64_t max_gap = arch::kUserTop / 6 * 5;
  constexpr uint64_t kMaxStackRandom = ((1ull << 22) - 1) << kPageShift;
  const uint64_t gap = std::clamp(stack_limit, kMinGap, max_gap) + kMaxStackRandom;
  Layout layout{
      .stack_top = arch::kUserTop - (uint64_t{random.stack} << kPageShift),
      .mmap_base = page_floor(arch::kUserTop - gap - (uint64_t{random.mmap} << kPageShift)),
      .program_base = kProgramBase + (program << kPageShift),
      .brk_gap = uint64_t{random.brk} << kPageShift,
      .vdso_gap = uint64_t{random.vdso} << kPageShift,
      .repeats = (personality & kAddressNoRandomize) != 0};
  std::ranges::copy(random.seed, layout.seed);
  return layout;
}

Result<NewMemory> NewMemory::make(const Layout& layout) {
  auto user = mm::MmUser::adopt(TRY(mm::mm_alloc()));
  user->mmap_base = UserAddr(layout.mmap_base);
  user->repeats_places = layout.repeats;
  return NewMemory(std::move(user));
}

Result<void> NewMemory::map_segment(const ProgramHeader& segment, uint64_t bias, fs::File& file,
                                    const Ref<mm::MemoryObject>& object, bool is_main) {
  const Extent extent(segment, bias);
  const uint32_t flags = vm_flags_of(segment.flags);
  if (extent.file_pages_end > extent.start) {
    TRY(mm::do_mmap(mm(), {.address = UserAddr(extent.start),
                           .length = extent.file_pages_end - extent.start,
                           .flags = flags | (is_main ? uint32_t{mm::kVmDenyWrite} : 0),
                           .object = object,
                           .object_page = segment.offset >> kPageShift,
                           .name = file.map_name(),
                           .fixed = true}));
  }
  if (extent.end <= extent.file_pages_end) return {};
  TRY(mm::do_mmap(mm(), {.address = UserAddr(extent.file_pages_end),
                         .length = extent.end - extent.file_pages_end,
                         .flags = flags,
                         .fixed = true}));
  return {};
}

// Behind what the last page of the file has of a segment that can be written, its .bss begins. One
// that cannot be written has no business with a .bss, but Linux lets it be; so do we.
Result<void> NewMemory::clear_rest_of_page(const ProgramHeader& segment, uint64_t bias) {
  if (segment.memory_size == segment.file_size || segment.file_size == 0) return {};
  if (!(segment.flags & kSegmentWritable)) return {};
  const Extent extent(segment, bias);
  return clear(extent.file_end, extent.file_pages_end);
}

// Maps the pages of what cannot be written as far as they are in memory, so that it costs no
// faults.
void NewMemory::map_pages(const ElfImage& image, uint64_t bias) {
  for (const ProgramHeader& segment : image.segments()) {
    if (segment.flags & kSegmentWritable) continue;
    const Extent extent(segment, bias);
    const uint64_t end = std::min(extent.file_pages_end, extent.start + kMappedAtOnce);
    mm::map_cached_pages(mm(), UserAddr(extent.start), UserAddr(end));
  }
}

// What to add to the addresses of a position-independent image, so that tables of an earlier run
// can be linked.
Result<uint64_t> NewMemory::choose_bias(const ElfImage& image,
                                        const Ref<mm::MemoryObject>& contents, uint64_t base) {
  const uint64_t in_alignment = image.alignment() - 1;
  const mm::MapRequest whole{.address = UserAddr(base & ~in_alignment),
                             .length = image.high() - image.low(),
                             .flags = mm::kVmRead,
                             .object = contents,
                             .object_page = image.first_page()};
  if (base == 0) return TRY(mm::find_place(mm(), whole)).value - image.low();
  const uint64_t near = mm::near_for_ready_tables(mm(), whole).value;
  return ((near & in_alignment) == 0 ? near : whole.address.value) - image.low();
}

Result<LoadedProgram> NewMemory::load(const ElfImage& image, fs::File& file,
                                      const Ref<mm::MemoryObject>& contents, uint64_t base,
                                      bool is_main) {
  uint64_t bias = 0;
  if (image.is_position_independent()) bias = TRY(choose_bias(image, contents, base));
  if (image.high() + bias > arch::kUserTop) return Errno::nomem;
  const int64_t pages = mm().rss_pages();
  for (const ProgramHeader& segment : image.segments()) {
    TRY(map_segment(segment, bias, file, contents, is_main));
  }
  // Unless the mapping of the data has linked tables of an earlier run.
  if (mm().rss_pages() == pages) map_pages(image, bias);
  for (const ProgramHeader& segment : image.segments()) {
    TRY(clear_rest_of_page(segment, bias));
  }
  const uint64_t headers = image.program_header_address();
  return LoadedProgram{.bias = bias,
                       .entry = image.entry() + bias,
                       .program_headers = headers != 0 ? headers + bias : 0};
}

void NewMemory::set_program_bounds(const ElfImage& image, uint64_t bias, uint64_t brk_gap) {
  uint64_t code_start = ~0ull, code_end = 0, data_start = 0, data_end = 0, end = 0;
  for (const ProgramHeader& segment : image.segments()) {
    const uint64_t start = segment.address + bias;
    code_start = std::min(code_start, start);
    data_start = std::max(data_start, start);
    if (segment.flags & kSegmentExecutable)
      code_end = std::max(code_end, start + segment.file_size);
    data_end = std::max(data_end, start + segment.file_size);
    end = std::max(end, start + segment.memory_size);
  }
  mm::Mm& memory = mm();
  memory.start_code = UserAddr(code_start);
  memory.end_code = UserAddr(code_end);
  memory.start_data = UserAddr(data_start);
  memory.end_data = UserAddr(data_end);
  memory.start_brk = memory.brk = UserAddr(page_ceil(end) + brk_gap);
}

Result<void> NewMemory::map_stack(uint64_t top, uint64_t used, uint64_t limit, bool executable) {
  const uint64_t wanted = std::min(used + kStackReserve, std::max(used, limit));
  const uint64_t start = page_floor(top - wanted);
  uint32_t flags = mm::kVmRead | mm::kVmWrite | mm::kVmMayAll | mm::kVmGrowsDown | mm::kVmStack;
  if (executable) flags |= mm::kVmExec;
  TRY(mm::do_mmap(mm(), {.address = UserAddr(start),
                         .length = page_ceil(top) - start,
                         .flags = flags,
                         .fixed = true}));
  return {};
}

Result<uint64_t> NewMemory::map_vdso(uint64_t near) {
  const arch::VdsoFrames frames = arch::vdso_frames();
  if (frames.code.empty()) return uint64_t{0};
  const uint64_t data_bytes = frames.data.size() * kPageSize;
  const uint64_t length = data_bytes + frames.code.size() * kPageSize;
  const UserAddr start = TRY(mm::find_place(mm(), {.address = UserAddr(near), .length = length}));
  TRY(mm::map_special(mm(), start, frames.data, mm::kVmRead | mm::kVmMayRead, {}));
  const UserAddr code = start + data_bytes;
  TRY(mm::map_special(mm(), code, frames.code,
                      mm::kVmRead | mm::kVmExec | mm::kVmMayRead | mm::kVmMayExec, {}));
  mm().vdso = code;
  return code.value;
}

Result<std::byte*> NewMemory::page_to_write(uint64_t address) {
  const uint64_t page = page_floor(address);
  if (page != cached_page_) {
    const mm::FaultResult fault =
        mm::handle_page_fault(mm(), UserAddr(page), {.write = true, .user_mode = true});
    if (fault.outcome == mm::FaultOutcome::out_of_memory) return Errno::nomem;
    if (fault.outcome == mm::FaultOutcome::signal) return Errno::fault;
    SpinGuard guard(mm().page_table_lock);
    const arch::Pte entry = mm().page_table.effective_entry(UserAddr(page));
    cached_data_ = arch::direct_map<std::byte>(entry.address());
    cached_page_ = page;
  }
  return cached_data_ + (address - page);
}

Result<void> NewMemory::write(uint64_t to, std::span<const std::byte> bytes) {
  while (!bytes.empty()) {
    std::byte* target = TRY(page_to_write(to));
    const size_t count = std::min<size_t>(bytes.size(), kPageSize - (to & kPageMask));
    __builtin_memcpy(target, bytes.data(), count);
    bytes = bytes.subspan(count);
    to += count;
  }
  return {};
}

Result<void> NewMemory::clear(uint64_t from, uint64_t end) {
  if (from >= end) return {};
  __builtin_memset(TRY(page_to_write(from)), 0, end - from);
  return {};
}

}  // namespace tine::exec
