// SPDX-License-Identifier: MIT
//
// /dev: a tmpfs mounted at start-up with the nodes of the devices that Tine has, and /dev/pts.
// Drivers add theirs with fs/open.h (register_character_device, make_node) when they find hardware.
#pragma once

#include <string_view>

#include "core/ref.h"
#include "core/result.h"

namespace tine::tty {
class Terminal;
}

namespace tine::fs {

// Mounts /dev and /dev/pts and makes the nodes of devices that are always there. Called once, by
// fs::init, after the root is mounted. ENOMEM.
Result<void> init_dev();

// Mounts a file system of that type at an absolute path, made if absent: what the kernel mounts by
// itself (/dev, /proc).
Result<void> mount_kernel_file_system(std::string_view type, std::string_view path);

// Parts of it, each in its own file.
Result<void> init_memory_devices();   // null, zero, full, random, urandom, kmsg
Result<void> init_terminals();        // tty, console, ptmx, pts

// What /dev/console leads to. The last terminal set wins, as the last console= does on Linux.
void set_console_terminal(Ref<tty::Terminal> terminal);

}  // namespace tine::fs
