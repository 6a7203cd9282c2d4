// SPDX-License-Identifier: MIT
//
// For checks of what brings pages in: how many of a mapping are in memory, by mincore(2).
#ifndef TINE_TESTS_CONFORMANCE_RESIDENT_H_
#define TINE_TESTS_CONFORMANCE_RESIDENT_H_

#include "check.h"

enum { page = 4096 };

// Of the first `pages`, 64 at most.
static inline int resident(char* memory, int pages) {
  unsigned char in[64];
  must(mincore(memory, (size_t)pages * page, in));
  int count = 0;
  for (int i = 0; i < pages; ++i) count += in[i] & 1;
  return count;
}

#endif  // TINE_TESTS_CONFORMANCE_RESIDENT_H_
