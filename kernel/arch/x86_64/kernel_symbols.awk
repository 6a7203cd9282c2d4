# SPDX-License-Identifier: MIT
#
# Turns `nm --numeric-sort --demangle` into the table that arch/x86_64/lib/symbols.cpp reads:
# a count, then for each function its offset from text_start and its name's offset, then the names.
# Names lose their parameters and the kernel's own namespace, which every one of them has.
BEGIN { count = 0; unique = 0 }
$2 ~ /^[tTwW]$/ {
  address = $1
  name = $0
  sub(/^[0-9a-f]+ . /, "", name)
  if (name == "text_start" || name == "text_end" || name == "image_start" || name ~ /^\.L/) next
  gsub(/tine::/, "", name)
  gsub(/\(anonymous namespace\)::/, "", name)
  depth = 0; short = ""
  for (i = 1; i <= length(name); i++) {  # drop (parameters) and <template arguments>
    c = substr(name, i, 1)
    if (c == "(" || c == "<") depth++
    if (depth == 0) short = short c
    if (c == ")" || c == ">") depth--
  }
  sub(/ const$/, "", short)
  sub(/^.* /, "", short)
  if (address == last) next
  last = address
  addresses[count] = address
  names[count++] = substr(short, 1, 60)
}
END {
  print ".section .kernel_symbols, \"a\", @progbits"
  printf ".long %d\n", count
  offset = 0
  for (i = 0; i < count; i++) {
    if (!(names[i] in place)) {
      place[names[i]] = offset
      order[unique++] = names[i]
      offset += length(names[i]) + 1
    }
    printf ".long 0x%s - 0x80100000, %d\n", substr(addresses[i], 9), place[names[i]]
  }
  for (i = 0; i < unique; i++) printf ".asciz \"%s\"\n", order[i]
}
