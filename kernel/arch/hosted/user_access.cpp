// SPDX-License-Identifier: MIT
//
// User copies of the hosted machine: every page goes through the CPU's translation cache, and a miss
// to mm::handle_page_fault(). An address whose fault is not handled ends the copy. The *_nofault
// functions never sleep.
#include "arch/user_access.h"

#include <algorithm>
#include <atomic>
#include <cstring>

#include "arch/hosted/machine.h"
#include "arch/hosted/translation_cache.h"
#include "arch/hosted/unwatched.h"
#include "mm/fault.h"
#include "mm/mm.h"

namespace tine::arch {
namespace {

char* translate(UserAddr address, bool write) {
  return hosted::this_translation_cache().translate(hosted::loaded_page_table(), address, write);
}

char* translate_with_fault(UserAddr address, bool write) {
  for (;;) {
    if (char* place = translate(address, write)) return place;
    mm::Mm* mm = mm::current_mm();
    if (mm == nullptr) return nullptr;
    mm::FaultResult result = mm::handle_page_fault(*mm, address, {.write = write});
    if (result.outcome != mm::FaultOutcome::handled) return nullptr;
  }
}

// Calls step(host address, offset, length) for each run within one page; the bytes not reached.
template <class Step>
size_t for_each_page(UserAddr address, size_t length, bool write, Step&& step) {
  if (!is_user_range(address, length)) return length;
  for (size_t done = 0; done < length;) {
    UserAddr at = address + done;
    size_t run = std::min<size_t>(length - done, kPageSize - at.page_offset());
    char* place = translate_with_fault(at, write);
    if (place == nullptr) return length - done;
    {
      hosted::Unwatched program_data;
      step(place, done, run);
    }
    done += run;
  }
  return 0;
}

std::atomic_ref<uint32_t>* word_at(UserAddr address, bool write, void* storage) {
  if (address.value % sizeof(uint32_t) != 0) return nullptr;
  char* place = translate(address, write);
  if (place == nullptr) return nullptr;
  return new (storage) std::atomic_ref<uint32_t>(*reinterpret_cast<uint32_t*>(place));
}

}  // namespace

size_t copy_from_user(void* to, UserAddr from, size_t length) {
  return for_each_page(from, length, false, [&](char* place, size_t offset, size_t run) {
    memcpy(static_cast<char*>(to) + offset, place, run);
  });
}

size_t copy_to_user(UserAddr to, const void* from, size_t length) {
  return for_each_page(to, length, true, [&](char* place, size_t offset, size_t run) {
    memcpy(place, static_cast<const char*>(from) + offset, run);
  });
}

size_t clear_user(UserAddr to, size_t length) {
  return for_each_page(to, length, true,
                       [](char* place, size_t, size_t run) { memset(place, 0, run); });
}

Result<size_t> copy_string_from_user(char* to, UserAddr from, size_t capacity) {
  for (size_t done = 0; done < capacity; ++done) {
    if (copy_from_user(to + done, from + done, 1) != 0) return Errno::fault;
    if (to[done] == 0) return done;
  }
  return Errno::nametoolong;
}

Result<uint32_t> load_user_u32_nofault(UserAddr address) {
  alignas(std::atomic_ref<uint32_t>) char storage[sizeof(std::atomic_ref<uint32_t>)];
  auto* word = word_at(address, false, storage);
  if (word == nullptr) return Errno::fault;
  hosted::Unwatched program_data;
  return word->load();
}

Result<uint32_t> cmpxchg_user_u32_nofault(UserAddr address, uint32_t expected, uint32_t desired) {
  alignas(std::atomic_ref<uint32_t>) char storage[sizeof(std::atomic_ref<uint32_t>)];
  auto* word = word_at(address, true, storage);
  if (word == nullptr) return Errno::fault;
  hosted::Unwatched program_data;
  word->compare_exchange_strong(expected, desired);
  return expected;
}

}  // namespace tine::arch
