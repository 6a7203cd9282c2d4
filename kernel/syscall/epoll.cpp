// SPDX-License-Identifier: MIT
//
// epoll_create(2), epoll_ctl(2), epoll_wait(2): decoding for fs/epoll.h.
#include <algorithm>

#include "fs/files_table.h"
#include "sched/timer.h"
#include "syscall/syscalls.h"
#include "task/task.h"

namespace tine {

using namespace fs;

SyscallResult sys_epoll_create1(uint32_t flags) {
  if (flags & ~kCloseOnExec) return Errno::inval;
  Ref<File> file = TRY(make_epoll());
  return TRY(install_file(std::move(file), flags));
}

SyscallResult sys_epoll_create(int size) {
  if (size <= 0) return Errno::inval;
  return sys_epoll_create1(0);
}

SyscallResult sys_epoll_ctl(int epoll_fd, int operation, int fd, UserIn<EpollEvent> user) {
  EpollEvent event{};
  if (operation != kEpollDelete) event = TRY(user.read());
  BorrowedFile epoll = TRY(borrow_file(epoll_fd));
  Ref<File> file = TRY(get_file(fd));
  TRY(epoll_control(*epoll, operation, fd, std::move(file), event));
  return 0;
}

SyscallResult sys_epoll_wait(int epoll_fd, UserOut<EpollEvent> user, int count, int timeout_ms) {
  constexpr int kMaxBatch = 64;  // more are had by asking again
  if (count <= 0) return Errno::inval;
  Ref<File> epoll = TRY(get_file(epoll_fd));
  EpollEvent events[kMaxBatch];
  Nanoseconds deadline = timeout_ms < 0 ? kNever
                         : timeout_ms == 0
                             ? 0
                             : time::monotonic_now() + Nanoseconds{timeout_ms} * 1'000'000;
  size_t ready =
      TRY(epoll_wait(*epoll, {events, static_cast<size_t>(std::min(count, kMaxBatch))}, deadline));
  TRY(user.write_array({events, ready}));
  return static_cast<long>(ready);
}

SyscallResult sys_epoll_pwait(int epoll_fd, UserOut<EpollEvent> events, int count, int timeout_ms,
                              UserIn<signal::SigSet> mask, uint64_t mask_size) {
  if (mask) {
    if (mask_size != sizeof(signal::SigSet)) return Errno::inval;
    signal::set_temporary_mask(TRY(mask.read()));
  }
  SyscallResult ready = sys_epoll_wait(epoll_fd, events, count, timeout_ms);
  if (mask && (ready || ready.error() != Errno::restart_nohand)) signal::restore_saved_mask();
  return ready;
}

}  // namespace tine
