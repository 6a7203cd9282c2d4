// SPDX-License-Identifier: MIT
//
// The data path of a virtio-console port. Input stays in the device's buffers until it is read;
// output is copied into the next free send buffer and is on its way when write() returns. The
// device raises no interrupt for output except while a send buffer is missing.
#include <algorithm>
#include <bit>
#include <cstring>
#include <utility>

#include "arch/page_table.h"
#include "drivers/virtio/console_device.h"
#include "mm/heap.h"

namespace tine::virtio {

Result<void> ConsolePort::allocate_buffers() {
  auto* receive = static_cast<char*>(heap_allocate(kReceiveBuffers * kReceiveSize));
  auto* send = static_cast<char*>(heap_allocate(kSendBuffers * kSendSize));
  arch::IrqState state = device_->lock.lock();
  if (receive && send && receive_memory_ == nullptr) {
    receive_memory_ = std::exchange(receive, nullptr);
    send_memory_ = std::exchange(send, nullptr);
    for (unsigned i = 0; i < kReceiveBuffers; ++i) {
      receive_queue_.give(i, arch::direct_map_to_phys(receive_memory_ + i * kReceiveSize),
                          kReceiveSize, /*device_writes=*/true);
    }
    receive_queue_.notify(device_->transport());
  }
  bool ready = receive_memory_ != nullptr;
  device_->lock.unlock(state);
  if (receive) heap_free(receive);  // somebody else was first, or one of the two is missing
  if (send) heap_free(send);
  return ready ? Result<void>() : Errno::nomem;
}

Result<void> ConsolePort::open() {
  TRY(allocate_buffers());
  IrqGuard guard(device_->lock);
  if (open_count_++ == 0) device_->send_control_locked(number_, ConsoleDevice::kPortOpen, 1);
  return {};
}

void ConsolePort::close() {
  IrqGuard guard(device_->lock);
  if (--open_count_ == 0 && !is_console_) {
    device_->send_control_locked(number_, ConsoleDevice::kPortOpen, 0);
  }
}

void ConsolePort::reclaim_locked() {
  while (auto used = send_queue_.take()) send_busy_ &= ~(1u << used->buffer);
}

size_t ConsolePort::write(std::span<const char> bytes) {
  IrqGuard guard(device_->lock);
  if (send_memory_ == nullptr) return 0;
  size_t total = 0;
  while (total < bytes.size()) {
    reclaim_locked();
    unsigned number = static_cast<unsigned>(std::countr_one(send_busy_));
    if (number >= kSendBuffers) {
      send_queue_.want_interrupts(true);
      reclaim_locked();  // one may have come back before the device knew
      if (std::countr_one(send_busy_) >= static_cast<int>(kSendBuffers)) break;
      continue;
    }
    size_t length = std::min<size_t>(bytes.size() - total, kSendSize);
    char* buffer = send_memory_ + number * kSendSize;
    memcpy(buffer, bytes.data() + total, length);
    send_busy_ |= 1u << number;
    send_queue_.give(number, arch::direct_map_to_phys(buffer), static_cast<uint32_t>(length),
                     /*device_writes=*/false);
    send_queue_.notify(device_->transport());
    total += length;
  }
  return total;
}

size_t ConsolePort::room() {
  IrqGuard guard(device_->lock);
  if (send_memory_ == nullptr) return 0;
  reclaim_locked();
  auto busy = static_cast<unsigned>(std::popcount(send_busy_));
  if (busy == kSendBuffers) send_queue_.want_interrupts(true);
  return (kSendBuffers - busy) * kSendSize;
}

bool ConsolePort::is_drained() {
  IrqGuard guard(device_->lock);
  if (send_memory_ == nullptr) return true;
  reclaim_locked();
  if (send_busy_ != 0) send_queue_.want_interrupts(true);
  return send_busy_ == 0;
}

// Makes the next filled buffer current; false: there is none.
bool ConsolePort::fetch_input_locked() {
  if (current_at_ < current_end_) return true;
  while (auto used = receive_queue_.take()) {
    if (used->buffer >= kReceiveBuffers || used->length == 0) continue;
    current_ = used->buffer;
    current_at_ = 0;
    current_end_ = std::min(used->length, kReceiveSize);
    return true;
  }
  return false;
}

size_t ConsolePort::read(std::span<char> out) {
  IrqGuard guard(device_->lock);
  if (receive_memory_ == nullptr) return 0;
  size_t total = 0;
  while (total < out.size() && fetch_input_locked()) {
    char* buffer = receive_memory_ + current_ * kReceiveSize;
    size_t length = std::min<size_t>(out.size() - total, current_end_ - current_at_);
    memcpy(out.data() + total, buffer + current_at_, length);
    total += length;
    current_at_ += static_cast<uint32_t>(length);
    if (current_at_ == current_end_) {
      receive_queue_.give(current_, arch::direct_map_to_phys(buffer), kReceiveSize, true);
      receive_queue_.notify(device_->transport());
    }
  }
  return total;
}

bool ConsolePort::has_input() {
  IrqGuard guard(device_->lock);
  return receive_memory_ != nullptr && fetch_input_locked();
}

bool ConsolePort::is_at_end() {
  IrqGuard guard(device_->lock);
  bool gone = host_was_connected_ && !host_connected_;
  return gone && receive_memory_ != nullptr && !fetch_input_locked();
}

bool ConsolePort::has_lost_host() {
  IrqGuard guard(device_->lock);
  return host_was_connected_ && !host_connected_;
}

void ConsolePort::set_input_handler(InputHandler handler, void* context) {
  IrqGuard guard(device_->lock);
  input_context_ = context;
  input_handler_ = handler;
}

// With the device's lock held: is there news for readers or writers?
bool ConsolePort::interrupt() {
  bool input = current_at_ < current_end_ || receive_queue_.has_used();
  bool output = send_busy_ != 0 && send_queue_.has_used();
  if (output) {
    reclaim_locked();
    send_queue_.want_interrupts(false);
  }
  return input || output;
}

}  // namespace tine::virtio
