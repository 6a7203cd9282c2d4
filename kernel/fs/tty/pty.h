// SPDX-License-Identifier: MIT
//
// Pseudoterminals: pty(7), pts(4). Opening /dev/ptmx makes a pair: the master is the file that was
// opened, the slave appears as /dev/pts/N until the master is closed.
//
// The pair owns the slave's Terminal and the ring that carries its output to the master's readers.
// The master's file keeps the pair; slave files keep it too, so that either side may go first.
#pragma once

#include "core/ref.h"
#include "core/result.h"
#include "fs/file.h"
#include "fs/mount.h"
#include "fs/tty/terminal.h"

namespace tine::tty {

inline constexpr uint32_t kMaxPtys = 256;
inline constexpr uint32_t kPtySlaveMajor = 136;

class PtyPair final : public RefCounted<PtyPair>, public TerminalDevice {
 public:
  static constexpr const char* kCacheName = "pty";
  explicit PtyPair(uint32_t index) : index_(index) {}
  ~PtyPair();

  // ENOSPC when all numbers are in use; ENOMEM.
  static Result<Ref<PtyPair>> create();
  static Ref<PtyPair> find(uint32_t index);        // null: no such slave
  // Calls visit(index) for each pair, in order: the directory /dev/pts.
  static uint32_t next_index(uint32_t from);       // kMaxPtys: no more

  Terminal& terminal() { return *terminal_; }
  uint32_t index() const { return index_; }
  bool is_locked() const { return locked_.load(); }
  void set_locked(bool locked) { locked_.store(locked); }

  // TerminalDevice: output of the slave, towards the master.
  size_t write(std::span<const char> bytes) override;
  size_t room() override;
  WaitQueue* writable() override { return &writable_; }

  // The master's side.
  Result<size_t> read_output(IoBuffer& buffer, bool nonblocking);
  uint32_t poll_output(fs::PollTable* table);
  size_t output_pending();
  void slave_opened();
  void slave_closed();
  void master_closed();

 private:
  static constexpr size_t kCapacity = 4096;
  const uint32_t index_;
  Ref<Terminal> terminal_;
  std::atomic<bool> locked_{true};
  IrqSpinLock ring_lock_{LockRank::device};
  char ring_[kCapacity] GUARDED_BY(ring_lock_);
  size_t head_ GUARDED_BY(ring_lock_) = 0;
  size_t tail_ GUARDED_BY(ring_lock_) = 0;
  std::atomic<int> open_slaves_{0};
  std::atomic<bool> slave_was_open_{false};
  WaitQueue readable_;
  WaitQueue writable_;
};

// Files for the device nodes; `path` is where they were opened.
Result<Ref<fs::File>> open_ptmx(const fs::Path& path, uint32_t flags);
Result<Ref<fs::File>> open_pty_slave(uint32_t index, const fs::Path& path, uint32_t flags);
// A terminal that is not a pty's: the console.
Result<Ref<fs::File>> open_terminal(Ref<Terminal> terminal, const fs::Path& path, uint32_t flags);

}  // namespace tine::tty
