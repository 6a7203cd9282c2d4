// SPDX-License-Identifier: MIT
//
// Looks at a file before a VM is started for it: is it something the guest can execute? It reads
// the ELF header and program headers, or the `#!` line, from any range of any descriptor (a host
// file, or a member of the packed root). The bytes are untrusted: every offset is checked against
// the range before it is used. The answer is a value; only failing reads throw.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>

namespace tine::launcher {

struct ExecutableCheck {
  bool executable = false;
  std::string problem;      // why not, fit to follow "PROGRAM: "
  std::string interpreter;  // PT_INTERP or `#!` path, empty where there is none
};

ExecutableCheck check_executable(int fd, off_t offset, uint64_t size);

}  // namespace tine::launcher
