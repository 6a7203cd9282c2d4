// SPDX-License-Identifier: MIT
//
// A program that has run is changed and runs again: each exec runs what the file holds by then,
// whether it was changed by write, by a shared mapping, by truncate or through another name.
#include <elf.h>

#include "check.h"

enum { kCodes = 6, kBase = 0x400000, kCode = sizeof(Elf64_Ehdr) + sizeof(Elf64_Phdr) };
struct program {
  Elf64_Ehdr header;
  Elf64_Phdr segment;
  unsigned char code[kCodes][16];
};

// A program that ends with the status by which its entry is chosen.
static struct program make_program(int status) {
  struct program program = {
      .header = {.e_ident = {0x7f, 'E', 'L', 'F', ELFCLASS64, ELFDATA2LSB, EV_CURRENT},
                 .e_type = ET_EXEC,
                 .e_machine = EM_X86_64,
                 .e_version = EV_CURRENT,
                 .e_entry = kBase + kCode + (Elf64_Addr)status * 16,
                 .e_phoff = sizeof(Elf64_Ehdr),
                 .e_ehsize = sizeof(Elf64_Ehdr),
                 .e_phentsize = sizeof(Elf64_Phdr),
                 .e_phnum = 1},
      .segment = {.p_type = PT_LOAD,
                  .p_flags = PF_R | PF_X,
                  .p_vaddr = kBase,
                  .p_filesz = sizeof program,
                  .p_memsz = sizeof program,
                  .p_align = 4096}};
  for (int i = 0; i < kCodes; ++i) {
    const unsigned char exit_group[] = {0xbf, (unsigned char)i, 0, 0, 0, 0xb8, 0xe7, 0, 0, 0, 0x0f,
                                        0x05};
    memcpy(program.code[i], exit_group, sizeof exit_group);
  }
  return program;
}

static void runs(const char* label, int status) {
  for (int again = 0; again < 2; ++again) {
    pid_t child = must(fork());
    if (child == 0) {
      char* arguments[] = {"program", NULL};
      execv("./program", arguments);
      _exit(errno == ENOEXEC ? 90 : 91);
    }
    exits(label, child, status);
  }
}

int main(void) {
  struct program program = make_program(1);
  spill("program", &program, sizeof program, 0755);
  runs("as it was made", 1);

  program = make_program(2);
  int file = must(open("program", O_RDWR));
  must(pwrite(file, &program.header, sizeof program.header, 0));
  must(close(file));
  runs("written to", 2);

  file = must(open("program", O_RDWR));
  struct program* mapped = mmap(NULL, sizeof program, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
  ok("mapped", mapped != MAP_FAILED);
  must(close(file));
  mapped->header.e_entry = make_program(3).header.e_entry;
  must(munmap(mapped, sizeof program));
  runs("changed in a mapping", 3);

  must(truncate("program", sizeof(Elf64_Ehdr)));
  runs("cut behind its header", 90);
  must(truncate("program", 0));
  runs("empty", 90);

  program = make_program(4);
  spill("other", &program, sizeof program, 0755);
  must(rename("other", "program"));
  runs("replaced", 4);

  must(link("program", "second"));
  program = make_program(5);
  file = must(open("second", O_WRONLY));
  must(pwrite(file, &program, sizeof program, 0));
  must(close(file));
  runs("written to under another name", 5);
  return finish();
}
