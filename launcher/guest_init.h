// SPDX-License-Identifier: MIT
//
// The guest's init (guest_init/init.cpp) as bytes inside the launcher, so that the launcher is one
// file that needs no other to be found. The build makes guest_init.S, which includes them.
#pragma once

#include <string_view>

namespace tine::launcher {

extern "C" const char tine_guest_init_start[];
extern "C" const char tine_guest_init_end[];

inline std::string_view guest_init() { return {tine_guest_init_start, tine_guest_init_end}; }

}  // namespace tine::launcher
