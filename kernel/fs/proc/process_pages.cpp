// SPDX-License-Identifier: MIT
//
// /proc/PID/pagemap and clear_refs (proc_pid_pagemap(5), proc_pid_clear_refs(5)).
//
// An open pagemap keeps the address space that the process had then, as an object and not as a
// user: when its last user has gone there is nothing to be read. Words are gathered under the mmap
// lock and copied to the reader without it, for his memory may fault. Numbers of frames are shown
// to whoever opened the file with CAP_SYS_ADMIN, others read zeros in their place.
#include <algorithm>

#include "arch/user_access.h"
#include "fs/proc/proc.h"
#include "fs/proc/process_memory.h"
#include "mm/page_map.h"
#include "task/tracing.h"

namespace tine::fs::proc {

namespace {

constexpr uint64_t kWordBytes = sizeof(uint64_t);

class OpenPageMap final : public PathFile {
 public:
  static constexpr const char* kCacheName = "proc_open_pagemap";
  OpenPageMap(const Path& path, uint32_t flags, Ref<mm::Mm> memory, bool shows_frames)
      : PathFile(path, flags), memory_(std::move(memory)), shows_frames_(shows_frames) {}

  Result<size_t> read(IoBuffer& buffer, uint64_t& position) override {
    if (position % kWordBytes != 0 || buffer.remaining() % kWordBytes != 0) return Errno::inval;
    if (!memory_ || !mm::mm_get_user_unless_zero(*memory_)) return size_t{0};
    const mm::MmUser user = mm::MmUser::adopt(memory_);
    const Owned<mm::LeafSharing> leaf = TRY(make<mm::LeafSharing>());
    size_t total = 0;
    while (buffer.remaining() != 0 && position / kWordBytes < arch::kUserTop >> kPageShift) {
      uint64_t words[64];
      const UserAddr at(position / kWordBytes << kPageShift);
      const mm::PageMapStretch stretch =
          mm::describe_pages(*user, at, UserAddr(arch::kUserTop), words, shows_frames_, *leaf);
      const size_t bytes = std::min(buffer.remaining(), stretch.pages * kWordBytes);
      const Result<size_t> moved =
          stretch.is_empty ? buffer.fill_zero(bytes) : buffer.copy_in(words, bytes);
      if (!moved) return total != 0 ? Result<size_t>(total) : moved;
      total += *moved;
      position += *moved;
      if (*moved < bytes) break;
    }
    return total;
  }

  Result<uint64_t> seek(int64_t offset, int whence) override {
    return seek_without_end(offset, whence);
  }
  bool is_seekable() const override { return true; }
  bool can_poll() const override { return false; }

 private:
  const Ref<mm::Mm> memory_;
  const bool shows_frames_;
};

class PageMapFile final : public Inode {
 public:
  static constexpr const char* kCacheName = "proc_pagemap";
  PageMapFile(Superblock& superblock, uint32_t permissions, Ref<Task> task)
      : Inode(superblock, superblock.next_inode_number(), kTypeRegular | permissions),
        task_(std::move(task)) {
    own_by(*this, *task_);
  }

  Result<Ref<File>> open(const Path& path, uint32_t flags) override {
    Ref<mm::Mm> memory = mm_of(*task_);
    const Creds& creds = current().creds();
    if (memory && !may_trace(*task_, *memory, creds.fsuid, creds.fsgid)) return Errno::acces;
    const bool shows_frames = capable(kCapSysAdmin);
    return Ref<File>(TRY(make_ref<OpenPageMap>(path, flags, std::move(memory), shows_frames)));
  }

 private:
  Ref<Task> task_;
};

}  // namespace

Result<Ref<Inode>> make_page_map(TableDirectory& directory, uint32_t mode) {
  Ref<Task> task(static_cast<ProcessDirectory&>(directory).task());
  return Ref<Inode>(
      TRY(make_ref<PageMapFile>(directory.superblock(), mode & kPermissionMask, std::move(task))));
}

Result<void> show_clear_refs(Task&, TextBuilder&) { return Errno::inval; }

Result<void> store_clear_refs(Task& task, std::string_view text) {
  enum : int64_t { kAll = 1, kAnonymous, kMapped, kSoftDirty, kPeakOfRss };
  const int64_t what = TRY(parse_number(text));
  if (what < kAll || what > kPeakOfRss) return Errno::inval;
  const mm::MmUser user = memory_of(task);
  if (!user) return {};
  switch (what) {
    case kAll:
      return mm::forget_accesses(*user, mm::MappingsOf::all);
    case kAnonymous:
      return mm::forget_accesses(*user, mm::MappingsOf::anonymous);
    case kMapped:
      return mm::forget_accesses(*user, mm::MappingsOf::objects);
    case kPeakOfRss:
      user->hiwater_rss.store(user->rss_pages(), std::memory_order_relaxed);
      break;
    default:
      break;  // there are no soft-dirty bits
  }
  return {};
}

}  // namespace tine::fs::proc
