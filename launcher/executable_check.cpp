// SPDX-License-Identifier: MIT
//
// See executable_check.h. This is a courtesy to the user, not a guard: the guest kernel checks
// everything again, because files can also come to be inside the guest.
#include "executable_check.h"

#include <elf.h>
#include <fmt/format.h>

#include <array>
#include <cstring>
#include <vector>

#include "unique_fd.h"

namespace tine::launcher {
namespace {

constexpr size_t kInterpreterLimit = 4096;  // PATH_MAX; longer is hostile
constexpr size_t kScriptLineLimit = 256;    // as much as Linux reads of a `#!` line

ExecutableCheck refuse(std::string problem) { return {false, std::move(problem), ""}; }

std::string machine_name(unsigned machine) {
  switch (machine) {
    case EM_386:
      return "i386";
    case EM_AARCH64:
      return "aarch64";
    case EM_ARM:
      return "arm";
    case EM_RISCV:
      return "riscv";
    case EM_PPC64:
      return "ppc64";
    case EM_S390:
      return "s390";
    default:
      return fmt::format("machine {}", machine);
  }
}

ExecutableCheck check_script(const char* head, size_t size) {
  std::string line(head + 2, size - 2);
  const size_t end = line.find('\n');
  if (end == std::string::npos && size == kScriptLineLimit)
    return refuse("its #! line is too long");
  line.resize(std::min(end, line.size()));
  const size_t first = line.find_first_not_of(" \t");
  if (first == std::string::npos) return refuse("its #! line names no interpreter");
  const size_t last = line.find_first_of(" \t\r", first);
  return {true, "", line.substr(first, last == std::string::npos ? last : last - first)};
}

// `size` bounds everything that the headers may point at.
ExecutableCheck check_elf(int fd, off_t offset, uint64_t size) {
  Elf64_Ehdr header{};
  const size_t got = read_at(fd, &header, sizeof header, offset, "the program");
  if (got < EI_NIDENT || got < offsetof(Elf64_Ehdr, e_version)) return refuse("truncated ELF file");
  if (header.e_ident[EI_CLASS] == ELFCLASS32 && header.e_ident[EI_DATA] == ELFDATA2LSB) {
    return refuse(
        fmt::format("made for {} (32-bit), this VM is x86-64", machine_name(header.e_machine)));
  }
  if (header.e_ident[EI_CLASS] != ELFCLASS64 || header.e_ident[EI_DATA] != ELFDATA2LSB) {
    return refuse("an ELF file for another machine, this VM is x86-64");
  }
  if (header.e_machine != EM_X86_64) {
    return refuse(fmt::format("made for {}, this VM is x86-64", machine_name(header.e_machine)));
  }
  if (got < sizeof header) return refuse("truncated ELF file");
  if (header.e_type != ET_EXEC && header.e_type != ET_DYN) {
    return refuse("an ELF file, but not an executable one");
  }
  if (header.e_phentsize != sizeof(Elf64_Phdr) || header.e_phnum == 0) {
    return refuse("damaged ELF file: it has no usable program headers");
  }
  const uint64_t table_size = uint64_t{header.e_phnum} * sizeof(Elf64_Phdr);
  if (header.e_phoff > size || table_size > size - header.e_phoff) {
    return refuse("truncated ELF file: its program headers lie behind its end");
  }
  std::vector<Elf64_Phdr> segments(header.e_phnum);
  if (read_at(fd, segments.data(), table_size, offset + static_cast<off_t>(header.e_phoff),
              "the program") < table_size) {
    return refuse("truncated ELF file");
  }
  ExecutableCheck result{true, "", ""};
  bool loads = false;
  for (const Elf64_Phdr& segment : segments) {
    if (segment.p_type != PT_LOAD && segment.p_type != PT_INTERP) continue;
    if (segment.p_offset > size || segment.p_filesz > size - segment.p_offset) {
      return refuse("truncated ELF file: a segment lies behind its end");
    }
    if (segment.p_type == PT_LOAD) {
      if (segment.p_filesz > segment.p_memsz) return refuse("damaged ELF file: a bad segment");
      loads = true;
      continue;
    }
    if (segment.p_filesz < 2 || segment.p_filesz > kInterpreterLimit) {
      return refuse("damaged ELF file: a bad interpreter name");
    }
    std::string name(segment.p_filesz, '\0');
    read_at(fd, name.data(), name.size(), offset + static_cast<off_t>(segment.p_offset),
            "the program");
    result.interpreter = name.c_str();
  }
  if (!loads) return refuse("damaged ELF file: nothing to load");
  return result;
}

}  // namespace

ExecutableCheck check_executable(int fd, off_t offset, uint64_t size) {
  std::array<char, kScriptLineLimit> head{};
  const size_t want = std::min<uint64_t>(size, head.size());
  const size_t got = read_at(fd, head.data(), want, offset, "the program");
  if (got == 0) return refuse("an empty file");
  if (got >= 2 && head[0] == '#' && head[1] == '!') return check_script(head.data(), got);
  if (got >= SELFMAG && std::memcmp(head.data(), ELFMAG, SELFMAG) == 0) {
    return check_elf(fd, offset, size);
  }
  return refuse("neither an ELF executable nor a script that begins with #!");
}

}  // namespace tine::launcher
