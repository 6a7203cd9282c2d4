// SPDX-License-Identifier: MIT
//
// Start of the device drivers and of the nodes in /dev that lead to them.
#pragma once

#include <string_view>

namespace tine::drivers {

// After fs::init, in PID 1's kernel thread. `console`: the last console= of the command line, whose
// terminal becomes /dev/console (ttyS0, hvc0); without one the first terminal that exists.
void init(std::string_view console);

// Parts of it.
void init_port_files();
void init_terminals(std::string_view console);

}  // namespace tine::drivers
