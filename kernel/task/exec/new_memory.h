// SPDX-License-Identifier: MIT
//
// NewMemory: the address space that a new program will have, while nobody runs in it: its mappings,
// and writing into its pages from outside. Everything goes with it if exec fails.
#pragma once

#include <span>

#include "mm/mm.h"
#include "task/exec/elf.h"

namespace tine::exec {

// Where things go. Chosen once for each exec; all random parts are 0 for ADDR_NO_RANDOMIZE.
struct Layout {
  uint64_t stack_top;
  uint64_t mmap_base;
  uint64_t program_base;  // of a position-independent program
  uint64_t brk_gap;       // between the program's end and the heap
  uint64_t vdso_gap;      // pages between the stack's top and the vDSO
  bool repeats;           // it is the same for each exec
  std::byte seed[16];     // AT_RANDOM
  static Layout choose(uint32_t personality, uint64_t stack_limit);
};

struct LoadedProgram {
  uint64_t bias = 0;  // what is added to the file's addresses
  uint64_t entry = 0;
  uint64_t program_headers = 0;
};

class NewMemory {
 public:
  static Result<NewMemory> make(const Layout& layout);

  // Maps the segments of `image`, pages of `contents`, at their addresses plus `bias`, or anywhere
  // for an interpreter.
  Result<LoadedProgram> load(const ElfImage& image, fs::File& file,
                             const Ref<mm::MemoryObject>& contents, uint64_t base, bool is_main);
  // Notes where code, data and heap begin and end, for brk(2) and /proc.
  void set_program_bounds(const ElfImage& image, uint64_t bias, uint64_t brk_gap);
  // The stack, of which `used` bytes at the top will be written.
  Result<void> map_stack(uint64_t top, uint64_t used, uint64_t limit, bool executable);
  // 0: this machine has no vDSO.
  Result<uint64_t> map_vdso(uint64_t near);

  Result<void> write(uint64_t to, std::span<const std::byte> bytes);
  Result<void> clear(uint64_t from, uint64_t end);

  mm::Mm& mm() const { return *user_; }
  mm::MmUser release() { return std::move(user_); }

 private:
  explicit NewMemory(mm::MmUser user) : user_(std::move(user)) {}
  Result<void> map_segment(const ProgramHeader& segment, uint64_t bias, fs::File& file,
                           const Ref<mm::MemoryObject>& object, bool is_main);
  Result<uint64_t> choose_bias(const ElfImage& image, const Ref<mm::MemoryObject>& contents,
                               uint64_t base);
  void map_pages(const ElfImage& image, uint64_t bias);
  Result<void> clear_rest_of_page(const ProgramHeader& segment, uint64_t bias);
  Result<std::byte*> page_to_write(uint64_t address);

  mm::MmUser user_;
  uint64_t cached_page_ = ~0ull;  // the last page written, and where it is mapped for us
  std::byte* cached_data_ = nullptr;
};

}  // namespace tine::exec
