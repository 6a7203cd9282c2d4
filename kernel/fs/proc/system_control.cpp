// SPDX-License-Identifier: MIT
//
// /proc/sys: the settings of sysctl that programs read, and the few that Tine lets be written.
// A setting is a line in a table: a name, and functions that show and store its value.
#include <algorithm>

#include "core/random.h"
#include "core/version.h"
#include "fs/proc/proc.h"
#include "mm/commit.h"
#include "mm/mm.h"
#include "task/namespace/namespaces.h"
#include "task/pid/pid_namespace.h"

namespace tine::fs::proc {

namespace {

class Setting final : public TextFile {
 public:
  static constexpr const char* kCacheName = "proc_sysctl";
  using Show = Result<void> (*)(TextBuilder& out);
  using Store = Result<void> (*)(std::string_view text);
  Setting(Superblock& superblock, uint32_t permissions, Show show, Store store)
      : TextFile(superblock, permissions), show_(show), store_(store) {}
  Result<void> show(TextBuilder& out) override { return show_(out); }
  Result<void> store(std::string_view text) override {
    return store_ != nullptr ? store_(text) : Errno::acces;
  }

 private:
  Show show_;
  Store store_;
};

template <Setting::Show show, Setting::Store store = nullptr>
Result<Ref<Inode>> make_setting(TableDirectory& directory, uint32_t mode) {
  return Ref<Inode>(
      TRY(make_ref<Setting>(directory.superblock(), mode & kPermissionMask, show, store)));
}

template <int64_t value>
Result<void> show_constant(TextBuilder& out) {
  out.print("{}\n", value);
  return {};
}

Result<void> show_os_type(TextBuilder& out) {
  out.print("{}\n", kSystemName);
  return {};
}
Result<void> show_os_release(TextBuilder& out) {
  out.print("{}\n", kRelease);
  return {};
}
Result<void> show_os_version(TextBuilder& out) {
  out.print("{}\n", kVersion);
  return {};
}

Result<void> show_host_name(TextBuilder& out) {
  UtsNames& names = *current().namespaces->uts;
  char copy[sizeof names.node];
  {
    SpinGuard guard(names.lock);
    std::ranges::copy(names.node, copy);
  }
  out.print("{}\n", static_cast<const char*>(copy));
  return {};
}
Result<void> store_host_name(std::string_view text) {
  text = text.substr(0, text.find('\n'));
  UtsNames& names = *current().namespaces->uts;
  if (text.size() >= sizeof names.node) return Errno::inval;
  SpinGuard guard(names.lock);
  *std::ranges::copy(text, names.node).out = '\0';
  return {};
}

Result<void> show_pid_max(TextBuilder& out) {
  out.print("{}\n", initial_pid_namespace.pid_max());
  return {};
}
Result<void> store_pid_max(std::string_view text) {
  int64_t value = TRY(parse_number(text));
  if (value != static_cast<int>(value)) return Errno::inval;
  return initial_pid_namespace.set_pid_max(static_cast<int>(value));
}

Result<void> show_threads_max(TextBuilder& out) {
  out.print("{}\n", task_counts().threads_max);
  return {};
}
Result<void> store_threads_max(std::string_view text) {
  return set_threads_max(TRY(parse_number(text)));
}

Result<void> show_max_map_count(TextBuilder& out) {
  out.print("{}\n", mm::max_map_count.load(std::memory_order_relaxed));
  return {};
}
Result<void> store_max_map_count(std::string_view text) {
  int64_t value = TRY(parse_number(text));
  if (value < 0 || value > INT32_MAX) return Errno::inval;
  mm::max_map_count.store(static_cast<uint32_t>(value), std::memory_order_relaxed);
  return {};
}

Result<void> show_huge_pool(TextBuilder& out) {
  const mm::HugePoolCounts pool = mm::huge_pool_counts();
  out.print("{}\n", pool.total - pool.surplus);
  return {};
}
Result<void> store_huge_pool(std::string_view text) {
  int64_t value = TRY(parse_number(text));
  if (value < 0) return Errno::inval;
  mm::resize_huge_pool(static_cast<uint64_t>(value));
  return {};
}

Result<void> show_overcommit(TextBuilder& out) {
  out.print("{}\n", static_cast<uint32_t>(mm::overcommit.mode.load(std::memory_order_relaxed)));
  return {};
}
Result<void> store_overcommit(std::string_view text) {
  int64_t value = TRY(parse_number(text));
  if (value < 0 || value > static_cast<int64_t>(mm::Overcommit::never)) return Errno::inval;
  mm::overcommit.mode.store(static_cast<mm::Overcommit>(value), std::memory_order_relaxed);
  return {};
}

using OvercommitWord = std::atomic<uint64_t> mm::OvercommitSettings::*;
template <OvercommitWord word>
Result<void> show_overcommit_word(TextBuilder& out) {
  out.print("{}\n", (mm::overcommit.*word).load(std::memory_order_relaxed));
  return {};
}
// `excluded` no longer holds once this one is set: of the two limits the last written counts.
template <OvercommitWord word, OvercommitWord excluded = nullptr>
Result<void> store_overcommit_word(std::string_view text) {
  int64_t value = TRY(parse_number(text));
  if (value < 0) return Errno::inval;
  (mm::overcommit.*word).store(static_cast<uint64_t>(value), std::memory_order_relaxed);
  if constexpr (excluded != nullptr) (mm::overcommit.*excluded).store(0, std::memory_order_relaxed);
  return {};
}
template <OvercommitWord word, OvercommitWord excluded = nullptr>
constexpr auto make_overcommit_word =
    make_setting<show_overcommit_word<word>, store_overcommit_word<word, excluded>>;

// A fresh version-4 UUID a reading, as random(4) says.
void print_uuid(TextBuilder& out, std::span<const std::byte, 16> bytes) {
  for (size_t i = 0; i < bytes.size(); ++i) {
    uint8_t byte = static_cast<uint8_t>(bytes[i]);
    if (i == 6) byte = static_cast<uint8_t>((byte & 0x0f) | 0x40);
    if (i == 8) byte = static_cast<uint8_t>((byte & 0x3f) | 0x80);
    if (i == 4 || i == 6 || i == 8 || i == 10) out.append('-');
    out.print("{:02x}", byte);
  }
  out.append('\n');
}

Result<void> show_uuid(TextBuilder& out) {
  std::byte bytes[16];
  random_bytes(bytes);
  print_uuid(out, bytes);
  return {};
}

Result<void> show_boot_id(TextBuilder& out) {
  static constinit std::byte boot_id[16];
  static constinit SpinLock lock{LockRank::unranked};
  static constinit bool is_made = false;
  std::byte fresh[16], bytes[16];
  random_bytes(fresh);
  {
    SpinGuard guard(lock);
    if (!is_made) std::ranges::copy(fresh, boot_id);
    is_made = true;
    std::ranges::copy(boot_id, bytes);
  }
  print_uuid(out, bytes);
  return {};
}

constexpr uint32_t kFile = kTypeRegular | 0444;
constexpr uint32_t kWritable = kTypeRegular | 0644;
constexpr uint32_t kDirectory = kTypeDirectory | 0555;

class Branch final : public TableDirectory {
 public:
  static constexpr const char* kCacheName = "proc_sys";
  using TableDirectory::TableDirectory;
};

template <const auto& entries>
Result<Ref<Inode>> make_branch(TableDirectory& directory, uint32_t) {
  return Ref<Inode>(
      TRY(make_ref<Branch>(directory.superblock(), std::span<const TableEntry>(entries))));
}

constexpr TableEntry kRandomSettings[] = {
    {"boot_id", kFile, make_setting<show_boot_id>},
    {"entropy_avail", kFile, make_setting<show_constant<256>>},
    {"poolsize", kFile, make_setting<show_constant<256>>},
    {"uuid", kFile, make_setting<show_uuid>},
};
constexpr TableEntry kKernelSettings[] = {
    {"cap_last_cap", kFile, make_setting<show_constant<kCapLast>>},
    {"hostname", kWritable, make_setting<show_host_name, store_host_name>},
    {"ngroups_max", kFile, make_setting<show_constant<65536>>},
    {"osrelease", kFile, make_setting<show_os_release>},
    {"ostype", kFile, make_setting<show_os_type>},
    {"pid_max", kWritable, make_setting<show_pid_max, store_pid_max>},
    {"random", kDirectory, make_branch<kRandomSettings>},
    {"threads-max", kWritable, make_setting<show_threads_max, store_threads_max>},
    {"version", kFile, make_setting<show_os_version>},
};
constexpr TableEntry kMemorySettings[] = {
    {"admin_reserve_kbytes", kWritable,
     make_overcommit_word<&mm::OvercommitSettings::admin_reserve_kib>},
    {"max_map_count", kWritable, make_setting<show_max_map_count, store_max_map_count>},
    {"nr_hugepages", kWritable, make_setting<show_huge_pool, store_huge_pool>},
    {"overcommit_kbytes", kWritable,
     make_overcommit_word<&mm::OvercommitSettings::limit_kib, &mm::OvercommitSettings::ratio>},
    {"overcommit_memory", kWritable, make_setting<show_overcommit, store_overcommit>},
    {"overcommit_ratio", kWritable,
     make_overcommit_word<&mm::OvercommitSettings::ratio, &mm::OvercommitSettings::limit_kib>},
    {"user_reserve_kbytes", kWritable,
     make_overcommit_word<&mm::OvercommitSettings::user_reserve_kib>},
};
constexpr TableEntry kFileSettings[] = {
    {"nr_open", kFile, make_setting<show_constant<1048576>>},
    {"pipe-max-size", kFile, make_setting<show_constant<1048576>>},
};
constexpr TableEntry kBranches[] = {
    {"fs", kDirectory, make_branch<kFileSettings>},
    {"kernel", kDirectory, make_branch<kKernelSettings>},
    {"vm", kDirectory, make_branch<kMemorySettings>},
};

}  // namespace

Result<Ref<Inode>> make_system_control(TableDirectory& directory, uint32_t mode) {
  return make_branch<kBranches>(directory, mode);
}

}  // namespace tine::fs::proc
