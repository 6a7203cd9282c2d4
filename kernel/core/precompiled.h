// SPDX-License-Identifier: MIT
//
// Headers that are read once for all files of the core (CMake precompiles them). A convenience of
// the build alone: each file still includes what it uses.
#pragma once

#include <algorithm>
#include <atomic>
#include <expected>
#include <span>
#include <string_view>

#include "core/list.h"
