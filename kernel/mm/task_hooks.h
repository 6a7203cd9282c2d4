// SPDX-License-Identifier: MIT
//
// What mm/ asks of the running task; defined by task/, because mm/ does not look upwards.
#pragma once

#include <cstdint>

namespace tine::mm {

struct Mm;

enum class MemoryLimit : uint8_t { address_space, data, stack, locked };  // RLIMIT_AS, ...
uint64_t memory_limit(MemoryLimit limit);  // soft limit in bytes; UINT64_MAX: none
bool may_exceed_locked_limit();            // CAP_IPC_LOCK

// There is no memory for a page that the running task needs (its address space is `mm`). Chooses a
// victim and kills it. True: another task is dying, and it makes sense to try again, after having
// given it the CPU; false: the caller itself must give up (it is the victim, or there is none).
bool oom_kill(Mm& mm);

}  // namespace tine::mm
