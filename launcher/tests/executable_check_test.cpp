// SPDX-License-Identifier: MIT
//
// Good, foreign, truncated and hostile files, made in memory.
#include "executable_check.h"

#include <elf.h>
#include <gtest/gtest.h>
#include <sys/mman.h>

#include <cstring>

#include "unique_fd.h"

namespace tine::launcher {
namespace {

struct Image {
  Elf64_Ehdr header{};
  Elf64_Phdr segments[2]{};
  char interpreter[32] = "/lib64/ld.so";
};

Image good_image() {
  Image image;
  std::memcpy(image.header.e_ident, ELFMAG, SELFMAG);
  image.header.e_ident[EI_CLASS] = ELFCLASS64;
  image.header.e_ident[EI_DATA] = ELFDATA2LSB;
  image.header.e_type = ET_EXEC;
  image.header.e_machine = EM_X86_64;
  image.header.e_phoff = offsetof(Image, segments);
  image.header.e_phentsize = sizeof(Elf64_Phdr);
  image.header.e_phnum = 1;
  image.segments[0].p_type = PT_LOAD;
  image.segments[0].p_filesz = image.segments[0].p_memsz = sizeof(Image);
  return image;
}

ExecutableCheck check(const std::string& bytes, size_t before = 0) {
  const UniqueFd fd(::memfd_create("test", MFD_CLOEXEC));
  write_all(fd.get(), std::string(before, 'x').data(), before, "test");
  write_all(fd.get(), bytes.data(), bytes.size(), "test");
  return check_executable(fd.get(), static_cast<off_t>(before), bytes.size());
}

ExecutableCheck check(const Image& image, size_t size = sizeof(Image)) {
  return check(std::string(reinterpret_cast<const char*>(&image), size));
}

TEST(ExecutableCheckTest, AcceptsAStaticProgramAtAnyOffset) {
  const Image image = good_image();
  EXPECT_TRUE(check(image).executable);
  const std::string bytes(reinterpret_cast<const char*>(&image), sizeof image);
  EXPECT_TRUE(check(bytes, 12345).executable);
}

TEST(ExecutableCheckTest, ReportsTheInterpreter) {
  Image image = good_image();
  image.header.e_phnum = 2;
  image.segments[1].p_type = PT_INTERP;
  image.segments[1].p_offset = offsetof(Image, interpreter);
  image.segments[1].p_filesz = sizeof image.interpreter;
  EXPECT_EQ(check(image).interpreter, "/lib64/ld.so");
}

TEST(ExecutableCheckTest, NamesTheOtherMachine) {
  Image image = good_image();
  image.header.e_machine = EM_AARCH64;
  const ExecutableCheck result = check(image);
  EXPECT_FALSE(result.executable);
  EXPECT_NE(result.problem.find("aarch64"), std::string::npos);
  image.header.e_ident[EI_CLASS] = ELFCLASS32;
  image.header.e_machine = EM_386;
  EXPECT_NE(check(image).problem.find("i386"), std::string::npos);
}

TEST(ExecutableCheckTest, EveryTruncationIsRefused) {
  const Image image = good_image();
  for (size_t size = 0; size < sizeof image; ++size) {
    EXPECT_FALSE(check(image, size).executable) << size;
  }
}

TEST(ExecutableCheckTest, HostileOffsetsAreRefused) {
  for (const uint64_t hostile : {uint64_t{1} << 32, ~uint64_t{0}, ~uint64_t{0} - 100}) {
    Image image = good_image();
    image.header.e_phoff = hostile;
    EXPECT_FALSE(check(image).executable);
    image = good_image();
    image.segments[0].p_offset = hostile;
    EXPECT_FALSE(check(image).executable);
    image = good_image();
    image.segments[0].p_filesz = hostile;
    image.segments[0].p_memsz = hostile;
    EXPECT_FALSE(check(image).executable);
    image = good_image();
    image.segments[0].p_type = PT_INTERP;
    image.segments[0].p_filesz = hostile;
    EXPECT_FALSE(check(image).executable);
  }
}

TEST(ExecutableCheckTest, ObjectsAndLibrariesWithoutSegmentsAreRefused) {
  Image image = good_image();
  image.header.e_type = ET_REL;
  EXPECT_FALSE(check(image).executable);
  image = good_image();
  image.segments[0].p_type = PT_NOTE;
  EXPECT_FALSE(check(image).executable);
}

TEST(ExecutableCheckTest, Scripts) {
  EXPECT_EQ(check(std::string("#!/bin/sh\necho")).interpreter, "/bin/sh");
  EXPECT_EQ(check(std::string("#! /usr/bin/env sh\n")).interpreter, "/usr/bin/env");
  EXPECT_TRUE(check(std::string("#!/bin/sh")).executable);
  EXPECT_FALSE(check(std::string("#!\n")).executable);
  EXPECT_FALSE(check("#!" + std::string(1000, 'a')).executable);
}

TEST(ExecutableCheckTest, OtherFiles) {
  EXPECT_FALSE(check(std::string()).executable);
  EXPECT_FALSE(check(std::string("echo hello\n")).executable);
}

}  // namespace
}  // namespace tine::launcher
