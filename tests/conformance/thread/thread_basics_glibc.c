// SPDX-License-Identifier: MIT
// CONTRACT: E2 G3 B72
//
// thread_basics.c with glibc, which uses clone3, rseq and set_robust_list; the build takes the C
// library from the name of the file.
#include "thread_basics.c"
