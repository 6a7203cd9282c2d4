// SPDX-License-Identifier: MIT
// CONTRACT: B18 issue-2
//
// /proc/self/maps: sorted, no overlap, right permissions and offsets; [stack], [heap], [vdso].
#include "check.h"

static char text[65536];

int main(void) {
  spill("file", "x", 1, 0644);
  int file = must(open("file", O_RDWR));
  must(ftruncate(file, 16384));
  char* mapped = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_SHARED, file, 4096);
  char* none = mmap(NULL, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  void* top = (void*)syscall(SYS_brk, 0);
  must(syscall(SYS_brk, (char*)top + 8192));
  must(slurp("/proc/self/maps", text, sizeof text));
  unsigned long last = 0, stack = 0;
  int disorder = 0, seen_file = 0, seen_none = 0, seen_code = 0, seen_heap = 0, seen_vdso = 0;
  struct stat status;
  must(fstat(file, &status));
  char here;
  for (char* line = strtok(text, "\n"); line != NULL; line = strtok(NULL, "\n")) {
    unsigned long from, to, offset, inode;
    unsigned major_number, minor_number;
    char permissions[5], name[256] = "";
    int fields = sscanf(line, "%lx-%lx %4s %lx %x:%x %lu %255[^\n]", &from, &to, permissions,
                        &offset, &major_number, &minor_number, &inode, name);
    disorder += fields < 7 || from >= to || from < last || ((from | to) & 4095) != 0;
    last = to;
    if (from == (unsigned long)mapped) {
      seen_file = to == from + 8192 && strcmp(permissions, "rw-s") == 0 && offset == 4096 &&
                  inode == status.st_ino && strstr(name, "/tmp/proc_maps/file") != NULL;
    }
    if (from == (unsigned long)none) seen_none = strcmp(permissions, "---p") == 0;
    if (from <= (unsigned long)main && (unsigned long)main < to) {
      seen_code = strcmp(permissions, "r-xp") == 0 && strstr(name, "proc_maps") != NULL;
    }
    if (strstr(name, "[stack]")) stack = from <= (unsigned long)&here && (unsigned long)&here < to;
    seen_heap += strstr(name, "[heap]") != NULL;
    seen_vdso += strstr(name, "[vdso]") != NULL && strcmp(permissions, "r-xp") == 0;
  }
  equal("sorted and well-formed", disorder, 0);
  ok("file", seen_file);
  ok("PROT_NONE", seen_none);
  ok("code", seen_code);
  ok("stack", stack);
  equal("heap", seen_heap, 1);
  equal("vdso", seen_vdso, 1);
  pid_t child = must(fork());
  if (child == 0) {
    for (;;) pause();
  }
  char path[64];
  snprintf(path, sizeof path, "/proc/%d/maps", child);
  ok("another's maps", slurp(path, text, sizeof text) > 100);
  must(kill(child, SIGKILL));
  killed_by("child", child, SIGKILL);
  return finish();
}
