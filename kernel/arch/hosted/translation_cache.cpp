// SPDX-License-Identifier: MIT
//
// See translation_cache.h.
#include "arch/hosted/translation_cache.h"

#include <atomic>
#include <span>

#include "arch/cpu.h"
#include "arch/hosted/unwatched.h"
#include "arch/user_access.h"

namespace tine::arch::hosted {
namespace {

// Made on first use, which is in the constructors of other files.
std::span<TranslationCache> caches() {
  static TranslationCache of_cpus[kMaxCpus];
  return of_cpus;
}

constexpr unsigned shift_of(unsigned level) { return kPageShift + 9 * level; }
uint64_t key_of_entry(uint64_t address, unsigned level) { return address >> shift_of(level); }
uint64_t key_of_table(uint64_t address, unsigned level) { return address >> shift_of(level + 1); }

char* place_of(Pte entry, UserAddr address, unsigned level) {
  uint64_t offset = address.value & ((uint64_t{1} << shift_of(level)) - 1);
  return direct_map<char>(entry.address() + offset);
}

std::atomic_ref<Pte> slot_of(PhysAddr table, unsigned level, UserAddr address) {
  auto index = address.value >> shift_of(level) & (kTableEntries - 1);
  return std::atomic_ref<Pte>(direct_map<Pte>(table)[index]);
}

}  // namespace

TranslationCache& this_translation_cache() { return caches()[this_cpu().id]; }

void drop_all_translations() {
  for (TranslationCache& cache : caches()) cache.drop_all();
}

char* TranslationCache::translate(PhysAddr top_table, UserAddr address, bool write) {
  if (top_table.value == 0 || address.value >= kUserTop) return nullptr;
  if (char* place = find(address, write)) return place;
  char* place = walk(top_table, address, write);
  if (place == nullptr) drop_page(address.value);
  return place;
}

char* TranslationCache::find(UserAddr address, bool write) const {
  for (unsigned level = 0; level < kTableLevels; ++level) {
    auto found = translations_[level].find(key_of_entry(address.value, level));
    if (found == translations_[level].end()) continue;
    const Translation& known = found->second;
    if (write && !(known.may_write && known.entry.is_dirty())) return nullptr;
    return place_of(known.entry, address, level);
  }
  return nullptr;
}

TranslationCache::Table TranslationCache::nearest_table(PhysAddr top_table, UserAddr address,
                                                        unsigned& level) const {
  for (unsigned lower = 0; lower < level; ++lower) {
    auto found = tables_[lower].find(key_of_table(address.value, lower));
    if (found == tables_[lower].end()) continue;
    level = lower;
    return found->second;
  }
  return {top_table, true};
}

char* TranslationCache::walk(PhysAddr top_table, UserAddr address, bool write) {
  Unwatched hardware;
  unsigned level = kTableLevels - 1;
  Table table = nearest_table(top_table, address, level);
  for (;; --level) {
    auto slot = slot_of(table.address, level, address);
    Pte entry = slot.load(std::memory_order_acquire);
    if (!entry.is_present() || !entry.is_user()) return nullptr;
    bool may_write = table.may_write && entry.is_writable();
    if (level != 0 && !entry.is_huge()) {
      table = {entry.address(), may_write};
      tables_[level - 1][key_of_table(address.value, level - 1)] = table;
      continue;
    }
    if (write && !may_write) return nullptr;
    Pte touched = write ? entry.with_accessed().with_dirty() : entry.with_accessed();
    if (touched != entry && !slot.compare_exchange_strong(entry, touched)) return nullptr;
    translations_[level][key_of_entry(address.value, level)] = {touched, may_write};
    return place_of(touched, address, level);
  }
}

void TranslationCache::drop_page(uint64_t address) {
  for (unsigned level = 0; level < kTableLevels; ++level) {
    translations_[level].erase(key_of_entry(address, level));
    tables_[level].clear();
  }
}

void TranslationCache::drop_all() {
  for (auto& translations : translations_) translations.clear();
  for (auto& tables : tables_) tables.clear();
}

}  // namespace tine::arch::hosted
