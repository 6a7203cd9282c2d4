// SPDX-License-Identifier: MIT
//
// Asking about files: stat(2), statx(2), statfs(2), access(2), readlink(2), getdents64(2).
// Fails as path_resolution(7) does, and with EFAULT, EINVAL, EBADF.
#include <algorithm>
#include <cstring>

#include "fs/files_table.h"
#include "fs/inode.h"
#include "fs/mount.h"
#include "syscall/path_argument.h"
#include "syscall/syscalls.h"
#include "task/task.h"

namespace tine {
namespace {

using namespace fs;

abi::Stat to_abi(const StatData& data) {
  abi::Stat out{};
  out.device = encode_device(data.device);
  out.inode_number = data.inode_number;
  out.link_count = data.link_count;
  out.mode = data.mode;
  out.uid = data.uid.value;
  out.gid = data.gid.value;
  out.special_device = encode_device(data.special_device);
  out.size = static_cast<int64_t>(data.size);
  out.block_size = data.block_size;
  out.blocks = static_cast<int64_t>(data.blocks);
  out.access_time = abi::Timespec::from(data.access_time);
  out.modify_time = abi::Timespec::from(data.modify_time);
  out.change_time = abi::Timespec::from(data.change_time);
  return out;
}

// With AT_EMPTY_PATH and "" the descriptor itself, which need not have a name.
Result<void> stat_at(int directory_fd, UserString user, int flags, StatData& out, uint64_t* mount_id) {
  PathString path;
  TRY(path.copy_from(user, flags & kAtEmptyPath));
  if (path.view().empty() && directory_fd != kAtFdCwd) {
    BorrowedFile file = TRY(borrow_file_or_path(directory_fd));
    if (file->path() != nullptr && mount_id != nullptr) {
      *mount_id = static_cast<uint64_t>(file->path()->mount->id);
    }
    return file->stat(out);
  }
  uint32_t walk = (flags & kAtSymlinkNoFollow ? uint32_t{kWalkNoFollow} : 0) |
                  (flags & kAtEmptyPath ? uint32_t{kWalkEmptyOk} : 0);
  Path place = TRY(resolve(directory_fd, path.view(), walk));
  place.inode().stat(out);
  if (mount_id != nullptr) *mount_id = static_cast<uint64_t>(place.mount->id);
  return {};
}

SyscallResult stat_to_user(int directory_fd, UserString path, int flags, UserOut<abi::Stat> out) {
  StatData data;
  TRY(stat_at(directory_fd, path, flags, data, nullptr));
  TRY(out.write(to_abi(data)));
  return 0;
}

abi::StatxTime statx_time(Nanoseconds time) {
  abi::Timespec spec = abi::Timespec::from(time);
  return {spec.seconds, static_cast<uint32_t>(spec.nanoseconds), 0};
}

}  // namespace

SyscallResult sys_stat(UserString path, UserOut<abi::Stat> out) {
  return stat_to_user(kAtFdCwd, path, 0, out);
}

SyscallResult sys_lstat(UserString path, UserOut<abi::Stat> out) {
  return stat_to_user(kAtFdCwd, path, kAtSymlinkNoFollow, out);
}

SyscallResult sys_fstat(int fd, UserOut<abi::Stat> out) {
  BorrowedFile file = TRY(borrow_file_or_path(fd));
  StatData data;
  TRY(file->stat(data));
  TRY(out.write(to_abi(data)));
  return 0;
}

SyscallResult sys_newfstatat(int directory_fd, UserString path, UserOut<abi::Stat> out, int flags) {
  if (flags & ~(kAtSymlinkNoFollow | kAtNoAutomount | kAtEmptyPath)) return Errno::inval;
  return stat_to_user(directory_fd, path, flags, out);
}

SyscallResult sys_statx(int directory_fd, UserString path, uint32_t flags, uint32_t mask,
                        UserOut<abi::Statx> user) {
  constexpr uint32_t kReserved = 1u << 31, kBasic = 0x7ff, kBirth = 0x800, kMountId = 0x1000;
  if (mask & kReserved) return Errno::inval;
  if ((flags & kAtStatxSyncType) == kAtStatxSyncType) return Errno::inval;
  if (flags & ~uint32_t{kAtSymlinkNoFollow | kAtNoAutomount | kAtEmptyPath | kAtStatxSyncType}) {
    return Errno::inval;
  }
  StatData data;
  uint64_t mount_id = 0;
  TRY(stat_at(directory_fd, path, static_cast<int>(flags), data, &mount_id));
  abi::Statx out{};
  out.mask = kBasic | kBirth | kMountId;
  out.block_size = data.block_size;
  out.link_count = data.link_count;
  out.uid = data.uid.value;
  out.gid = data.gid.value;
  out.mode = static_cast<uint16_t>(data.mode);
  out.inode_number = data.inode_number;
  out.size = data.size;
  out.blocks = data.blocks;
  out.access_time = statx_time(data.access_time);
  out.birth_time = statx_time(data.birth_time);
  out.change_time = statx_time(data.change_time);
  out.modify_time = statx_time(data.modify_time);
  out.special_major = device_major(data.special_device);
  out.special_minor = device_minor(data.special_device);
  out.device_major = device_major(data.device);
  out.device_minor = device_minor(data.device);
  out.mount_id = mount_id;
  TRY(user.write(out));
  return 0;
}

namespace {

SyscallResult statfs_to_user(const Path& place, UserOut<abi::StatFs> user) {
  StatFs data;
  place.mount->superblock->statfs(data);
  abi::StatFs out{};
  out.type = static_cast<int64_t>(data.type);
  out.block_size = out.fragment_size = static_cast<int64_t>(data.block_size);
  out.blocks = static_cast<int64_t>(data.blocks);
  out.blocks_free = static_cast<int64_t>(data.blocks_free);
  out.blocks_available = static_cast<int64_t>(data.blocks_available);
  out.files = static_cast<int64_t>(data.files);
  out.files_free = static_cast<int64_t>(data.files_free);
  out.identifier[0] = static_cast<int32_t>(data.identifier);
  out.name_length = static_cast<int64_t>(data.name_length);
  constexpr uint64_t kValid = 0x20, kRelAtime = 0x1000;
  out.flags = static_cast<int64_t>(kValid | kRelAtime | (place.mount->flags & 0xf));
  TRY(user.write(out));
  return 0;
}

// access(2) asks with the real ids. The task's own credentials stand aside meanwhile.
class RealIdentity {
 public:
  explicit RealIdentity(bool effective) {
    const Creds& creds = current().creds();
    if (effective || (creds.fsuid == creds.uid && creds.fsgid == creds.gid)) return;
    auto made = make_ref<Creds>();
    if (!made) {
      failed_ = true;
      return;
    }
    Creds& real = **made;
    real.uid = real.euid = real.suid = real.fsuid = creds.uid;
    real.gid = real.egid = real.sgid = real.fsgid = creds.gid;
    real.groups = creds.groups;
    real.bounding = creds.bounding;
    real.permitted = creds.permitted;
    real.effective = creds.uid.value == 0 ? creds.permitted : 0;
    real.user = creds.user;
    saved_ = replace_creds(std::move(*made));
  }
  ~RealIdentity() {
    if (saved_) (void)replace_creds(std::move(saved_));
  }
  RealIdentity(const RealIdentity&) = delete;
  RealIdentity& operator=(const RealIdentity&) = delete;
  bool has_failed() const { return failed_; }

