// SPDX-License-Identifier: MIT
//
// Reads the symbol table that the second link puts behind the image (kernel_symbols.awk): a count,
// pairs of (offset from text_start, offset of the name), then the names. In the first link the
// table is empty and every look-up fails. Constant data, no locks.
#include "arch/x86_64/boot/image.h"
#include "arch/x86_64/lib/panic.h"

namespace tine::x86 {

namespace {

struct SymbolEntry {
  uint32_t offset, name;
};

}  // namespace

SymbolMatch find_symbol(uint64_t address) {
  if (+kernel_symbols_start == +image_end) return {};
  uint32_t count = *reinterpret_cast<const uint32_t*>(kernel_symbols_start);
  const auto* entries = reinterpret_cast<const SymbolEntry*>(kernel_symbols_start + 4);
  const char* names = reinterpret_cast<const char*>(entries + count);
  uint64_t offset = address - reinterpret_cast<uint64_t>(text_start);
  if (count == 0 || offset >= static_cast<uint64_t>(text_end - text_start)) return {};
  uint32_t low = 0, high = count;
  while (high - low > 1) {
    uint32_t middle = (low + high) / 2;
    (entries[middle].offset <= offset ? low : high) = middle;
  }
  return {names + entries[low].name, offset - entries[low].offset};
}

}  // namespace tine::x86
