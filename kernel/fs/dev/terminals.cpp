// SPDX-License-Identifier: MIT
//
// The nodes of terminals: /dev/tty (the caller's own), /dev/console, /dev/ptmx and the file system
// of /dev/pts, whose names are the pairs that exist at the moment. tty(4), console(4), pts(4).
//
// The console's terminal is set at start-up, before the first process; later reads need no lock.
#include <charconv>

#include "fs/dev/dev.h"
#include "fs/open.h"
#include "fs/synthetic.h"
#include "fs/tty/pty.h"
#include "task/signal_state.h"
#include "task/task.h"

namespace tine::fs {

namespace {

constexpr uint32_t kTtyMajor = 5;
enum Minor : uint32_t { kTty = 0, kConsole = 1, kPtmx = 2 };
constexpr uint64_t kDevptsMagic = 0x1cd1;

constinit Ref<tty::Terminal> console_terminal;

Result<Ref<File>> open_terminal_device(const Path& path, uint64_t device, uint32_t flags) {
  switch (device_minor(device)) {
    case kTty: {
      Ref<tty::Terminal> terminal = current().signal->terminal;
      if (!terminal) return Errno::nxio;
      return tty::open_terminal(std::move(terminal), path, flags | kNoCtty);
    }
    case kConsole:
      if (!console_terminal) return Errno::nodev;
      return tty::open_terminal(console_terminal, path, flags | kNoCtty);
    case kPtmx:
      return tty::open_ptmx(path, flags);
    default:
      return Errno::nxio;
  }
}

Result<Ref<File>> open_slave_device(const Path& path, uint64_t device, uint32_t flags) {
  return tty::open_pty_slave(device_minor(device), path, flags);
}

constinit CharacterDevice tty_devices{"/dev/tty", kTtyMajor, 0, 3, open_terminal_device};
constinit CharacterDevice slave_devices{"pts", tty::kPtySlaveMajor, 0, tty::kMaxPtys,
                                        open_slave_device};

// The node of one pair; it goes stale when its master is closed.
class SlaveNode final : public Inode {
 public:
  static constexpr const char* kCacheName = "devpts_inode";
  SlaveNode(Superblock& superblock, uint32_t index)
      : Inode(superblock, index + 3, kTypeCharacter | 0620, current().creds().fsuid, KernelGid(5)),
        index_(index) {
    special_device = make_device(tty::kPtySlaveMajor, index);
    may_go_stale = true;
  }
  bool is_stale() override { return !tty::PtyPair::find(index_); }
  // chown and chmod by grantpt(3) and login programs.
  Result<void> set_attributes(const AttributeChange& change) override {
    if (change.what & AttributeChange::mode_bit) {
      set_mode((mode() & kTypeMask) | (change.mode & kPermissionMask));
    }
    if (change.what & (AttributeChange::uid_bit | AttributeChange::gid_bit)) {
      set_owner(change.what & AttributeChange::uid_bit ? change.uid : uid(),
                change.what & AttributeChange::gid_bit ? change.gid : gid());
    }
    return {};
  }

 private:
  const uint32_t index_;
};

class PtsDirectory final : public SyntheticDirectory {
 public:
  static constexpr const char* kCacheName = "devpts_root";
  explicit PtsDirectory(Superblock& superblock) : SyntheticDirectory(superblock, 0755) {}

  Result<Ref<Inode>> find(std::string_view name) override {
    uint32_t index = 0;
    auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), index);
    bool canonical = error == std::errc() && end == name.data() + name.size() &&
                     (name.size() == 1 || name[0] != '0');
    if (!canonical || !tty::PtyPair::find(index)) return Errno::noent;
    return Ref<Inode>(TRY(make_ref<SlaveNode>(superblock(), index)));
  }

  Result<void> list(DirectorySink& sink, int64_t& position) override {
    for (;;) {
      uint32_t index = tty::PtyPair::next_index(static_cast<uint32_t>(position - 2));
      if (index >= tty::kMaxPtys) return {};
      char name[8];
      size_t length = format_to(name, "{}", index);
      if (!sink.entry({name, length}, index + 3, directory_entry_type(kTypeCharacter), index + 3)) {
        position = index + 2;
        return {};
      }
      position = index + 3;
    }
  }
};

Result<Ref<Superblock>> make_devpts(std::string_view) {
  Ref<SyntheticSuperblock> superblock = TRY(make_ref<SyntheticSuperblock>("devpts", kDevptsMagic));
  Ref<PtsDirectory> root = TRY(make_ref<PtsDirectory>(*superblock));
  TRY(superblock->set_root(std::move(root)));
  return Ref<Superblock>(std::move(superblock));
}

constinit FileSystemType devpts_type{"devpts", make_devpts, false, nullptr};

}  // namespace

void set_console_terminal(Ref<tty::Terminal> terminal) { console_terminal = std::move(terminal); }

Result<void> init_terminals() {
  register_character_device(tty_devices);
  register_character_device(slave_devices);
  register_file_system(devpts_type);
  TRY(make_node("/dev/tty", kTypeCharacter | 0666, make_device(kTtyMajor, kTty)));
  TRY(make_node("/dev/console", kTypeCharacter | 0600, make_device(kTtyMajor, kConsole)));
  TRY(make_node("/dev/ptmx", kTypeCharacter | 0666, make_device(kTtyMajor, kPtmx)));
  TRY(make_node("/dev/pts", kTypeDirectory | 0755));
  return mount_kernel_file_system("devpts", "/dev/pts");
}

}  // namespace tine::fs