 private:
  Ref<const Creds> saved_;
  bool failed_ = false;
};

SyscallResult access_at(int directory_fd, UserString path, int mode, int flags) {
  if (mode & ~7) return Errno::inval;
  if (flags & ~(kAtEaccess | kAtSymlinkNoFollow | kAtEmptyPath)) return Errno::inval;
  RealIdentity identity(flags & kAtEaccess);
  if (identity.has_failed()) return Errno::nomem;
  Path place = TRY(resolve_argument(directory_fd, path, flags & ~kAtEaccess));
  uint32_t mask = static_cast<uint32_t>(mode);
  if (mask == 0) return 0;
  if ((mask & kMayExecute) && place.inode().type() == kTypeRegular &&
      (place.mount->flags & kMountNoExec)) {
    return Errno::acces;
  }
  TRY(check_access(place.inode(), mask));
  uint32_t type = place.inode().type();
  bool is_special = type == kTypeCharacter || type == kTypeBlock || type == kTypeFifo ||
                    type == kTypeSocket;
  if ((mask & kMayWrite) && !is_special) TRY(check_mount_writable(*place.mount));
  return 0;
}

}  // namespace

SyscallResult sys_statfs(UserString path, UserOut<abi::StatFs> out) {
  Path place = TRY(resolve_argument(kAtFdCwd, path, 0));
  return statfs_to_user(place, out);
}

SyscallResult sys_fstatfs(int fd, UserOut<abi::StatFs> out) {
  BorrowedFile file = TRY(borrow_file_or_path(fd));
  if (file->path() != nullptr) return statfs_to_user(*file->path(), out);
  abi::StatFs anonymous{};
  anonymous.type = file->pipe() != nullptr ? 0x5049'5045 : 0x0904'1934;  // pipefs, anon_inodefs
  anonymous.block_size = anonymous.fragment_size = 4096;
  anonymous.name_length = 255;
  TRY(out.write(anonymous));
  return 0;
}

SyscallResult sys_access(UserString path, int mode) { return access_at(kAtFdCwd, path, mode, 0); }

SyscallResult sys_faccessat(int directory_fd, UserString path, int mode) {
  return access_at(directory_fd, path, mode, 0);
}

SyscallResult sys_faccessat2(int directory_fd, UserString path, int mode, int flags) {
  return access_at(directory_fd, path, mode, flags);
}

SyscallResult sys_readlinkat(int directory_fd, UserString path, UserAddr buffer, int size) {
  if (size <= 0) return Errno::inval;
  PathString text;
  TRY(text.copy_from(path, true));
  if (text.view().empty() && directory_fd == kAtFdCwd) return Errno::noent;
  Path place = TRY(resolve(directory_fd, text.view(), kWalkNoFollow | kWalkEmptyOk));
  Inode& inode = place.inode();
  if (inode.type() != kTypeSymlink) return text.view().empty() ? Errno::noent : Errno::inval;
  LinkTarget target;
  TRY(inode.read_link(target));
  std::string_view out = target.text.substr(0, static_cast<size_t>(size));
  inode.touch_accessed(0);
  TRY(UserOut<char>(buffer).write_array(out));
  return static_cast<long>(out.size());
}

SyscallResult sys_readlink(UserString path, UserAddr buffer, int size) {
  return sys_readlinkat(kAtFdCwd, path, buffer, size);
}

namespace {

// struct linux_dirent64: ino 8, off 8, reclen 2, type 1, name with NUL; records are multiples of 8.
class UserDirectorySink final : public DirectorySink {
 public:
  UserDirectorySink(UserAddr buffer, size_t size) : at_(buffer), left_(size) {}

