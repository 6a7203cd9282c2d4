// SPDX-License-Identifier: MIT
//
// The boot archive becomes files: unpacks newc archives below a directory of a tmpfs. Contents are
// not copied: each file takes a hold on the archive's frames (TmpfsFile::set_archive).
// Called once at boot, before there are programs; takes no locks of the walk's for long.
#pragma once

#include <span>

#include "fs/mount.h"

namespace tine::fs {

struct UnpackResult {
  uint32_t entries = 0;    // made
  uint32_t skipped = 0;    // refused: one log line each
  bool complete = true;    // false: the archive broke off, which has been logged
};

UnpackResult unpack_archive(std::span<const std::byte> archive, const Path& root);

}  // namespace tine::fs
