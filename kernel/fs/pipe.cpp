// SPDX-License-Identifier: MIT
//
// The ends of pipes and fifos as files, and the opening of fifos (fifo(7)). The ring is in
// pipe_ring.cpp. A fifo's inode keeps its pipe while an end is open; Inode::lock guards that.
#include "fs/pipe.h"

#include "core/format.h"
#include "fs/ioctl.h"
#include "fs/pipe_ring.h"
#include "task/task.h"

namespace tine::fs {

namespace {

constexpr uint64_t kPipeFsDevice = make_device(0, 0xffffd);
constinit std::atomic<uint64_t> next_pipe_number{1};

class PipeFile final : public File {
 public:
  static constexpr const char* kCacheName = "pipe_file";
  PipeFile(Ref<Pipe> pipe, uint32_t open_flags, uint64_t number, Path path)
      : File(open_flags), pipe_(std::move(pipe)), number_(number), path_(std::move(path)) {
    pipe_->open_ends(is_readable(), is_writable());
    writer_generation_ = pipe_->writer_generation();
  }

  ~PipeFile() override {
    if (!path_) {
      pipe_->close_ends(is_readable(), is_writable());
      return;
    }
    MutexGuard guard(path_.inode().lock);
    if (pipe_->close_ends(is_readable(), is_writable())) {
      (void)Ref<Pipe>::adopt(std::exchange(path_.inode().pipe, nullptr));
    }
  }

  Result<size_t> read(IoBuffer& buffer, uint64_t&) override {
    return pipe_->read(buffer, is_nonblocking());
  }

  Result<size_t> write(IoBuffer& buffer, uint64_t&) override {
    auto written = pipe_->write(buffer, is_nonblocking(), flags() & kDirect);
    if (!written && written.error() == Errno::pipe) {
      (void)signal::send_to_task(current(), signal::kSigPipe);
    }
    return written;
  }

  Result<long> ioctl(uint32_t command, uint64_t argument) override {
    if (command != kFionread) return Errno::notty;
    TRY(UserOut<int>(UserAddr(argument)).write(static_cast<int>(pipe_->bytes_available())));
    return 0;
  }

  uint32_t poll(PollTable* table) override {
    uint32_t events = 0;
    if (is_readable()) {
      if (table != nullptr) table->wait_on(pipe_->readable);
      if (!pipe_->is_empty()) events |= kPollIn | kPollRdNorm;
      if (pipe_->writers() == 0 && (!path_ || pipe_->writer_generation() != writer_generation_)) {
        events |= kPollHup;
      }
    }
    if (is_writable()) {
      if (table != nullptr) table->wait_on(pipe_->writable);
      if (!pipe_->is_full()) events |= kPollOut | kPollWrNorm;
      if (pipe_->readers() == 0) events |= kPollErr;
    }
    return events;
  }

  Result<void> stat(StatData& out) override {
    if (path_) {
      path_.inode().stat(out);
      return {};
    }
    out.device = kPipeFsDevice;
    out.inode_number = number_;
    out.mode = kTypeFifo | 0600;
    out.uid = current().creds().fsuid;
    out.gid = current().creds().fsgid;
    return {};
  }

  // Unlike a fifo that is opened by name, it waits for no other side.
  Result<Ref<File>> reopen(uint32_t flags) override {
    constexpr uint32_t kKept = kAccessMode | kNonBlock | kDirect;
    return Ref<File>(TRY(make_ref<PipeFile>(pipe_, flags & kKept, number_, Path{})));
  }

  Inode* inode() override { return path_ ? &path_.inode() : nullptr; }
  Dentry* dentry() override { return path_.dentry.get(); }
  const Path* path() override { return path_ ? &path_ : nullptr; }
  Pipe* pipe() override { return pipe_.get(); }

  size_t write_description(std::span<char> out) override {
    if (path_) return write_path(path_, Path{Ref<Mount>(root_mount()), root_mount().root}, out);
    return format_to(out, "pipe:[{}]", number_);
  }

 private:
  Ref<Pipe> pipe_;
  uint64_t number_;
  Path path_;                        // of a fifo
  uint32_t writer_generation_ = 0;   // at opening: a fifo that had no writer yet has not hung up
};

}  // namespace

Result<PipeEnds> make_pipe(uint32_t flags) {
  Ref<Pipe> pipe = TRY(make_ref<Pipe>());
  uint64_t number = next_pipe_number.fetch_add(1, std::memory_order_relaxed);
  uint32_t kept = flags & (kNonBlock | kDirect);
  PipeEnds ends;
  ends.read_end = TRY(make_ref<PipeFile>(pipe, kReadOnly | kept, number, Path{}));
  ends.write_end = TRY(make_ref<PipeFile>(std::move(pipe), kWriteOnly | kept, number, Path{}));
  return ends;
}

Result<Ref<File>> open_fifo(const Path& path, uint32_t flags) {
  Inode& inode = path.inode();
  uint32_t access = flags & kAccessMode;
  Ref<Pipe> pipe;
  Ref<PipeFile> file;
  bool has_peer;
  uint32_t seen;
  {
    MutexGuard guard(inode.lock);
    if (inode.pipe == nullptr) inode.pipe = TRY(make_ref<Pipe>()).leak();
    pipe = Ref<Pipe>(*inode.pipe);
    Result<Ref<PipeFile>> made = Errno::nxio;  // O_NONBLOCK and nobody to read
    if (access != kWriteOnly || !(flags & kNonBlock) || pipe->readers() != 0) {
      made = make_ref<PipeFile>(pipe, flags, 0, path);
    }
    if (!made) {
      if (pipe->readers() == 0 && pipe->writers() == 0) {
        (void)Ref<Pipe>::adopt(std::exchange(inode.pipe, nullptr));
      }
      return made.error();
    }
    file = std::move(*made);
    has_peer = access == kReadOnly ? pipe->writers() != 0 : pipe->readers() != 0;
    seen = access == kReadOnly ? pipe->writer_generation() : pipe->reader_generation();
  }
  pipe->opened.wake_all();
  if (access == kReadWrite || (flags & kNonBlock) || has_peer) return Ref<File>(std::move(file));
  // A peer that comes and goes again meanwhile counts too, which is what the generations are for.
  TRY(wait_event(pipe->opened, WaitKind::interruptible, [&] {
    return (access == kReadOnly ? pipe->writer_generation() : pipe->reader_generation()) != seen;
  }));
  return Ref<File>(std::move(file));
}

Result<long> pipe_capacity(File& file) {
  Pipe* pipe = file.pipe();
  if (pipe == nullptr) return Errno::badf;
  return static_cast<long>(pipe->capacity_bytes());
}

Result<long> set_pipe_capacity(File& file, uint64_t bytes) {
  Pipe* pipe = file.pipe();
  if (pipe == nullptr) return Errno::badf;
  if (bytes == 0 || bytes > 1ull << 31) return Errno::inval;
  if (bytes > Pipe::kMaxSlots * kPageSize && !capable(kCapSysResource)) return Errno::perm;
  return pipe->resize(bytes);
}

}  // namespace tine::fs
