// SPDX-License-Identifier: MIT
//
// Changing names: mknod(2), mkdir(2), symlink(2), link(2), unlink(2), rmdir(2), rename(2) on places
// that have been resolved, with their permission checks. The system calls and the kernel's own
// start-up both come here.
//
// Each takes the tree_lock of the file system, changes the inode side first (which may fail) and then
// the dentry side; where the latter fails the former is undone, so a failure changes nothing.
#pragma once

#include "fs/path_walk.h"

namespace tine::fs {

// A file of the kind and mode in `what` (umask not applied). EEXIST, EACCES, EROFS, EPERM, ENOSPC.
// Owner and group are set here: the task's fsuid and fsgid, or a set-group-id directory's group.
Result<Path> create_name(const Path& directory, std::string_view name, NewInode what);
Result<void> link_name(const Path& target, const Path& directory, std::string_view name);
Result<void> unlink_name(const ParentPath& where);
Result<void> remove_directory(const ParentPath& where);

enum RenameFlags : uint32_t { kRenameNoReplace = 1, kRenameExchange = 2, kRenameWhiteout = 4 };
Result<void> rename_name(const ParentPath& from, const ParentPath& to, uint32_t flags);

// May the running task remove `entry` from `directory` (write permission, sticky bit)?
Result<void> check_removable(const Inode& directory, const Inode& victim);

}  // namespace tine::fs
