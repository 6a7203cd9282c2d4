// SPDX-License-Identifier: MIT
//
// A directory of the host becomes a root: kinds of files, hard links, what the index finds, and
// what is refused.
#include "root_archive.h"

#include <archive.h>
#include <archive_entry.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <map>

namespace tine::launcher {
namespace {

namespace fs = std::filesystem;

struct Member {
  mode_t mode;
  uid_t uid;
  la_int64_t inode;
  unsigned links;
  std::string content;  // or the target of a symbolic link
};

class RootArchiveTest : public testing::Test {
 protected:
  RootArchiveTest() {
    char name[] = "/tmp/tine-root-test-XXXXXX";
    directory_ = ::mkdtemp(name);
  }
  ~RootArchiveTest() override { fs::remove_all(directory_); }

  void write_file(const std::string& path, const std::string& content) {
    fs::create_directories((directory_ / path).parent_path());
    std::ofstream(directory_ / path) << content;
  }

  // In the order of the archive; links keep their own entries.
  std::map<std::string, Member> members_of(RootArchive& root) {
    root.finish();
    ::lseek(root.fd(), 0, SEEK_SET);
    archive* reader = archive_read_new();
    archive_read_support_format_cpio(reader);
    EXPECT_EQ(archive_read_open_fd(reader, root.fd(), 65536), ARCHIVE_OK);
    std::map<std::string, Member> members;
    archive_entry* entry = nullptr;
    while (archive_read_next_header(reader, &entry) == ARCHIVE_OK) {
      std::string content(static_cast<size_t>(archive_entry_size(entry)), '\0');
      if (archive_entry_filetype(entry) == AE_IFLNK) {
        content = archive_entry_symlink(entry);
      } else if (!content.empty()) {
        archive_read_data(reader, content.data(), content.size());
      }
      members[archive_entry_pathname(entry)] = {
          archive_entry_mode(entry), static_cast<uid_t>(archive_entry_uid(entry)),
          archive_entry_ino64(entry), archive_entry_nlink(entry), content};
    }
    archive_read_free(reader);
    return members;
  }

  fs::path directory_;
};

TEST_F(RootArchiveTest, KeepsKindsModesAndContents) {
  const std::string large(300'000, 'L');
  write_file("usr/bin/tool", large);
  fs::permissions(directory_ / "usr/bin/tool", fs::perms(04751));
  fs::create_symlink("usr/bin", directory_ / "bin");
  write_file("empty", "");
  RootArchive root;
  root.add_host_root(directory_);
  const auto members = members_of(root);
  EXPECT_EQ(members.at("usr/bin/tool").mode, S_IFREG | 04751U);
  EXPECT_EQ(members.at("usr/bin/tool").content, large);
  EXPECT_EQ(members.at("usr/bin/tool").uid, 0U);  // root's, or the own user's shown as root
  EXPECT_TRUE(S_ISDIR(members.at("usr").mode));
  EXPECT_TRUE(S_ISLNK(members.at("bin").mode));
  EXPECT_EQ(members.at("bin").content, "usr/bin");
  EXPECT_EQ(members.at("empty").content, "");
}

TEST_F(RootArchiveTest, HardLinksShareAnInodeAndTheFirstHasTheData) {
  const std::string content(10'000, 'h');
  write_file("a", content);
  fs::create_hard_link(directory_ / "a", directory_ / "b");
  write_file("c", content);
  RootArchive root;
  root.add_host_root(directory_);
  const auto members = members_of(root);
  EXPECT_EQ(members.at("a").inode, members.at("b").inode);
  EXPECT_NE(members.at("a").inode, members.at("c").inode);
  EXPECT_GE(members.at("a").links, 2U);
  EXPECT_EQ(members.at("a").content.size() + members.at("b").content.size(), content.size());
  EXPECT_EQ(root.find("b")->size, content.size());
}

TEST_F(RootArchiveTest, SparseFilesKeepTheirHoles) {
  write_file("sparse", "begin");
  fs::resize_file(directory_ / "sparse", 1 << 20);
  std::fstream(directory_ / "sparse", std::ios::in | std::ios::out).seekp(500'000) << "middle";
  RootArchive root;
  root.add_host_root(directory_);
  const std::string content = members_of(root).at("sparse").content;
  ASSERT_EQ(content.size(), 1U << 20);
  EXPECT_EQ(content.substr(0, 6), std::string("begin\0", 6));
  EXPECT_EQ(content.substr(500'000, 6), "middle");
}

TEST_F(RootArchiveTest, FindFollowsSymbolicLinksInsideTheRoot) {
  write_file("usr/bin/tool", "x");
  fs::create_symlink("usr/bin", directory_ / "bin");
  fs::create_symlink("/bin/tool", directory_ / "absolute");
  fs::create_symlink("../../../usr/bin/tool", directory_ / "usr/bin/outside");
  fs::create_symlink("loop", directory_ / "loop");
  RootArchive root;
  root.add_host_root(directory_);
  EXPECT_NE(root.find("/bin/tool"), nullptr);
  EXPECT_NE(root.find("absolute"), nullptr);
  EXPECT_NE(root.find("usr/bin/outside"), nullptr);  // ".." of / is /
  EXPECT_NE(root.find("/usr/../bin/./tool"), nullptr);
  EXPECT_EQ(root.find("loop"), nullptr);
  EXPECT_EQ(root.find("bin/tool/x"), nullptr);
  EXPECT_EQ(root.find("nothing"), nullptr);
  EXPECT_TRUE(S_ISDIR(root.find("/")->mode));
}

TEST_F(RootArchiveTest, TarArchivesWork) {
  write_file("tree/bin/tool", "content");
  fs::create_hard_link(directory_ / "tree/bin/tool", directory_ / "tree/bin/twin");
  const std::string tar = directory_ / "root.tar.gz";
  ASSERT_EQ(
      std::system(("tar -czf " + tar + " -C " + (directory_ / "tree").string() + " .").c_str()), 0);
  RootArchive root;
  root.add_host_root(tar);
  ASSERT_NE(root.find("/bin/twin"), nullptr);
  const auto members = members_of(root);
  EXPECT_EQ(members.at("bin/tool").inode, members.at("bin/twin").inode);
}

TEST_F(RootArchiveTest, HostileArchivesAreRefused) {
  write_file("noise", "this is no archive at all");
  RootArchive root;
  EXPECT_THROW(root.add_host_root(directory_ / "noise"), Failure);
  write_file("tree/file", "x");
  const std::string tar = directory_ / "bad.tar";
  ASSERT_EQ(std::system(("tar -cPf " + tar + " --transform='s,.*,../../evil,' -C " +
                         (directory_ / "tree").string() + " file")
                            .c_str()),
            0);
  EXPECT_THROW(root.add_host_root(tar), Failure);
  EXPECT_THROW(root.add_host_root(directory_ / "nothing"), Failure);
}

TEST(NormaliseTest, Paths) {
  EXPECT_EQ(normalise("/"), ".");
  EXPECT_EQ(normalise("./a//b/."), "a/b");
  EXPECT_EQ(normalise("a/../b"), "b");
  EXPECT_EQ(normalise("../a"), std::nullopt);
  EXPECT_EQ(normalise("a/../../b"), std::nullopt);
}

}  // namespace
}  // namespace tine::launcher
