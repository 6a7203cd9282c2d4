# SPDX-License-Identifier: MIT
#
# The vDSO: a shared object for user mode, built with its own flags and linker script, then carried
# in the kernel image as data (section .vdso_image).
set(vdso_dir ${TINE_ARCH_DIR}/vdso/image)
set(vdso_library ${CMAKE_BINARY_DIR}/vdso.so)
set(TINE_VDSO_OBJECT ${CMAKE_BINARY_DIR}/vdso_image.S)
add_custom_command(OUTPUT ${vdso_library}
  COMMAND ${CMAKE_CXX_COMPILER} --target=x86_64-unknown-linux-gnu -std=c++23 -O2 -fPIC -shared
          -nostdlib -nostdinc++ -nostdlibinc -ffreestanding -fno-exceptions -fno-rtti
          -fno-stack-protector -fno-asynchronous-unwind-tables -fvisibility=hidden -mno-sse
          -isystem ${CMAKE_CURRENT_SOURCE_DIR}/core/libcxx -isystem /usr/lib/llvm-19/include/c++/v1
          -isystem /usr/include/x86_64-linux-musl -I ${CMAKE_CURRENT_SOURCE_DIR}
          -fuse-ld=lld -Wl,-T,${vdso_dir}/vdso.ld -Wl,-soname,linux-vdso.so.1
          -Wl,--hash-style=both -Wl,--build-id=none -Wl,-z,max-page-size=4096 -Wl,--strip-all
          -Wl,--no-undefined -Wl,-Bsymbolic -o ${vdso_library} ${vdso_dir}/vdso.cpp
  DEPENDS ${vdso_dir}/vdso.cpp ${vdso_dir}/vdso.ld ${TINE_ARCH_DIR}/vdso/data.h VERBATIM)
file(WRITE ${TINE_VDSO_OBJECT}
  "  .section .vdso_image, \"a\", @progbits\n  .incbin \"${vdso_library}\"\n")
set_source_files_properties(${TINE_VDSO_OBJECT} PROPERTIES OBJECT_DEPENDS ${vdso_library})
