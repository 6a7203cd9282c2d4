// SPDX-License-Identifier: MIT
//
// Remote memory: find the page, faulting it in if need be, and copy through the direct map. The
// page_table_lock is held over the copying of a page, so that nobody unmaps or copies it meanwhile.
// Faults take the Mm's mmap_lock.
#include "mm/remote.h"

#include <algorithm>
#include <cstring>

#include "arch/user_access.h"
#include "mm/fault.h"
#include "mm/unmap.h"

namespace tine::mm {
namespace {

// Calls copy(page) with the page at `at`, ready for the access. False: the program could not do the
// access either.
template <class Copy>
bool with_page(Mm& mm, UserAddr at, bool write, Copy&& copy) {
  for (;;) {
    {
      SpinGuard guard(mm.page_table_lock);
      arch::Pte entry = mm.page_table.effective_entry(at);
      if (entry.is_present() && (!write || entry.is_writable())) {
        copy(arch::direct_map<std::byte>(entry.address()));
        return true;
      }
    }
    if (handle_page_fault(mm, at, {.write = write}).outcome != FaultOutcome::handled) return false;
  }
}

template <class Copy>
size_t for_each_page(Mm& mm, UserAddr start, size_t length, bool write, Copy&& copy) {
  if (!arch::is_user_range(start, length)) return 0;
  size_t done = 0;
  while (done < length) {
    UserAddr at = start + done;
    size_t here = std::min<size_t>(length - done, kPageSize - at.page_offset());
    bool copied = with_page(mm, at.page_floor(), write,
                            [&](std::byte* page) { copy(page + at.page_offset(), done, here); });
    if (!copied) break;
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
