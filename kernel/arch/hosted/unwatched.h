// SPDX-License-Identifier: MIT
//
// What TSan is not to watch: it is to judge the kernel, and not the program, which may race for its
// memory as it likes, nor the hardware, which walks page tables without asking. Costs nothing
// without TSan.
#pragma once

#if __has_feature(thread_sanitizer)
extern "C" void AnnotateIgnoreReadsBegin(const char* file, int line);
extern "C" void AnnotateIgnoreReadsEnd(const char* file, int line);
extern "C" void AnnotateIgnoreWritesBegin(const char* file, int line);
extern "C" void AnnotateIgnoreWritesEnd(const char* file, int line);
#endif

namespace tine::arch::hosted {

// The running host thread's accesses are not watched while it lives. No fibre may be switched to.
class Unwatched {
 public:
  Unwatched(const Unwatched&) = delete;
  Unwatched& operator=(const Unwatched&) = delete;
#if __has_feature(thread_sanitizer)
  Unwatched() {
    AnnotateIgnoreReadsBegin(__FILE__, __LINE__);
    AnnotateIgnoreWritesBegin(__FILE__, __LINE__);
  }
  ~Unwatched() {
    AnnotateIgnoreWritesEnd(__FILE__, __LINE__);
    AnnotateIgnoreReadsEnd(__FILE__, __LINE__);
  }
#else
  Unwatched() {}
  ~Unwatched() {}
#endif
};

}  // namespace tine::arch::hosted
