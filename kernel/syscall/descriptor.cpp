// SPDX-License-Identifier: MIT
//
// Descriptors themselves: close(2), close_range(2), dup(2), fcntl(2), flock(2), ioctl(2).
// Fails with EBADF, EMFILE, EINVAL; locks with EAGAIN and EINTR.
#include <cstring>

#include "fs/file_locks.h"
#include "fs/files_table.h"
#include "fs/inode.h"
#include "fs/ioctl.h"
#include "fs/pipe.h"
#include "fs/tmpfs/memfd.h"
#include "syscall/syscalls.h"
#include "task/signal_state.h"
#include "task/task.h"

namespace tine {
namespace {

using namespace fs;

enum FcntlCommand : uint32_t {
  kDupFd = 0, kGetFd = 1, kSetFd = 2, kGetFl = 3, kSetFl = 4, kGetLk = 5, kSetLk = 6, kSetLkw = 7,
  kGetOwn = 9, kOfdGetLk = 36, kOfdSetLk = 37, kOfdSetLkw = 38, kDupFdCloexec = 1030,
  kSetPipeSize = 1031, kGetPipeSize = 1032, kAddSeals = 1033, kGetSeals = 1034,
};

FilesTable& table() { return *current().files; }
uint64_t nofile_limit() { return soft_limit(kLimitNofile); }

SyscallResult duplicate_to(int old_fd, int new_fd, uint32_t flags) {
  Ref<File> file = TRY(get_file_or_path(old_fd));
  if (new_fd < 0 || static_cast<uint64_t>(new_fd) >= nofile_limit()) return Errno::badf;
  Ref<File> old = TRY(table().replace(new_fd, std::move(file), flags & kCloseOnExec));
  if (old) finish_close(std::move(old), table());
  return new_fd;
}

SyscallResult duplicate_from(int fd, uint64_t lowest, uint32_t flags) {
  Ref<File> file = TRY(get_file_or_path(fd));
  if (static_cast<int>(lowest) < 0 || lowest >= nofile_limit()) return Errno::inval;
  return TRY(install_file(std::move(file), flags, static_cast<int>(lowest)));
}

// What F_SETFL may change.
SyscallResult set_status_flags(File& file, uint64_t argument) {
  constexpr uint32_t kChangeable = kAppend | kNonBlock | kAsync | kDirect | kNoAtime;
  uint32_t wanted = static_cast<uint32_t>(argument);
  if ((wanted & kNoAtime & ~file.flags()) && file.inode() != nullptr &&
      !is_owner_or_capable(*file.inode())) {
    return Errno::perm;
  }
  file.set_flags((file.flags() & ~kChangeable) | (wanted & kChangeable));
  return 0;
}

// --- Record locks --------------------------------------------------------------------------------

enum LockType : int16_t { kReadLock = 0, kWriteLock = 1, kUnlock = 2 };

Result<LockRange> to_range(File& file, const abi::FileLock& lock) {
  int64_t base = 0;
  if (lock.whence == 1) {
    MutexGuard guard(file.position_lock);
    base = static_cast<int64_t>(file.position);
  } else if (lock.whence == 2) {
    base = static_cast<int64_t>(file.inode()->size());
  } else if (lock.whence != 0) {
    return Errno::inval;
  }
  int64_t start;
  if (__builtin_add_overflow(base, lock.start, &start)) return Errno::overflow;
  int64_t last = INT64_MAX;
  if (lock.length > 0) {
    if (__builtin_add_overflow(start, lock.length - 1, &last)) return Errno::overflow;
  } else if (lock.length < 0) {
    last = start - 1;
    start += lock.length;
  }
  if (start < 0) return Errno::inval;
  return LockRange{.start = static_cast<uint64_t>(start), .end = static_cast<uint64_t>(last),
                   .exclusive = lock.type == kWriteLock, .pid = current().tgid()};
}

SyscallResult get_lock(File& file, const void* owner, UserAddr user, bool is_ofd) {
  abi::FileLock lock = TRY(UserIn<abi::FileLock>(user).read());
  if (lock.type != kReadLock && lock.type != kWriteLock) return Errno::inval;
  LockRange range = TRY(to_range(file, lock));
  if (!find_conflict(*file.inode(), LockKind::record, owner, range)) {
    lock.type = kUnlock;
  } else {
    lock = {.type = range.exclusive ? kWriteLock : kReadLock, .whence = 0, .padding = 0,
            .start = static_cast<int64_t>(range.start),
            .length = range.end == INT64_MAX ? 0 : static_cast<int64_t>(range.end - range.start + 1),
            .pid = is_ofd ? -1 : range.pid, .padding2 = 0};
  }
  TRY(UserOut<abi::FileLock>(user).write(lock));
  return 0;
}

SyscallResult change_lock(File& file, const void* owner, UserAddr user, bool wait) {
  abi::FileLock lock = TRY(UserIn<abi::FileLock>(user).read());
  LockRange range = TRY(to_range(file, lock));
  switch (lock.type) {
    case kUnlock: TRY(remove_lock(*file.inode(), LockKind::record, owner, range)); return 0;
    case kReadLock: if (!file.is_readable()) return Errno::badf; break;
    case kWriteLock: if (!file.is_writable()) return Errno::badf; break;
    default: return Errno::inval;
  }
  if (owner == &table()) table().note_record_lock();
  TRY(set_lock(*file.inode(), LockKind::record, owner, range, wait));
  return 0;
}

SyscallResult record_lock(File& file, uint32_t command, UserAddr user) {
  if (file.inode() == nullptr) return Errno::badf;
  switch (command) {
    case kGetLk: return get_lock(file, &table(), user, false);
    case kOfdGetLk: return get_lock(file, &file, user, true);
    case kSetLk:
    case kSetLkw: return change_lock(file, &table(), user, command == kSetLkw);
    default: return change_lock(file, &file, user, command == kOfdSetLkw);
  }
}

}  // namespace

SyscallResult sys_close(int fd) {
  TRY(close_fd(fd));
  return 0;
}

SyscallResult sys_close_range(uint32_t first, uint32_t last, uint32_t flags) {
  constexpr uint32_t kUnshare = 2, kCloexec = 4;
  if (first > last || (flags & ~(kUnshare | kCloexec))) return Errno::inval;
  if ((flags & kUnshare) && !table().is_only_reference()) {
    Ref<FilesTable> own = TRY(dup_files(table()));
    IrqGuard guard(current().alloc_lock);
    std::swap(current().files, own);
  }
  if (flags & kCloexec) {
    TRY(table().set_close_on_exec_range(first, last));
  } else {
    TRY(close_range(first, last));
  }
  return 0;
}

SyscallResult sys_dup(int fd) {
  Ref<File> file = TRY(get_file_or_path(fd));
  return TRY(install_file(std::move(file), 0));
}

SyscallResult sys_dup2(int old_fd, int new_fd) {
  if (old_fd == new_fd) {
    TRY(borrow_file_or_path(old_fd));
    return new_fd;
  }
  return duplicate_to(old_fd, new_fd, 0);
}

SyscallResult sys_dup3(int old_fd, int new_fd, uint32_t flags) {
  if ((flags & ~kCloseOnExec) || old_fd == new_fd) return Errno::inval;
  return duplicate_to(old_fd, new_fd, flags);
}

SyscallResult sys_fcntl(int fd, uint32_t command, uint64_t argument) {
  BorrowedFile file = TRY(borrow_file_or_path(fd));
  switch (command) {
    case kDupFd: return duplicate_from(fd, argument, 0);
    case kDupFdCloexec: return duplicate_from(fd, argument, kCloseOnExec);
    case kGetFd: return TRY(table().close_on_exec_flag(fd)) ? 1 : 0;
    case kSetFd: TRY(table().set_close_on_exec(fd, argument & 1)); return 0;
    case kGetFl: return file->flags();
    default: break;
  }
  if (file->flags() & kPath) return Errno::badf;
  switch (command) {
    case kSetFl: return set_status_flags(*file, argument);
    case kGetLk:
    case kSetLk:
    case kSetLkw:
    case kOfdGetLk:
    case kOfdSetLk:
    case kOfdSetLkw: {
      Ref<File> kept(*file);  // waiting may be long
      return record_lock(*kept, command, UserAddr(argument));
    }
    case kGetOwn: return 0;  // nobody: SIGIO is not sent
    case kSetPipeSize: return set_pipe_capacity(*file, argument);
    case kGetPipeSize: return pipe_capacity(*file);
    case kAddSeals: return add_seals(*file, static_cast<uint32_t>(argument));
    case kGetSeals: return get_seals(*file);
    default: return Errno::inval;
  }
}

SyscallResult sys_flock(int fd, int operation) {
  constexpr int kShared = 1, kExclusive = 2, kNoWait = 4, kUnlockFile = 8;
  Ref<File> file = TRY(get_file(fd));
  Inode* inode = file->inode();
  if (inode == nullptr) return Errno::badf;
  LockRange all;
  switch (operation & ~kNoWait) {
    case kUnlockFile: TRY(remove_lock(*inode, LockKind::flock, file.get(), all)); return 0;
    case kShared: break;
    case kExclusive: all.exclusive = true; break;
    default: return Errno::inval;
  }
  TRY(set_lock(*inode, LockKind::flock, file.get(), all, !(operation & kNoWait)));
  return 0;
}

SyscallResult sys_ioctl(int fd, uint32_t command, uint64_t argument) {
  BorrowedFile file = TRY(borrow_file(fd));
  switch (command) {
    case kFioclex: TRY(table().set_close_on_exec(fd, true)); return 0;
    case kFionclex: TRY(table().set_close_on_exec(fd, false)); return 0;
    case kFionbio: {
      int on = TRY(UserIn<int>(UserAddr(argument)).read());
      file->set_flags(on ? file->flags() | kNonBlock : file->flags() & ~kNonBlock);
      return 0;
    }
    default: return file->ioctl(command, argument);
  }
}

}  // namespace tine
