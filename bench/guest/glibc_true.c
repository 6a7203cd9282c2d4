// SPDX-License-Identifier: MIT
//
// The smallest static glibc program: target of the fork+exec rows that pay for a C library.
int main(void) { return 0; }
