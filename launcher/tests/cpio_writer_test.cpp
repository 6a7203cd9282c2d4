// SPDX-License-Identifier: MIT
//
// The archive as its readers see it: libarchive reads back what the writer wrote, and the data of
// every file of a page or more is page-aligned, whatever lengths names and contents have.
#include "cpio_writer.h"

#include <archive.h>
#include <archive_entry.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include <map>

#include "unique_fd.h"

namespace tine::launcher {
namespace {

struct Member {
  mode_t mode;
  std::string content;
};

class CpioWriterTest : public testing::Test {
 protected:
  CpioEntry file(const std::string& path, mode_t mode = S_IFREG | 0644) {
    CpioEntry entry;
    entry.path = path;
    entry.mode = mode;
    return entry;
  }

  std::map<std::string, Member> read_back() {
    const uint64_t size = writer_.finish();
    bytes_.resize(size);
    EXPECT_EQ(read_at(fd_.get(), bytes_.data(), size, 0, "test"), size);
    archive* reader = archive_read_new();
    archive_read_support_format_cpio(reader);
    EXPECT_EQ(archive_read_open_memory(reader, bytes_.data(), size), ARCHIVE_OK);
    std::map<std::string, Member> members;
    archive_entry* entry = nullptr;
    while (archive_read_next_header(reader, &entry) == ARCHIVE_OK) {
      std::string content(static_cast<size_t>(archive_entry_size(entry)), '\0');
      if (!content.empty() && archive_entry_filetype(entry) == AE_IFREG) {
        EXPECT_EQ(archive_read_data(reader, content.data(), content.size()),
                  static_cast<la_ssize_t>(content.size()));
      }
      members[archive_entry_pathname(entry)] = {archive_entry_mode(entry), content};
    }
    EXPECT_EQ(archive_errno(reader), 0) << archive_error_string(reader);
    archive_read_free(reader);
    return members;
  }

  UniqueFd fd_{::memfd_create("test", MFD_CLOEXEC)};
  CpioWriter writer_{fd_.get()};
  std::string bytes_;
};

TEST_F(CpioWriterTest, EmptyArchiveHasOnlyATrailer) { EXPECT_TRUE(read_back().empty()); }

TEST_F(CpioWriterTest, SmallFilesAreKeptTight) {
  const uint64_t offset = writer_.add(file("etc/passwd"), "root");
  EXPECT_LT(offset, kPageSize);
  EXPECT_EQ(read_back().at("etc/passwd").content, "root");
}

TEST_F(CpioWriterTest, DataOfAPageAndMoreIsAlignedForEveryStartInAPage) {
  // The small files before walk the start of the header through the whole page.
  std::map<std::string, std::string> expected;
  for (int i = 0; i < 1200; ++i) {
    const std::string number = std::to_string(i);
    const std::string small = "small" + number;
    writer_.add(file(small), std::string(static_cast<size_t>(i % 7) * 4, 'x'));
    const std::string name = "big" + number + std::string(static_cast<size_t>(i * 3), 'n');
    const std::string content = number + std::string(kPageSize + static_cast<size_t>(i), 'b');
    const uint64_t offset = writer_.add(file(name), content);
    EXPECT_EQ(offset % kPageSize, 0U) << name.size();
    expected[name] = content;
  }
  const auto members = read_back();
  for (const auto& [name, content] : expected) {
    ASSERT_TRUE(members.contains(name));
    ASSERT_EQ(members.at(name).content, content);
  }
}

TEST_F(CpioWriterTest, EveryNameFieldStaysWithinWhatLinuxAccepts) {
  for (int i = 0; i < 600; ++i) {
    writer_.add(file("f" + std::to_string(i)), std::string(kPageSize, 'a'));
    writer_.add(file("l" + std::to_string(i), S_IFLNK | 0777),
                std::string(1 + static_cast<size_t>(i), 't'));
  }
  read_back();
  for (size_t at = 0; at + 110 <= bytes_.size();) {
    ASSERT_EQ(bytes_.substr(at, 6), "070701") << at;
    const auto field = [&](size_t index) {
      return std::stoull(bytes_.substr(at + 6 + index * 8, 8), nullptr, 16);
    };
    const uint64_t size = field(6);
    const uint64_t name_size = field(11);
    ASSERT_LE(name_size, 4096U);
    ASSERT_EQ(bytes_[at + 110 + name_size - 1], '\0');
    if (bytes_.compare(at + 110, 10, "TRAILER!!!") == 0) return;
    at = (at + 110 + name_size + 3) / 4 * 4;
    at = (at + size + 3) / 4 * 4;
  }
  FAIL() << "no trailer";
}

TEST_F(CpioWriterTest, ANameThatLeavesNoRoomIsStillWritten) {
  const std::string name(4095, 'n');
  const std::string content(kPageSize, 'c');
  writer_.add(file(name), content);
  EXPECT_EQ(read_back().at(name).content, content);
}

TEST_F(CpioWriterTest, TooLongNamesAndTooLargeFilesAreRefused) {
  EXPECT_THROW(writer_.add(file(std::string(4096, 'n')), ""), Failure);
  CpioEntry huge = file("huge");
  huge.size = 1ULL << 32;
  EXPECT_THROW(writer_.begin(huge), Failure);
}

TEST_F(CpioWriterTest, AFileThatShrankIsFilledWithZeros) {
  CpioEntry entry = file("shrank");
  entry.size = 10;
  writer_.begin(entry);
  writer_.data("abc");
  writer_.end();
  EXPECT_EQ(read_back().at("shrank").content, std::string("abc\0\0\0\0\0\0\0", 10));
}

TEST_F(CpioWriterTest, AFileThatGrewIsAnError) {
  CpioEntry entry = file("grew");
  entry.size = 2;
  writer_.begin(entry);
  EXPECT_THROW(writer_.data("abc"), Failure);
}

}  // namespace
}  // namespace tine::launcher
