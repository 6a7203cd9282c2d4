// SPDX-License-Identifier: MIT
//
// The end of the road: panic() for a kernel that found itself broken, never for bad user input.
// TINE_ASSERT stays in release builds where the check is cheap; TINE_DEBUG_ASSERT does not.
#pragma once

namespace tine {

// Prints `PANIC: message`, registers and a symbolised backtrace, stops all CPUs and powers off.
[[noreturn]] void panic(const char* message);
[[noreturn]] void assertion_failed(const char* expression, const char* file, int line);

}  // namespace tine

#define TINE_ASSERT(expression) \
  ((expression) ? (void)0 : ::tine::assertion_failed(#expression, __FILE_NAME__, __LINE__))

#ifdef TINE_DEBUG
#define TINE_DEBUG_ASSERT(expression) TINE_ASSERT(expression)
#else
#define TINE_DEBUG_ASSERT(expression) ((void)0)
#endif
