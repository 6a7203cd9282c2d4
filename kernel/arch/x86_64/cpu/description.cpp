// SPDX-License-Identifier: MIT
//
// A processor's paragraph of /proc/cpuinfo, from CPUID. All CPUs of a microVM are alike.
#include "arch/cpu.h"
#include "arch/x86_64/cpu/instructions.h"
#include "core/format.h"

namespace tine::arch {

namespace {

struct FlagName {
  uint8_t bit;
  std::string_view name;
};
constexpr FlagName kLeaf1Edx[] = {
    {0, "fpu"},   {4, "tsc"},      {5, "msr"},  {6, "pae"},   {8, "cx8"},  {9, "apic"},
    {15, "cmov"}, {19, "clflush"}, {23, "mmx"}, {24, "fxsr"}, {25, "sse"}, {26, "sse2"},
};
constexpr FlagName kLeaf1Ecx[] = {
    {0, "pni"},     {1, "pclmulqdq"}, {9, "ssse3"},   {12, "fma"},    {13, "cx16"},
    {19, "sse4_1"}, {20, "sse4_2"},   {21, "x2apic"}, {22, "movbe"},  {23, "popcnt"},
    {25, "aes"},    {26, "xsave"},    {28, "avx"},    {30, "rdrand"}, {31, "hypervisor"},
};
constexpr FlagName kLeaf7Ebx[] = {
    {0, "fsgsbase"}, {3, "bmi1"}, {5, "avx2"},    {7, "smep"},
    {8, "bmi2"},     {9, "erms"}, {18, "rdseed"}, {20, "smap"},
};

class Writer {
 public:
  explicit Writer(std::span<char> out) : out_(out) {}
  template <class... Arguments>
  void print(std::string_view format, const Arguments&... arguments) {
    length_ += format_to(out_.subspan(length_), format, arguments...);
  }
  void flags(uint32_t bits, std::span<const FlagName> names) {
    for (const FlagName& flag : names) {
      if (bits >> flag.bit & 1) print(" {}", flag.name);
    }
  }
  size_t length() const { return length_; }

 private:
  std::span<char> out_;
  size_t length_ = 0;
};

std::string_view text_of(const uint32_t* words, size_t bytes) {
  std::string_view text(reinterpret_cast<const char*>(words), bytes);
  return text.substr(0, text.find('\0'));
}

}  // namespace

size_t write_cpu_description(CpuId cpu, std::span<char> out) {
  const auto vendor = x86::cpuid(0);
  const uint32_t vendor_text[] = {vendor.ebx, vendor.edx, vendor.ecx};
  const auto version = x86::cpuid(1);
  uint32_t family = version.eax >> 8 & 0xf;
  uint32_t model = (version.eax >> 4 & 0xf) | (version.eax >> 12 & 0xf0);
  if (family == 0xf) family += version.eax >> 20 & 0xff;
  uint32_t brand[12] = {};
  for (uint32_t leaf = 0; leaf < 3 && x86::cpuid(0x8000'0000).eax >= 0x8000'0004; ++leaf) {
    const auto part = x86::cpuid(0x8000'0002 + leaf);
    const uint32_t words[] = {part.eax, part.ebx, part.ecx, part.edx};
    std::copy(words, words + 4, brand + leaf * 4);
  }
  Writer writer(out);
  writer.print("processor\t: {}\nvendor_id\t: {}\ncpu family\t: {}\nmodel\t\t: {}\n", cpu,
               text_of(vendor_text, sizeof vendor_text), family, model);
  writer.print("model name\t: {}\nstepping\t: {}\nflags\t\t:", text_of(brand, sizeof brand),
               version.eax & 0xf);
  writer.flags(version.edx, kLeaf1Edx);
  writer.flags(version.ecx, kLeaf1Ecx);
  if (vendor.eax >= 7) writer.flags(x86::cpuid(7).ebx, kLeaf7Ebx);
  writer.print(" syscall nx lm\nclflush size\t: {}\n", (version.ebx >> 8 & 0xff) * 8);
  return writer.length();
}

}  // namespace tine::arch
