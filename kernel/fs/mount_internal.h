// SPDX-License-Identifier: MIT
//
// What the parts of the mount tree share: mount.cpp, mount_calls.cpp, path_walk.cpp and init.cpp.
// Not for other rooms.
#pragma once

#include "fs/mount.h"

namespace tine::fs {

// What is mounted at this place, or null. Under dentry_lock or a LookupGuard.
Mount* mount_at(const Mount& parent, const Dentry& dentry);
// Hangs a mount on a place where none is, and takes it off; counts and flags are the caller's.
void link_mount(Mount& mount, const Path& where) REQUIRES(dentry_lock);
void unlink_mount(Mount& mount) REQUIRES(dentry_lock);
// A mount that is not attached yet.
Result<Ref<Mount>> make_mount(Ref<Superblock> superblock, Ref<Dentry> root, uint32_t flags,
                              std::string_view source);
Result<void> attach(Ref<Mount> mount, const Path& where) REQUIRES(mount_mutex);
void set_root_mount(Ref<Mount> mount);
// Gives the tree's reference on the old root to the caller.
[[nodiscard]] Ref<Mount> exchange_root_mount(Ref<Mount> mount);

}  // namespace tine::fs
