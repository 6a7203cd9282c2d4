// SPDX-License-Identifier: MIT
//
// NewProgram: everything a new program needs, made ready beside the old one. Whatever fails until
// it is complete leaves the caller untouched; NewProgram's destructor gives it all back.
#pragma once

#include <string_view>

#include "task/exec/arguments.h"
#include "task/exec/exec_creds.h"
#include "task/exec/new_memory.h"
#include "task/task.h"

namespace tine::exec {

struct NewProgram {
  // `file_name` is the name exec was called with; it must outlive the program's making.
  static Result<NewProgram> build(Ref<fs::File> file, std::string_view file_name,
                                  Arguments& arguments);

  NewMemory memory;
  ExecCreds creds;
  Ref<fs::FilesTable> own_files;  // where the descriptor table was shared; null: keep it
  Ref<SigHand> own_sighand;       // where handlers are shared with another process; null: keep
  uint64_t entry = 0;
  uint64_t stack_pointer = 0;
};

}  // namespace tine::exec
