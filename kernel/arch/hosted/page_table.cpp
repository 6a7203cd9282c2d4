// SPDX-License-Identifier: MIT
//
// Physical memory, the vmalloc area, and the counted flushes of the hosted machine.
// The kernel's half has no page tables here: map_kernel_page() asks the host to map the frame.
// The host running out of memory or address space ends the program.
#include "arch/page_table.h"

#include <sys/mman.h>
#include <unistd.h>

#include <atomic>
#include <cstdlib>
#include <cstring>

#include "arch/cpu.h"
#include "arch/hosted/machine.h"
#include "arch/hosted/memory.h"
#include "arch/hosted/translation_cache.h"
#include "arch/hosted/unwatched.h"

namespace tine::arch {

uint64_t kVmallocBase = 0;

namespace hosted {

char* physical_memory = nullptr;

namespace {
uint64_t memory_bytes = 0;
int memory_file = -1;
struct Counts {
  std::atomic<uint64_t> page_flushes, loads;
};
constinit Counts counts;
// Stands for the kernel's own page tables, which callers change one at a time: plain, so that TSan
// reports any who do not.
constinit uint64_t kernel_page_changes = 0;

char* reserve(uint64_t bytes) {
  void* place = mmap(nullptr, bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (place == MAP_FAILED) abort();
  return static_cast<char*>(place);
}

}  // namespace

uint64_t physical_memory_bytes() { return memory_bytes; }
TlbCounts tlb_counts() { return {counts.page_flushes, counts.loads}; }

void forget_kernel_mappings() {
  void* place = reinterpret_cast<void*>(kVmallocBase);
  if (mmap(place, kVmallocSize, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED,
           -1, 0) == MAP_FAILED) {
    abort();
  }
}

void allocate_physical_memory(uint64_t bytes) {
  counts.page_flushes = counts.loads = 0;
  drop_all_translations();
  if (kVmallocBase == 0) kVmallocBase = reinterpret_cast<uint64_t>(reserve(kVmallocSize));
  if (physical_memory != nullptr) {
    forget_kernel_mappings();
    munmap(physical_memory, memory_bytes);
    close(memory_file);
    physical_memory = nullptr;
  }
  memory_bytes = bytes;
  if (bytes == 0) return;
  // Aligned like real memory, so that huge pages are aligned in both views.
  char* area = reserve(bytes + kHugePageSize);
  auto base = (reinterpret_cast<uint64_t>(area) + kHugePageSize - 1) & ~(kHugePageSize - 1);
  memory_file = memfd_create("tine-memory", MFD_CLOEXEC);
  if (memory_file < 0 || ftruncate(memory_file, static_cast<off_t>(bytes)) != 0) abort();
  void* memory = mmap(reinterpret_cast<void*>(base), bytes, PROT_READ | PROT_WRITE,
                      MAP_SHARED | MAP_FIXED | MAP_NORESERVE, memory_file, 0);
  if (memory == MAP_FAILED) abort();
  physical_memory = static_cast<char*>(memory);
}

}  // namespace hosted

using namespace hosted;

void init_top_table(PhysAddr top_table) {
  memset(direct_map<char>(top_table) + kUserTopEntries * sizeof(Pte), 0,
         (kTableEntries - kUserTopEntries) * sizeof(Pte));
}

void load_page_table(PhysAddr top_table) {
  running_cpu().top_table = top_table;
  this_translation_cache().drop_all();
  ++counts.loads;
}

PhysAddr kernel_page_table() { return PhysAddr(0); }  // an address with no user half

void flush_tlb_page(uint64_t address) {
  this_translation_cache().drop_page(address);
  ++counts.page_flushes;
}

void clear_page(void* page) { memset(page, 0, kPageSize); }
void copy_page(void* to, const void* from) {
  hosted::Unwatched program_data;
  memcpy(to, from, kPageSize);
}

bool map_kernel_page(VirtAddr address, PhysAddr frame) {
  ++kernel_page_changes;
  return mmap(reinterpret_cast<void*>(address.value), kPageSize, PROT_READ | PROT_WRITE,
              MAP_SHARED | MAP_FIXED, memory_file, static_cast<off_t>(frame.value)) != MAP_FAILED;
}

void unmap_kernel_page(VirtAddr address) {
  ++kernel_page_changes;
  mmap(reinterpret_cast<void*>(address.value), kPageSize, PROT_NONE,
       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED, -1, 0);
}

}  // namespace tine::arch
