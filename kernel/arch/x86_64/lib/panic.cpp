// SPDX-License-Identifier: MIT
//
// The panic: one line `PANIC: reason`, the registers if there are any, the call chain with names,
// then power off. The other CPUs are stopped by NMI first. It takes no lock and allocates nothing, writes straight to the early console, and
// a second panic on the way (a corrupt stack, say) only says so and stops.
#include "arch/x86_64/lib/panic.h"

#include <atomic>
#include <cstring>

#include "arch/cpu.h"
#include "arch/power.h"
#include "arch/x86_64/boot/image.h"
#include "arch/x86_64/entry/trap_names.h"
#include "arch/x86_64/machine/apic.h"
#include "core/format.h"
#include "core/panic.h"
#include "sched/sched.h"

namespace tine::x86 {

namespace {

constexpr int kNobody = -1;
constinit std::atomic<int> panicking_cpu{kNobody};

template <class... Arguments>
void print(std::string_view format, const Arguments&... arguments) {
  char line[160];
  size_t length = format_to(line, format, arguments...);
  arch::early_console_write(line, length);
}

void print_frame(uint64_t address) {
  SymbolMatch match = find_symbol(address);
  if (match.name) {
    print("  {:016x} {}+0x{:x}\n", address, match.name, match.offset);
  } else {
    print("  {:016x}\n", address);
  }
}

bool is_text(uint64_t address) {
  return address >= reinterpret_cast<uint64_t>(text_start) &&
         address < reinterpret_cast<uint64_t>(text_end);
}

bool is_in_current_stack(uint64_t address) {
  const sched::Schedulable* task = arch::current_schedulable();
  return task != nullptr && address - task->kernel_stack.value < sched::kKernelStackSize;
}

void print_call_chain(uint64_t frame) {
  constexpr unsigned kMaxFrames = 40;
  for (unsigned i = 0; i < kMaxFrames; ++i) {
    if (frame < arch::direct_map_base() || frame % 8 != 0) return;
    const auto* words = reinterpret_cast<const uint64_t*>(frame);
    uint64_t next = words[0], return_address = words[1];
    if (!is_text(return_address)) return;
    print_frame(return_address);
    const bool leaves_interrupt_stack = is_in_current_stack(next) && !is_in_current_stack(frame);
    if (!leaves_interrupt_stack && (next <= frame || next - frame > sched::kKernelStackSize)) return;
    frame = next;
  }
}

void print_registers(const arch::UserRegs& r) {
  print("rip {:016x} rsp {:016x} rflags {:08x} cs {:02x}\n", r.rip, r.rsp, r.rflags, r.cs);
  print("rax {:016x} rbx {:016x} rcx {:016x} rdx {:016x}\n", r.rax, r.rbx, r.rcx, r.rdx);
  print("rsi {:016x} rdi {:016x} rbp {:016x} r8  {:016x}\n", r.rsi, r.rdi, r.rbp, r.r8);
  print("r9  {:016x} r10 {:016x} r11 {:016x} r12 {:016x}\n", r.r9, r.r10, r.r11, r.r12);
  print("r13 {:016x} r14 {:016x} r15 {:016x}\n", r.r13, r.r14, r.r15);
}

void begin_panic() {
  arch::irq_disable();
  int nobody = kNobody;
  auto self = static_cast<int>(arch::this_cpu().id);
  if (!panicking_cpu.compare_exchange_strong(nobody, self)) {
    if (nobody != self) arch::cpu_halt_forever();
    print("PANIC: again while panicking\n");
    arch::machine_power_off();
  }
  if (sched::cpu_count() > 1) send_nmi_to_others();
  arch::set_power_off_hook(nullptr);  // a driver's locks may be held
}

[[noreturn]] void finish_with_registers(const arch::UserRegs& regs) {
  print_registers(regs);
  print("call chain:\n");
  print_frame(regs.rip);
  // A call of a bad pointer: the caller's address is all there is on the stack.
  if (!is_text(regs.rip) && regs.rsp % 8 == 0 && regs.rsp >= arch::direct_map_base()) {
    print_frame(*reinterpret_cast<const uint64_t*>(regs.rsp));
  }
  print_call_chain(regs.rbp);
  arch::machine_power_off();
}

}  // namespace

void stop_if_panicking() {
  if (panicking_cpu.load(std::memory_order_relaxed) != kNobody) arch::cpu_halt_forever();
}

void panic_with_registers(std::string_view message, const arch::UserRegs& regs) {
  begin_panic();
  print("\nPANIC: {}\n", message);
  finish_with_registers(regs);
}

void panic_at_trap(const arch::UserRegs& regs, unsigned vector, uint64_t error) {
  begin_panic();
  print("\nPANIC: {} in the kernel (vector {}, error {:x})\n", trap_name(vector), vector, error);
  finish_with_registers(regs);
}

void panic_at_fault(const arch::UserRegs& regs, uint64_t address, uint64_t error) {
  begin_panic();
  print("\nPANIC: kernel {} of address {:016x} (error {:x})\n",
        error & 16  ? "execution"
        : error & 2 ? "write"
                    : "read",
        address, error);
  finish_with_registers(regs);
}

extern "C" {
[[noreturn]] void __stack_chk_fail() { panic("stack smashed"); }
[[noreturn]] void __cxa_pure_virtual() { panic("pure virtual call"); }
}

}  // namespace tine::x86

namespace tine {

void panic(const char* message) {
  x86::begin_panic();
  x86::print("\nPANIC: {}\n", message);
  arch::print_backtrace();
  arch::machine_power_off();
}

void assertion_failed(const char* expression, const char* file, int line) {
  x86::begin_panic();
  x86::print("\nPANIC: assertion failed: {} ({}:{})\n", expression, file, line);
  arch::print_backtrace();
  arch::machine_power_off();
}

namespace arch {

void print_backtrace() {
  x86::print("call chain:\n");
  x86::print_call_chain(reinterpret_cast<uint64_t>(__builtin_frame_address(0)));
}

}  // namespace arch
}  // namespace tine

// libc++'s hardened containers end here.
extern "C" void abort() { tine::panic("abort"); }
namespace std {
inline namespace __1 {
void __libcpp_verbose_abort(const char* message, ...) { tine::panic(message); }
}  // namespace __1
}  // namespace std
