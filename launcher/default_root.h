// SPDX-License-Identifier: MIT
//
// The root file system a guest gets when the user names none: Debian's static busybox with all its
// applets, and the few files and directories that shells and small programs expect. Throws Failure
// where the host has no static /bin/busybox.
#pragma once

#include "root_archive.h"

namespace tine::launcher {

void add_default_root(RootArchive& root);

// The directories that the guest kernel mounts its own file systems on, and /tmp; added to every
// root that lacks them.
void add_mount_points(RootArchive& root);

}  // namespace tine::launcher
