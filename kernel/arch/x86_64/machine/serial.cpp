// SPDX-License-Identifier: MIT
//
// COM1, a 16550: 115200 8N1, both FIFOs on. Output is polled: the transmitter takes 16 bytes at a
// time once it is empty, so the status is read once for 16. Input comes by interrupt 4.
//
// Output needs no lock of its own: the log holds its lock, a panic has the machine to itself, and
// bytes of a terminal that mix with a log line do no harm. A machine without COM1 swallows all.
#include "arch/x86_64/machine/serial.h"

#include <algorithm>

#include "arch/cpu.h"
#include "arch/interrupt.h"
#include "arch/serial.h"
#include "arch/x86_64/cpu/instructions.h"

namespace tine::x86 {

namespace {

enum Port : uint16_t {
  kData = 0x3f8,
  kInterruptEnable,
  kFifoControl,
  kLineControl,
  kModemControl,
  kLineStatus,
  kModemStatus,
  kScratch,
};
constexpr uint8_t kReceiveReady = 0x01, kTransmitEmpty = 0x20;
constexpr size_t kFifoSize = 16;
constexpr unsigned kInterruptLine = 4;

constinit bool present = false;
constinit arch::SerialReceiver receiver = nullptr;

void wait_for_transmitter() {
  // A line whose other end is stuck must not stop the kernel: give up after a while.
  for (int tries = 0; tries < 100'000 && !(in8(kLineStatus) & kTransmitEmpty); ++tries) {
    arch::cpu_relax();
  }
}

void interrupt(void*) {
  char bytes[kFifoSize];
  size_t count = 0;
  while (count < kFifoSize && (in8(kLineStatus) & kReceiveReady)) {
    bytes[count++] = static_cast<char>(in8(kData));
  }
  if (count) receiver({bytes, count});
}

}  // namespace

void init_serial() {
  out8(kScratch, 0x5a);
  present = in8(kScratch) == 0x5a;
  if (!present) return;
  out8(kInterruptEnable, 0);
  out8(kLineControl, 0x80);
  out8(kData, 1);  // 115200 baud
  out8(kInterruptEnable, 0);
  out8(kLineControl, 0x03);
  out8(kFifoControl, 0x07);
  out8(kModemControl, 0x0b);
}

}  // namespace tine::x86

namespace tine::arch {

bool serial_exists() { return x86::present; }

void serial_write(std::span<const char> bytes) {
  if (!x86::present) return;
  while (!bytes.empty()) {
    x86::wait_for_transmitter();
    size_t count = std::min(bytes.size(), x86::kFifoSize);
    for (char c : bytes.first(count)) x86::out8(x86::kData, static_cast<uint8_t>(c));
    bytes = bytes.subspan(count);
  }
}

void early_console_write(const char* text, size_t length) {
  std::span<const char> rest(text, length);
  while (!rest.empty()) {  // a terminal wants a carriage return with each line feed
    auto newline = std::ranges::find(rest, '\n');
    size_t line = static_cast<size_t>(newline - rest.begin());
    serial_write(rest.first(line));
    if (newline == rest.end()) return;
    serial_write(std::span("\r\n", 2));
    rest = rest.subspan(line + 1);
  }
}

Result<void> serial_start_receiving(SerialReceiver receive) {
  if (!x86::present) return Errno::nodev;
  x86::receiver = receive;
  TRY(connect_interrupt(x86::kInterruptLine, Trigger::edge, x86::interrupt, nullptr));
  x86::out8(x86::kInterruptEnable, 0x01);
  // Bytes that came before the interrupt was enabled raise none: fetch them.
  IrqState state = irq_save();
  x86::interrupt(nullptr);
  irq_restore(state);
  return {};
}

}  // namespace tine::arch
