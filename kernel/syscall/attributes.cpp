// SPDX-License-Identifier: MIT
//
// Changing what files are: chmod(2), chown(2), utimensat(2), truncate(2), fallocate(2); the sync
// family, for which memory has nothing to do; extended attributes, which no file system has.
// Fails with EPERM for what is not the caller's, EROFS, and as path_resolution(7) does.
#include "fs/files_table.h"
#include "fs/inode.h"
#include "syscall/path_argument.h"
#include "syscall/syscalls.h"
#include "task/task.h"

namespace tine {
namespace {

using namespace fs;

// Permission, then change. The place keeps inode and mount alive.
Result<void> change_mode(const Path& place, uint32_t mode) {
  TRY(check_mount_writable(*place.mount));
  Inode& inode = place.inode();
  if (inode.type() == kTypeSymlink) return Errno::opnotsupp;
  if (!is_owner_or_capable(inode)) return Errno::perm;
  mode &= kPermissionMask;
  if ((mode & kSetGid) && !in_group(current().creds(), inode.gid()) && !capable(kCapFsetid)) {
    mode &= ~kSetGid;
  }
  return inode.set_attributes({.what = AttributeChange::mode_bit, .mode = mode});
}

// -1: unchanged.
Result<void> change_owner(const Path& place, uint32_t uid, uint32_t gid) {
  TRY(check_mount_writable(*place.mount));
  Inode& inode = place.inode();
  AttributeChange change{};
  const Creds& creds = current().creds();
  if (uid != ~0u) {
    change.what |= AttributeChange::uid_bit;
    change.uid = KernelUid(uid);
    bool same = creds.fsuid == inode.uid() && change.uid == inode.uid();
    if (!same && !capable(kCapChown)) return Errno::perm;
  }
  if (gid != ~0u) {
    change.what |= AttributeChange::gid_bit;
    change.gid = KernelGid(gid);
    bool own = creds.fsuid == inode.uid() &&
               (in_group(creds, change.gid) || change.gid == inode.gid());
    if (!own && !capable(kCapChown)) return Errno::perm;
  }
  // A program that changes hands is no longer trusted with its owner's rights.
  uint32_t mode = inode.mode();
  if (!is_directory(mode) && (mode & (kSetUid | kSetGid)) && change.what != 0) {
    change.what |= AttributeChange::mode_bit;
    change.mode = mode & ~kSetUid & kPermissionMask;
    if (mode & 0010) change.mode &= ~kSetGid;
  }
  return inode.set_attributes(change);
}

// What kind of descriptor has attributes to change: one with a name.
Result<Path> place_of(int fd) {
  BorrowedFile file = TRY(borrow_file(fd));
  if (file->path() == nullptr) return Errno::perm;
  return *file->path();
}

}  // namespace

SyscallResult sys_fchmodat(int directory_fd, UserString path, uint32_t mode) {
  Path place = TRY(resolve_argument(directory_fd, path, 0));
  TRY(change_mode(place, mode));
  return 0;
}

SyscallResult sys_chmod(UserString path, uint32_t mode) { return sys_fchmodat(kAtFdCwd, path, mode); }

SyscallResult sys_fchmod(int fd, uint32_t mode) {
  Path place = TRY(place_of(fd));
  TRY(change_mode(place, mode));
  return 0;
}

SyscallResult sys_fchownat(int directory_fd, UserString path, uint32_t uid, uint32_t gid, int flags) {
  if (flags & ~(kAtSymlinkNoFollow | kAtEmptyPath)) return Errno::inval;
  Path place = TRY(resolve_argument(directory_fd, path, flags));
  TRY(change_owner(place, uid, gid));
  return 0;
}

SyscallResult sys_chown(UserString path, uint32_t uid, uint32_t gid) {
  return sys_fchownat(kAtFdCwd, path, uid, gid, 0);
}

SyscallResult sys_lchown(UserString path, uint32_t uid, uint32_t gid) {
  return sys_fchownat(kAtFdCwd, path, uid, gid, kAtSymlinkNoFollow);
}

SyscallResult sys_fchown(int fd, uint32_t uid, uint32_t gid) {
  Path place = TRY(place_of(fd));
  TRY(change_owner(place, uid, gid));
  return 0;
}

// --- Times ---------------------------------------------------------------------------------------

namespace {

constexpr int64_t kTimeNow = (1 << 30) - 1, kTimeOmit = (1 << 30) - 2;

// `times` null: both are now. Entries may be UTIME_NOW and UTIME_OMIT in their nanoseconds.
Result<void> change_times(const Path& place, const abi::Timespec* times) {
  Inode& inode = place.inode();
  AttributeChange change{.what = AttributeChange::atime_bit | AttributeChange::mtime_bit};
  Nanoseconds now = file_time_now();
  change.access_time = change.modify_time = now;
  bool both_now = true;
  if (times != nullptr) {
    Nanoseconds* out[2] = {&change.access_time, &change.modify_time};
    uint32_t bits[2] = {AttributeChange::atime_bit, AttributeChange::mtime_bit};
    for (int i = 0; i < 2; ++i) {
      if (times[i].nanoseconds == kTimeNow) continue;
      both_now = false;
      if (times[i].nanoseconds == kTimeOmit) {
        change.what &= ~bits[i];
        continue;
      }
      if (times[i].nanoseconds < 0 || times[i].nanoseconds >= kNsPerSecond) return Errno::inval;
      if (__builtin_mul_overflow(times[i].seconds, kNsPerSecond, out[i]) ||
          __builtin_add_overflow(*out[i], times[i].nanoseconds, out[i])) {
        *out[i] = times[i].seconds < 0 ? INT64_MIN : INT64_MAX;
      }
    }
  }
  if (change.what == 0) return {};
  TRY(check_mount_writable(*place.mount));
  if (!is_owner_or_capable(inode)) {
    if (!both_now) return Errno::perm;
    TRY(check_access(inode, kMayWrite));
  }
  return inode.set_attributes(change);
}

// utimes and futimesat: microseconds.
SyscallResult change_times_at(int directory_fd, UserString path, UserIn<abi::Timeval> user) {
  abi::Timespec times[2];
  if (user) {
    for (uint64_t i = 0; i < 2; ++i) {
      abi::Timeval time = TRY((user + i).read());
      if (time.microseconds < 0 || time.microseconds >= 1'000'000) return Errno::inval;
      times[i] = {time.seconds, time.microseconds * 1000};
    }
  }
  Path place = TRY(resolve_argument(directory_fd, path, 0));
  TRY(change_times(place, user ? times : nullptr));
  return 0;
}

}  // namespace

SyscallResult sys_utimensat(int directory_fd, UserString path, UserIn<abi::Timespec> user,
                            int flags) {
  if (flags & ~(kAtSymlinkNoFollow | kAtEmptyPath)) return Errno::inval;
  abi::Timespec times[2];
  if (user) TRY(user.read_array(times));
  // A null path means the descriptor itself (futimens).
  Path place = path ? TRY(resolve_argument(directory_fd, path, flags)) : TRY(place_of(directory_fd));
  TRY(change_times(place, user ? times : nullptr));
  return 0;
}

SyscallResult sys_utime(UserString path, UserIn<abi::Utimbuf> user) {
  abi::Timespec times[2];
  if (user) {
    abi::Utimbuf seconds = TRY(user.read());
    times[0].seconds = seconds.access_time;
    times[1].seconds = seconds.modify_time;
  }
  Path place = TRY(resolve_argument(kAtFdCwd, path, 0));
  TRY(change_times(place, user ? times : nullptr));
  return 0;
}

SyscallResult sys_utimes(UserString path, UserIn<abi::Timeval> times) {
  return change_times_at(kAtFdCwd, path, times);
}

SyscallResult sys_futimesat(int directory_fd, UserString path, UserIn<abi::Timeval> times) {
  return change_times_at(directory_fd, path, times);
}

// --- Sizes ---------------------------------------------------------------------------------------

SyscallResult sys_truncate(UserString path, int64_t size) {
  if (size < 0) return Errno::inval;
  Path place = TRY(resolve_argument(kAtFdCwd, path, 0));
  Inode& inode = place.inode();
  if (is_directory(inode.mode())) return Errno::isdir;
  if (!is_regular(inode.mode())) return Errno::inval;
  TRY(check_mount_writable(*place.mount));
  TRY(check_access(inode, kMayWrite));
  TRY(inode.get_write_access());
  auto changed = inode.set_attributes(
      {.what = AttributeChange::size_bit, .size = static_cast<uint64_t>(size)});
  inode.put_write_access();
  TRY(changed);
  return 0;
}

SyscallResult sys_ftruncate(int fd, int64_t size) {
  if (size < 0) return Errno::inval;
  BorrowedFile file = TRY(borrow_file(fd));
  Inode* inode = file->inode();
  if (inode == nullptr || !is_regular(inode->mode()) || !file->is_writable()) return Errno::inval;
  TRY(inode->set_attributes(
      {.what = AttributeChange::size_bit, .size = static_cast<uint64_t>(size)}));
  return 0;
}

SyscallResult sys_fallocate(int fd, int mode, int64_t offset, int64_t length) {
  BorrowedFile file = TRY(borrow_file(fd));
  if (offset < 0 || length <= 0) return Errno::inval;
  if (!file->is_writable()) return Errno::badf;
  if (file->pipe() != nullptr) return Errno::spipe;
  Inode* inode = file->inode();
  if (inode == nullptr) return Errno::nodev;
  if (!is_regular(inode->mode())) return is_directory(inode->mode()) ? Errno::isdir : Errno::nodev;
  TRY(inode->allocate(mode, static_cast<uint64_t>(offset), static_cast<uint64_t>(length)));
  return 0;
}

// Everything is in memory, so it is as safe as it will ever be.
SyscallResult sys_sync() { return 0; }

SyscallResult sys_fsync(int fd) {
  BorrowedFile file = TRY(borrow_file(fd));
  Inode* inode = file->inode();
  bool has_contents = inode != nullptr && (is_regular(inode->mode()) || is_directory(inode->mode()));
  return has_contents ? SyscallResult(0) : Errno::inval;
}

SyscallResult sys_fdatasync(int fd) { return sys_fsync(fd); }

SyscallResult sys_syncfs(int fd) {
  TRY(borrow_file(fd));
  return 0;
}

SyscallResult sys_fadvise64(int fd, int64_t, int64_t length, int advice) {
  BorrowedFile file = TRY(borrow_file(fd));
  if (file->pipe() != nullptr) return Errno::spipe;
  if (length < 0 || advice < 0 || advice > 5) return Errno::inval;
  return 0;  // advice about a disk
}

// --- Extended attributes -------------------------------------------------------------------------

namespace {

SyscallResult no_attributes(Result<Path> place) {
  TRY(place);
  return Errno::opnotsupp;
}

SyscallResult empty_list(Result<Path> place) {
  TRY(place);
  return 0;
}

}  // namespace

SyscallResult sys_getxattr(UserString path, UserString, UserAddr, uint64_t) {
  return no_attributes(resolve_argument(kAtFdCwd, path, 0));
}
SyscallResult sys_lgetxattr(UserString path, UserString, UserAddr, uint64_t) {
  return no_attributes(resolve_argument(kAtFdCwd, path, kAtSymlinkNoFollow));
}
SyscallResult sys_fgetxattr(int fd, UserString, UserAddr, uint64_t) {
  TRY(borrow_file(fd));
  return Errno::opnotsupp;
}
SyscallResult sys_setxattr(UserString path, UserString, UserAddr, uint64_t, int) {
  return no_attributes(resolve_argument(kAtFdCwd, path, 0));
}
SyscallResult sys_lsetxattr(UserString path, UserString, UserAddr, uint64_t, int) {
  return no_attributes(resolve_argument(kAtFdCwd, path, kAtSymlinkNoFollow));
}
SyscallResult sys_fsetxattr(int fd, UserString, UserAddr, uint64_t, int) {
  TRY(borrow_file(fd));
  return Errno::opnotsupp;
}
SyscallResult sys_listxattr(UserString path, UserAddr, uint64_t) {
  return empty_list(resolve_argument(kAtFdCwd, path, 0));
}
SyscallResult sys_llistxattr(UserString path, UserAddr, uint64_t) {
  return empty_list(resolve_argument(kAtFdCwd, path, kAtSymlinkNoFollow));
}
SyscallResult sys_flistxattr(int fd, UserAddr, uint64_t) {
  TRY(borrow_file(fd));
  return 0;
}

}  // namespace tine
