// SPDX-License-Identifier: MIT
//
// virtio-console with many ports (virtio 1.2, section 5.3): consoles (QEMU's virtconsole) and named
// byte streams (virtserialport). Far faster than a serial line: a write is one copy and one exit.
//
// A ConsolePort lives from start-up to the end. All its state is guarded by the device's lock,
// which is held for copies of at most one buffer; waiting is done by the callers on the wait
// queues. Buffers are allocated when a port is first opened.
#pragma once

#include <atomic>
#include <span>
#include <string_view>

#include "core/result.h"
#include "drivers/virtio/queue.h"
#include "sync/spin_lock.h"
#include "sync/wait_queue.h"

namespace tine::virtio {

class ConsoleDevice;

class ConsolePort {
 public:
  std::string_view name() const { return {name_, name_length_}; }  // empty: it has none
  bool is_console() const { return is_console_; }
  bool exists() const { return exists_.load(std::memory_order_acquire); }

  // The first open tells the host that somebody listens. ENOMEM.
  Result<void> open();
  void close();

  // Takes what fits now, at once; any context.
  size_t write(std::span<const char> bytes);
  size_t room();
  bool is_drained();  // the host has taken everything; writable() is woken then
  WaitQueue& writable() { return writable_; }  // woken when room() grows

  // Gives what is there now; any context. 0 and is_at_end(): the host has closed its side.
  size_t read(std::span<char> out);
  bool has_input();
  bool is_at_end();
  bool has_lost_host();          // the host was there and has closed its side
  WaitQueue& readable() { return readable_; }

  // Called from the interrupt handler when input arrives, without locks; for terminals.
  using InputHandler = void (*)(void* context);
  void set_input_handler(InputHandler handler, void* context);

 private:
  friend class ConsoleDevice;
  static constexpr unsigned kReceiveBuffers = 4, kReceiveSize = 1024;
  static constexpr unsigned kSendBuffers = 4, kSendSize = 2048;

  Result<void> allocate_buffers();
  bool fetch_input_locked();
  void reclaim_locked();
  bool interrupt();

  ConsoleDevice* device_ = nullptr;
  unsigned number_ = 0;
  char name_[48] = {};
  uint8_t name_length_ = 0;
  bool is_console_ = false;
  std::atomic<bool> exists_{false};
  bool host_connected_ = false;
  bool host_was_connected_ = false;
  unsigned open_count_ = 0;

  VirtQueue receive_queue_, send_queue_;
  char* receive_memory_ = nullptr;  // kReceiveBuffers of kReceiveSize; kept once allocated
  char* send_memory_ = nullptr;
  unsigned send_busy_ = 0;  // bit per send buffer that the device has
  unsigned current_ = 0;    // receive buffer being read
  uint32_t current_at_ = 0, current_end_ = 0;
  InputHandler input_handler_ = nullptr;
  void* input_context_ = nullptr;
  WaitQueue readable_, writable_;
};

// Finds the device, if there is one, and announces its ports. May sleep for the host's answers.
void init_console();
inline constexpr unsigned kMaxConsolePorts = 16;
// Every port, existing or not.
std::span<ConsolePort> console_ports();

}  // namespace tine::virtio
