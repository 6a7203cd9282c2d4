// SPDX-License-Identifier: MIT
//
// Texts of the system-wide files of /proc: proc(5). Each function writes one file.
#pragma once

#include "fs/synthetic.h"

namespace tine::fs::proc {

extern std::string_view kernel_command_line;  // set once, by init()

Result<void> show_command_line(TextBuilder& out);
Result<void> show_cpuinfo(TextBuilder& out);
Result<void> show_devices(TextBuilder& out);
Result<void> show_filesystems(TextBuilder& out);
Result<void> show_loadavg(TextBuilder& out);
Result<void> show_schedstat_of_cpus(TextBuilder& out);
Result<void> show_meminfo(TextBuilder& out);
Result<void> show_mounts(TextBuilder& out);
Result<void> show_live_counts(TextBuilder& out);  // /proc/tine: for the failure sweep
Result<void> show_slabinfo(TextBuilder& out);
Result<void> show_system_stat(TextBuilder& out);
Result<void> show_uptime(TextBuilder& out);
Result<void> show_version(TextBuilder& out);
Result<void> show_vmstat(TextBuilder& out);

}  // namespace tine::fs::proc
