// SPDX-License-Identifier: MIT
//
// Prototypes of the system calls on files, one block for each file of syscall/; see syscalls.h.
#pragma once

#include "fs/epoll.h"
#include "mm/user_memory.h"
#include "syscall/abi.h"
#include "task/signal/signal.h"

namespace tine {

namespace abi {

struct Stat {  // stat(2) on x86-64
  uint64_t device, inode_number, link_count;
  uint32_t mode, uid, gid, padding;
  uint64_t special_device;
  int64_t size, block_size, blocks;
  Timespec access_time, modify_time, change_time;
  int64_t unused[3];
};
static_assert(sizeof(Stat) == 144);

struct StatxTime { int64_t seconds; uint32_t nanoseconds; int32_t padding; };
struct Statx {
  uint32_t mask, block_size;
  uint64_t attributes;
  uint32_t link_count, uid, gid;
  uint16_t mode, padding;
  uint64_t inode_number, size, blocks, attributes_mask;
  StatxTime access_time, birth_time, change_time, modify_time;
  uint32_t special_major, special_minor, device_major, device_minor;
  uint64_t mount_id;
  uint64_t unused[13];
};
static_assert(sizeof(Statx) == 256);

struct StatFs {
  int64_t type, block_size, blocks, blocks_free, blocks_available, files, files_free;
  int32_t identifier[2];
  int64_t name_length, fragment_size, flags, unused[4];
};
static_assert(sizeof(StatFs) == 120);

struct PollFd { int32_t fd; int16_t events, returned; };
struct SignalMaskArgument { uint64_t mask, size; };  // pselect6's sixth argument points to it
struct FileLock {  // struct flock
  int16_t type, whence;
  int32_t padding;
  int64_t start, length;
  int32_t pid, padding2;
};
struct Utimbuf { int64_t access_time, modify_time; };

}  // namespace abi

// read_write.cpp
SyscallResult sys_read(int fd, UserAddr buffer, uint64_t count);
SyscallResult sys_write(int fd, UserAddr buffer, uint64_t count);
SyscallResult sys_pread64(int fd, UserAddr buffer, uint64_t count, int64_t offset);
SyscallResult sys_pwrite64(int fd, UserAddr buffer, uint64_t count, int64_t offset);
SyscallResult sys_readv(int fd, UserIn<IoVector> vectors, int count);
SyscallResult sys_writev(int fd, UserIn<IoVector> vectors, int count);
SyscallResult sys_preadv(int fd, UserIn<IoVector> vectors, int count, int64_t offset, uint64_t high);
SyscallResult sys_pwritev(int fd, UserIn<IoVector> vectors, int count, int64_t offset, uint64_t high);
SyscallResult sys_preadv2(int fd, UserIn<IoVector> vectors, int count, int64_t offset, uint64_t high,
                          int flags);
SyscallResult sys_pwritev2(int fd, UserIn<IoVector> vectors, int count, int64_t offset,
                           uint64_t high, int flags);
SyscallResult sys_lseek(int fd, int64_t offset, int whence);

// transfer.cpp
SyscallResult sys_sendfile(int out_fd, int in_fd, UserAddr offset, uint64_t count);
SyscallResult sys_copy_file_range(int in_fd, UserAddr in_offset, int out_fd, UserAddr out_offset,
                                  uint64_t count, uint32_t flags);

// open.cpp
SyscallResult sys_open(UserString path, uint32_t flags, uint32_t mode);
SyscallResult sys_creat(UserString path, uint32_t mode);
SyscallResult sys_openat(int directory_fd, UserString path, uint32_t flags, uint32_t mode);
SyscallResult sys_pipe(UserOut<int> fds);
SyscallResult sys_pipe2(UserOut<int> fds, uint32_t flags);
SyscallResult sys_eventfd(uint32_t initial);
SyscallResult sys_eventfd2(uint32_t initial, uint32_t flags);
SyscallResult sys_memfd_create(UserString name, uint32_t flags);
SyscallResult sys_socket(int family, int type, int protocol);
SyscallResult sys_socketpair(int family, int type, int protocol, UserOut<int> fds);

// descriptor.cpp
SyscallResult sys_close(int fd);
SyscallResult sys_close_range(uint32_t first, uint32_t last, uint32_t flags);
SyscallResult sys_dup(int fd);
SyscallResult sys_dup2(int old_fd, int new_fd);
SyscallResult sys_dup3(int old_fd, int new_fd, uint32_t flags);
SyscallResult sys_fcntl(int fd, uint32_t command, uint64_t argument);
SyscallResult sys_flock(int fd, int operation);
SyscallResult sys_ioctl(int fd, uint32_t command, uint64_t argument);

// stat.cpp
SyscallResult sys_stat(UserString path, UserOut<abi::Stat> out);
SyscallResult sys_lstat(UserString path, UserOut<abi::Stat> out);
SyscallResult sys_fstat(int fd, UserOut<abi::Stat> out);
SyscallResult sys_newfstatat(int directory_fd, UserString path, UserOut<abi::Stat> out, int flags);
SyscallResult sys_statx(int directory_fd, UserString path, uint32_t flags, uint32_t mask,
                        UserOut<abi::Statx> out);
SyscallResult sys_statfs(UserString path, UserOut<abi::StatFs> out);
SyscallResult sys_fstatfs(int fd, UserOut<abi::StatFs> out);
SyscallResult sys_access(UserString path, int mode);
SyscallResult sys_faccessat(int directory_fd, UserString path, int mode);
SyscallResult sys_faccessat2(int directory_fd, UserString path, int mode, int flags);
SyscallResult sys_readlink(UserString path, UserAddr buffer, int size);
SyscallResult sys_readlinkat(int directory_fd, UserString path, UserAddr buffer, int size);
SyscallResult sys_getdents64(int fd, UserAddr buffer, uint32_t size);

// path.cpp
SyscallResult sys_mkdir(UserString path, uint32_t mode);
SyscallResult sys_mkdirat(int directory_fd, UserString path, uint32_t mode);
SyscallResult sys_mknod(UserString path, uint32_t mode, uint32_t device);
SyscallResult sys_mknodat(int directory_fd, UserString path, uint32_t mode, uint32_t device);
SyscallResult sys_symlink(UserString target, UserString path);
SyscallResult sys_symlinkat(UserString target, int directory_fd, UserString path);
SyscallResult sys_link(UserString old_path, UserString new_path);
SyscallResult sys_linkat(int old_directory_fd, UserString old_path, int new_directory_fd,
                         UserString new_path, int flags);
SyscallResult sys_unlink(UserString path);
SyscallResult sys_unlinkat(int directory_fd, UserString path, int flags);
SyscallResult sys_rmdir(UserString path);
SyscallResult sys_rename(UserString old_path, UserString new_path);
SyscallResult sys_renameat(int old_directory_fd, UserString old_path, int new_directory_fd,
                           UserString new_path);
SyscallResult sys_renameat2(int old_directory_fd, UserString old_path, int new_directory_fd,
                            UserString new_path, uint32_t flags);
SyscallResult sys_getcwd(UserAddr buffer, uint64_t size);
SyscallResult sys_chdir(UserString path);
SyscallResult sys_fchdir(int fd);
SyscallResult sys_chroot(UserString path);
SyscallResult sys_umask(uint32_t mask);

// attributes.cpp
SyscallResult sys_chmod(UserString path, uint32_t mode);
SyscallResult sys_fchmod(int fd, uint32_t mode);
SyscallResult sys_fchmodat(int directory_fd, UserString path, uint32_t mode);
SyscallResult sys_chown(UserString path, uint32_t uid, uint32_t gid);
SyscallResult sys_lchown(UserString path, uint32_t uid, uint32_t gid);
SyscallResult sys_fchown(int fd, uint32_t uid, uint32_t gid);
SyscallResult sys_fchownat(int directory_fd, UserString path, uint32_t uid, uint32_t gid, int flags);
SyscallResult sys_utimensat(int directory_fd, UserString path, UserIn<abi::Timespec> times,
                            int flags);
SyscallResult sys_utime(UserString path, UserIn<abi::Utimbuf> times);
SyscallResult sys_utimes(UserString path, UserIn<abi::Timeval> times);
SyscallResult sys_futimesat(int directory_fd, UserString path, UserIn<abi::Timeval> times);
SyscallResult sys_truncate(UserString path, int64_t size);
SyscallResult sys_ftruncate(int fd, int64_t size);
SyscallResult sys_fallocate(int fd, int mode, int64_t offset, int64_t length);
SyscallResult sys_sync();
SyscallResult sys_fsync(int fd);
SyscallResult sys_fdatasync(int fd);
SyscallResult sys_syncfs(int fd);
SyscallResult sys_fadvise64(int fd, int64_t offset, int64_t length, int advice);
SyscallResult sys_getxattr(UserString path, UserString name, UserAddr value, uint64_t size);
SyscallResult sys_lgetxattr(UserString path, UserString name, UserAddr value, uint64_t size);
SyscallResult sys_fgetxattr(int fd, UserString name, UserAddr value, uint64_t size);
SyscallResult sys_setxattr(UserString path, UserString name, UserAddr value, uint64_t size, int flags);
SyscallResult sys_lsetxattr(UserString path, UserString name, UserAddr value, uint64_t size, int flags);
SyscallResult sys_fsetxattr(int fd, UserString name, UserAddr value, uint64_t size, int flags);
SyscallResult sys_listxattr(UserString path, UserAddr list, uint64_t size);
SyscallResult sys_llistxattr(UserString path, UserAddr list, uint64_t size);
SyscallResult sys_flistxattr(int fd, UserAddr list, uint64_t size);

// poll.cpp
SyscallResult sys_poll(UserAddr fds, uint32_t count, int timeout_ms);
SyscallResult sys_ppoll(UserAddr fds, uint32_t count, UserAddr timeout,
                        UserIn<signal::SigSet> mask, uint64_t mask_size);
SyscallResult sys_select(int count, UserAddr reads, UserAddr writes, UserAddr exceptions,
                         UserAddr timeout);
SyscallResult sys_pselect6(int count, UserAddr reads, UserAddr writes, UserAddr exceptions,
                           UserAddr timeout, UserIn<abi::SignalMaskArgument> mask);

// epoll.cpp
SyscallResult sys_epoll_create(int size);
SyscallResult sys_epoll_create1(uint32_t flags);
SyscallResult sys_epoll_ctl(int epoll_fd, int operation, int fd, UserIn<fs::EpollEvent> event);
SyscallResult sys_epoll_wait(int epoll_fd, UserOut<fs::EpollEvent> events, int count, int timeout_ms);
SyscallResult sys_epoll_pwait(int epoll_fd, UserOut<fs::EpollEvent> events, int count,
                              int timeout_ms, UserIn<signal::SigSet> mask, uint64_t mask_size);

// mount.cpp
SyscallResult sys_mount(UserString source, UserString target, UserString type, uint64_t flags,
                        UserString data);
SyscallResult sys_umount2(UserString target, int flags);
SyscallResult sys_pivot_root(UserString new_root, UserString put_old);

}  // namespace tine
