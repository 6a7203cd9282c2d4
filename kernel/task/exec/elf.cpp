// SPDX-License-Identifier: MIT
//
// Reading and checking ELF headers. Every sum of two values from the file is checked for overflow
// before it is used as an address or a size.
#include "task/exec/elf.h"

#include <algorithm>

#include "arch/elf.h"
#include "arch/user_access.h"
#include "fs/fs.h"

namespace tine::exec {

Result<void> read_head(fs::File& file, FileHead& head) {
  head.size = TRY(fs::read_at(file, 0, head.bytes));
  return {};
}

Result<void> ElfImage::check_header() const {
  constexpr uint8_t kClass64 = 2, kLittleEndian = 1;
  if (header_.identity[4] != kClass64 || header_.identity[5] != kLittleEndian) return Errno::noexec;
  if (header_.type != kElfExecutable && header_.type != kElfShared) return Errno::noexec;
  if (header_.machine != arch::elf_platform().machine) return Errno::noexec;
  if (header_.program_header_size != sizeof(ProgramHeader)) return Errno::noexec;
  const size_t count = header_.program_header_count;
  if (count == 0 || count * sizeof(ProgramHeader) > 65536) return Errno::noexec;
  return {};
}

// One segment's place in memory; false: it wraps or leaves the user half.
static bool is_placeable(const ProgramHeader& segment) {
  uint64_t end, file_end;
  return segment.file_size <= segment.memory_size &&
         !__builtin_add_overflow(segment.address, segment.memory_size, &end) &&
         end <= arch::kUserTop &&
         !__builtin_add_overflow(segment.offset, segment.file_size, &file_end) &&
         ((segment.address - segment.offset) & kPageMask) == 0;
}

static bool is_loaded(const ProgramHeader& segment) {
  return segment.type == kSegmentLoad && segment.memory_size != 0;
}

Result<void> ElfImage::survey(std::span<const ProgramHeader> headers) {
  size_t loaded = 0;
  for (const ProgramHeader& segment : headers) {
    switch (segment.type) {
      case kSegmentInterpreter:
        if (!interpreter_) interpreter_ = segment;
        break;
      case kSegmentStack:
        executable_stack_ = segment.flags & kSegmentExecutable;
        break;
      case kSegmentLoad:
        if (!is_placeable(segment)) return Errno::noexec;
        loaded += is_loaded(segment);
        low_ = std::min(low_, page_floor(segment.address));
        high_ = std::max(high_, page_ceil(segment.address + segment.memory_size));
        if ((segment.alignment & (segment.alignment - 1)) == 0) {
          alignment_ = std::clamp(segment.alignment, alignment_, uint64_t{1} << 30);
        }
        break;
      default:
        break;
    }
  }
  if (low_ >= high_) return Errno::noexec;
  segments_ = TRY(Buffer<ProgramHeader>::make(loaded));
  std::ranges::copy_if(headers, segments_.span().begin(), is_loaded);
  return {};
}

Result<Ref<ElfImage>> ElfImage::parse(fs::File& file, const FileHead& head) {
  if (head.size < sizeof(ElfHeader)) return Errno::noexec;
  Ref<ElfImage> image = TRY(make_ref<ElfImage>());
  __builtin_memcpy(&image->header_, head.bytes.data(), sizeof(ElfHeader));
  TRY(image->check_header());

  const ElfHeader& header = image->header_;
  const auto headers = TRY(Buffer<ProgramHeader>::make(header.program_header_count));
  const std::span<std::byte> target = std::as_writable_bytes(headers.span());
  const uint64_t offset = header.program_headers;
  if (offset <= head.size && target.size() <= head.size - offset) {
    std::copy_n(head.bytes.data() + offset, target.size(), target.data());
  } else if (TRY(fs::read_at(file, offset, target)) != target.size()) {
    return Errno::noexec;
  }
  TRY(image->survey(headers.span()));
  return image;
}

uint64_t ElfImage::program_header_address() const {
  for (const ProgramHeader& segment : segments_.span()) {
    const uint64_t offset = header_.program_headers;
    if (offset >= segment.offset && offset - segment.offset < segment.file_size) {
      return offset - segment.offset + segment.address;
    }
  }
  return 0;
}

}  // namespace tine::exec
