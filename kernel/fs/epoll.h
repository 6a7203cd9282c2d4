// SPDX-License-Identifier: MIT
//
// epoll(7): sets of files whose readiness is collected as it happens. See epoll.cpp.
#pragma once

#include "fs/file.h"

namespace tine::fs {

struct EpollEvent {          // struct epoll_event, which is packed on x86-64
  uint32_t events;
  uint64_t data;
} __attribute__((packed));

enum EpollOperation : int { kEpollAdd = 1, kEpollDelete = 2, kEpollModify = 3 };

Result<Ref<File>> make_epoll();
// epoll_ctl(2). EBADF and the like are the caller's; EEXIST, ENOENT, EPERM, EINVAL, ELOOP, ENOMEM.
Result<void> epoll_control(File& epoll, int operation, int fd, Ref<File> file, EpollEvent event);
// Up to out.size() events that are ready, waiting until `deadline` for the first. EINTR, EINVAL.
Result<size_t> epoll_wait(File& epoll, std::span<EpollEvent> out, Nanoseconds deadline);
// A file that is watched goes: takes it out of all sets.
void epoll_forget(File& file);

}  // namespace tine::fs
