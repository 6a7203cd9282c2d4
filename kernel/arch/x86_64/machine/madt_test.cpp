// SPDX-License-Identifier: MIT
//
// The way from ACPI's root pointer to the list of processors, in tables that a test builds in the
// simulated machine's memory, some of them damaged.
#include "arch/x86_64/machine/madt.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <string_view>
#include <vector>

#include "arch/hosted/machine.h"
#include "arch/page_table.h"

namespace tine::x86 {
namespace {

constexpr PhysAddr kRsdp{0x1008}, kRoot{0x2004}, kOther{0x3000}, kMadt{0x4002};
constexpr uint32_t kXApicIds = 0xfe, kAllIds = 0xffff'fffe;

using Bytes = std::vector<uint8_t>;

template <class T>
void append(Bytes& bytes, T value) {
  const auto* from = reinterpret_cast<const uint8_t*>(&value);
  bytes.insert(bytes.end(), from, from + sizeof value);
}

Bytes local_apic(uint8_t id, uint32_t flags) {
  Bytes entry{0, 8, 77, id};
  append(entry, flags);
  return entry;
}
Bytes local_x2apic(uint32_t id, uint32_t flags) {
  Bytes entry{9, 16, 0, 0};
  append(entry, id);
  append(entry, flags);
  append(entry, uint32_t{77});
  return entry;
}

void write_table(PhysAddr at, std::string_view signature, const Bytes& body) {
  char* table = arch::direct_map<char>(at);
  const auto length = static_cast<uint32_t>(36 + body.size());
  memset(table, 0, 36);
  memcpy(table, signature.data(), 4);
  memcpy(table + 4, &length, sizeof length);
  std::ranges::copy(body, table + 36);
}

class Madt : public testing::Test {
 protected:
  Madt() { arch::hosted::boot_machine({.memory_bytes = 1 << 20}); }

  // Revision 0 has a root table of 32-bit addresses, 2 one of 64-bit addresses.
  void write_root(uint8_t revision) {
    char* rsdp = arch::direct_map<char>(kRsdp);
    memset(rsdp, 0, 36);
    memcpy(rsdp, "RSD PTR ", 8);
    rsdp[15] = static_cast<char>(revision);
    Bytes addresses;
    for (PhysAddr table : {kOther, kMadt}) {
      if (revision >= 2)
        append(addresses, table.value);
      else
        append(addresses, static_cast<uint32_t>(table.value));
    }
    if (revision >= 2)
      memcpy(rsdp + 24, &kRoot.value, 8);
    else
      memcpy(rsdp + 16, &kRoot.value, 4);
    write_table(kRoot, revision >= 2 ? "XSDT" : "RSDT", addresses);
    write_table(kOther, "FACP", {});
  }
  void write_madt(const std::vector<Bytes>& entries) {
    Bytes body(8);
    for (const Bytes& entry : entries) body.insert(body.end(), entry.begin(), entry.end());
    write_table(kMadt, "APIC", body);
  }
  static std::vector<uint32_t> read(uint32_t highest_id = kAllIds, size_t most = 64) {
    std::vector<uint32_t> ids(most);
    ids.resize(read_processor_list(kRsdp, highest_id, ids));
    return ids;
  }
};

using Ids = std::vector<uint32_t>;

TEST_F(Madt, ListsEnabledProcessorsInTheirOrder) {
  for (uint8_t revision : {0, 2}) {
    write_root(revision);
    write_madt({local_apic(0, 1),
                {1, 12, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0},
                local_apic(3, 1),
                local_apic(1, 0),
                local_apic(2, 1)});
    EXPECT_EQ(read(), (Ids{0, 3, 2})) << int{revision};
  }
}

TEST_F(Madt, LargeIdsAreX2ApicsAndOnlyForThem) {
  write_root(2);
  write_madt({local_apic(7, 1), local_apic(0xff, 1), local_x2apic(256, 1), local_x2apic(300, 0),
              local_x2apic(0x1'0000, 1), local_x2apic(0xffff'ffff, 1)});
  EXPECT_EQ(read(), (Ids{7, 0xff, 256, 0x1'0000}));
  EXPECT_EQ(read(kXApicIds), (Ids{7}));
}

TEST_F(Madt, AProcessorThatIsListedTwiceIsOne) {
  write_root(2);
  write_madt({local_apic(4, 1), local_x2apic(4, 1), local_x2apic(5, 1), local_apic(5, 1)});
  EXPECT_EQ(read(), (Ids{4, 5}));
}

TEST_F(Madt, NoMoreAreListedThanThereIsRoomFor) {
  write_root(2);
  write_madt({local_apic(0, 1), local_apic(1, 1), local_apic(2, 1)});
  EXPECT_EQ(read(kAllIds, 2), (Ids{0, 1}));
}

TEST_F(Madt, DamagedEntriesEndTheList) {
  write_root(2);
  write_madt({local_apic(0, 1), {0, 0, 0, 0}, local_apic(1, 1)});  // of no length
  EXPECT_EQ(read(), (Ids{0}));
  write_madt({local_apic(0, 1), {0, 8, 0}});  // longer than the table
  EXPECT_EQ(read(), (Ids{0}));
  write_madt({local_apic(0, 1), {0, 4, 0, 5}, local_apic(2, 1)});  // too short for its kind
  EXPECT_EQ(read(), (Ids{0, 2}));
}

TEST_F(Madt, WithoutTablesThereIsNoList) {
  write_root(2);
  write_madt({local_apic(0, 1)});
  const uint32_t too_short = 8;
  memcpy(arch::direct_map<char>(kMadt + 4), &too_short, sizeof too_short);
  EXPECT_EQ(read(), Ids{});
  write_table(kMadt, "NOPE", {});
  EXPECT_EQ(read(), Ids{});
  write_table(kRoot, "NOPE", {});
  EXPECT_EQ(read(), Ids{});
  arch::direct_map<char>(kRsdp)[0] = 0;
  EXPECT_EQ(read(), Ids{});
  std::vector<uint32_t> ids(4);
  EXPECT_EQ(read_processor_list(PhysAddr(), kAllIds, ids), 0u);
}

}  // namespace
}  // namespace tine::x86
