// SPDX-License-Identifier: MIT
//
// Finding out what a futex word is: two processes that map the same object at different addresses
// must get the same key, and the same address in two processes must not.
#include "ipc/futex_internal.h"

namespace tine::futex {

namespace {

constexpr unsigned kBuckets = 256;
constinit Bucket buckets[kBuckets];

}  // namespace

Bucket& bucket_of(const Key& key) {
  const uint64_t hash =
      (reinterpret_cast<uint64_t>(key.space) ^ (key.offset >> 2)) * 0x9e37'79b9'7f4a'7c15;
  return buckets[hash >> 56];
}
static_assert(kBuckets == 1u << 8);

Result<Key> make_key(UserAddr word, Sharing sharing) {
  if (word.value % sizeof(uint32_t) != 0) return Errno::inval;
  if (!arch::is_user_range(word, sizeof(uint32_t))) return Errno::fault;
  mm::Mm& mm = *current().mm;
  if (sharing == Sharing::in_process) return Key{.space = &mm, .offset = word.value};
  ReadGuard guard(mm.mmap_lock);
  const mm::Vma* vma = mm.mappings.find(word);
  if (vma == nullptr) return Errno::fault;
  // Private memory is the process's own whatever the program says about sharing.
  if (!(vma->flags & mm::kVmShared)) return Key{.space = &mm, .offset = word.value};
  return Key{.space = vma->object.get(),
             .offset = (vma->object_page << kPageShift) + (word - vma->start),
             .object = vma->object};
}

Result<uint32_t> load_word(UserAddr word) { return UserIn<uint32_t>(word).read(); }

Result<void> make_writable(UserAddr word) {
  const uint32_t value = TRY(load_word(word));
  if (arch::cmpxchg_user_u32_nofault(word, value, value)) return {};
  return UserOut<uint32_t>(word).write(value);
}

}  // namespace tine::futex
