#!/bin/sh
# SPDX-License-Identifier: MIT
# A pipeline of 50 processes passes a megabyte unharmed.
set -eu
command="cat"
count=1
while [ $count -lt 50 ]; do command="$command | cat"; count=$((count + 1)); done
sum=$(head -c 1048576 /dev/zero | eval "$command" | md5sum | cut -d' ' -f1)
[ "$sum" = b6d81b360a5672d80c27430f39153e2c ] && echo done
