// SPDX-License-Identifier: MIT
//
// The translation cache of a simulated CPU, as unhelpful as a processor may make it: every
// translation and every upper entry that a walk has met is kept, and used instead of the tables,
// until the core says that it is to go. A flush that is missing shows as an access to memory that
// is somebody else's by then.
//
// The rules are those of x86-64 (Intel SDM 3A, 4.10): a translation that is cached without the
// dirty bit is not enough for a store, which walks again; a fault drops what is cached for its
// address; flushing one page drops that page and all upper entries. Belongs to its CPU; no locks.
// Nothing here fails but for want of host memory, which ends the program.
#pragma once

#include <unordered_map>

#include "arch/page_table.h"

namespace tine::arch::hosted {

class TranslationCache {
 public:
  // Where the byte lies in the host's memory, through `top_table` as far as nothing is cached; sets
  // accessed and dirty bits. Null: the access faults.
  char* translate(PhysAddr top_table, UserAddr address, bool write);
  void drop_page(uint64_t address);
  void drop_all();

 private:
  struct Translation {
    Pte entry;
    bool may_write;  // all entries on the way allowed it
  };
  struct Table {
    PhysAddr address;
    bool may_write;
  };
  char* find(UserAddr address, bool write) const;
  char* walk(PhysAddr top_table, UserAddr address, bool write);
  // The lowest table on the way to the address that is known; lowers `level` to its level.
  Table nearest_table(PhysAddr top_table, UserAddr address, unsigned& level) const;

  // By level of the entry, then by the address bits that lead there.
  std::unordered_map<uint64_t, Translation> translations_[kTableLevels];
  // By level of the table.
  std::unordered_map<uint64_t, Table> tables_[kTableLevels];
};

TranslationCache& this_translation_cache();
void drop_all_translations();  // of all CPUs: for a new machine

}  // namespace tine::arch::hosted
