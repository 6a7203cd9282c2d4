// SPDX-License-Identifier: MIT
//
// personality(2): the flags that mean something here. Unknown ones are kept and inherited, as Linux
// does.
#pragma once

#include <cstdint>

namespace tine::exec {

inline constexpr uint32_t kAddressNoRandomize = 0x0040000;
inline constexpr uint32_t kReadImpliesExec = 0x0400000;
// What exec of a privileged program takes away (PER_CLEAR_ON_SETID).
inline constexpr uint32_t kClearedOnSetId =
    kReadImpliesExec | kAddressNoRandomize | 0x0100000 | 0x0200000;

}  // namespace tine::exec
