// SPDX-License-Identifier: MIT
//
// Reading ELF64 executables (elf(5)): what a file says of itself, checked, and nothing mapped yet.
// A hostile or truncated file ends in ENOEXEC (or ELIBBAD, EIO for an interpreter), never further.
// The image stays with the file's contents, and the next exec of them does not read at all.
#pragma once

#include <array>
#include <optional>
#include <string_view>

#include "core/result.h"
#include "core/types.h"
#include "fs/file.h"
#include "mm/heap.h"
#include "mm/memory_object.h"

namespace tine::exec {

struct ElfHeader {
  uint8_t identity[16];
  uint16_t type, machine;
  uint32_t version;
  uint64_t entry, program_headers, section_headers;
  uint32_t flags;
  uint16_t header_size, program_header_size, program_header_count;
  uint16_t section_header_size, section_header_count, section_names;
};
static_assert(sizeof(ElfHeader) == 64);

struct ProgramHeader {
  uint32_t type, flags;
  uint64_t offset, address, physical_address, file_size, memory_size, alignment;
};
static_assert(sizeof(ProgramHeader) == 56);

enum : uint32_t { kSegmentLoad = 1, kSegmentInterpreter = 3, kSegmentStack = 0x6474e551 };
enum : uint32_t { kSegmentExecutable = 1, kSegmentWritable = 2, kSegmentReadable = 4 };
enum : uint16_t { kElfExecutable = 2, kElfShared = 3 };

// The first bytes of a file, read once; what kind of program it is shows here.
struct FileHead {
  static constexpr size_t kBytes = 512;
  std::array<std::byte, kBytes> bytes;
  size_t size = 0;
  std::string_view text() const { return {reinterpret_cast<const char*>(bytes.data()), size}; }
  bool is_elf() const { return text().starts_with(std::string_view("\177ELF", 4)); }
  bool is_script() const { return text().starts_with(std::string_view("#!", 2)); }
};
Result<void> read_head(fs::File& file, FileHead& head);

class ElfImage final : public mm::PreparedImage {
 public:
  static constexpr const char* kCacheName = "elf_image";
  ElfImage() = default;

  // The one that is kept with a file's contents; null: none.
  static Ref<const ElfImage> kept_with(mm::MemoryObject& contents) {
    return Ref<const ElfImage>::adopt(static_cast<const ElfImage*>(contents.image().leak()));
  }
  // Reads the file whose head is given. ENOEXEC, ENOMEM, EIO.
  static Result<Ref<ElfImage>> parse(fs::File& file, const FileHead& head);

  bool is_position_independent() const { return header_.type == kElfShared; }
  uint64_t entry() const { return header_.entry; }
  // Those that occupy memory, in the file's order.
  std::span<const ProgramHeader> segments() const { return segments_.span(); }
  uint64_t program_header_count() const { return header_.program_header_count; }
  // Of all loadable segments together, page-aligned outwards.
  uint64_t low() const { return low_; }
  uint64_t high() const { return high_; }
  uint64_t alignment() const { return alignment_; }
  // The page of the file that lies lowest.
  uint64_t first_page() const {
    return segments().empty() ? 0 : segments().front().offset >> kPageShift;
  }
  bool wants_executable_stack() const { return executable_stack_; }
  // Where in memory the program headers lie, before any bias; 0: nowhere.
  uint64_t program_header_address() const;
  // The interpreter's path; null: none.
  const ProgramHeader* interpreter() const { return interpreter_ ? &*interpreter_ : nullptr; }

 private:
  Result<void> check_header() const;
  Result<void> survey(std::span<const ProgramHeader> headers);

  ElfHeader header_{};
  Buffer<ProgramHeader> segments_;
  std::optional<ProgramHeader> interpreter_;
  uint64_t low_ = ~0ull, high_ = 0, alignment_ = kPageSize;
  bool executable_stack_ = false;
};

}  // namespace tine::exec
