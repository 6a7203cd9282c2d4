// SPDX-License-Identifier: MIT
//
// The first content of a new program's stack, as the System V ABI defines it: argument count, argv,
// envp, the auxiliary vector (getauxval(3)), and above them the strings they point to.
#pragma once

#include <string_view>

#include "task/cred/cred.h"
#include "task/exec/arguments.h"
#include "task/exec/new_memory.h"

namespace tine::exec {

// What the auxiliary vector tells.
struct ProgramFacts {
  const ElfImage& image;
  LoadedProgram program;
  uint64_t interpreter_base;   // 0: none
  uint64_t vdso;               // 0: none
  const Creds& creds;          // that the program will have
  bool is_secure;              // AT_SECURE: it got privileges its caller had not
  std::string_view file_name;  // AT_EXECFN
};

// Where the pieces will lie; computed before the stack is mapped.
struct StackPlan {
  uint64_t file_name, strings, platform, seed, pointers;
  StackPlan(const Arguments& arguments, std::string_view file_name, uint64_t stack_top);
};

// Fills the mapped stack; the program starts with the stack pointer at `plan.pointers`.
Result<void> write_stack(NewMemory& memory, const StackPlan& plan, const Layout& layout,
                         const Arguments& arguments, const ProgramFacts& facts);

}  // namespace tine::exec
