// SPDX-License-Identifier: MIT
//
// Promised memory (Linux: Committed_AS, vm.overcommit_memory, proc_sys_vm(5)): private writable
// mappings and shared memory count from when they are made, whether or not they are ever touched.
//
// A CommitCharge owns a number of promised pages and takes them back when it dies. An address space
// holds one for all its mappings, so that a fork takes over the sum without a look at the mappings;
// an object of shared memory holds one for its pages. ENOMEM is the only failure. No locks: one
// counter for the system. It is raised before it is compared, so two callers who compete for the
// last pages may both be refused, but never both get them.
#pragma once

#include <atomic>
#include <cstdint>
#include <utility>

#include "core/result.h"
#include "mm/heap.h"

namespace tine::mm {

enum class Overcommit : uint32_t {
  guess = 0,   // refuses a single request for more than all of memory
  always = 1,  // refuses nothing
  never = 2,   // refuses what exceeds commit_limit_pages()
};

// The settings, each a word that may be changed at any time.
struct OvercommitSettings {
  std::atomic<Overcommit> mode{Overcommit::guess};
  std::atomic<uint64_t> ratio{50};             // per cent of memory...
  std::atomic<uint64_t> limit_kib{0};          // ...or this, if it is not zero
  std::atomic<uint64_t> admin_reserve_kib{0};  // kept for CAP_SYS_ADMIN
  std::atomic<uint64_t> user_reserve_kib{0};   // kept from one process taking everything
};
extern OvercommitSettings overcommit;

void init_overcommit();  // the reserves, from the memory that is free at boot

inline bool is_overcommit_forbidden() {
  return overcommit.mode.load(std::memory_order_relaxed) == Overcommit::never;
}
uint64_t commit_limit_pages();  // CommitLimit
uint64_t committed_pages();     // Committed_AS

class CommitCharge {
 public:
  CommitCharge() = default;
  CommitCharge(CommitCharge&& other) noexcept : pages_(std::exchange(other.pages_, 0)) {}
  CommitCharge& operator=(CommitCharge other) noexcept {
    std::swap(pages_, other.pages_);
    return *this;
  }
  ~CommitCharge() { release(pages_); }

  // Who asks, for Overcommit::never: a process's size in pages, and what it is about to give back.
  struct Request {
    uint64_t pages;
    uint64_t size_of_caller = 0;
    uint64_t soon_released = 0;
  };
  // A new promise: what is obviously too much is refused too.
  static Result<CommitCharge> take(const Request& request);
  // More of what was found reasonable when it was taken: fork, for the child's copy.
  Result<void> grow(const Request& request) {
    if (fail_here()) return Errno::nomem;
    auto pages = static_cast<int64_t>(request.pages);
    int64_t total = committed_.fetch_add(pages, std::memory_order_relaxed) + pages;
    if (is_overcommit_forbidden() && !is_allowed(total, request)) [[unlikely]] {
      committed_.fetch_sub(pages, std::memory_order_relaxed);
      return Errno::nomem;
    }
    pages_ += request.pages;
    return {};
  }

  void add(CommitCharge more) { pages_ += std::exchange(more.pages_, 0); }
  void release(uint64_t pages);  // of those that it has
  uint64_t pages() const { return pages_; }

 private:
  friend uint64_t committed_pages();
  static bool is_allowed(int64_t total, const Request& request);
  static std::atomic<int64_t> committed_;
  uint64_t pages_ = 0;
};

}  // namespace tine::mm
