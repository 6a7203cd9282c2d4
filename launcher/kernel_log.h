// SPDX-License-Identifier: MIT
//
// What the guest's kernel writes on its serial port: bounded, searched for a panic, and shown where
// the user asked for it or where the run went wrong. The bytes are the guest's and untrusted;
// tail() passes printable characters only. Nothing fails.
#pragma once

#include <string>
#include <string_view>

namespace tine::launcher {

class KernelLog {
 public:
  void append(std::string_view bytes);

  // A line that starts with "PANIC:" came by.
  bool panicked() const { return panicked_; }

  // From the panic on, or else the last lines.
  std::string tail() const;

 private:
  static constexpr size_t kLimit = 64 * 1024;
  static constexpr size_t kTailLines = 20;

  std::string text_;  // the last kLimit bytes, or since the panic
  bool panicked_ = false;
  size_t searched_ = 0;  // start of the first line that is not known to be no panic
};

}  // namespace tine::launcher
