// SPDX-License-Identifier: MIT
//
// /proc (proc(5)): what the kernel tells about itself and its processes, as text made on reading.
// One process of every thread group has a directory; /proc/PID/task has one for each thread.
//
// Inodes keep a reference to the Task they speak of; once it is released they are stale and the
// next lookup does not find them. Reading takes the locks of what is read, for the time of it.
#pragma once

#include "fs/synthetic.h"
#include "task/task.h"

namespace tine::fs::proc {

// Registers the file system and mounts it on /proc. The text stays where it is for ever. ENOMEM.
Result<void> init(std::string_view command_line);

// A file of a process whose text is written by one function, and which may take input by another.
class ProcessFile final : public TextFile {
 public:
  static constexpr const char* kCacheName = "proc_process_file";
  using Show = Result<void> (*)(Task& task, TextBuilder& out);
  using Store = Result<void> (*)(Task& task, std::string_view text);
  ProcessFile(Superblock& superblock, uint32_t permissions, Ref<Task> task, Show show, Store store);
  Result<void> show(TextBuilder& out) override { return show_(*task_, out); }
  Result<void> store(std::string_view text) override {
    return store_ != nullptr ? store_(*task_, text) : Errno::acces;
  }

 private:
  Ref<Task> task_;
  Show show_;
  Store store_;
};

// The directory of a process (`is_thread` false) or of one thread.
class ProcessDirectory final : public TableDirectory {
 public:
  static constexpr const char* kCacheName = "proc_process";
  ProcessDirectory(Superblock& superblock, Ref<Task> task, bool is_thread);
  Task& task() const { return *task_; }
  bool is_stale() override;
  Pid* process() override { return is_thread_ ? nullptr : pid_.get(); }

 private:
  Ref<Task> task_;
  Ref<Pid> pid_;  // stays the process's when exec makes another thread the first
  bool is_thread_;
};

// Makers for the tables of directories, by subject.
Result<Ref<Inode>> make_system_control(TableDirectory& directory, uint32_t mode);  // /proc/sys
Result<Ref<Inode>> make_lock_stat(TableDirectory& directory, uint32_t mode);  // where they count
Result<Ref<Inode>> make_fd_directory(TableDirectory& directory, uint32_t mode);
Result<Ref<Inode>> make_fdinfo_directory(TableDirectory& directory, uint32_t mode);
Result<Ref<Inode>> make_task_directory(TableDirectory& directory, uint32_t mode);
Result<Ref<Inode>> make_cwd_link(TableDirectory& directory, uint32_t mode);
Result<Ref<Inode>> make_root_link(TableDirectory& directory, uint32_t mode);
Result<Ref<Inode>> make_exe_link(TableDirectory& directory, uint32_t mode);
Result<Ref<Inode>> make_page_map(TableDirectory& directory, uint32_t mode);

// Texts about one process: process_status.cpp and process_memory.cpp.
Result<void> show_stat(Task& task, TextBuilder& out);          // process-wide times
Result<void> show_thread_stat(Task& task, TextBuilder& out);
Result<void> show_status(Task& task, TextBuilder& out);
Result<void> show_statm(Task& task, TextBuilder& out);
Result<void> show_comm(Task& task, TextBuilder& out);
Result<void> store_comm(Task& task, std::string_view text);
Result<void> show_cmdline(Task& task, TextBuilder& out);
Result<void> show_environ(Task& task, TextBuilder& out);
Result<void> show_auxv(Task& task, TextBuilder& out);
Result<void> show_maps(Task& task, TextBuilder& out);
Result<void> show_smaps(Task& task, TextBuilder& out);
Result<void> show_clear_refs(Task& task, TextBuilder& out);  // EINVAL
Result<void> store_clear_refs(Task& task, std::string_view text);
Result<void> show_smaps_rollup(Task& task, TextBuilder& out);
Result<void> show_limits(Task& task, TextBuilder& out);
Result<void> show_io(Task& task, TextBuilder& out);
Result<void> show_schedstat(Task& task, TextBuilder& out);
Result<void> show_sched(Task& task, TextBuilder& out);

// The inode becomes the process's: its effective user and group (proc(5)).
void own_by(Inode& inode, Task& task);
// A decimal number of a text, surrounded by white space at most. EINVAL.
Result<int64_t> parse_number(std::string_view text);
// A process or thread number as a directory name: canonical decimal. ENOENT.
Result<int> parse_process_number(std::string_view name);

}  // namespace tine::fs::proc
