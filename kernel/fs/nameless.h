// SPDX-License-Identifier: MIT
//
// Places for files that have no name: pipes, eventfds, pidfds and their like, as the links in
// /proc/PID/fd (and so /dev/fd, /dev/stdin) lead to them.
//
// Such a file has no dentry and no inode of its own, which keeps pipe(2) cheap. When somebody walks
// through its link, an inode that stands for it and an entry that no other walk finds are made for
// as long as the walk's result lives. They keep the file; nothing else keeps them. ENOMEM.
#pragma once

#include "fs/file.h"
#include "fs/mount.h"

namespace tine::fs {

Result<Path> place_of_nameless(Ref<File> file);

}  // namespace tine::fs
