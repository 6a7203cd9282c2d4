// SPDX-License-Identifier: MIT
//
// What the calls with path arguments share: the AT_* flags, and the step from a program's string to
// a place.
#pragma once

#include "fs/path_walk.h"

namespace tine {

enum AtFlags : int {
  kAtSymlinkNoFollow = 0x100, kAtEaccess = 0x200, kAtRemoveDir = 0x200, kAtSymlinkFollow = 0x400,
  kAtNoAutomount = 0x800, kAtEmptyPath = 0x1000, kAtStatxSyncType = 0x6000,
};

// `at_flags`: AT_SYMLINK_NOFOLLOW and AT_EMPTY_PATH are honoured; others are the caller's to refuse.
inline Result<fs::Path> resolve_argument(int directory_fd, UserString user, int at_flags,
                                         uint32_t walk = 0) {
  fs::PathString path;
  TRY(path.copy_from(user, at_flags & kAtEmptyPath));
  if (at_flags & kAtSymlinkNoFollow) walk |= fs::kWalkNoFollow;
  if (at_flags & kAtEmptyPath) walk |= fs::kWalkEmptyOk;
  return fs::resolve(directory_fd, path.view(), walk);
}

}  // namespace tine
