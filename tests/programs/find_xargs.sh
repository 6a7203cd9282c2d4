#!/bin/sh
# SPDX-License-Identifier: MIT
# find over the whole tree, xargs in batches and in parallel.
set -eu
fail() { echo "FAIL: $1"; exit 1; }
find / -xdev | xargs -n 50 ls -d > /tmp/listing 2>/dev/null || true
[ "$(wc -l < /tmp/listing)" -gt 20 ] || fail "too few names"
grep -q '^/bin/busybox$' /tmp/listing || fail "/bin/busybox is missing"
find /proc -maxdepth 1 -name '[0-9]*' > /dev/null || fail "find in /proc"
[ "$(seq 1 40 | xargs -n 1 -P 8 sh -c 'echo x' | wc -l)" -eq 40 ] || fail "xargs -P"
find /tests -type f -print0 | xargs -0 md5sum | sort > /tmp/sums
[ "$(wc -l < /tmp/sums)" -eq "$(find /tests -type f | wc -l)" ] || fail "xargs -0"
echo done
