// SPDX-License-Identifier: MIT
//
// MemoryObject: something whose pages can be mapped and cached: a tmpfs file, shared anonymous
// memory, a file of the initrd. Linux's address_space. The mm half of a file, so that mm/ need not
// know what a file is.
//
// reverse_map_lock_ guards the reverse map (the VMAs that map the object), so that truncate reaches
// every mapping (B20). image_lock_ guards what is known of the contents: the prepared image and the
// tables that are ready. The pages are the derived class's.
//
// Truncation, in this order: make the new size visible; set `frame.object` of each page that goes
// to null and drop the object's reference; contents_changed(); unmap_range(). A fault that got the
// page before checks `frame.object` under its page_table_lock, and so never installs a page that
// was truncated.
#pragma once

#include <atomic>
#include <span>

#include "core/ref.h"
#include "core/result.h"
#include "mm/frame.h"
#include "sync/mutex.h"
#include "sync/spin_lock.h"

namespace tine::mm {

class ReadyTables;
struct Vma;

// What exec has found out about a program's file, kept with the contents that it is about.
// exec::ElfImage, and nothing else, derives from it.
class PreparedImage : public RefCounted<PreparedImage> {
 public:
  virtual ~PreparedImage() = default;
};

class MemoryObject : public RefCounted<MemoryObject> {
 public:
  MemoryObject();
  virtual ~MemoryObject();

  // The frame of page `index`, made or read if need be. Fails with fault beyond the end of the
  // object (the fault becomes SIGBUS), nomem, nospc (SIGBUS too), io. `for_write`: a shared mapping
  // will write to it.
  virtual Result<FrameRef> get_page(uint64_t index, bool for_write) = 0;
  virtual uint64_t size_bytes() const = 0;
  // Frames of pages first, first+1, ... that need neither waiting nor making, each with a reference
  // for the caller; null where there is none. For mapping the neighbours of a faulting page.
  virtual void get_cached_pages(uint64_t first, std::span<Frame*> out) {
    (void)first;
    for (Frame*& frame : out) frame = nullptr;
  }
  // Pages of the pool of huge pages, which are mapped in another way: it is a HugeObject.
  virtual bool has_pool_pages() const { return false; }
  // Anonymous shared memory, which /proc counts apart from files.
  virtual bool is_shmem() const { return false; }

  // Frees the range's pages; it reads as zeros afterwards (MADV_REMOVE).
  virtual Result<void> punch_hole(uint64_t offset, uint64_t length) {
    (void)offset, (void)length;
    return Errno::opnotsupp;
  }

  // Executables: a file that is being run cannot be opened for writing, and the reverse (ETXTBSY).
  virtual Result<void> deny_write() { return {}; }
  virtual void allow_write() {}

  // Seals (fcntl(2)). Shared mappings that may be written are counted while they exist; once
  // writing is sealed no new ones are made (mm/mmap.cpp asks). seal_writes() fails with EBUSY
  // if `only_unmapped` and there is one.
  Result<void> seal_writes(bool only_unmapped);
  bool is_write_sealed() const {
    return writers_and_seal_.load(std::memory_order_acquire) & kWriteSealed;
  }
  void add_writing_mapping();
  void remove_writing_mapping() { writers_and_seal_.fetch_sub(1, std::memory_order_acq_rel); }

  // The image that is true of the contents as they are; null: none is kept. An image is made by
  // asking for changes(), then looking at the contents. It is kept unless they have changed
  // meanwhile, and goes when they change. A mapping changes them unnoticed: an object that has been
  // mapped to be written keeps no image ever after.
  Ref<PreparedImage> image();
  uint64_t changes() const { return changes_.load(std::memory_order_acquire); }
  void keep_image(Ref<PreparedImage> image, uint64_t changes_before);
  // The same for tables that map the contents (mm/ready_tables.h). They stay true of what is
  // written to a page, but a page that is missing is missing there too.
  Ref<ReadyTables> ready_tables();
  void keep_ready_tables(Ref<ReadyTables> ready, uint64_t changes_before);

  // The reverse map: called with the Mm's mmap lock held, by mm/ alone.
  void link(Vma& vma);
  void unlink(Vma& vma);
  Mutex& reverse_map_lock() RETURN_CAPABILITY(reverse_map_lock_) { return reverse_map_lock_; }
  // How many address spaces have `frame` mapped as page `index` just now.
  uint32_t count_mappers(uint64_t index, PhysAddr frame);
  // Removes the translations of pages [first, end) from every mapping: truncate, hole punching.
  // ENOMEM: a table that is shared since a fork could not be copied, and some are left.
  Result<void> unmap_range(uint64_t first, uint64_t end);

 protected:
  // unmap_range() for pages that the object has given up: tries until it succeeds, or the caller is
  // dying (ENOMEM).
  Result<void> unmap_removed(uint64_t first, uint64_t end);
  // Called by the derived class after each change, before the caller of it can know.
  void contents_changed();

 private:
  static constexpr uint32_t kWriteSealed = 1u << 31;
  std::atomic<uint32_t> writers_and_seal_{0};
  SpinLock image_lock_{LockRank::page_table};
  Ref<PreparedImage> image_ GUARDED_BY(image_lock_);
  Ref<ReadyTables> ready_tables_ GUARDED_BY(image_lock_);
  std::atomic<uint64_t> changes_{0};  // written under image_lock_
  bool keeps_images_ GUARDED_BY(image_lock_) = true;
  Mutex reverse_map_lock_{LockRank::memory_object};
  Vma* first_vma_ GUARDED_BY(reverse_map_lock_) = nullptr;  // list through Vma::next_in_object
};

}  // namespace tine::mm
