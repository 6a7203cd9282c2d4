// SPDX-License-Identifier: MIT
//
// See kvm_probe.h. Measured where ring 0 is emulated: about 0.8 us per instruction, so the loop
// below takes 32 ms there; on hardware it takes some 10 us and what a busy host adds.
#include "kvm_probe.h"

#include <linux/kvm.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/time.h>

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <optional>
#include <string>

#include "unique_fd.h"

namespace tine::launcher {
namespace {

using Clock = std::chrono::steady_clock;

constexpr uint32_t kLoops = 20'000;
constexpr auto kHardwareLimit = std::chrono::milliseconds(8);
constexpr int kAttempts = 3;  // a busy host may steal time from one of them
constexpr size_t kGuestPage = 4096;

volatile kvm_run* running = nullptr;  // for the timer's handler only

void stop_guest(int) {
  if (running != nullptr) running->immediate_exit = 1;
}

// Fires again and again while it lives, so that it cannot come just too early and be lost.
class Watchdog {
 public:
  Watchdog() {
    struct sigaction action{};
    action.sa_handler = stop_guest;
    ::sigaction(SIGALRM, &action, &old_action_);
    const itimerval often{{0, 50'000}, {0, 300'000}};
    ::setitimer(ITIMER_REAL, &often, nullptr);
  }
  ~Watchdog() {
    const itimerval off{};
    ::setitimer(ITIMER_REAL, &off, nullptr);
    running = nullptr;
    ::sigaction(SIGALRM, &old_action_, nullptr);
  }

 private:
  struct sigaction old_action_{};
};

class Mapping {
 public:
  Mapping(size_t size, int flags, int fd)
      : size_(size), at_(::mmap(nullptr, size, PROT_READ | PROT_WRITE, flags, fd, 0)) {}
  Mapping(const Mapping&) = delete;
  Mapping& operator=(const Mapping&) = delete;
  ~Mapping() {
    if (at_ != MAP_FAILED) ::munmap(at_, size_);
  }
  void* get() const { return at_ == MAP_FAILED ? nullptr : at_; }

 private:
  size_t size_;
  void* at_;
};

// 32-bit protected mode, ring 0, flat segments out of nothing: no tables are needed for that.
bool enter_protected_mode(int cpu) {
  kvm_sregs system{};
  if (::ioctl(cpu, KVM_GET_SREGS, &system) != 0) return false;
  kvm_segment flat{};
  flat.limit = 0xffffffff;
  flat.present = 1;
  flat.s = 1;
  flat.db = 1;
  flat.g = 1;
  flat.selector = 16;
  flat.type = 3;  // data, writable, accessed
  system.ds = system.es = system.fs = system.gs = system.ss = flat;
  flat.selector = 8;
  flat.type = 11;  // code, readable, accessed
  system.cs = flat;
  system.cr0 |= 1;
  if (::ioctl(cpu, KVM_SET_SREGS, &system) != 0) return false;
  kvm_regs registers{};
  registers.rflags = 2;  // the bit that is always set
  registers.rcx = kLoops;
  return ::ioctl(cpu, KVM_SET_REGS, &registers) == 0;
}

std::optional<Clock::duration> time_loop(int kvm) {
  const UniqueFd vm(::ioctl(kvm, KVM_CREATE_VM, 0));
  const int run_size = ::ioctl(kvm, KVM_GET_VCPU_MMAP_SIZE, 0);
  if (!vm || run_size < static_cast<int>(sizeof(kvm_run))) return std::nullopt;
  ::ioctl(vm.get(), KVM_SET_TSS_ADDR, 0xfffbd000);  // Intel wants one; others ignore it
  const Mapping memory(kGuestPage, MAP_SHARED | MAP_ANONYMOUS, -1);
  if (memory.get() == nullptr) return std::nullopt;
  constexpr unsigned char kCode[] = {0x49, 0x75, 0xfd, 0xf4};  // 0: dec ecx; jnz 0; hlt
  std::memcpy(memory.get(), kCode, sizeof kCode);
  kvm_userspace_memory_region region{};
  region.memory_size = kGuestPage;
  region.userspace_addr = reinterpret_cast<uint64_t>(memory.get());
  if (::ioctl(vm.get(), KVM_SET_USER_MEMORY_REGION, &region) != 0) return std::nullopt;
  const UniqueFd cpu(::ioctl(vm.get(), KVM_CREATE_VCPU, 0));
  if (!cpu) return std::nullopt;
  const Mapping state(static_cast<size_t>(run_size), MAP_SHARED, cpu.get());
  auto* run = static_cast<kvm_run*>(state.get());
  if (run == nullptr || !enter_protected_mode(cpu.get())) return std::nullopt;
  running = run;
  const Watchdog watchdog;
  const Clock::time_point start = Clock::now();
  const int result = ::ioctl(cpu.get(), KVM_RUN, 0);
  const Clock::duration taken = Clock::now() - start;
  if (result != 0 || run->exit_reason != KVM_EXIT_HLT) return std::nullopt;
  return taken;
}

std::optional<bool> measure() {
  const UniqueFd kvm(::open("/dev/kvm", O_RDWR | O_CLOEXEC));
  if (!kvm) return std::nullopt;  // may change (a group, a module), so nothing to remember
  for (int attempt = 0; attempt < kAttempts; ++attempt) {
    const std::optional<Clock::duration> taken = time_loop(kvm.get());
    if (!taken) return false;
    if (*taken < kHardwareLimit) return true;
  }
  return false;
}

std::string cache_directory() {
  if (const char* cache = std::getenv("XDG_CACHE_HOME"); cache != nullptr && *cache == '/') {
    return std::string(cache) + "/tine";
  }
  const char* home = std::getenv("HOME");
  return home != nullptr && *home == '/' ? std::string(home) + "/.cache/tine" : "";
}

std::string boot_id() {
  std::ifstream file("/proc/sys/kernel/random/boot_id");
  std::string id;
  std::getline(file, id);
  return id;
}

}  // namespace

bool kvm_runs_on_hardware() {
  const std::string directory = cache_directory();
  const std::string boot = boot_id();
  const bool cacheable = !directory.empty() && !boot.empty();
  const std::string path = directory + "/kvm";
  if (cacheable) {
    std::ifstream file(path);
    std::string remembered_boot;
    std::string answer;
    if (file >> remembered_boot >> answer && remembered_boot == boot) {
      return answer == "hardware" && ::access("/dev/kvm", R_OK | W_OK) == 0;
    }
  }
  const std::optional<bool> hardware = measure();
  if (hardware && cacheable) {
    std::error_code ignored;  // a cache that cannot be written only costs the next measurement
    std::filesystem::create_directories(directory, ignored);
    std::ofstream(path) << boot << ' ' << (*hardware ? "hardware" : "emulated") << '\n';
  }
  return hardware.value_or(false);
}

}  // namespace tine::launcher
