// SPDX-License-Identifier: MIT
//
// The smallest glibc program, linked statically and dynamically: target of the fork+exec rows that
// pay for a C library.
int main(void) { return 0; }
