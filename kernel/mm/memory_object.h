// SPDX-License-Identifier: MIT
//
// MemoryObject: something whose pages can be mapped and cached: a tmpfs file, shared anonymous
// memory, a file of the initrd. Linux's address_space. The mm half of a file, so that mm/ need not
// know what a file is.
//
// The object's mutex guards its pages and its reverse map (the VMAs that map it), so that truncate
// reaches every mapping (B20).
#pragma once

#include "core/list.h"
#include "core/ref.h"
#include "core/result.h"
#include "mm/frame.h"
#include "sync/mutex.h"

namespace tine::mm {

struct Vma;

class MemoryObject : public RefCounted<MemoryObject> {
 public:
  virtual ~MemoryObject() = default;

  // The frame of page `index`, made or read if need be. Fails with fault beyond the end of the
  // object (the fault becomes SIGBUS), nomem, io. `for_write`: a shared mapping will write to it.
  virtual Result<FrameRef> get_page(uint64_t index, bool for_write) = 0;
  virtual uint64_t size_bytes() const = 0;

  // Executables: a file that is being run cannot be opened for writing, and the reverse (ETXTBSY).
  virtual Result<void> deny_write() { return {}; }
  virtual void allow_write() {}

  // The reverse map: called with the Mm's mmap lock held, by mm/ alone.
  void link(Vma& vma);
  void unlink(Vma& vma);
  // Removes the translations of pages [first, end) from every mapping: truncate, hole punching.
  void unmap_range(uint64_t first, uint64_t end);

 private:
  friend struct MemoryObjectAccess;
  Mutex reverse_map_lock_{LockRank::memory_object};
  void* first_vma_ = nullptr;  // list of VMAs through Vma::object_node
};

}  // namespace tine::mm
