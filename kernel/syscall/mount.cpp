// SPDX-License-Identifier: MIT
//
// mount(2), umount2(2), pivot_root(2): decoding and privileges for fs/mount.h. All need
// CAP_SYS_ADMIN. Propagation between mounts does not exist: MS_PRIVATE is accepted as what is, the
// other kinds are refused with EINVAL.
#include "fs/mount.h"

#include "fs/fs_context.h"
#include "syscall/path_argument.h"
#include "syscall/syscalls.h"
#include "task/task.h"

namespace tine {
namespace {

using namespace fs;

enum MountCallFlags : uint64_t {
  kRemount = 32, kBind = 4096, kMove = 8192, kRecursive = 16384, kUnbindable = 1 << 17,
  kPrivate = 1 << 18, kSlave = 1 << 19, kShared = 1 << 20,
};
constexpr uint32_t kKeptFlags = kMountReadOnly | kMountNoSuid | kMountNoDev | kMountNoExec |
                                kMountNoAtime | kMountRelAtime;

Result<void> remount(const Path& target, uint32_t flags) {
  if (target.dentry != target.mount->root) return Errno::inval;
  target.mount->flags.store(flags & kKeptFlags);
  return {};
}

Result<void> change_propagation(const Path& target, uint64_t flags) {
  if (target.dentry != target.mount->root) return Errno::inval;
  return flags & (kShared | kSlave | kUnbindable) ? Errno::inval : Result<void>();
}

}  // namespace

SyscallResult sys_mount(UserString user_source, UserString user_target, UserString user_type,
                        uint64_t flags, UserString user_data) {
  constexpr uint64_t kMagicMask = 0xffff'0000, kMagic = 0xc0ed'0000;
  if ((flags & kMagicMask) == kMagic) flags &= ~kMagicMask;
  PathString source, type, data;
  if (user_source) TRY(source.copy_from(user_source, true));
  if (user_data) TRY(data.copy_from(user_data, true));
  Path target = TRY(resolve_argument(kAtFdCwd, user_target, 0));
  if (!capable(kCapSysAdmin)) return Errno::perm;
  auto kept = static_cast<uint32_t>(flags & kKeptFlags);
  if (flags & kRemount) {
    TRY(remount(target, kept));
  } else if (flags & kBind) {
    Path from = TRY(resolve(kAtFdCwd, source.view(), 0));
    TRY(bind_mount(from, target, flags & kRecursive));
  } else if (flags & (kShared | kPrivate | kSlave | kUnbindable)) {
    TRY(change_propagation(target, flags));
  } else if (flags & kMove) {
    Path from = TRY(resolve(kAtFdCwd, source.view(), 0));
    TRY(move_mount(from, target));
  } else {
    if (!user_type) return Errno::inval;
    TRY(type.copy_from(user_type, true));
    Ref<Superblock> superblock = TRY(make_file_system(type.view(), data.view()));
    TRY(attach_mount(std::move(superblock), target, kept, source.view()));
  }
  return 0;
}

SyscallResult sys_umount2(UserString user_target, int flags) {
  constexpr int kForce = 1, kDetach = 2, kExpire = 4, kNoFollow = 8;
  if (flags & ~(kForce | kDetach | kExpire | kNoFollow)) return Errno::inval;
  if (flags & kExpire) return Errno::inval;
  if (!capable(kCapSysAdmin)) return Errno::perm;
  Path target =
      TRY(resolve_argument(kAtFdCwd, user_target, flags & kNoFollow ? kAtSymlinkNoFollow : 0));
  TRY(detach_mount(std::move(target), flags & kDetach));
  return 0;
}

SyscallResult sys_pivot_root(UserString user_new_root, UserString user_put_old) {
  if (!capable(kCapSysAdmin)) return Errno::perm;
  Path new_root = TRY(resolve_argument(kAtFdCwd, user_new_root, 0, kWalkDirectory));
  Path put_old = TRY(resolve_argument(kAtFdCwd, user_put_old, 0, kWalkDirectory));
  TRY(pivot_root(new_root, put_old));
  return 0;
}

}  // namespace tine
