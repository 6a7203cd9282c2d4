// SPDX-License-Identifier: MIT
//
// Names and places: mkdir(2), mknod(2), symlink(2), link(2), unlink(2), rename(2), and a task's
// working directory, root and umask.
#include "fs/files_table.h"
#include "fs/fs_context.h"
#include "fs/names.h"
#include "syscall/path_argument.h"
#include "syscall/syscalls.h"
#include "task/task.h"

namespace tine {
namespace {

using namespace fs;

uint32_t umask() { return current().fs->umask(); }

// The directory and last name of a path argument, whose text must live as long as they are used.
struct ParentArgument {
  PathString text;
  ParentPath where;
  Result<void> resolve(int directory_fd, UserString user) {
    TRY(text.copy_from(user));
    where = TRY(resolve_parent(directory_fd, text.view()));
    return {};
  }
  // For calls that make the name: EEXIST for what always exists.
  Result<void> resolve_new(int directory_fd, UserString user, bool is_directory) {
    TRY(resolve(directory_fd, user));
    if (where.is_root || where.name == "." || where.name == "..") return Errno::exist;
    if (where.trailing_slash && !is_directory) {
      auto existing = resolve_from(where.directory, where.name, kWalkNoFollow);
      return existing ? Errno::exist : Errno::noent;
    }
    return {};
  }
};

}  // namespace

SyscallResult sys_mkdirat(int directory_fd, UserString path, uint32_t mode) {
  ParentArgument argument;
  TRY(argument.resolve_new(directory_fd, path, true));
  uint32_t permissions = mode & ~umask() & (0777 | kSticky);
  TRY(create_name(argument.where.directory, argument.where.name,
                  {.mode = kTypeDirectory | permissions}));
  return 0;
}

SyscallResult sys_mkdir(UserString path, uint32_t mode) { return sys_mkdirat(kAtFdCwd, path, mode); }

SyscallResult sys_mknodat(int directory_fd, UserString path, uint32_t mode, uint32_t device) {
  NewInode what{.mode = mode & ~(umask() & 0777)};
  switch (type_of(mode)) {
    case 0: what.mode |= kTypeRegular; break;
    case kTypeRegular:
    case kTypeFifo:
    case kTypeSocket: break;
    case kTypeCharacter:
    case kTypeBlock:
      if (!capable(kCapMknod)) return Errno::perm;
      what.device = decode_device(device);
      break;
    case kTypeDirectory: return Errno::perm;
    default: return Errno::inval;
  }
  ParentArgument argument;
  TRY(argument.resolve_new(directory_fd, path, false));
  TRY(create_name(argument.where.directory, argument.where.name, what));
  return 0;
}

SyscallResult sys_mknod(UserString path, uint32_t mode, uint32_t device) {
  return sys_mknodat(kAtFdCwd, path, mode, device);
}

SyscallResult sys_symlinkat(UserString user_target, int directory_fd, UserString path) {
  PathString target;
  TRY(target.copy_from(user_target));
  ParentArgument argument;
  TRY(argument.resolve_new(directory_fd, path, false));
  TRY(create_name(argument.where.directory, argument.where.name,
                  {.mode = kTypeSymlink | 0777, .target = target.view()}));
  return 0;
}

SyscallResult sys_symlink(UserString target, UserString path) {
  return sys_symlinkat(target, kAtFdCwd, path);
}

SyscallResult sys_linkat(int old_directory_fd, UserString old_path, int new_directory_fd,
                         UserString new_path, int flags) {
  if (flags & ~(kAtSymlinkFollow | kAtEmptyPath)) return Errno::inval;
  if ((flags & kAtEmptyPath) && !capable(kCapDacReadSearch)) return Errno::noent;
  int at_flags = (flags & kAtEmptyPath) | (flags & kAtSymlinkFollow ? 0 : kAtSymlinkNoFollow);
  Path target = TRY(resolve_argument(old_directory_fd, old_path, at_flags));
  ParentArgument argument;
  TRY(argument.resolve_new(new_directory_fd, new_path, false));
  TRY(link_name(target, argument.where.directory, argument.where.name));
  return 0;
}

SyscallResult sys_link(UserString old_path, UserString new_path) {
  return sys_linkat(kAtFdCwd, old_path, kAtFdCwd, new_path, 0);
}

SyscallResult sys_unlinkat(int directory_fd, UserString path, int flags) {
  if (flags & ~kAtRemoveDir) return Errno::inval;
  ParentArgument argument;
  TRY(argument.resolve(directory_fd, path));
  if (flags & kAtRemoveDir) TRY(remove_directory(argument.where));
  else TRY(unlink_name(argument.where));
  return 0;
}

SyscallResult sys_unlink(UserString path) { return sys_unlinkat(kAtFdCwd, path, 0); }
SyscallResult sys_rmdir(UserString path) { return sys_unlinkat(kAtFdCwd, path, kAtRemoveDir); }

SyscallResult sys_renameat2(int old_directory_fd, UserString old_path, int new_directory_fd,
                            UserString new_path, uint32_t flags) {
  if (flags & ~(kRenameNoReplace | kRenameExchange)) return Errno::inval;
  if (flags == (kRenameNoReplace | kRenameExchange)) return Errno::inval;
  ParentArgument from, to;
  TRY(from.resolve(old_directory_fd, old_path));
  TRY(to.resolve(new_directory_fd, new_path));
  TRY(rename_name(from.where, to.where, flags));
  return 0;
}

SyscallResult sys_renameat(int old_directory_fd, UserString old_path, int new_directory_fd,
                           UserString new_path) {
  return sys_renameat2(old_directory_fd, old_path, new_directory_fd, new_path, 0);
}

SyscallResult sys_rename(UserString old_path, UserString new_path) {
  return sys_renameat2(kAtFdCwd, old_path, kAtFdCwd, new_path, 0);
}

// --- Places of the task --------------------------------------------------------------------------

SyscallResult sys_getcwd(UserAddr buffer, uint64_t size) {
  FsContext& context = *current().fs;
  Path cwd = context.cwd(), root = context.root();
  {
    SpinGuard guard(dentry_lock);
    if (cwd.dentry->is_unlinked) return Errno::noent;
  }
  Buffer<char> text = TRY(Buffer<char>::make(PathString::kMaxPath));
  size_t length = write_path(cwd, root, text.span(), Unreachable::is_told);
  if (length >= text.size()) return Errno::nametoolong;
  if (length + 1 > size) return Errno::range;
  text[length] = '\0';
  TRY(UserOut<char>(buffer).write_array(text.span().first(length + 1)));
  return static_cast<long>(length + 1);
}

namespace {

SyscallResult change_directory(Path place) {
  TRY(check_access(place.inode(), kMayExecute));
  current().fs->set_cwd(std::move(place));
  return 0;
}

}  // namespace

SyscallResult sys_chdir(UserString path) {
  Path place = TRY(resolve_argument(kAtFdCwd, path, 0, kWalkDirectory));
  return change_directory(std::move(place));
}

SyscallResult sys_fchdir(int fd) {
  BorrowedFile file = TRY(borrow_file_or_path(fd));
  if (file->path() == nullptr || !is_directory(file->path()->inode().mode())) return Errno::notdir;
  return change_directory(*file->path());
}

SyscallResult sys_chroot(UserString path) {
  Path place = TRY(resolve_argument(kAtFdCwd, path, 0, kWalkDirectory));
  TRY(check_access(place.inode(), kMayExecute));
  if (!capable(kCapSysChroot)) return Errno::perm;
  current().fs->set_root(std::move(place));
  return 0;
}

SyscallResult sys_umask(uint32_t mask) { return current().fs->set_umask(mask & 0777); }

}  // namespace tine
