// SPDX-License-Identifier: MIT
//
// The kernel threads that work for others. See cpu_threads.cpp.
#pragma once

#include "core/result.h"

namespace tine {
// Once kthreadd runs and all CPUs are up. ENOMEM, EAGAIN.
Result<void> start_cpu_threads();
}  // namespace tine
