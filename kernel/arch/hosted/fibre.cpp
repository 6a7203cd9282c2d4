// SPDX-License-Identifier: MIT
//
// The switch between host stacks and the pool they come from. Only callee-saved registers are
// kept: every switch is an ordinary function call. x86-64 hosts for now; another host needs
// swap_stacks() and the first frame that create_fibre() builds for it.
#include "arch/hosted/fibre.h"

#include <sys/mman.h>

#include <cstdint>
#include <cstdlib>
#include <mutex>
#include <vector>

#if !defined(__x86_64__)
#error "the hosted build needs swap_stacks() for this processor"
#endif

#if __has_feature(address_sanitizer)
#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>
#define TINE_HOSTED_ASAN 1
#endif
#if __has_feature(thread_sanitizer)
#include <sanitizer/tsan_interface.h>
#define TINE_HOSTED_TSAN 1
#endif

namespace tine::arch::hosted {
namespace {

// Sanitizers widen frames; GoogleTest's messages need room too.
constexpr size_t kStackSize = 256 * 1024;
constexpr size_t kGuardSize = 4096;

// Of a host thread. Never inlined: a fibre may go on in another thread, and the compiler must not
// keep the address of a thread's variable across a switch.
struct ThreadState {
  Fibre own;  // the thread's own stack
  Fibre* running = &own;
  Fibre* switched_from = nullptr;
};
[[gnu::noinline]] ThreadState& this_thread() {
  static thread_local ThreadState state;
  return state;
}

// ASan's fake stack stays with the host stack that it belongs to.
struct FreeStack {
  char* base;
  void* fake_stack;
};
std::mutex free_stacks_lock;
std::vector<FreeStack> free_stacks;  // under the lock

FreeStack take_stack() {
  std::lock_guard guard(free_stacks_lock);
  if (!free_stacks.empty()) {
    FreeStack stack = free_stacks.back();
    free_stacks.pop_back();
    return stack;
  }
  void* memory = mmap(nullptr, kStackSize + kGuardSize, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (memory == MAP_FAILED || mprotect(memory, kGuardSize, PROT_NONE) != 0) abort();
  return {static_cast<char*>(memory) + kGuardSize, nullptr};
}

// Saves the callee-saved registers on this stack, its pointer in *save, and goes on where `next`
// was saved.
[[gnu::naked, gnu::noinline]] void swap_stacks(void** /*save*/, void* /*next*/) {
  asm volatile(
      "pushq %rbp\n pushq %rbx\n pushq %r12\n pushq %r13\n pushq %r14\n pushq %r15\n"
      "movq %rsp, (%rdi)\n"
      "movq %rsi, %rsp\n"
      "popq %r15\n popq %r14\n popq %r13\n popq %r12\n popq %rbx\n popq %rbp\n"
      "retq\n");
}

// The other half of a switch, on the stack that was switched to.
void finish_switch([[maybe_unused]] void* fake_stack) {
#ifdef TINE_HOSTED_ASAN
  const void* bottom = nullptr;
  size_t size = 0;
  __sanitizer_finish_switch_fiber(fake_stack, &bottom, &size);
  // The host thread's own stack bounds are known only to ASan.
  Fibre& previous = *this_thread().switched_from;
  if (previous.stack_base == nullptr && previous.stack_size == 0) {
    previous.stack_base = static_cast<char*>(const_cast<void*>(bottom));
    previous.stack_size = size;
  }
#endif
}

void fibre_main() {
  Fibre& self = *this_thread().running;
  finish_switch(self.fake_stack);
  self.entry(self.argument);
  abort();  // an entry never returns
}

}  // namespace

Fibre* current_fibre() {
  Fibre* running = this_thread().running;
#ifdef TINE_HOSTED_TSAN
  if (running->tsan_fibre == nullptr) running->tsan_fibre = __tsan_get_current_fiber();
#endif
  return running;
}

Fibre* create_fibre(void (*entry)(void*), void* argument) {
  Fibre* fibre = new Fibre;
  FreeStack stack = take_stack();
  fibre->stack_base = stack.base;
  fibre->fake_stack = stack.fake_stack;
  fibre->stack_size = kStackSize;
  fibre->entry = entry;
  fibre->argument = argument;
  // Six registers and the return address; the entry finds the stack aligned as after a call.
  auto* top = reinterpret_cast<uint64_t*>(fibre->stack_base + kStackSize) - 2;
  *top = reinterpret_cast<uint64_t>(&fibre_main);
  for (int i = 0; i < 6; ++i) *--top = 0;
  fibre->stack_pointer = top;
#ifdef TINE_HOSTED_TSAN
  fibre->tsan_fibre = __tsan_create_fiber(0);
#endif
  return fibre;
}

void destroy_fibre(Fibre* fibre) {
  if (fibre == this_thread().running) abort();
#ifdef TINE_HOSTED_ASAN
  // Frames that were abandoned in the middle left their red zones poisoned.
  __asan_unpoison_memory_region(fibre->stack_base, fibre->stack_size);
#endif
#ifdef TINE_HOSTED_TSAN
  __tsan_destroy_fiber(fibre->tsan_fibre);
#endif
  {
    std::lock_guard guard(free_stacks_lock);
    free_stacks.push_back({fibre->stack_base, fibre->fake_stack});
  }
  delete fibre;
}

void switch_fibre(Fibre* next) {
  Fibre* previous = current_fibre();
  if (next == previous) return;
  this_thread().switched_from = previous;
  this_thread().running = next;
#ifdef TINE_HOSTED_ASAN
  __sanitizer_start_switch_fiber(&previous->fake_stack, next->stack_base, next->stack_size);
#endif
#ifdef TINE_HOSTED_TSAN
  __tsan_switch_to_fiber(next->tsan_fibre, 0);
#endif
  swap_stacks(&previous->stack_pointer, next->stack_pointer);
  finish_switch(previous->fake_stack);
}

}  // namespace tine::arch::hosted
