// SPDX-License-Identifier: MIT
//
// A broken kernel ends the host program: the message goes to stderr, where death tests look for it,
// and abort() lets the sanitizers and a debugger show where.
#include "core/panic.h"

#include <cstdio>
#include <cstdlib>

namespace tine {

void panic(const char* message) {
  fprintf(stderr, "PANIC: %s\n", message);
  abort();
}

void assertion_failed(const char* expression, const char* file, int line) {
  fprintf(stderr, "PANIC: assertion failed: %s (%s:%d)\n", expression, file, line);
  abort();
}

}  // namespace tine
