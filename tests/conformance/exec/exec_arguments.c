// SPDX-License-Identifier: MIT
// CONTRACT: G12 issue-2
//
// argv and envp arrive as given; the auxiliary vector holds what the ABI promises; the name of the
// process and /proc/self/exe and cmdline are the new program's.
#include <elf.h>
#include <sys/auxv.h>
#include <sys/prctl.h>

#include "check.h"

extern char** environ;

static int second(int argc, char** argv) {
  equal("argc", argc, 4);
  ok("argv",
     strcmp(argv[1], "two words") == 0 && strcmp(argv[2], "") == 0 && strlen(argv[3]) == 30000);
  ok("argv ends with NULL", argv[4] == NULL);
  ok("environment",
     strcmp(environ[0], "A=1") == 0 && strcmp(environ[1], "odd") == 0 && environ[2] == NULL);
  equal("AT_PAGESZ", (long)getauxval(AT_PAGESZ), 4096);
  equal("AT_CLKTCK", (long)getauxval(AT_CLKTCK), 100);
  ok("AT_PHDR inside the image", getauxval(AT_PHDR) != 0);
  equal("AT_PHENT", (long)getauxval(AT_PHENT), sizeof(Elf64_Phdr));
  ok("AT_PHNUM", getauxval(AT_PHNUM) > 0);
  ok("AT_ENTRY", getauxval(AT_ENTRY) != 0);
  ok("ids", getauxval(AT_UID) == getuid() && getauxval(AT_EUID) == geteuid() &&
                getauxval(AT_GID) == getgid() && getauxval(AT_EGID) == getegid());
  equal("AT_SECURE", (long)getauxval(AT_SECURE), 0);
  uint8_t zero[16] = {0};
  ok("AT_RANDOM", getauxval(AT_RANDOM) != 0 && memcmp((void*)getauxval(AT_RANDOM), zero, 16) != 0);
  ok("AT_EXECFN", strstr((char*)getauxval(AT_EXECFN), "exec_arguments") != NULL);
  ok("AT_SYSINFO_EHDR is an ELF", memcmp((void*)getauxval(AT_SYSINFO_EHDR), ELFMAG, 4) == 0);
  ok("AT_PLATFORM", strcmp((char*)getauxval(AT_PLATFORM), "x86_64") == 0);
  char name[16], text[256];
  must(prctl(PR_GET_NAME, name));
  ok("name is 15 bytes of the file's", strcmp(name, "exec_arguments") == 0);
  ok("/proc/self/exe",
     readlink("/proc/self/exe", text, sizeof text) > 0 && strstr(text, "exec_arguments"));
  long size = slurp("/proc/self/cmdline", text, sizeof text);
  ok("cmdline is argv", size == 255 && strcmp(text, "zeroth") == 0 &&
                            strcmp(text + 7, "two words") == 0 && text[17] == '\0' &&
                            text[18] == 'x');
  uintptr_t pointer = (uintptr_t)argv;
  equal("stack alignment", (long)((pointer - 8) % 16), 0);
  return finish();
}

int main(int argc, char** argv) {
  if (argc > 1) return second(argc, argv);
  char* large = malloc(30001);
  memset(large, 'x', 30000);
  large[30000] = '\0';
  char* arguments[] = {"zeroth", "two words", "", large, NULL};
  char* environment[] = {"A=1", "odd", NULL};
  execve(argv[0], arguments, environment);
  return 1;
}
