// SPDX-License-Identifier: MIT
//
// The root of /proc: system-wide files, the links self and thread-self, and a directory for each
// process. See proc.h.
#include "fs/proc/proc.h"

#include <charconv>

#include "fs/dev/dev.h"
#include "fs/proc/system_files.h"

namespace tine::fs::proc {

namespace {

constexpr uint64_t kProcMagic = 0x9fa0;

class SelfLink final : public LinkInode {
 public:
  static constexpr const char* kCacheName = "proc_self";
  SelfLink(Superblock& superblock, bool thread) : LinkInode(superblock), thread_(thread) {}
  Result<void> read_link(LinkTarget& out) override {
    out.storage = TRY(Buffer<char>::make(40));
    size_t length = thread_ ? format_to(out.storage.span(), "{}/task/{}", current().tgid(), current().tid())
                            : format_to(out.storage.span(), "{}", current().tgid());
    out.text = {out.storage.data(), length};
    return {};
  }

 private:
  const bool thread_;
};

template <bool thread>
Result<Ref<Inode>> make_self_link(TableDirectory& directory, uint32_t) {
  return Ref<Inode>(TRY(make_ref<SelfLink>(directory.superblock(), thread)));
}

// /proc/mounts is the caller's own view.
class MountsLink final : public LinkInode {
 public:
  static constexpr const char* kCacheName = "proc_mounts_link";
  using LinkInode::LinkInode;
  Result<void> read_link(LinkTarget& out) override {
    out.text = "self/mounts";
    return {};
  }
};

Result<Ref<Inode>> make_mounts_link(TableDirectory& directory, uint32_t) {
  return Ref<Inode>(TRY(make_ref<MountsLink>(directory.superblock())));
}

constexpr uint32_t kFile = kTypeRegular | 0444;

constexpr TableEntry kRootEntries[] = {
    {"self", kTypeSymlink | 0777, make_self_link<false>},
    {"thread-self", kTypeSymlink | 0777, make_self_link<true>},
    {"mounts", kTypeSymlink | 0777, make_mounts_link},
    {"cmdline", kFile, make_text_entry<show_command_line>},
    {"cpuinfo", kFile, make_text_entry<show_cpuinfo>},
    {"devices", kFile, make_text_entry<show_devices>},
    {"filesystems", kFile, make_text_entry<show_filesystems>},
    {"loadavg", kFile, make_text_entry<show_loadavg>},
#ifdef TINE_LOCK_STATISTICS
    {"lock_stat", kTypeRegular | 0644, make_lock_stat},
#endif
    {"meminfo", kFile, make_text_entry<show_meminfo>},
    {"schedstat", kFile, make_text_entry<show_schedstat_of_cpus>},
    {"slabinfo", kTypeRegular | 0400, make_text_entry<show_slabinfo>},
    {"stat", kFile, make_text_entry<show_system_stat>},
    {"tine", kFile, make_text_entry<show_live_counts>},
    {"uptime", kFile, make_text_entry<show_uptime>},
    {"version", kFile, make_text_entry<show_version>},
    {"vmstat", kFile, make_text_entry<show_vmstat>},
    {"sys", kTypeDirectory | 0555, make_system_control},
};

class ProcRoot final : public TableDirectory {
 public:
  static constexpr const char* kCacheName = "proc_root";
  explicit ProcRoot(Superblock& superblock) : TableDirectory(superblock, kRootEntries) {}

  Result<Ref<Inode>> find(std::string_view name) override {
    Result<int> number = parse_process_number(name);
    if (!number) return TableDirectory::find(name);
    // Any thread's number leads to its process, though only processes are listed.
    Ref<Task> task = find_task(*number);
    if (!task) return Errno::noent;
    return Ref<Inode>(TRY(make_ref<ProcessDirectory>(superblock(), std::move(task), false)));
  }

  Result<void> list(DirectorySink& sink, int64_t& position) override {
    if (position < first_extra_position()) TRY(TableDirectory::list(sink, position));
    if (position < first_extra_position()) return {};
    int from = static_cast<int>(position - first_extra_position());
    while (Ref<Task> process = next_process(from)) {
      int number = process->tgid();
      char name[12];
      size_t length = format_to(name, "{}", number);
      int64_t next = first_extra_position() + number + 1;
      if (!sink.entry({name, length}, static_cast<uint64_t>(number) << 16,
                      directory_entry_type(kTypeDirectory), next)) {
        break;
      }
      position = next;
      from = number + 1;
    }
    return {};
  }
};

Result<Ref<Superblock>> make_proc(std::string_view) {
  Ref<SyntheticSuperblock> superblock = TRY(make_ref<SyntheticSuperblock>("proc", kProcMagic));
  Ref<ProcRoot> root = TRY(make_ref<ProcRoot>(*superblock));
  TRY(superblock->set_root(std::move(root)));
  return Ref<Superblock>(std::move(superblock));
}

constinit FileSystemType proc_type{"proc", make_proc, false, nullptr};

}  // namespace

Result<int> parse_process_number(std::string_view name) {
  int number = 0;
  auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), number);
  if (error != std::errc() || end != name.data() + name.size()) return Errno::noent;
  if (name[0] == '0' || number <= 0) return Errno::noent;
  return number;
}

Result<int64_t> parse_number(std::string_view text) {
  constexpr std::string_view kSpace = " \t\n";
  size_t first = text.find_first_not_of(kSpace);
  if (first == text.npos) return Errno::inval;
  text = text.substr(first, text.find_last_not_of(kSpace) - first + 1);
  int64_t number = 0;
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size()) return Errno::inval;
  return number;
}

Result<void> init(std::string_view command_line) {
  kernel_command_line = command_line;
  register_file_system(proc_type);
  return mount_kernel_file_system("proc", "/proc");
}

}  // namespace tine::fs::proc
