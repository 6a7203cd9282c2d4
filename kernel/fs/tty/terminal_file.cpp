// SPDX-License-Identifier: MIT
//
// Open files of terminals: the console and pty slaves (TerminalFile) and pty masters (MasterFile).
// They only translate between fs::File and Terminal or PtyPair; all state is there.
#include <algorithm>

#include "fs/files.h"
#include "fs/opened_file.h"
#include "fs/tty/pty.h"

namespace tine::tty {

namespace {

class TerminalFile final : public fs::PathFile {
 public:
  static constexpr const char* kCacheName = "tty_file";
  TerminalFile(const fs::Path& path, uint32_t flags, Ref<Terminal> terminal, Ref<PtyPair> pair)
      : PathFile(path, flags), pair_(std::move(pair)), terminal_(std::move(terminal)) {
    if (pair_) pair_->slave_opened();
  }
  ~TerminalFile() override {
    if (pair_) pair_->slave_closed();
  }
  Result<size_t> read(IoBuffer& buffer, uint64_t&) override {
    return terminal_->read(buffer, is_nonblocking());
  }
  Result<size_t> write(IoBuffer& buffer, uint64_t&) override {
    return terminal_->write(buffer, is_nonblocking());
  }
  Result<long> ioctl(uint32_t command, uint64_t argument) override {
    return terminal_->ioctl(*this, command, argument);
  }
  uint32_t poll(fs::PollTable* table) override { return terminal_->poll(table); }

 private:
  Ref<PtyPair> pair_;  // null: not a pty
  Ref<Terminal> terminal_;
};

class MasterFile final : public fs::PathFile {
 public:
  static constexpr const char* kCacheName = "ptmx_file";
  MasterFile(const fs::Path& path, uint32_t flags, Ref<PtyPair> pair)
      : PathFile(path, flags), pair_(std::move(pair)) {}
  ~MasterFile() override { pair_->master_closed(); }

  Result<size_t> read(IoBuffer& buffer, uint64_t&) override {
    return pair_->read_output(buffer, is_nonblocking());
  }
  Result<size_t> write(IoBuffer& buffer, uint64_t&) override;
  Result<long> ioctl(uint32_t command, uint64_t argument) override;
  uint32_t poll(fs::PollTable* table) override { return pair_->poll_output(table); }

 private:
  Ref<PtyPair> pair_;
};

// What the master writes is what the slave's user types.
Result<size_t> MasterFile::write(IoBuffer& buffer, uint64_t&) {
  size_t total = 0;
  while (buffer.remaining() != 0) {
    char chunk[256];
    size_t length = TRY(buffer.copy_out(chunk, std::min(sizeof chunk, buffer.remaining())));
    pair_->terminal().receive({chunk, length});
    total += length;
  }
  return total;
}

Result<long> MasterFile::ioctl(uint32_t command, uint64_t argument) {
  switch (command) {
    case kTiocgptn:
      TRY(UserOut<uint32_t>(UserAddr(argument)).write(pair_->index()));
      return 0;
    case kTiocsptlck:
      pair_->set_locked(TRY(UserIn<int32_t>(UserAddr(argument)).read()) != 0);
      return 0;
    case kTiocgptlck:
      TRY(UserOut<int32_t>(UserAddr(argument)).write(pair_->is_locked() ? 1 : 0));
      return 0;
    case kFionread:
      TRY(UserOut<int32_t>(UserAddr(argument)).write(static_cast<int32_t>(pair_->output_pending())));
      return 0;
    case kTiocgptpeer: {
      Ref<fs::File> slave = TRY(open_pty_slave(pair_->index(), file_path(),
                                               static_cast<uint32_t>(argument)));
      return TRY(fs::install_file(std::move(slave), static_cast<uint32_t>(argument)));
    }
    case kTiocsctty:
    case kTiocnotty:
      return Errno::notty;
    default:  // settings and window size are the pair's, from either side
      return pair_->terminal().ioctl(*this, command, argument);
  }
}

}  // namespace

Result<Ref<fs::File>> open_terminal(Ref<Terminal> terminal, const fs::Path& path, uint32_t flags) {
  Ref<TerminalFile> file = TRY(make_ref<TerminalFile>(path, flags, terminal, Ref<PtyPair>()));
  if (!(flags & fs::kNoCtty)) terminal->become_controlling_if_possible();
  return Ref<fs::File>(std::move(file));
}

Result<Ref<fs::File>> open_ptmx(const fs::Path& path, uint32_t flags) {
  Ref<PtyPair> pair = TRY(PtyPair::create());
  Result<Ref<MasterFile>> file = make_ref<MasterFile>(path, flags, pair);
  if (!file) pair->master_closed();
  return Ref<fs::File>(TRY(std::move(file)));
}

Result<Ref<fs::File>> open_pty_slave(uint32_t index, const fs::Path& path, uint32_t flags) {
  Ref<PtyPair> pair = PtyPair::find(index);
  if (!pair || pair->is_locked()) return Errno::io;
  Ref<Terminal> terminal(pair->terminal());
  Ref<TerminalFile> file = TRY(make_ref<TerminalFile>(path, flags, terminal, pair));
  if (!(flags & fs::kNoCtty)) terminal->become_controlling_if_possible();
  return Ref<fs::File>(std::move(file));
}

}  // namespace tine::tty
