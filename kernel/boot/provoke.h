// SPDX-License-Identifier: MIT
//
// Faults of the kernel that are made on purpose, for tests of what guards against them:
// `provoke=` on the command line, which is as good as the right to replace the kernel.
//   stack-overflow   a recursion without end, into the page below the stack (E53)
//   stack-smash      a write beyond a buffer on the stack (E58)
// Each ends in a panic that names it. Any other word does nothing.
#pragma once

#include <string_view>

namespace tine {

void provoke(std::string_view fault);  // in the context of a task, on its kernel stack

}  // namespace tine
