# SPDX-License-Identifier: MIT
#
# The core as a host library, and its unit tests as one GoogleTest program, tine-unit-tests. Of the
# drivers, those of buses are part of it: the simulated machine has no devices, but a bus.
set(TINE_CORE_SOURCES ${TINE_SOURCES})
list(FILTER TINE_CORE_SOURCES EXCLUDE REGEX "/kernel/(boot/|drivers/([^/]+[.]cpp|virtio/console))")
target_sources(tine-core PRIVATE ${TINE_CORE_SOURCES})
target_compile_options(tine-core PUBLIC -fno-omit-frame-pointer -g)
if(TINE_SANITIZE)
  target_compile_options(tine-core PUBLIC -fsanitize=${TINE_SANITIZE} -fno-sanitize-recover=all)
  target_link_options(tine-core PUBLIC -fsanitize=${TINE_SANITIZE})
endif()
find_package(GTest REQUIRED)
# And what of the other home needs no such machine to run.
add_executable(tine-unit-tests ${TINE_TESTS}
  ${CMAKE_CURRENT_SOURCE_DIR}/arch/x86_64/cpu/stack_canary.cpp
  ${CMAKE_CURRENT_SOURCE_DIR}/arch/x86_64/machine/madt.cpp)
target_link_libraries(tine-unit-tests PRIVATE tine-core GTest::gtest_main)
