// SPDX-License-Identifier: MIT
//
// Copies between two files inside the kernel: sendfile(2), copy_file_range(2), through a buffer of
// 64 KiB. What has been read but could not be written is not lost: the input's position only moves
// past what arrived, which is why the input must have a position.
#include <algorithm>

#include "fs/files_table.h"
#include "fs/inode.h"
#include "syscall/syscalls.h"
#include "task/task.h"

namespace tine {
namespace {

using namespace fs;

constexpr size_t kBufferSize = 64 * 1024;

Result<size_t> copy(File& in, uint64_t& in_position, File& out, uint64_t& out_position,
                    uint64_t count) {
  size_t size = std::min<uint64_t>(count, kBufferSize);
  Buffer<std::byte> memory = Buffer<std::byte>::adopt(
      static_cast<std::byte*>(heap_allocate(size != 0 ? size : 1)), size);
  if (memory.data() == nullptr) return Errno::nomem;
  size_t total = 0;
  while (count != 0) {
    IoBuffer input = IoBuffer::kernel(memory.data(), std::min<uint64_t>(count, size));
    uint64_t position = in_position;
    auto got = in.read(input, position);
    if (!got || *got == 0) return got || total != 0 ? Result<size_t>(total) : got;
    IoBuffer output = IoBuffer::kernel(memory.data(), *got);
    auto put = out.write(output, out_position);
    if (!put) return total != 0 ? Result<size_t>(total) : put;
    in_position += *put;
    total += *put;
    count -= *put;
    if (*put < *got || signal_pending(current())) break;
  }
  return total;
}

// The position to use: the program's variable, or the file's own, which is written back at the end.
class Position {
 public:
  Position(File& file, UserAddr user) : file_(file), user_(user) {}
  Result<void> load() {
    if (user_.value != 0) {
      value = TRY(UserIn<uint64_t>(user_).read());
      if (static_cast<int64_t>(value) < 0) return Errno::inval;
    } else if (file_.is_seekable()) {
      MutexGuard guard(file_.position_lock);
      value = file_.position;
    }
    return {};
  }
  Result<void> store() {
    if (user_.value != 0) return UserOut<uint64_t>(user_).write(value);
    if (file_.is_seekable()) {
      MutexGuard guard(file_.position_lock);
      file_.position = value;
    }
    return {};
  }
  uint64_t value = 0;

 private:
  File& file_;
  UserAddr user_;
};

}  // namespace

SyscallResult sys_sendfile(int out_fd, int in_fd, UserAddr offset, uint64_t count) {
  BorrowedFile in = TRY(borrow_file(in_fd));
  if (!in->is_readable()) return Errno::badf;
  BorrowedFile out = TRY(borrow_file(out_fd));
  if (!out->is_writable()) return Errno::badf;
  if (!in->is_seekable()) return offset.value != 0 ? Errno::spipe : Errno::inval;
  if (out->flags() & kAppend) return Errno::inval;
  Position from(*in, offset), to(*out, UserAddr());
  TRY(from.load());
  TRY(to.load());
  size_t moved = TRY(copy(*in, from.value, *out, to.value,
                          std::min<uint64_t>(count, IoBuffer::kMaxBytes)));
  TRY(from.store());
  TRY(to.store());
  return static_cast<long>(moved);
}

SyscallResult sys_copy_file_range(int in_fd, UserAddr in_offset, int out_fd, UserAddr out_offset,
                                  uint64_t count, uint32_t flags) {
  BorrowedFile in = TRY(borrow_file(in_fd));
  BorrowedFile out = TRY(borrow_file(out_fd));
  if (flags != 0) return Errno::inval;
  for (File* file : {in.get(), out.get()}) {
    Inode* inode = file->inode();
    if (inode == nullptr) return Errno::inval;
    if (is_directory(inode->mode())) return Errno::isdir;
    if (!is_regular(inode->mode())) return Errno::inval;
  }
  if (!in->is_readable() || !out->is_writable() || (out->flags() & kAppend)) return Errno::badf;
  Position from(*in, in_offset), to(*out, out_offset);
  TRY(from.load());
  TRY(to.load());
  count = std::min<uint64_t>(count, IoBuffer::kMaxBytes);
  if (in->inode() == out->inode() && from.value < to.value + count && to.value < from.value + count) {
    return Errno::inval;  // the ranges overlap
  }
  size_t moved = TRY(copy(*in, from.value, *out, to.value, count));
  TRY(from.store());
  TRY(to.store());
  return static_cast<long>(moved);
}

}  // namespace tine
