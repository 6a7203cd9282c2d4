// SPDX-License-Identifier: MIT
//
// ShmemObject: pages that live in memory alone: shared anonymous memory, memfd, and the contents of
// tmpfs files, which own one each.
//
// Pages are made, zeroed, when first touched. A file of the boot archive brings its pages along
// where they lie (adopt_boot_pages) and uses them in place. Each page in the object holds one
// reference to its frame. pages_lock_ guards the pages and the size; it is never held while user
// memory is touched. Fails with ENOMEM, and get_page with fault beyond the end (SIGBUS).
#pragma once

#include <atomic>

#include "mm/commit.h"
#include "mm/memory_object.h"
#include "mm/user_memory.h"
#include "sync/spin_lock.h"

namespace tine::mm {

struct ShmemNode;
struct ShmemRemoval;

class ShmemObject final : public MemoryObject {
 public:
  static constexpr const char* kCacheName = "shmem_object";
  enum class Use : uint8_t { anonymous, file };              // counted as RssShmem or RssFile
  static constexpr uint64_t kUnbounded = uint64_t{1} << 62;  // no access is beyond the end

  // `promised`: all its pages in advance, or none, and then each is promised when it is made.
  ShmemObject(uint64_t size, Use use, CommitCharge promised)
      : size_(size),
        use_(use),
        is_promised_whole_(promised.pages() != 0),
        committed_(std::move(promised)) {}
  ~ShmemObject() override;

  Result<FrameRef> get_page(uint64_t index, bool for_write) override;
  void get_cached_pages(uint64_t first, std::span<Frame*> out) override;
  uint64_t size_bytes() const override { return size_.load(std::memory_order_acquire); }
  bool is_shmem() const override { return use_ == Use::anonymous; }
  Result<void> deny_write() override;
  void allow_write() override;

  // The other side of deny_write(): an open for writing. TXTBSY while the file is being run.
  Result<void> get_write_access();
  void put_write_access();

  // The file's side. The caller serialises them (the inode's lock); faults may come at any time.
  // read() is short only at the end; write() extends the object, and is short when memory ends.
  Result<size_t> read(IoBuffer& buffer, uint64_t offset);
  Result<size_t> write(IoBuffer& buffer, uint64_t offset);
  Result<size_t> write_kernel(std::span<const std::byte> data, uint64_t offset);
  Result<void> resize(uint64_t new_size);
  Result<void> punch_hole(uint64_t offset, uint64_t length) override;
  // Makes the pages of the range that are not there, behind the end too, where they wait for it to
  // move. ENOSPC, with those that it had made given back: more than `most` would be new, or there is
  // no memory.
  Result<void> allocate(uint64_t offset, uint64_t length, uint64_t most);
  // The first page of [first, end) that is there or, for `hole`, is not; `end`: there is none. Takes
  // as long as there are pages, however large the holes.
  uint64_t find_page(uint64_t first, uint64_t end, bool hole) EXCLUDES(pages_lock_);
  uint64_t pages_in_use() const { return pages_.load(std::memory_order_relaxed); }

  // Takes over `pages` frames of the boot archive, contiguous from the page-aligned `start`, with
  // the reference each has had since boot, as pages 0.. of this empty object of `size` bytes.
  void adopt_boot_pages(PhysAddr start, uint64_t pages, uint64_t size);

 private:
  Frame* find_locked(uint64_t index) REQUIRES(pages_lock_);
  const ShmemNode* lowest_node_locked(uint64_t index) const REQUIRES(pages_lock_);
  uint64_t end_of_gap_locked(uint64_t index) const REQUIRES(pages_lock_);
  Frame* find_boot_page_locked(uint64_t index) REQUIRES(pages_lock_);
  void adopt_boot_page_locked(Frame& frame, uint64_t index) REQUIRES(pages_lock_);
  enum class Where : bool { within_size, anywhere };
  // Fails with exist where somebody was faster.
  Result<void> insert(uint64_t index, Frame& frame, Where where);
  Result<FrameRef> make_page(uint64_t index, Where where);
  bool has_page(uint64_t index) EXCLUDES(pages_lock_);
  void remove_from_tree_locked(ShmemRemoval& removal) REQUIRES(pages_lock_);
  void forget_pages_locked(uint64_t pages) REQUIRES(pages_lock_);
  enum class Pages : bool { all, unused };
  void remove_pages(uint64_t first, uint64_t end, Pages which = Pages::all);
  void clear_tail(uint64_t from);

  SpinLock pages_lock_{LockRank::page_table};
  std::atomic<uint64_t> size_;
  const Use use_;
  const bool is_promised_whole_;
  std::atomic<int32_t> writers_{0};  // below 0: so many deny writing
  std::atomic<uint64_t> pages_{0};
  unsigned height_ GUARDED_BY(pages_lock_) = 0;  // levels of nodes; 0: root_ is page 0's frame
  void* root_ GUARDED_BY(pages_lock_) = nullptr;
  CommitCharge committed_ GUARDED_BY(pages_lock_);
  Frame* boot_pages_ GUARDED_BY(pages_lock_) = nullptr;
  uint64_t boot_page_count_ GUARDED_BY(pages_lock_) = 0;
};

// Shared anonymous memory. Size 0: no end, for mappings of /dev/zero, which has none. `promised`:
// vm.overcommit_memory is asked for all of it now, and not for each page when it is made.
Result<Ref<ShmemObject>> make_shmem(uint64_t size, bool promised);
// The contents of an empty file, whose pages are promised when they are made.
Result<Ref<ShmemObject>> make_file_pages();

}  // namespace tine::mm
