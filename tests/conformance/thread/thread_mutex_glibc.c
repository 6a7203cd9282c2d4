// SPDX-License-Identifier: MIT
// CONTRACT: issue-2
//
// thread_mutex.c with glibc: the build takes the C library from the name of the file.
#include "thread_mutex.c"
