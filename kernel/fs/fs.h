// SPDX-License-Identifier: MIT
//
// The file systems' interface to the rest of the kernel: the task's FsContext (cwd, root, umask;
// Linux: fs_struct), opening files for exec, and start-up.
#pragma once

#include <span>
#include <string_view>

#include "core/ref.h"
#include "core/result.h"
#include "core/types.h"
#include "fs/file.h"

namespace tine::fs {

class FsContext;  // fs/fs_context.h: cwd, root, umask; shared by CLONE_FS, else copied

Result<Ref<FsContext>> make_fs_context();                  // at / with umask 022
Result<Ref<FsContext>> dup_fs_context(FsContext& old);     // B36

// Builds the root: tmpfs, the archive's files (in place), /dev, /proc.
// `initrd`: the boot archive, whose frames are reserved; empty: there is none. `command_line` is for /proc.
void init(MemoryRange initrd, std::string_view command_line);
// The empty root alone: what init() begins with, and all that a unit test needs. ENOMEM.
Result<void> init_root();

// Opens what exec runs: a regular file with execute permission on a mount that allows it; holds
// deny_write until the File dies (ETXTBSY). `directory_fd` and `flags` as execveat(2).
Result<Ref<File>> open_executable(int directory_fd, std::string_view path, int flags);
// Kernel-side helpers for boot and for exec's interpreter lines.
Result<Ref<File>> open_kernel(std::string_view path, uint32_t open_flags);
// Reads at `offset` without touching the file's position; short only at the end of the file.
Result<size_t> read_at(File& file, uint64_t offset, std::span<std::byte> out);

}  // namespace tine::fs
