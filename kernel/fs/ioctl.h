// SPDX-License-Identifier: MIT
//
// The ioctl(2) commands that many kinds of file know. Terminals have theirs in fs/tty/.
#pragma once

#include <cstdint>

namespace tine::fs {

enum IoctlCommand : uint32_t {
  kFionread = 0x541b,     // bytes that can be read at once
  kFionbio = 0x5421,      // O_NONBLOCK on or off
  kFioasync = 0x5452,
  kFionclex = 0x5450,
  kFioclex = 0x5451,
  kFigetbsz = 2,          // block size
};

}  // namespace tine::fs
