// SPDX-License-Identifier: MIT
//
// Where the model checkers map: windows of pages that lie across the borders of tables, one of a
// leaf, of 1 GiB, of 512 GiB. In the last window, which huge pages fit into, the model takes a run
// of pages for one, and stores to the first of them.
#pragma once

#include <cstdint>
#include <iterator>

#include "arch/page_table.h"

namespace tine::mm {

template <uint64_t window_pages, uint64_t run_pages>
struct ModelWindows {
  static constexpr uint64_t kBorders[] = {0x8020'0000, 0x4000'0000, 0x80'0000'0000, 0xc020'0000};
  static constexpr uint64_t kWindowPages = window_pages;
  static constexpr uint64_t kHugeWindow = std::size(kBorders) - 1;
  static constexpr uint64_t kPages = kWindowPages * std::size(kBorders);

  static bool may_be_huge(uint64_t page) { return page / kWindowPages == kHugeWindow; }
  static uint64_t bytes_of(uint64_t first, uint64_t count) {
    return count * kPageSize * (may_be_huge(first) ? run_pages : 1);
  }
  static UserAddr address_of(uint64_t page) {
    const UserAddr start(kBorders[page / kWindowPages] - bytes_of(page, kWindowPages / 2));
    return start + bytes_of(page, page % kWindowPages);
  }
};

}  // namespace tine::mm
