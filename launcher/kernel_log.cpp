// SPDX-License-Identifier: MIT
//
// See kernel_log.h.
#include "kernel_log.h"

#include <algorithm>

namespace tine::launcher {
namespace {

constexpr std::string_view kPanic = "PANIC:";

}  // namespace

void KernelLog::append(std::string_view bytes) {
  if (panicked_ && text_.size() >= kLimit) return;  // the beginning of a panic is what matters
  for (const char byte : bytes) {
    const bool printable = byte == '\n' || byte == '\t' || (byte >= ' ' && byte != 0x7f);
    if (printable) text_ += byte;
  }
  while (!panicked_) {
    if (std::string_view(text_).substr(searched_).starts_with(kPanic)) {
      panicked_ = true;
      text_.erase(0, searched_);
      break;
    }
    const size_t end = text_.find('\n', searched_);
    if (end == std::string::npos) break;
    searched_ = end + 1;
  }
  if (!panicked_ && text_.size() > kLimit) {
    const size_t cut = text_.size() - kLimit;
    text_.erase(0, cut);
    searched_ -= std::min(searched_, cut);
  }
}

std::string KernelLog::tail() const {
  if (panicked_) return text_;
  size_t start = text_.size();
  for (size_t lines = 0; start > 0; --start) {
    if (text_[start - 1] == '\n' && start != text_.size() && ++lines == kTailLines) break;
  }
  return text_.substr(start);
}

}  // namespace tine::launcher
