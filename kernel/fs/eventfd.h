// SPDX-License-Identifier: MIT
//
// eventfd(2): a counter as a file.
#pragma once

#include "fs/file.h"

namespace tine::fs {

enum EventFdFlags : uint32_t { kEventFdSemaphore = 1 };
Result<Ref<File>> make_eventfd(uint32_t initial, uint32_t flags);

}  // namespace tine::fs
