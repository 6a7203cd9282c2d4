// SPDX-License-Identifier: MIT
//
// Reads the MADT: from the root pointer to the root table (XSDT with 8-byte entries, or RSDT with
// 4-byte ones), to the table signed "APIC", to its entries for local APICs. Tables are packed and
// unaligned, so fields are copied out. They come from the hypervisor and are trusted as far as that
// goes: signatures and lengths are checked, and what does not make sense ends the search.
#include "arch/x86_64/machine/madt.h"

#include <algorithm>
#include <cstring>
#include <string_view>

#include "arch/page_table.h"

namespace tine::x86 {

namespace {

constexpr uint32_t kHeaderSize = 36;  // of every table: ACPI 6.5, 5.2.6
constexpr uint32_t kMadtEntries = 44;
constexpr uint32_t kLongestTable = 1 << 20;
constexpr uint32_t kEnabled = 1;

template <class T>
T field(PhysAddr table, uint32_t offset) {
  T value;
  memcpy(&value, arch::direct_map<char>(table + offset), sizeof value);
  return value;
}

bool has_signature(PhysAddr table, std::string_view signature) {
  return memcmp(arch::direct_map<char>(table), signature.data(), signature.size()) == 0;
}

// 0: the header is damaged.
uint32_t length_of(PhysAddr table) {
  auto length = field<uint32_t>(table, 4);
  return length >= kHeaderSize && length <= kLongestTable ? length : 0;
}

PhysAddr find_madt(PhysAddr rsdp) {
  if (rsdp.value == 0 || !has_signature(rsdp, "RSD PTR ")) return PhysAddr();
  bool extended = field<uint8_t>(rsdp, 15) >= 2 && field<uint64_t>(rsdp, 24) != 0;
  PhysAddr root(extended ? field<uint64_t>(rsdp, 24) : field<uint32_t>(rsdp, 16));
  if (!has_signature(root, extended ? "XSDT" : "RSDT")) return PhysAddr();
  uint32_t entry_size = extended ? 8 : 4;
  uint32_t length = length_of(root);
  for (uint32_t at = kHeaderSize; at + entry_size <= length; at += entry_size) {
    PhysAddr table(extended ? field<uint64_t>(root, at) : field<uint32_t>(root, at));
    if (has_signature(table, "APIC")) return table;
  }
  return PhysAddr();
}

}  // namespace

// A processor is listed as a local APIC if its id fits in the 8 bits there are, else as an x2APIC;
// one that firmware lists as both is still one.
unsigned read_processor_list(PhysAddr rsdp, uint32_t highest_id, std::span<uint32_t> apic_ids) {
  enum EntryType : uint8_t { kLocalApic = 0, kLocalX2Apic = 9 };
  PhysAddr madt = find_madt(rsdp);
  if (madt.value == 0) return 0;
  unsigned count = 0;
  auto add = [&](uint32_t flags, uint32_t id) {
    if (!(flags & kEnabled) || id > highest_id) return;
    auto known = apic_ids.first(count);
    if (std::ranges::find(known, id) == known.end()) apic_ids[count++] = id;
  };
  uint32_t length = length_of(madt);
  for (uint32_t at = kMadtEntries; at + 2 <= length && count < apic_ids.size();) {
    auto type = field<uint8_t>(madt, at);
    auto size = field<uint8_t>(madt, at + 1);
    if (size < 2 || at + size > length) break;
    if (type == kLocalApic && size >= 8) {
      add(field<uint32_t>(madt, at + 4), field<uint8_t>(madt, at + 3));
    } else if (type == kLocalX2Apic && size >= 16) {
      add(field<uint32_t>(madt, at + 8), field<uint32_t>(madt, at + 4));
    }
    at += size;
  }
  return count;
}

}  // namespace tine::x86
