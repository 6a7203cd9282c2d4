// SPDX-License-Identifier: MIT
//
// See provoke.h. Everything goes through volatile, so that the compiler neither sees what is wrong
// nor leaves it out. No function here takes a lock, and none of the faults is survived.
#include "boot/provoke.h"

#include <cstddef>
#include <cstdint>

#include "core/log.h"

namespace tine {
namespace {

// Deeper with each call; what it returns depends on all of them, so none is a jump.
[[gnu::noinline]] uint64_t descend(volatile uint64_t& depth) {
  volatile uint64_t place[32];
  depth = depth + 1;
  place[0] = depth;
  return depth == 0 ? 0 : descend(depth) + place[0];
}

[[gnu::noinline]] void write_beyond(size_t length) {
  volatile char buffer[16];
  volatile char* at = buffer;
  for (size_t i = 0; i < length; ++i) at[i] = 'x';
}

}  // namespace

void provoke(std::string_view fault) {
  if (fault == "stack-overflow") {
    volatile uint64_t depth = 0;
    log_error("the stack had room for {} calls", descend(depth));
  } else if (fault == "stack-smash") {
    write_beyond(64);
  }
}

}  // namespace tine
