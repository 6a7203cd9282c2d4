// SPDX-License-Identifier: MIT
//
// For checks of priority inheritance: what a thread really runs with, which no system call tells.
#ifndef TINE_TESTS_CONFORMANCE_PRIORITY_H_
#define TINE_TESTS_CONFORMANCE_PRIORITY_H_

#include "check.h"

// The kernel's own view of a thread's priority: field 18 of its stat, -1 - N for a real-time
// priority N; lower is more important. 0: there is no such thread.
static inline long priority_of(uint32_t tid) {
  char path[64], text[1024];
  snprintf(path, sizeof path, "/proc/self/task/%u/stat", tid);
  if (slurp(path, text, sizeof text) < 0) return 0;
  char* at = strrchr(text, ')');
  for (int field = 2; field < 18 && at != NULL; ++field) at = strchr(at + 1, ' ');
  return at != NULL ? strtol(at, NULL, 10) : 0;
}

#endif  // TINE_TESTS_CONFORMANCE_PRIORITY_H_
