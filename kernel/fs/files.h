// SPDX-License-Identifier: MIT
//
// FilesTable: a process's descriptors (Linux: files_struct), shared by CLONE_FILES, else copied at
// fork (B40-B44), which costs the same for 3 descriptors and for 100,000 (fs/descriptor_tree.h).
#pragma once

#include "core/ref.h"
#include "core/result.h"
#include "fs/file.h"

namespace tine::fs {

class FilesTable;

// A descriptor number that nobody else can get, with nothing behind it until install(): it gives
// the number back if it dies first. For pidfds and pipes: reserve first, install last.
class ReservedFd {
 public:
  ReservedFd();
  ReservedFd(Ref<FilesTable> table, int fd);  // takes over a number that is marked in use
  ReservedFd(ReservedFd&& other) noexcept;
  ReservedFd& operator=(ReservedFd other) noexcept;
  ~ReservedFd();
  int number() const { return fd_; }
  int install(Ref<File> file);     // cannot fail; returns the number
  explicit operator bool() const { return fd_ >= 0; }

 private:
  Ref<FilesTable> table_;
  int fd_ = -1;
};

// Of the running task's table. EBADF; EMFILE at RLIMIT_NOFILE; ENOMEM.
Result<Ref<File>> get_file(int fd);                        // not for O_PATH descriptors
Result<Ref<File>> get_file_or_path(int fd);
Result<ReservedFd> reserve_fd(uint32_t open_flags, int lowest = 0);  // kCloseOnExec is kept
Result<int> install_file(Ref<File> file, uint32_t open_flags, int lowest = 0);
Result<void> close_fd(int fd);

// For fork, exec and exit (task/).
Result<Ref<FilesTable>> make_files_table();
Result<Ref<FilesTable>> dup_files(FilesTable& old_files);  // fork without CLONE_FILES
// Before exec's point of no return, and after it: the second cannot fail.
Result<void> prepare_close_on_exec(FilesTable& files);
void close_on_exec(FilesTable& files);
// Calls `visit(fd, file)` for each open descriptor of any task's table (/proc/PID/fd).
void for_each_file(FilesTable& files, void* context, bool (*visit)(void* context, int fd, File& file));
Result<Ref<File>> file_of(FilesTable& files, int fd);
uint32_t fd_table_size(FilesTable& files);

}  // namespace tine::fs

namespace tine {
using fs::ReservedFd;
}
