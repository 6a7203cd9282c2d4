# SPDX-License-Identifier: MIT
#
# The kernel image build/kernel/tine-kernel.elf: a 64-bit ELF with a PVH note.
target_sources(tine-core PRIVATE ${TINE_SOURCES} ${TINE_ASSEMBLY})
target_compile_options(tine-core PUBLIC
  -mno-red-zone -mno-mmx -mno-sse -mno-avx -mcmodel=kernel -fno-pic -ffreestanding
  -fno-omit-frame-pointer -mno-omit-leaf-frame-pointer -ffunction-sections -fdata-sections
  -fno-asynchronous-unwind-tables -O2 -g1
  "$<$<COMPILE_LANGUAGE:CXX>:-fno-exceptions;-fno-rtti;-fno-threadsafe-statics;-fstack-protector-strong;-mstack-protector-guard=global;-Wno-global-constructors;-nostdinc++>"
  "$<$<COMPILE_LANGUAGE:CXX>:SHELL:-isystem ${CMAKE_CURRENT_SOURCE_DIR}/core/libcxx>"
  "$<$<COMPILE_LANGUAGE:CXX>:SHELL:-isystem /usr/lib/llvm-19/include/c++/v1>"
  -nostdlibinc "SHELL:-isystem /usr/include/x86_64-linux-musl"
  "$<$<COMPILE_LANGUAGE:CXX>:SHELL:-idirafter ${CMAKE_BINARY_DIR}/boost>")
# Boost alone, not the whole of /usr/include.
file(MAKE_DIRECTORY ${CMAKE_BINARY_DIR}/boost)
file(CREATE_LINK /usr/include/boost ${CMAKE_BINARY_DIR}/boost/boost SYMBOLIC)
