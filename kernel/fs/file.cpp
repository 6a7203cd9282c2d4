// SPDX-License-Identifier: MIT
//
// What an open file does unless its kind says otherwise, and how it ends.
#include "fs/file.h"

#include "fs/epoll.h"
#include "fs/file_locks.h"
#include "fs/inode.h"
#include "mm/memory_object.h"
#include "mm/mm.h"

namespace tine::fs {

Result<size_t> File::read(IoBuffer&, uint64_t&) { return Errno::inval; }
Result<size_t> File::write(IoBuffer&, uint64_t&) { return Errno::inval; }
Result<uint64_t> File::seek(int64_t, int) { return Errno::spipe; }
Result<long> File::ioctl(uint32_t, uint64_t) { return Errno::notty; }
uint32_t File::poll(PollTable*) { return kPollIn | kPollOut | kPollRdNorm | kPollWrNorm; }
Result<void> File::read_directory(DirectorySink&) { return Errno::notdir; }
Result<Ref<mm::MemoryObject>> File::memory_object() { return Errno::nodev; }
Ref<mm::MapName> File::map_name() { return {}; }
Result<Ref<File>> File::reopen(uint32_t) { return Errno::nxio; }

Pid* File::signal_target() {
  Inode* file_inode = inode();
  return file_inode != nullptr ? file_inode->process() : pidfd_target();
}

void File::last_ref_dropped() {
  if (epoll_links.load(std::memory_order_acquire) != nullptr) [[unlikely]] epoll_forget(*this);
  if (record_locks_exist()) [[unlikely]] drop_file_locks(*this);
  if (is_looked_at_.load(std::memory_order_relaxed)) [[unlikely]] return destroy_and_reclaim_later(*this);
  delete this;
}

}  // namespace tine::fs
