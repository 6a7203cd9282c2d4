// SPDX-License-Identifier: MIT
//
// The devices that are only code: null, zero, full, random, urandom (mem(4), null(4), random(4)) and
// kmsg. They have no state and no locks.
#include <algorithm>

#include "core/log.h"
#include "core/random.h"
#include "fs/dev/dev.h"
#include "fs/open.h"
#include "fs/opened_file.h"
#include "mm/shmem.h"

namespace tine::fs {

namespace {

constexpr uint32_t kMemoryMajor = 1;
enum Minor : uint32_t { kNull = 3, kZero = 5, kFull = 7, kRandom = 8, kUrandom = 9, kKmsg = 11 };

class NullFile final : public PathFile {
 public:
  static constexpr const char* kCacheName = "null_file";
  using PathFile::PathFile;
  Result<size_t> read(IoBuffer&, uint64_t&) override { return 0; }
  Result<size_t> write(IoBuffer& buffer, uint64_t&) override {
    size_t length = buffer.remaining();
    buffer.skip(length);
    return length;
  }
  Result<uint64_t> seek(int64_t, int) override { return 0; }
  bool is_seekable() const override { return true; }  // pread(2) takes any offset
};

class ZeroFile final : public PathFile {
 public:
  static constexpr const char* kCacheName = "zero_file";
  ZeroFile(const Path& path, uint32_t flags, bool full) : PathFile(path, flags), full_(full) {}
  Result<size_t> read(IoBuffer& buffer, uint64_t&) override {
    return buffer.fill_zero(buffer.remaining());
  }
  Result<size_t> write(IoBuffer& buffer, uint64_t&) override {
    if (full_) return Errno::nospc;
    size_t length = buffer.remaining();
    buffer.skip(length);
    return length;
  }
  Result<uint64_t> seek(int64_t, int) override { return 0; }
  bool is_seekable() const override { return true; }  // pread(2) takes any offset
  // A shared mapping of /dev/zero is anonymous memory that its mappers share.
  Result<Ref<mm::MemoryObject>> memory_object() override {
    if (full_) return Errno::nodev;
    return Ref<mm::MemoryObject>(TRY(mm::make_shmem(0, false)));
  }

 private:
  const bool full_;
};

class RandomFile final : public PathFile {
 public:
  static constexpr const char* kCacheName = "random_file";
  using PathFile::PathFile;
  Result<size_t> read(IoBuffer& buffer, uint64_t&) override {
    size_t total = 0;
    while (buffer.remaining() != 0) {
      std::byte chunk[256];
      size_t length = std::min(sizeof chunk, buffer.remaining());
      random_bytes({chunk, length});
      size_t moved = TRY(buffer.copy_in(chunk, length));
      total += moved;
      if (moved != length) break;
    }
    return total;
  }
  // What programs add is mixed in, but never credited.
  Result<size_t> write(IoBuffer& buffer, uint64_t&) override {
    size_t total = 0;
    while (buffer.remaining() != 0) {
      std::byte chunk[256];
      size_t length = TRY(buffer.copy_out(chunk, std::min(sizeof chunk, buffer.remaining())));
      mix_entropy({chunk, length});
      total += length;
    }
    return total;
  }
  Result<uint64_t> seek(int64_t, int) override { return 0; }
  bool is_seekable() const override { return true; }  // pread(2) takes any offset
};

// Writing a line puts it into the kernel's log.
class KmsgFile final : public PathFile {
 public:
  static constexpr const char* kCacheName = "kmsg_file";
  using PathFile::PathFile;
  Result<size_t> write(IoBuffer& buffer, uint64_t&) override {
    char line[256];
    size_t asked = buffer.remaining();
    size_t length = TRY(buffer.copy_out(line, std::min(sizeof line, asked)));
    while (length != 0 && line[length - 1] == '\n') --length;
    log_line(LogLevel::notice, {line, length});
    return asked;
  }
};

template <class Kind, class... Arguments>
Result<Ref<File>> open_as(const Path& path, uint32_t flags, Arguments... arguments) {
  return Ref<File>(TRY(make_ref<Kind>(path, flags, arguments...)));
}

Result<Ref<File>> open_memory_device(const Path& path, uint64_t device, uint32_t flags) {
  switch (device_minor(device)) {
    case kNull: return open_as<NullFile>(path, flags);
    case kZero: return open_as<ZeroFile>(path, flags, false);
    case kFull: return open_as<ZeroFile>(path, flags, true);
    case kRandom:
    case kUrandom: return open_as<RandomFile>(path, flags);
    case kKmsg: return open_as<KmsgFile>(path, flags);
    default: return Errno::nxio;
  }
}

constinit CharacterDevice memory_devices{"mem", kMemoryMajor, 0, 256, open_memory_device};

struct DeviceNode { std::string_view path; uint32_t minor; uint32_t permissions; };
constexpr DeviceNode kNodes[] = {
    {"/dev/null", kNull, 0666},     {"/dev/zero", kZero, 0666},       {"/dev/full", kFull, 0666},
    {"/dev/random", kRandom, 0666}, {"/dev/urandom", kUrandom, 0666}, {"/dev/kmsg", kKmsg, 0644},
};

}  // namespace

Result<void> init_memory_devices() {
  register_character_device(memory_devices);
  for (const DeviceNode& node : kNodes) {
    TRY(make_node(node.path, kTypeCharacter | node.permissions, make_device(kMemoryMajor, node.minor)));
  }
  return {};
}

}  // namespace tine::fs
