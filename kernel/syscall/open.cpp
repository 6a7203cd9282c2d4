// SPDX-License-Identifier: MIT
//
// Calls that make descriptors: open(2), pipe(2), eventfd(2), memfd_create(2), and socket(2), which
// says honestly that there are no protocols. The file is made first and the descriptor last, so that
// nothing has to be taken back but what owns itself.
#include "fs/eventfd.h"
#include "fs/files_table.h"
#include "fs/open.h"
#include "fs/pipe.h"
#include "fs/tmpfs/memfd.h"
#include "syscall/syscalls.h"
#include "task/task.h"

namespace tine {
namespace {

using namespace fs;

constexpr uint32_t kKnownOpenFlags =
    kAccessMode | kCreate | kExclusive | kNoCtty | kTruncate | kAppend | kNonBlock | kSync | kAsync |
    kDirect | kLargeFile | kDirectory | kNoFollow | kNoAtime | kCloseOnExec | kPath | kTmpfile;

SyscallResult open_at(int directory_fd, UserString user_path, uint32_t flags, uint32_t mode) {
  flags &= kKnownOpenFlags;  // open(2) ignores what it does not know
  if ((flags & kTmpfile & ~kDirectory) != 0) return Errno::opnotsupp;
  if ((flags & (kCreate | kDirectory)) == (kCreate | kDirectory)) return Errno::inval;
  PathString path;
  TRY(path.copy_from(user_path));
  ReservedFd fd = TRY(reserve_fd(flags));
  Ref<File> file = TRY(open_file(directory_fd, path.view(), flags | kLargeFile, mode));
  return fd.install(std::move(file));
}

}  // namespace

SyscallResult sys_open(UserString path, uint32_t flags, uint32_t mode) {
  return open_at(kAtFdCwd, path, flags, mode);
}

SyscallResult sys_creat(UserString path, uint32_t mode) {
  return open_at(kAtFdCwd, path, kCreate | kWriteOnly | kTruncate, mode);
}

SyscallResult sys_openat(int directory_fd, UserString path, uint32_t flags, uint32_t mode) {
  return open_at(directory_fd, path, flags, mode);
}

SyscallResult sys_pipe2(UserOut<int> fds, uint32_t flags) {
  if (flags & ~(kCloseOnExec | kNonBlock | kDirect)) return Errno::inval;
  PipeEnds ends = TRY(make_pipe(flags));
  ReservedFd read_fd = TRY(reserve_fd(flags));
  ReservedFd write_fd = TRY(reserve_fd(flags));
  int numbers[2] = {read_fd.number(), write_fd.number()};
  TRY(fds.write_array(numbers));
  read_fd.install(std::move(ends.read_end));
  write_fd.install(std::move(ends.write_end));
  return 0;
}

SyscallResult sys_pipe(UserOut<int> fds) { return sys_pipe2(fds, 0); }

SyscallResult sys_eventfd2(uint32_t initial, uint32_t flags) {
  if (flags & ~(uint32_t{kEventFdSemaphore} | kCloseOnExec | kNonBlock)) return Errno::inval;
  Ref<File> file = TRY(make_eventfd(initial, flags));
  return TRY(install_file(std::move(file), flags));
}

SyscallResult sys_eventfd(uint32_t initial) { return sys_eventfd2(initial, 0); }

SyscallResult sys_memfd_create(UserString user_name, uint32_t flags) {
  constexpr uint32_t kExecChoice = kMemfdNoExecSeal | kMemfdExec;
  constexpr uint32_t kKnown = kMemfdCloseOnExec | kMemfdAllowSealing | kMemfdHugeTlb | kExecChoice;
  const uint32_t huge_flags = flags & kMemfdHugeTlb ? kMemfdHugeSizeMask : 0;
  if (flags & ~(kKnown | huge_flags)) return Errno::inval;
  if ((flags & kExecChoice) == kExecChoice) return Errno::inval;
  PathString name;
  auto copied = name.copy_from(user_name, true);
  if (!copied) return copied.error() == Errno::nametoolong ? Errno::inval : copied.error();
  if (name.view().size() > 249) return Errno::inval;
  Ref<File> file = TRY(make_memfd(name.view(), flags));
  return TRY(install_file(std::move(file), flags & kMemfdCloseOnExec ? uint32_t{kCloseOnExec} : 0));
}

SyscallResult sys_socket(int, int, int) { return Errno::afnosupport; }
SyscallResult sys_socketpair(int, int, int, UserOut<int>) { return Errno::afnosupport; }

}  // namespace tine
