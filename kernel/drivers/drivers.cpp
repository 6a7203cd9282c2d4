// SPDX-License-Identifier: MIT
//
// The order in which drivers start: hardware first, then what programs see of it. A missing device
// is no error; a driver that cannot have memory for its nodes says so in the log.
#include "drivers/drivers.h"

#include "drivers/virtio/console.h"

namespace tine::drivers {

void init(std::string_view console) {
  virtio::init_console();
  init_port_files();
  init_terminals(console);
}

}  // namespace tine::drivers
