// SPDX-License-Identifier: MIT
//
// Starting the other processors. They come up one after another and each starts the next before it
// goes idle, so the boot CPU only starts the first and goes on with booting; numbers are handed out
// in the order of the MADT.
//
// Whoever starts a processor makes all it needs beforehand (block, idle task with its stack, object
// caches), so the new one allocates nothing before it can. One is started at a time: the trampoline
// page and `secondary_start` belong to that one. Without memory the chain ends with a warning.
#include "arch/x86_64/machine/secondary.h"

#include <cstring>
#include <new>
#include <utility>

#include "arch/x86_64/boot/image.h"
#include "arch/x86_64/cpu/cpu_block.h"
#include "arch/x86_64/cpu/descriptor_tables.h"
#include "arch/x86_64/cpu/features.h"
#include "arch/x86_64/cpu/fpu.h"
#include "arch/x86_64/cpu/instructions.h"
#include "arch/x86_64/cpu/stack_canary.h"
#include "arch/x86_64/machine/apic.h"
#include "arch/x86_64/machine/madt.h"
#include "arch/x86_64/time/tsc.h"
#include "core/log.h"
#include "mm/frame.h"
#include "mm/init.h"
#include "sched/sched.h"
#include "task/boot_tasks.h"
#include "task/task.h"

namespace tine::x86 {

extern "C" {
extern const char trampoline_start[], trampoline_end[];

// What boot/trampoline.S loads before it calls x86_start_secondary().
struct SecondaryStart {
  uint64_t page_table, stack_top, block;
};
constinit SecondaryStart secondary_start{};
}

namespace {

constinit uint32_t processors[kMaxCpus] = {};  // APIC ids by CPU number
constinit CpuId processor_count = 1;

Result<CpuBlock*> make_block(CpuId cpu) {
  constexpr unsigned kOrder = 3;
  static_assert(sizeof(CpuBlock) <= kPageSize << kOrder);
  auto frames = mm::alloc_frames(kOrder, mm::FrameKind::kernel);
  if (!frames) return frames.error();
  auto* block = new (mm::frame_data(*frames->leak())) CpuBlock;
  block->self = block;
  block->id = cpu;
  block->preempt_count = arch::kNoReschedDue;
  return block;
}

Result<void> start_processor(CpuId cpu) {
  TRY(mm::prepare_cpu(cpu));
  VirtAddr stack = TRY(mm::alloc_kernel_stack());
  CpuBlock* block = TRY(make_block(cpu));
  Task& idle = *TRY(make_idle_task(cpu));
  idle.kernel_stack = stack;
  block->current = &idle;
  block->stack_canary = idle.context.stack_canary = make_stack_canary(&idle);
  block->kernel_stack_top = stack.value + sched::kKernelStackSize;
  secondary_start = {.page_table = image_phys(&kernel_top_table).value,
                     .stack_top = block->kernel_stack_top,
                     .block = reinterpret_cast<uint64_t>(block)};
  set_apic_id(cpu, processors[cpu]);
  send_start_up(processors[cpu], kTrampoline);
  return {};
}

void start_from(CpuId cpu) {
  if (cpu >= processor_count) return;
  if (!start_processor(cpu)) log_warning("no memory to start CPU {}", cpu);
}

}  // namespace

// Not guarded: GS does not point at the block yet.
extern "C" [[noreturn, gnu::no_stack_protector]] void x86_start_secondary(CpuBlock* block) {
  write_msr(kMsrGsBase, reinterpret_cast<uint64_t>(block));
  write_msr(kMsrKernelGsBase, 0);
  load_descriptor_tables();
  enable_features();
  init_fpu_of_this_cpu();
  init_local_apic();
  sched::init_this_cpu(*block->current);
  start_from(block->id + 1);
  arch::irq_enable();
  synchronise_cycle_counter();
  sched::idle_loop();
}

void find_processors(PhysAddr rsdp) {
  unsigned count = read_processor_list(rsdp, highest_apic_id(), processors);
  const uint32_t own_id = local_apic_id();
  for (unsigned i = 0; i < count; ++i) {
    if (processors[i] != own_id) continue;
    std::swap(processors[0], processors[i]);
    processor_count = count;
    return;
  }
  processors[0] = own_id;  // a list without us is none
}

}  // namespace tine::x86

namespace tine::arch {

CpuId possible_cpu_count() { return x86::processor_count; }

void start_other_cpus() {
  if (x86::processor_count == 1) return;
  memcpy(direct_map(x86::kTrampoline), x86::trampoline_start,
         static_cast<size_t>(x86::trampoline_end - x86::trampoline_start));
  x86::start_from(1);
}

}  // namespace tine::arch
