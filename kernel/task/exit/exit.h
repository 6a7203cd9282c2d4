// SPDX-License-Identifier: MIT
//
// The end of a task: do_exit (one thread) and do_group_exit (its process).
// `code` is a wait status: exit code << 8, or the signal's number.
#pragma once

namespace tine {

struct Task;

[[noreturn]] void do_exit(int code);
// Tells all threads of the process to die, and dies.
[[noreturn]] void do_group_exit(int code);

// exit and exec: clears the TID word of the thread in the memory it leaves (set_tid_address(2)) and
// lets its vfork parent go on. exec calls it before the memory is exchanged, exit before it is
// left.
void mm_release(Task& task);

}  // namespace tine
