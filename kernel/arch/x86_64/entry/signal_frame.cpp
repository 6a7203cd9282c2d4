// SPDX-License-Identifier: MIT
//
// The signal frame of x86-64 (struct rt_sigframe): return address, ucontext, siginfo, and above
// them the FPU state in XSAVE format if the task has any. Laid out as Linux lays it out, because
// debuggers, unwinders and language run-times read it; see sigreturn(2) and <asm/sigcontext.h>.
//
// Everything read back is the program's and may be hostile: flags are masked, selectors replaced,
// an address that is not canonical faults in user mode (entry/syscall.S), FPU state is sanitised
// (cpu/fpu.cpp). Fails with EFAULT alone. No locks; may sleep.
#include "arch/signal_frame.h"

#include <cstddef>

#include "arch/cpu.h"
#include "arch/user_access.h"
#include "arch/x86_64/cpu/features.h"
#include "arch/x86_64/cpu/fpu.h"
#include "arch/x86_64/offsets.h"
#include "mm/user_memory.h"
#include "sched/schedulable.h"
#include "task/signal/signal.h"

namespace tine::arch {

namespace {

struct SignalContextRegs {  // struct sigcontext
  uint64_t r8, r9, r10, r11, r12, r13, r14, r15, rdi, rsi, rbp, rbx, rdx, rax, rcx, rsp, rip,
      rflags;
  uint16_t cs, gs, fs, ss;
  uint64_t error_code, trap_number, old_mask, fault_address;
  uint64_t fpu_state;
  uint64_t reserved[8];
};
struct UserContext {  // struct ucontext
  uint64_t flags, link;
  signal::AltStack stack;
  SignalContextRegs regs;
  signal::SigSet mask;
};
struct SignalFrame {
  uint64_t return_address;
  UserContext context;
};
static_assert(sizeof(SignalContextRegs) == 256 && sizeof(UserContext) == 304);
constexpr uint64_t kInfoOffset = sizeof(SignalFrame);
constexpr uint64_t kFrameSize = sizeof(SignalFrame) + sizeof(signal::SigInfo);
static_assert(kFrameSize == 440);

enum ContextFlags : uint64_t { kHasXState = 1, kSavesSs = 2, kStrictSs = 4 };

constexpr uint64_t kRedZone = 128;
// Carry, parity, adjust, zero, sign, trap, direction, overflow, resume, alignment check.
constexpr uint64_t kUserFlags = 0x50dd5;
constexpr uint64_t kClearedForHandler = 0x10500;  // trap, direction, resume

uint64_t frame_base(const UserRegs& regs, const signal::SigAction& action,
                    const signal::AltStack& alternate) {
  bool wants_alternate = action.flags & signal::kSaOnStack;
  bool has_alternate = alternate.size != 0 && !(alternate.flags & signal::kSsDisable);
  if (wants_alternate && has_alternate && !alternate.contains(regs.rsp)) {
    return alternate.base + alternate.size;
  }
  return regs.rsp - kRedZone;
}

// A handler that is on the alternate stack must not run over its end into what lies below.
bool overflows_alternate(const UserRegs& regs, uint64_t frame, const signal::AltStack& alternate) {
  return alternate.contains(regs.rsp) && !alternate.contains(frame);
}

void fill_registers(SignalContextRegs& out, const UserRegs& regs, const ThreadContext& context,
                    signal::SigSet mask, uint64_t fpu_state) {
  out = {
      .r8 = regs.r8,
      .r9 = regs.r9,
      .r10 = regs.r10,
      .r11 = regs.r11,
      .r12 = regs.r12,
      .r13 = regs.r13,
      .r14 = regs.r14,
      .r15 = regs.r15,
      .rdi = regs.rdi,
      .rsi = regs.rsi,
      .rbp = regs.rbp,
      .rbx = regs.rbx,
      .rdx = regs.rdx,
      .rax = regs.rax,
      .rcx = regs.rcx,
      .rsp = regs.rsp,
      .rip = regs.rip,
      .rflags = regs.rflags,
      .cs = SELECTOR_USER_CODE,
      .gs = 0,
      .fs = 0,
      .ss = SELECTOR_USER_DATA,
      .error_code = context.error_code,
      .trap_number = context.trap_number,
      .old_mask = mask,
      .fault_address = context.fault_address,
      .fpu_state = fpu_state,
      .reserved = {},
  };
}

void restore_registers(UserRegs& regs, const SignalContextRegs& in) {
  regs.r8 = in.r8, regs.r9 = in.r9, regs.r10 = in.r10, regs.r11 = in.r11, regs.r12 = in.r12;
  regs.r13 = in.r13, regs.r14 = in.r14, regs.r15 = in.r15, regs.rdi = in.rdi, regs.rsi = in.rsi;
  regs.rbp = in.rbp, regs.rbx = in.rbx, regs.rdx = in.rdx, regs.rax = in.rax, regs.rcx = in.rcx;
  regs.rsp = in.rsp, regs.rip = in.rip;
  regs.rflags = (in.rflags & kUserFlags) | (regs.rflags & ~kUserFlags);
  regs.cs = SELECTOR_USER_CODE;
  regs.orig_rax = -1;
  regs.request_full_return();
}

}  // namespace

Result<void> push_signal_frame(UserRegs& regs, int signal_number, const signal::SigAction& action,
                               const signal::SigInfo& info, signal::SigSet saved_mask,
                               const signal::AltStack& alternate) {
  if (!(action.flags & signal::kSaRestorer)) return Errno::fault;
  const ThreadContext& context = current_schedulable()->context;
  uint64_t base = frame_base(regs, action, alternate);
  uint64_t fpu_state = 0;
  if (context.fpu) base = fpu_state = (base - x86::fpu_frame_size()) & ~uint64_t{63};
  uint64_t at = ((base - kFrameSize) & ~uint64_t{15}) - 8;  // as after a call
  if (overflows_alternate(regs, at, alternate)) return Errno::fault;
  if (fpu_state && !x86::save_fpu_to_user(UserAddr(fpu_state))) return Errno::fault;

  SignalFrame frame;
  frame.return_address = action.restorer;
  frame.context.flags = kSavesSs | kStrictSs | (fpu_state && x86::features.xsave ? kHasXState : 0);
  frame.context.link = 0;
  frame.context.stack = alternate;
  frame.context.mask = saved_mask;
  fill_registers(frame.context.regs, regs, context, saved_mask, fpu_state);
  TRY(UserOut<SignalFrame>(UserAddr(at)).write(frame));
  if (action.flags & signal::kSaSigInfo) {
    TRY(UserOut<signal::SigInfo>(UserAddr(at + kInfoOffset)).write(info));
  }

  regs.rdi = static_cast<uint64_t>(signal_number);
  regs.rsi = at + kInfoOffset;
  regs.rdx = at + offsetof(SignalFrame, context);
  regs.rax = 0;
  regs.rip = action.handler;
  regs.rsp = at;
  regs.rflags &= ~kClearedForHandler;
  regs.request_full_return();
  return {};
}

Result<RestoredFrame> pop_signal_frame(UserRegs& regs) {
  // The handler's return has popped the return address.
  UserContext context;  // read in place: 304 bytes are not worth a second copy
  TRY(UserIn<UserContext>(UserAddr(regs.rsp)).read_array({&context, 1}));
  ThreadContext& thread = current_schedulable()->context;
  if (context.regs.fpu_state) {
    TRY(x86::restore_fpu_from_user(thread, UserAddr(context.regs.fpu_state)));
  } else {
    x86::reset_fpu(thread);
  }
  restore_registers(regs, context.regs);
  return RestoredFrame{.mask = context.mask,
                       .alt_base = UserAddr(context.stack.base),
                       .alt_size = context.stack.size,
                       .alt_flags = context.stack.flags};
}

}  // namespace tine::arch
