// SPDX-License-Identifier: MIT
//
// Boot archives, good and hostile: what is unpacked, what is refused, and that no mutation of an
// archive makes the decoder read beyond it (ASan watches) or the core panic.
#include "fs/initrd/unpack.h"

#include <gtest/gtest.h>

#include <cstring>
#include <memory>
#include <random>
#include <string>

#include "arch/hosted/harness.h"
#include "arch/page_table.h"
#include "fs/fs.h"
#include "fs/initrd/cpio.h"
#include "fs/open.h"
#include "mm/memory_object.h"

namespace tine::fs {
namespace {

struct Fields {
  uint32_t mode = 0100644, inode = 0, links = 1, major = 0, minor = 0;
};

// `align` > 4 pads the name so that the data begin at a multiple of it.
std::string entry(const std::string& name, const std::string& data, Fields f = {}, size_t at = 0,
                  size_t align = 4) {
  size_t name_size = name.size() + 1;
  while ((at + 110 + name_size + 3) / 4 * 4 % align != 0) ++name_size;
  char header[111];
  snprintf(header, sizeof header, "070701%08x%08x%08x%08x%08x%08x%08zx%08x%08x%08x%08x%08zx%08x",
           f.inode, f.mode, 0, 0, f.links, 1000, data.size(), 0, 1, f.major, f.minor, name_size, 0);
  std::string out = header;
  out += name;
  out.resize(110 + name_size);
  out.resize((out.size() + 3) / 4 * 4);
  out += data;
  out.resize((out.size() + 3) / 4 * 4);
  return out;
}
const std::string kTrailer = entry("TRAILER!!!", "");

std::string steps(const std::string& archive) {
  // Exactly as large as the archive, so that ASan sees a step beyond it.
  auto copy = std::make_unique<std::byte[]>(archive.size());
  memcpy(copy.get(), archive.data(), archive.size());
  CpioReader reader({copy.get(), archive.size()});
  CpioEntry found;
  std::string log;
  for (;;) {
    switch (reader.next(found)) {
      case CpioReader::Step::entry: log += std::string(found.name) + " "; break;
      case CpioReader::Step::end_of_archive: log += "| "; break;
      case CpioReader::Step::end: return log + "end";
      case CpioReader::Step::compressed: return log + "compressed";
      case CpioReader::Step::bad: return log + "bad";
    }
  }
}

TEST(Cpio, StepsThroughArchives) {
  std::string two = entry("a", "1") + entry("b", "22");
  EXPECT_EQ(steps(""), "end");
  EXPECT_EQ(steps(two + kTrailer), "a b | end");
  EXPECT_EQ(steps(two + kTrailer + std::string(512, '\0') + two + kTrailer), "a b | a b | end");
  EXPECT_EQ(steps(two), "a b end");
  EXPECT_EQ(steps(kTrailer + "\x1f\x8b rest"), "| compressed");
  EXPECT_EQ(steps("070701"), "bad");
  EXPECT_EQ(steps(two + "garbage"), "a b bad");
  for (size_t cut = 1; cut < 110 + 4; ++cut) {
    EXPECT_EQ(steps(entry("abc", "").substr(0, cut)), "bad") << cut;
  }
  std::string huge = entry("a", "");
  memcpy(&huge[6 + 8 * 6], "ffffffff", 8);  // size
  EXPECT_EQ(steps(huge), "bad");
  memcpy(&huge[6 + 8 * 11], "ffffffff", 8);  // name size
  EXPECT_EQ(steps(huge), "bad");
  memcpy(&huge[6 + 8 * 11], "00000000", 8);
  EXPECT_EQ(steps(huge), "bad");
}

TEST(Cpio, MutationsEndWithoutHarm) {
  std::string archive = entry("dir", "", {.mode = 040755}) + entry("dir/file", "contents") +
                        entry("link", "dir/file", {.mode = 0120777}) + kTrailer;
  std::mt19937 random(3);
  for (int round = 0; round < 20000; ++round) {
    std::string mutated = archive;
    for (unsigned i = 0; i < 1 + random() % 4; ++i) {
      mutated[random() % mutated.size()] = static_cast<char>("0123456789abcdefg\0/"[random() % 19]);
    }
    mutated.resize(mutated.size() - random() % 8);
    steps(mutated);
  }
}

// Puts the archive into frames, as the boot loader does, and unpacks it into the root.
UnpackResult unpack(const std::string& archive) {
  unsigned order = 0;
  while ((kPageSize << order) < archive.size()) ++order;
  mm::FrameRef frames = *mm::alloc_frames(order, mm::FrameKind::reserved);
  auto* memory = mm::frame_data<std::byte>(*frames);
  memset(memory, 0xee, kPageSize << order);
  memcpy(memory, archive.data(), archive.size());
  // Every frame has an owner of its own, as at boot; here it never lets go.
  for (size_t i = 1; i < 1u << order; ++i) {
    mm::Frame& frame = mm::frame_of_pointer(memory + i * kPageSize);
    frame.kind = mm::FrameKind::reserved;
    mm::get_frame(frame);
  }
  (void)frames.leak();
  return unpack_archive({memory, archive.size()},
                        {Ref<Mount>(root_mount()), Ref<Dentry>(root_mount().root)});
}

std::string contents(const char* path) {
  auto file = open_kernel(path, kReadOnly);
  if (!file) return "errno " + std::to_string(static_cast<int>(file.error()));
  std::string out(20000, '\0');
  out.resize(*read_at(**file, 0, std::as_writable_bytes(std::span(out))));
  return out;
}

TEST(Unpack, MakesEveryKindOfFile) {
  arch::hosted::run_core([] {
    std::string archive =
        entry("/abs", "absolute") + entry("./deep/er/file", "deep") +
        entry("link", "deep/er/file", {.mode = 0120777}) +
        entry("null", "", {.mode = 020666, .major = 1, .minor = 3}) +
        entry("fifo", "", {.mode = 010644}) +
        entry("one", "", {.inode = 9, .links = 2}) + entry("two", "linked", {.inode = 9, .links = 2}) +
        entry("abs2", "first") + entry("abs2", "second") + kTrailer;
    UnpackResult result = unpack(archive);
    EXPECT_TRUE(result.complete);
    EXPECT_EQ(result.skipped, 0u);
    EXPECT_EQ(contents("/abs"), "absolute");
    EXPECT_EQ(contents("/link"), "deep");
    EXPECT_EQ(contents("/one"), "linked");
    EXPECT_EQ(contents("/two"), "linked");
    EXPECT_EQ(contents("/abs2"), "second");
    EXPECT_EQ(contents("/null"), "");
    EXPECT_EQ((*open_kernel("/one", kReadOnly))->inode()->link_count(), 2u);
  });
}

TEST(Unpack, RefusesWhatLeadsAstrayAndGoesOn) {
  arch::hosted::run_core([] {
    UnpackResult result = unpack(entry("../up", "x") + entry("a/../b", "x") + entry("f", "file") +
                                 entry("f/below", "x") + entry("odd", "x", {.mode = 0170644}) +
                                 entry(std::string(300, 'n'), "x") + entry("g", "good") + "junk");
    EXPECT_FALSE(result.complete);
    EXPECT_EQ(result.skipped, 5u);
    EXPECT_EQ(contents("/g"), "good");
    EXPECT_EQ(contents("/up"), "errno 2");
  });
}

// Whole aligned pages are used where they lie, the rest is copied; both read and write alike.
TEST(Unpack, ContentsMayBeWrittenInPlace) {
  arch::hosted::run_core([] {
    std::string data;
    for (int i = 0; i < 10000; ++i) data += static_cast<char>('a' + i % 23);
    std::string archive = entry("aligned", data, {}, 0, kPageSize);
    archive += entry("unaligned", data, {}, archive.size());
    archive += kTrailer;
    EXPECT_TRUE(unpack(archive).complete);
    for (const char* path : {"/aligned", "/unaligned"}) {
      EXPECT_TRUE(contents(path) == data) << path;
      std::string expected = data;
      {
        Ref<File> file = *open_kernel(path, kReadWrite);
        char mark[] = "MARK";
        IoBuffer buffer = IoBuffer::kernel(mark, 4);
        uint64_t position = 4094;
        EXPECT_EQ(*file->write(buffer, position), 4u);
        expected.replace(4094, 4, "MARK");
        EXPECT_TRUE(contents(path) == expected) << path;
        Ref<mm::MemoryObject> object = *file->memory_object();
        mm::FrameRef page = *object->get_page(2, false);  // what lies behind the end reads as zero
        auto* bytes = mm::frame_data<char>(*page);
        EXPECT_TRUE(std::string(bytes, 10000 - 8192) == data.substr(8192)) << path;
        EXPECT_EQ(bytes[10000 - 8192], 0);
      }
    }
  });
}

}  // namespace
}  // namespace tine::fs
