// SPDX-License-Identifier: MIT
//
// Reads the MC146818 through its index and data ports. While an update is in progress the registers
// are inconsistent, so they are read until two readings agree; a machine without an RTC reads 0xff
// everywhere and gives 0.
#include "arch/x86_64/time/rtc.h"

#include "arch/x86_64/cpu/instructions.h"

namespace tine::x86 {

namespace {

struct Reading {
  uint8_t second, minute, hour, day, month, year, century;
  bool operator==(const Reading&) const = default;
};

uint8_t read_register(uint8_t index) {
  out8(0x70, index);
  return in8(0x71);
}

Reading read_all() {
  return {read_register(0), read_register(2), read_register(4),   read_register(7),
          read_register(8), read_register(9), read_register(0x32)};
}

constexpr uint8_t from_bcd(uint8_t value) { return (value >> 4) * 10 + (value & 15); }

// Days since 1970-01-01 of a date of the Gregorian calendar.
constexpr int64_t days_from_date(int64_t year, int month, int day) {
  if (month <= 2) --year;
  int64_t era = year / 400;
  int64_t year_of_era = year - era * 400;
  int64_t day_of_year = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1;
  int64_t day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
  return era * 146097 + day_of_era - 719468;
}
static_assert(days_from_date(1970, 1, 1) == 0 && days_from_date(2000, 3, 1) == 11017);

}  // namespace

int64_t read_rtc() {
  if (read_register(0xd) == 0xff) return 0;
  Reading r = read_all();
  for (int tries = 0; tries < 100; ++tries) {
    Reading again = read_all();
    if (again == r && !(read_register(0xa) & 0x80)) break;
    r = again;
  }
  uint8_t format = read_register(0xb);
  bool afternoon = r.hour & 0x80;
  r.hour &= 0x7f;
  if (!(format & 4)) {
    r = {from_bcd(r.second), from_bcd(r.minute), from_bcd(r.hour),   from_bcd(r.day),
         from_bcd(r.month),  from_bcd(r.year),   from_bcd(r.century)};
  }
  if (!(format & 2)) r.hour = r.hour % 12 + (afternoon ? 12 : 0);
  int64_t year = (r.century >= 19 && r.century <= 21 ? r.century : 20) * 100 + r.year;
  return ((days_from_date(year, r.month, r.day) * 24 + r.hour) * 60 + r.minute) * 60 + r.second;
}

}  // namespace tine::x86
