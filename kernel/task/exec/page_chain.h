// SPDX-License-Identifier: MIT
//
// PageChain: bytes of a length not known beforehand, collected in pages. exec gathers a new
// program's arguments in it while the old memory is still there.
#pragma once

#include <algorithm>
#include <span>

#include "core/result.h"
#include "core/types.h"
#include "mm/heap.h"

namespace tine::exec {

class PageChain {
 public:
  PageChain() = default;
  PageChain(const PageChain&) = delete;
  PageChain& operator=(const PageChain&) = delete;
  ~PageChain() {
    while (first_ != nullptr) heap_free(std::exchange(first_, first_->next));
  }

  size_t size() const { return size_; }

  // Free space behind the last byte, at least `minimum` of it, to be filled and committed. ENOMEM.
  Result<std::span<char>> tail(size_t minimum = 1) {
    if (last_ == nullptr || kPayload - last_->used < minimum) TRY(add_page());
    return std::span(last_->bytes + last_->used, kPayload - last_->used);
  }
  void commit(size_t bytes) {
    last_->used += bytes;
    size_ += bytes;
  }
  template <class T>
  Result<void> append(const T& value) {
    std::span<char> space = TRY(tail(sizeof value));
    __builtin_memcpy(space.data(), &value, sizeof value);
    commit(sizeof value);
    return {};
  }
  Result<void> append_bytes(std::span<const char> bytes) {
    while (!bytes.empty()) {
      std::span<char> space = TRY(tail());
      const size_t count = std::min(space.size(), bytes.size());
      std::copy_n(bytes.data(), count, space.data());
      commit(count);
      bytes = bytes.subspan(count);
    }
    return {};
  }

  // Calls visit(std::span<const char>) for each page's content in order, until one fails.
  template <class Visitor>
  Result<void> for_each(Visitor&& visit) const {
    for (const Page* page = first_; page != nullptr; page = page->next) {
      TRY(visit(std::span<const char>(page->bytes, page->used)));
    }
    return {};
  }

 private:
  static constexpr size_t kPayload = kPageSize - 16;
  struct Page {
    Page* next;
    size_t used;
    char bytes[kPayload];
  };
  static_assert(sizeof(Page) == kPageSize);

  Result<void> add_page() {
    auto* page = static_cast<Page*>(heap_allocate(sizeof(Page)));
    if (page == nullptr) return Errno::nomem;
    page->next = nullptr;
    page->used = 0;
    (last_ != nullptr ? last_->next : first_) = page;
    last_ = page;
    return {};
  }

  Page* first_ = nullptr;
  Page* last_ = nullptr;
  size_t size_ = 0;
};

}  // namespace tine::exec
