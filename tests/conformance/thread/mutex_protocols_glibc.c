// SPDX-License-Identifier: MIT
//
// mutex_protocols.c with glibc: the build takes the C library from the name of the file.
#include "mutex_protocols.c"
