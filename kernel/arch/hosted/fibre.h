// SPDX-License-Identifier: MIT
//
// Fibres: host stacks that are switched between by hand. A task of the hosted core is one fibre.
//
// Stacks come from a pool with a guard page below each; switches are announced to ASan and TSan,
// so that both follow the stacks. To TSan each switch orders what ran before and what runs after. A fibre is
// destroyed from another one, never from itself. Running out of host memory ends the program.
#pragma once

#include <cstddef>

namespace tine::arch::hosted {

struct Fibre {
  void* stack_pointer = nullptr;
  char* stack_base = nullptr;      // null: the host thread's own stack
  size_t stack_size = 0;
  void* fake_stack = nullptr;      // ASan's
  void* tsan_fibre = nullptr;
  void (*entry)(void*) = nullptr;
  void* argument = nullptr;
};

// A fibre that runs entry(argument), which never returns, when first switched to.
Fibre* create_fibre(void (*entry)(void*), void* argument);
void destroy_fibre(Fibre* fibre);

// The fibre that runs now; the host thread's own is made on first use.
Fibre* current_fibre();
void switch_fibre(Fibre* next);

}  // namespace tine::arch::hosted
