// SPDX-License-Identifier: MIT
//
// Links: pointers that lookups without a lock follow (sync/reclaim.h) while the holder of a lock
// changes them. Who follows one sees all that was written to the object before it was linked.
// Nothing here fails; the owner's lock excludes other writers.
#pragma once

#include <type_traits>

namespace tine {

template <class T>
T* load_link(T* const& link) {
  return __atomic_load_n(&link, __ATOMIC_ACQUIRE);
}

template <class T>
void set_link(T*& link, std::type_identity_t<T>* to) {
  __atomic_store_n(&link, to, __ATOMIC_RELEASE);
}

}  // namespace tine