  bool entry(std::string_view name, uint64_t inode_number, uint8_t type,
             int64_t next_offset) override {
    constexpr size_t kHead = 19;
    size_t length = (kHead + name.size() + 1 + 7) & ~size_t{7};
    if (length > left_ || failed_) {
      full_ = true;
      return false;
    }
    std::byte record[kHead + 256 + 8] = {};
    auto record_length = static_cast<uint16_t>(length);
    std::memcpy(record, &inode_number, 8);
    std::memcpy(record + 8, &next_offset, 8);
    std::memcpy(record + 16, &record_length, 2);
    std::memcpy(record + 18, &type, 1);
    std::memcpy(record + kHead, name.data(), std::min<size_t>(name.size(), 255));
    if (!UserOut<std::byte>(at_).write_array({record, length})) {
      failed_ = true;
      return false;
    }
    at_ += length;
    left_ -= length;
    written_ += length;
    return true;
  }

  SyscallResult result() const {
    if (written_ != 0) return static_cast<long>(written_);
    if (failed_) return Errno::fault;
    return full_ ? SyscallResult(Errno::inval) : SyscallResult(0);
  }

 private:
  UserAddr at_;
  size_t left_;
  size_t written_ = 0;
  bool failed_ = false, full_ = false;
};

}  // namespace

SyscallResult sys_getdents64(int fd, UserAddr buffer, uint32_t size) {
  BorrowedFile file = TRY(borrow_file(fd));
  UserDirectorySink sink(buffer, size);
  TRY(file->read_directory(sink));
  return sink.result();
}

}  // namespace tine
