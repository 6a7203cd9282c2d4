# SPDX-License-Identifier: MIT
#
# The kernel image build/kernel/tine-kernel.elf: a 64-bit ELF with a PVH note. It is linked twice:
# tine-kernel.debug.elf first, with debug information and without the symbol table that backtraces
# use, then stripped with the table made from it. All addresses of both are the same.
option(TINE_PARTIAL "Link even where parts of the kernel are missing (for bringing up a part)" OFF)
set(TINE_WITHOUT "" CACHE STRING "Regular expression of sources to leave out, with TINE_PARTIAL")
if(TINE_WITHOUT)
  list(FILTER TINE_SOURCES EXCLUDE REGEX "${TINE_WITHOUT}")
endif()
set(TINE_ARCH_DIR ${CMAKE_CURRENT_SOURCE_DIR}/arch/x86_64)
list(FILTER TINE_SOURCES EXCLUDE REGEX "/arch/x86_64/vdso/image/")
target_sources(tine-core PRIVATE ${TINE_SOURCES} ${TINE_ASSEMBLY})
target_compile_options(tine-core PUBLIC
  -mno-red-zone -mno-mmx -mno-sse -mno-avx -mcmodel=kernel -fno-pic -ffreestanding
  -fno-omit-frame-pointer -mno-omit-leaf-frame-pointer -mstack-alignment=8 -ffunction-sections -fdata-sections
  -fno-asynchronous-unwind-tables -O2 -g1
  "$<$<COMPILE_LANGUAGE:CXX>:-fno-exceptions;-fno-rtti;-fno-threadsafe-statics;-fno-c++-static-destructors;-fstack-protector-strong;-mstack-protector-guard-reg=gs;-mstack-protector-guard-offset=88;-Wframe-larger-than=2560;-Werror=frame-larger-than;-Wno-global-constructors;-nostdinc++>"
  "$<$<COMPILE_LANGUAGE:CXX>:SHELL:-isystem ${CMAKE_CURRENT_SOURCE_DIR}/core/libcxx>"
  "$<$<COMPILE_LANGUAGE:CXX>:SHELL:-isystem /usr/lib/llvm-19/include/c++/v1>"
  -nostdlibinc "SHELL:-isystem /usr/include/x86_64-linux-musl"
  "$<$<COMPILE_LANGUAGE:CXX>:SHELL:-idirafter ${CMAKE_BINARY_DIR}/boost>")
# Boost alone, not the whole of /usr/include.
file(MAKE_DIRECTORY ${CMAKE_BINARY_DIR}/boost)
file(CREATE_LINK /usr/include/boost ${CMAKE_BINARY_DIR}/boost/boost SYMBOLIC)

find_program(TINE_NM NAMES llvm-nm-19 llvm-nm nm REQUIRED)
find_program(TINE_CLANG NAMES clang-19 REQUIRED)
find_program(TINE_LLD NAMES ld.lld-19 REQUIRED)
# The linker itself: clang's driver for a bare target would go through gcc.
set(CMAKE_CXX_LINK_EXECUTABLE "${TINE_LLD} <LINK_FLAGS> <OBJECTS> -o <TARGET>")
set(link_options -static -T ${TINE_ARCH_DIR}/linker.ld --gc-sections --build-id=none
    -z max-page-size=4096 -z separate-code --no-dynamic-linker)
if(TINE_PARTIAL)
  list(APPEND link_options --unresolved-symbols=ignore-all)
endif()
list(JOIN link_options " " link_options)

function(tine_add_image name output)
  add_executable(${name} $<TARGET_OBJECTS:tine-core> ${ARGN})
  set_target_properties(${name} PROPERTIES OUTPUT_NAME ${output} SUFFIX ""
    RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR} LINK_DEPENDS ${TINE_ARCH_DIR}/linker.ld
    LINKER_LANGUAGE CXX LINK_FLAGS "${link_options} ${TINE_IMAGE_FLAGS}")
endfunction()

include(${TINE_ARCH_DIR}/vdso/build.cmake)
tine_add_image(tine-kernel-debug tine-kernel.debug.elf ${TINE_VDSO_OBJECT})
set(symbols ${CMAKE_BINARY_DIR}/kernel_symbols.S)
add_custom_command(OUTPUT ${symbols}
  COMMAND ${TINE_NM} --numeric-sort --demangle --defined-only $<TARGET_FILE:tine-kernel-debug>
          > ${CMAKE_BINARY_DIR}/kernel_symbols.txt
  COMMAND awk -f ${TINE_ARCH_DIR}/kernel_symbols.awk ${CMAKE_BINARY_DIR}/kernel_symbols.txt
          > ${symbols}
  DEPENDS tine-kernel-debug ${TINE_ARCH_DIR}/kernel_symbols.awk VERBATIM)
set(TINE_IMAGE_FLAGS --strip-all)
tine_add_image(tine-kernel tine-kernel.elf ${TINE_VDSO_OBJECT} ${symbols})
