// SPDX-License-Identifier: MIT
//
// read(2), write(2), pread(2), readv(2) and their kin, lseek(2): descriptors to files, pointers to
// IoBuffers. The file's own position is used under its lock, and only where there is one.
// Fails with EBADF, EFAULT, EINVAL (lengths that overflow), ESPIPE, and as the file does.
#include "arch/user_access.h"
#include "fs/files_table.h"
#include "syscall/io_vectors.h"
#include "syscall/syscalls.h"
#include "task/task.h"

namespace tine {
namespace {

using namespace fs;

enum class Direction : uint8_t { read, write };

Result<size_t> transfer_at(File& file, IoBuffer& buffer, uint64_t& position, Direction direction) {
  return direction == Direction::read ? file.read(buffer, position) : file.write(buffer, position);
}

Result<size_t> transfer(File& file, IoBuffer& buffer, Direction direction) {
  if (!file.is_seekable()) {
    uint64_t none = 0;
    return transfer_at(file, buffer, none, direction);
  }
  MutexGuard guard(file.position_lock);
  uint64_t position = file.position;
  auto moved = transfer_at(file, buffer, position, direction);
  file.position = position;
  return moved;
}

Result<void> check_mode(const File& file, Direction direction) {
  bool allowed = direction == Direction::read ? file.is_readable() : file.is_writable();
  return allowed ? Result<void>() : Errno::badf;
}

SyscallResult account(Result<size_t> moved, Direction direction) {
  Task& task = current();
  if (direction == Direction::read) {
    ++task.read_calls;
    if (moved) task.read_bytes += *moved;
  } else {
    ++task.write_calls;
    if (moved) task.written_bytes += *moved;
  }
  if (!moved) return moved.error();
  return static_cast<long>(*moved);
}

SyscallResult simple(int fd, UserAddr address, uint64_t count, Direction direction) {
  BorrowedFile file = TRY(borrow_file(fd));
  TRY(check_mode(*file, direction));
  if (!arch::is_user_range(address, count)) return Errno::fault;
  IoBuffer buffer = IoBuffer::user(address, count);
  buffer.shorten(IoBuffer::kMaxBytes);
  return account(transfer(*file, buffer, direction), direction);
}

SyscallResult positioned(int fd, UserAddr address, uint64_t count, int64_t offset,
                         Direction direction) {
  if (offset < 0) return Errno::inval;
  BorrowedFile file = TRY(borrow_file(fd));
  if (!file->is_seekable()) return Errno::spipe;
  TRY(check_mode(*file, direction));
  if (!arch::is_user_range(address, count)) return Errno::fault;
  IoBuffer buffer = IoBuffer::user(address, count);
  buffer.shorten(IoBuffer::kMaxBytes);
  auto position = static_cast<uint64_t>(offset);
  return account(transfer_at(*file, buffer, position, direction), direction);
}

// `offset` -1: at the file's own position (preadv2).
SyscallResult vectored(int fd, UserIn<IoVector> user, int count, int64_t offset, int flags,
                       Direction direction) {
  if (flags != 0) return Errno::opnotsupp;
  BorrowedFile file = TRY(borrow_file(fd));
  if (offset != -1 && !file->is_seekable()) return Errno::spipe;
  TRY(check_mode(*file, direction));
  Vectors vectors;
  TRY(vectors.copy_from(user, count));
  IoBuffer buffer = vectors.buffer();
  if (offset == -1) return account(transfer(*file, buffer, direction), direction);
  auto position = static_cast<uint64_t>(offset);
  return account(transfer_at(*file, buffer, position, direction), direction);
}

}  // namespace

SyscallResult sys_read(int fd, UserAddr buffer, uint64_t count) {
  return simple(fd, buffer, count, Direction::read);
}

SyscallResult sys_write(int fd, UserAddr buffer, uint64_t count) {
  return simple(fd, buffer, count, Direction::write);
}

SyscallResult sys_pread64(int fd, UserAddr buffer, uint64_t count, int64_t offset) {
  return positioned(fd, buffer, count, offset, Direction::read);
}

SyscallResult sys_pwrite64(int fd, UserAddr buffer, uint64_t count, int64_t offset) {
  return positioned(fd, buffer, count, offset, Direction::write);
}

SyscallResult sys_readv(int fd, UserIn<IoVector> vectors, int count) {
  return vectored(fd, vectors, count, -1, 0, Direction::read);
}

SyscallResult sys_writev(int fd, UserIn<IoVector> vectors, int count) {
  return vectored(fd, vectors, count, -1, 0, Direction::write);
}

// The high half of the offset is for 32-bit machines.
SyscallResult sys_preadv(int fd, UserIn<IoVector> vectors, int count, int64_t offset, uint64_t) {
  if (offset < 0) return Errno::inval;
  return vectored(fd, vectors, count, offset, 0, Direction::read);
}

SyscallResult sys_pwritev(int fd, UserIn<IoVector> vectors, int count, int64_t offset, uint64_t) {
  if (offset < 0) return Errno::inval;
  return vectored(fd, vectors, count, offset, 0, Direction::write);
}

SyscallResult sys_preadv2(int fd, UserIn<IoVector> vectors, int count, int64_t offset, uint64_t,
                          int flags) {
  if (offset < -1) return Errno::inval;
  return vectored(fd, vectors, count, offset, flags, Direction::read);
}

SyscallResult sys_pwritev2(int fd, UserIn<IoVector> vectors, int count, int64_t offset, uint64_t,
                           int flags) {
  if (offset < -1) return Errno::inval;
  return vectored(fd, vectors, count, offset, flags, Direction::write);
}

SyscallResult sys_lseek(int fd, int64_t offset, int whence) {
  BorrowedFile file = TRY(borrow_file(fd));
  if (whence < 0 || whence > 4) return Errno::inval;
  return static_cast<long>(TRY(file->seek(offset, whence)));
}

}  // namespace tine
