// SPDX-License-Identifier: MIT
//
// Remote memory: find the page's frame, faulting it in if need be, hold it, and copy through the
// direct map. The frame is held by a FrameRef while it is copied, so that the program may unmap it
// meanwhile. Takes the Mm's mmap_lock (by faults) and page_table_lock.
#include "mm/remote.h"

#include <algorithm>
#include <cstring>

#include "arch/user_access.h"
#include "mm/fault.h"
#include "mm/unmap.h"

namespace tine::mm {
namespace {

// The frame behind `at`, ready for the access; null: the program could not do it either.
FrameRef hold_page(Mm& mm, UserAddr at, bool write) {
  for (;;) {
    {
      SpinGuard guard(mm.page_table_lock);
      arch::Pte entry = mm.page_table.effective_entry(at);
      if (entry.is_present() && (!write || entry.is_writable())) {
        return FrameRef::share(frame_at(entry.address()));
      }
    }
    if (handle_page_fault(mm, at, {.write = write}).outcome != FaultOutcome::handled) return {};
  }
}

template <class Copy>
size_t for_each_page(Mm& mm, UserAddr start, size_t length, bool write, Copy&& copy) {
  if (!arch::is_user_range(start, length)) return 0;
  size_t done = 0;
  while (done < length) {
    UserAddr at = start + done;
    FrameRef frame = hold_page(mm, at.page_floor(), write);
    if (!frame) break;
    size_t here = std::min<size_t>(length - done, kPageSize - at.page_offset());
    copy(frame_data<std::byte>(*frame) + at.page_offset(), done, here);
    done += here;
  }
  return done;
}

}  // namespace

size_t read_remote(Mm& mm, UserAddr from, std::span<std::byte> to) {
  return for_each_page(mm, from, to.size(), false, [&](std::byte* page, size_t offset, size_t n) {
    memcpy(to.data() + offset, page, n);
  });
}

size_t write_remote(Mm& mm, UserAddr to, std::span<const std::byte> from) {
  return for_each_page(mm, to, from.size(), true, [&](std::byte* page, size_t offset, size_t n) {
    memcpy(page, from.data() + offset, n);
  });
}

}  // namespace tine::mm
