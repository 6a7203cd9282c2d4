// SPDX-License-Identifier: MIT
// CONTRACT: D7
//
// /proc/PID/oom_score_adj, oom_adj and oom_score without CAP_SYS_RESOURCE: the scales, the errors,
// that nothing is lowered below what an administrator has set, that children inherit it, and that
// all who share memory are marked together. What needs the capability is in tests/machine/oom.c.
#include "check.h"

static long put(const char* name, const char* text) {
  char path[64];
  snprintf(path, sizeof path, "/proc/self/%s", name);
  int file = open(path, O_WRONLY);
  if (file < 0) return -1;
  long result = write(file, text, strlen(text));
  int saved = errno;
  close(file);
  errno = saved;
  return result < 0 ? -1 : 0;
}
static long get_of(pid_t pid, const char* name) {
  char path[64], text[32];
  snprintf(path, sizeof path, "/proc/%d/%s", pid, name);
  must(slurp(path, text, sizeof text));
  return strtol(text, NULL, 10);
}
static long get(const char* name) { return get_of(getpid(), name); }

static void give_up_privilege(void) {
  struct { uint32_t version; int pid; } head = {0x20080522, 0};
  struct { uint32_t effective, permitted, inheritable; } data[2];
  must(syscall(SYS_capget, &head, data));
  const uint32_t bit = 1u << 24;  // CAP_SYS_RESOURCE
  data[0].effective &= ~bit, data[0].permitted &= ~bit, data[0].inheritable &= ~bit;
  must(syscall(SYS_capset, &head, data));
}

static void scales(void) {
  equal("from the start", get("oom_score_adj"), 0);
  fails("too low", put("oom_score_adj", "-1001"), EINVAL);
  fails("too high", put("oom_score_adj", "1001"), EINVAL);
  fails("no number", put("oom_score_adj", "x"), EINVAL);
  fails("nothing", put("oom_score_adj", "\n"), EINVAL);
  fails("more behind it", put("oom_score_adj", "5 6"), EINVAL);
  equal("with blanks", put("oom_score_adj", " 500\n"), 0);
  equal("read", get("oom_score_adj"), 500);
  equal("the old scale", get("oom_adj"), 8);
  equal("its most", put("oom_adj", "15"), 0);
  equal("is all", get("oom_score_adj"), 1000);
  equal("and back", get("oom_adj"), 15);
  fails("does not lower", put("oom_adj", "14"), EACCES);
  equal("the new one does", put("oom_score_adj", "100"), 0);
  equal("one", put("oom_adj", "2"), 0);
  equal("is 117", get("oom_score_adj"), 117);
  fails("beyond", put("oom_adj", "16"), EINVAL);
  fails("below", put("oom_adj", "-18"), EINVAL);
  equal("as low as it was", put("oom_score_adj", "0"), 0);
  fails("no lower", put("oom_score_adj", "-1"), EACCES);
  fails("nor on the old scale", put("oom_adj", "-17"), EACCES);
}

static void score(void) {
  ok("a small process", get("oom_score") >= 666 && get("oom_score") < 690);
  must(put("oom_score_adj", "1000"));
  ok("first to go", get("oom_score") >= 1320 && get("oom_score") < 1350);
  must(put("oom_score_adj", "500"));
  ok("half", get("oom_score") >= 990 && get("oom_score") < 1020);
}

static void inheritance(void) {
  must(put("oom_score_adj", "300"));
  pid_t child = must(fork());
  if (child == 0) {
    equal("inherited", get("oom_score_adj"), 300);
    must(put("oom_score_adj", "700"));
    _exit(check_failures);
  }
  exits("child", child, 0);
  equal("its own", get("oom_score_adj"), 300);
}

static int mark(void* result) {
  *(int*)result = (int)put("oom_score_adj", "250");
  return 0;
}
static void shared_memory_is_marked_together(void) {
  static char stack[65536];
  int result = -1;
  must(put("oom_score_adj", "0"));
  pid_t child = must(clone_on_stack(CLONE_VM | SIGCHLD, stack + sizeof stack, mark, &result, NULL,
                                    NULL, NULL));
  exits("who shares our memory", child, 0);
  equal("has marked itself", result, 0);
  equal("and us", get("oom_score_adj"), 250);
}

int main(void) {
  give_up_privilege();
  scales();
  score();
  inheritance();
  shared_memory_is_marked_together();
  return finish();
}
