// SPDX-License-Identifier: MIT
//
// What interrupts and exceptions mean. From user mode an exception becomes a page-fault decision
// or a signal; from kernel mode it is either a fault at an instruction of the exception table (a
// user copy) or a bug, which panics. Entered with interrupts off; the assembly turns them off again
// before it looks for work, so handlers that may sleep just turn them on.
#include "arch/context.h"
#include "arch/user_access.h"
#include "arch/x86_64/boot/image.h"
#include "arch/x86_64/cpu/cpu_block.h"
#include "arch/x86_64/cpu/fpu.h"
#include "arch/x86_64/cpu/instructions.h"
#include "arch/x86_64/entry/trap_names.h"
#include "arch/x86_64/lib/panic.h"
#include "arch/x86_64/machine/interrupts.h"
#include "core/log.h"
#include "mm/fault.h"
#include "mm/mm.h"
#include "sched/sched.h"
#include "task/task.h"

namespace tine::x86 {

namespace {

using arch::UserRegs;

enum PageFaultBits : uint64_t {
  kFaultPresent = 1,
  kFaultWrite = 2,
  kFaultReserved = 8,
  kFaultFetch = 16
};

struct ExtableEntry {
  uint32_t instruction, fixup, kind;  // offsets from KERNEL_BASE
};
extern "C" const ExtableEntry extable_start[], extable_end[];

const ExtableEntry* find_fixup(uint64_t instruction) {
  auto offset = static_cast<uint32_t>(instruction - KERNEL_BASE);
  for (const ExtableEntry* entry = extable_start; entry < extable_end; ++entry) {
    if (entry->instruction == offset) return entry;
  }
  return nullptr;
}

mm::Mm* loaded_mm() {
  void* mm = arch::current_schedulable()->mm;
  return static_cast<mm::Mm*>(mm);
}

void note_fault(unsigned vector, uint64_t error, uint64_t address) {
  arch::ThreadContext& context = arch::current_schedulable()->context;
  context.trap_number = vector;
  context.error_code = static_cast<uint32_t>(error);
  context.fault_address = address;
}

void report_fault(UserAddr address, mm::FaultResult result) {
  if (result.outcome == mm::FaultOutcome::out_of_memory) {
    log_warning("out of memory: killing process {} ({})", current().tgid(), current().name);
    signal::force_fatal(signal::kSigKill);
  } else {
    signal::force_fault(result.signal.signal_number, result.signal.code, address);
  }
}

constexpr int kSegvMapError = 1;
constexpr int kFromKernel = 0x80;  // SI_KERNEL

// Exceptions of a program: which signal, which si_code, and whether si_addr is the instruction.
struct TrapSignal {
  uint8_t vector;
  uint8_t number;
  uint8_t code;
  bool at_instruction;
};
constexpr TrapSignal kTrapSignals[] = {
    {0, signal::kSigFpe, 1, true},   // divide error: FPE_INTDIV
    {1, signal::kSigTrap, 2, true},  // single step: TRAP_TRACE
    {3, signal::kSigTrap, kFromKernel, false},
    {4, signal::kSigSegv, kFromKernel, false},
    {5, signal::kSigSegv, kFromKernel, false},
    {6, signal::kSigIll, 2, true},  // ILL_ILLOPN
    {10, signal::kSigSegv, kFromKernel, false},
    {11, signal::kSigBus, kFromKernel, false},
    {12, signal::kSigBus, kFromKernel, false},
    {13, signal::kSigSegv, kFromKernel, false},
    {17, signal::kSigBus, 1, false},  // BUS_ADRALN
};

// FPE_* of the first unmasked exception in an x87 status or MXCSR word.
int floating_point_code(unsigned status, unsigned mask) {
  unsigned raised = status & ~mask & 0x3f;
  if (raised & 0x01) return 7;  // FPE_FLTINV
  if (raised & 0x04) return 3;  // FPE_FLTDIV
  if (raised & 0x08) return 4;  // FPE_FLTOVF
  if (raised & 0x12) return 5;  // FPE_FLTUND; denormal operands count as underflow
  if (raised & 0x20) return 6;  // FPE_FLTRES
  return 0;
}

int floating_point_code_of(unsigned vector) {
  if (vector == 16) {
    uint16_t status, control;
    asm volatile("fnstsw %0; fnstcw %1" : "=m"(status), "=m"(control));
    return floating_point_code(status, control);
  }
  uint32_t mxcsr;
  asm volatile("stmxcsr %0" : "=m"(mxcsr));
  return floating_point_code(mxcsr, mxcsr >> 7);
}

void user_exception(UserRegs& regs, unsigned vector) {
  if (vector == 7) {
    if (first_fpu_use(current().context)) return;
    return report_fault(UserAddr(regs.rip), {mm::FaultOutcome::out_of_memory, {}});
  }
  if (vector == 1) asm volatile("movq %0, %%db6" ::"r"(0xffff'0ff0ull));
  if (vector == 16 || vector == 19) {
    int code = floating_point_code_of(vector);
    return signal::force_fault(signal::kSigFpe, code, UserAddr(regs.rip));
  }
  for (const TrapSignal& entry : kTrapSignals) {
    if (entry.vector != vector) continue;
    return signal::force_fault(entry.number, entry.code,
                               UserAddr(entry.at_instruction ? regs.rip : 0));
  }
  panic_with_registers("unexpected exception in user mode", regs);
}

// An interrupt in kernel mode may preempt what it interrupted.
void preempt_after_interrupt(const UserRegs& regs) {
  if (arch::raw_preempt_count() == 0 && (regs.rflags & arch::kFlagInterrupts)) {
    preempt_schedule_irq();
  }
}

}  // namespace

extern "C" {

void user_page_fault(UserRegs& regs, uint64_t error, uint64_t address) {
  arch::irq_enable();
  if (error & kFaultReserved) [[unlikely]]
    panic_with_registers("damaged page table", regs);
  if (address >= arch::kUserTop) [[unlikely]] {
    note_fault(VECTOR_PAGE_FAULT, error | kFaultPresent, address);
    return signal::force_fault(signal::kSigSegv, kSegvMapError, UserAddr(address));
  }
  mm::FaultAccess access{.write = (error & kFaultWrite) != 0,
                         .execute = (error & kFaultFetch) != 0,
                         .user_mode = true};
  mm::FaultResult result = mm::handle_page_fault(*loaded_mm(), UserAddr(address), access);
  if (result.outcome != mm::FaultOutcome::handled) [[unlikely]] {
    note_fault(VECTOR_PAGE_FAULT, error, address);
    report_fault(UserAddr(address), result);
  }
}

void kernel_page_fault(UserRegs& regs, uint64_t error, uint64_t address) {
  const ExtableEntry* fixup = find_fixup(regs.rip);
  if (fixup == nullptr || address >= arch::kUserTop) {
    panic_at_fault(regs, address, error);
  }
  bool may_sleep = fixup->kind == 0 && arch::preempt_count() == 0 &&
                   (regs.rflags & arch::kFlagInterrupts) && loaded_mm() != nullptr;
  if (may_sleep) {
    arch::irq_enable();
    mm::FaultAccess access{.write = (error & kFaultWrite) != 0};
    mm::FaultResult result = mm::handle_page_fault(*loaded_mm(), UserAddr(address), access);
    arch::irq_disable();
    if (result.outcome == mm::FaultOutcome::handled) [[likely]]
      return;
    if (result.outcome == mm::FaultOutcome::out_of_memory) report_fault(UserAddr(address), result);
  }
  regs.rip = KERNEL_BASE + fixup->fixup;
}

void user_trap(UserRegs& regs, unsigned vector, uint64_t error) {
  if (vector >= VECTOR_FIRST_IRQ) return dispatch_interrupt(vector, true);
  if (vector == VECTOR_NMI) stop_if_panicking();
  arch::irq_enable();
  note_fault(vector, error, 0);
  user_exception(regs, vector);
}

void call_on_stack(unsigned argument, void (*function)(unsigned), void* stack_top);  // traps.S
static void kernel_interrupt(unsigned vector) { dispatch_interrupt(vector, false); }

void kernel_trap(UserRegs& regs, unsigned vector, uint64_t error) {
  if (vector >= VECTOR_FIRST_IRQ) {
    // Handlers keep interrupts off, so that the stack is never in use already.
    CpuBlock& cpu = this_cpu_block();
    call_on_stack(vector, kernel_interrupt, cpu.interrupt_stack + kInterruptStackSize);
    return preempt_after_interrupt(regs);
  }
  if (vector == 13) {  // an address in a user copy that is not canonical
    if (const ExtableEntry* fixup = find_fixup(regs.rip)) {
      regs.rip = KERNEL_BASE + fixup->fixup;
      return;
    }
  }
  panic_at_trap(regs, vector, error);
}

// On an IST stack, in kernel mode.
void paranoid_trap(UserRegs& regs, unsigned vector, uint64_t error) {
  if (vector == VECTOR_DEBUG) {  // a program's trap flag that struck at the entry
    asm volatile("movq %0, %%db6" ::"r"(0xffff'0ff0ull));
    regs.rflags &= ~uint64_t{0x100};
    return;
  }
  if (vector == VECTOR_NMI) {
    stop_if_panicking();
    log_warning("NMI at {:x}", regs.rip);
    return;
  }
  if (vector == VECTOR_DOUBLE_FAULT) {
    uint64_t guard_end = arch::this_cpu().kernel_stack_top - sched::kKernelStackSize;
    uint64_t address = read_cr2();
    if (address < guard_end && address >= guard_end - kPageSize) {
      panic_with_registers("kernel stack overflow", regs);
    }
  }
  panic_at_trap(regs, vector, error);
}

}  // extern "C"

}  // namespace tine::x86
