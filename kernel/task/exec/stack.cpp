// SPDX-License-Identifier: MIT
//
// Laying out and writing a program's first stack. From the top down: eight zero bytes, the file's
// name, the strings of envp and argv, the platform's name, 16 random bytes, the pointers.
#include "task/exec/stack.h"

#include "arch/elf.h"
#include "syscall/abi.h"

namespace tine::exec {

namespace {

enum AuxiliaryType : uint64_t {
  kAtNull = 0,
  kAtProgramHeaders = 3,
  kAtProgramHeaderSize = 4,
  kAtProgramHeaderCount = 5,
  kAtPageSize = 6,
  kAtBase = 7,
  kAtFlags = 8,
  kAtEntry = 9,
  kAtUid = 11,
  kAtEuid = 12,
  kAtGid = 13,
  kAtEgid = 14,
  kAtPlatform = 15,
  kAtHardwareFlags = 16,
  kAtClockTick = 17,
  kAtSecure = 23,
  kAtRandom = 25,
  kAtHardwareFlags2 = 26,
  kAtFileName = 31,
  kAtVdso = 33,
  kAtMinSignalStack = 51,
};

constexpr size_t kAuxiliaryBytes = sizeof(mm::AuxiliaryVector::words);

void fill_auxiliary_vector(mm::AuxiliaryVector& vector, const StackPlan& plan,
                           const ProgramFacts& facts) {
  const arch::ElfPlatform platform = arch::elf_platform();
  if (facts.vdso != 0) vector.add(kAtVdso, facts.vdso);
  vector.add(kAtMinSignalStack, platform.min_signal_stack);
  vector.add(kAtHardwareFlags, platform.hardware_flags);
  vector.add(kAtPageSize, kPageSize);
  vector.add(kAtClockTick, static_cast<uint64_t>(kNsPerSecond / abi::kClockTick));
  vector.add(kAtProgramHeaders, facts.program.program_headers);
  vector.add(kAtProgramHeaderSize, sizeof(ProgramHeader));
  vector.add(kAtProgramHeaderCount, facts.image.program_header_count());
  vector.add(kAtBase, facts.interpreter_base);
  vector.add(kAtFlags, 0);
  vector.add(kAtEntry, facts.program.entry);
  vector.add(kAtUid, facts.creds.uid.value);
  vector.add(kAtEuid, facts.creds.euid.value);
  vector.add(kAtGid, facts.creds.gid.value);
  vector.add(kAtEgid, facts.creds.egid.value);
  vector.add(kAtSecure, facts.is_secure);
  vector.add(kAtRandom, plan.seed);
  vector.add(kAtHardwareFlags2, platform.hardware_flags2);
  vector.add(kAtFileName, plan.file_name);
  vector.add(kAtPlatform, plan.platform);
  vector.add(kAtNull, 0);
}

std::span<const std::byte> bytes_of(std::string_view text) {
  return std::as_bytes(std::span(text));
}

// Writes words one after the other, many with one copy. finish() writes what is left.
class WordWriter {
 public:
  WordWriter(NewMemory& memory, uint64_t at) : memory_(memory), at_(at) {}
  Result<void> put(uint64_t word) {
    if (count_ == std::size(words_)) TRY(finish());
    words_[count_++] = word;
    return {};
  }
  Result<void> put(std::span<const uint64_t> words) {
    TRY(finish());
    return write(words);
  }
  Result<void> finish() {
    TRY(write({words_, count_}));
    count_ = 0;
    return {};
  }

 private:
  Result<void> write(std::span<const uint64_t> words) {
    TRY(memory_.write(at_, std::as_bytes(words)));
    at_ += words.size_bytes();
    return {};
  }

  NewMemory& memory_;
  uint64_t at_;
  size_t count_ = 0;
  uint64_t words_[32];
};

}  // namespace

StackPlan::StackPlan(const Arguments& arguments, std::string_view name, uint64_t stack_top) {
  file_name = stack_top - sizeof(uint64_t) - (name.size() + 1);
  strings = file_name - arguments.string_bytes();
  platform = strings - (arch::elf_platform().name.size() + 1);
  seed = (platform - sizeof(Layout::seed)) & ~15ull;
  const size_t words = 1 + arguments.argument_count() + 1 + arguments.environment_count() + 1;
  pointers = (seed - kAuxiliaryBytes - words * sizeof(uint64_t)) & ~15ull;
}

Result<void> write_stack(NewMemory& memory, const StackPlan& plan, const Layout& layout,
                         const Arguments& arguments, const ProgramFacts& facts) {
  WordWriter writer(memory, plan.pointers);
  TRY(writer.put(arguments.argument_count()));
  uint64_t environment = plan.file_name;
  size_t index = 0;
  TRY(arguments.for_each_offset([&](uint64_t offset) -> Result<void> {
    if (index++ == arguments.argument_count()) {
      environment = plan.strings + offset;
      TRY(writer.put(0));
    }
    return writer.put(plan.strings + offset);
  }));
  if (index == arguments.argument_count()) TRY(writer.put(0));
  TRY(writer.put(0));
  Ref<mm::AuxiliaryVector> vector = TRY(make_ref<mm::AuxiliaryVector>());
  fill_auxiliary_vector(*vector, plan, facts);
  TRY(writer.put(vector->span()));

  TRY(memory.write(plan.seed, layout.seed));
  TRY(memory.write(plan.platform, bytes_of(arch::elf_platform().name)));
  uint64_t at = plan.strings;
  TRY(arguments.for_each_bytes([&](std::span<const char> bytes) -> Result<void> {
    TRY(memory.write(at, std::as_bytes(bytes)));
    at += bytes.size();
    return {};
  }));
  TRY(memory.write(plan.file_name, bytes_of(facts.file_name)));

  mm::Mm& mm = memory.mm();
  mm.start_stack = UserAddr(plan.pointers);
  mm.arg_start = UserAddr(plan.strings);
  mm.arg_end = mm.env_start = UserAddr(environment);
  mm.env_end = UserAddr(plan.file_name);
  mm.auxv = std::move(vector);
  return {};
}

}  // namespace tine::exec
