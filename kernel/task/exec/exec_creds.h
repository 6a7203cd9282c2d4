// SPDX-License-Identifier: MIT
//
// The credentials a new program gets: set-user-ID and set-group-ID bits, and the rules by which
// capabilities change across execve(2) (capabilities(7)).
#pragma once

#include "fs/file.h"
#include "task/cred/cred.h"

namespace tine::exec {

struct ExecCreds {
  Ref<const Creds> creds;  // the caller's own where nothing changes
  bool is_secure = false;  // the program has privileges its caller had not
  bool gains_identity = false;
};
// ENOMEM.
Result<ExecCreds> creds_for(fs::File& file);

}  // namespace tine::exec
