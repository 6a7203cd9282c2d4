// SPDX-License-Identifier: MIT
//
// epoll(7). A set is a list of items, one for each descriptor that was added; waiting asks the items'
// files as poll does, in an order that rotates, so that a busy file does not starve the others.
// Edge-triggered items also stand on their file's wait queues for good: a wake-up marks the item, and
// only marked items are reported.
//
// An item does not keep its file: when the file goes, epoll_forget() takes it out. One mutex guards
// all sets, items and their links; it comes before any lock that a file's poll() may take. Sets may
// contain sets; loops are refused with ELOOP when an item is added.
#include "fs/epoll.h"

#include "core/format.h"
#include "fs/poll.h"
#include "fs/stat.h"
#include "mm/heap.h"

namespace tine::fs {

namespace {

constinit Mutex epoll_mutex{LockRank::epoll};
constexpr uint64_t kAnonymousDevice = make_device(0, 0xffffe);
constexpr int kMaxNesting = 5;

enum EpollFlags : uint32_t { kOneWaiter = 1u << 28, kWakeUp = 1u << 29, kOneShot = 1u << 30, kEdge = 1u << 31 };
constexpr uint32_t kBehaviour = kOneWaiter | kWakeUp | kOneShot | kEdge;

class EpollFile;

// One file in one set.
struct Item final : HeapAllocated, PollTable {
  static constexpr const char* kCacheName = "epoll_item";
  static constexpr size_t kMaxQueues = 4;

  Item* next_in_set = nullptr;
  Item* next_of_file = nullptr;
  EpollFile* set = nullptr;
  File* file = nullptr;             // not counted
  int fd = -1;
  EpollEvent event{};
  bool is_disabled = false;         // EPOLLONESHOT has fired

  // Edge-triggered items: where they stand, and whether something happened since the last report.
  struct Stand {
    Waiter waiter;
    Item* item = nullptr;
    WaitQueue* queue = nullptr;
  };
  std::atomic<bool> marked{true};
  size_t stand_count = 0;
  Stand stands[kMaxQueues];

  ~Item() { leave_queues(); }
  void wait_on(WaitQueue& queue) override {
    if (stand_count == kMaxQueues) return;
    Stand& stand = stands[stand_count++];
    stand.item = this;
    stand.queue = &queue;
    stand.waiter.wake = [](Waiter& waiter, uint32_t) {
      reinterpret_cast<Stand*>(&waiter)->item->marked.store(true, std::memory_order_release);
      return false;  // wakes nobody: those who wait stand on the queue themselves
    };
    queue.add(stand.waiter);
  }
  void leave_queues() {
    while (stand_count != 0) {
      --stand_count;
      stands[stand_count].queue->remove(stands[stand_count].waiter);
    }
  }
};

}  // namespace

struct EpollLinks : HeapAllocated {
  static constexpr const char* kCacheName = "epoll_links";
  Item* first = nullptr;
};

namespace {

class EpollFile final : public File {
 public:
  static constexpr const char* kCacheName = "epoll_file";
  EpollFile() : File(kReadWrite) {}
  ~EpollFile() override {
    MutexGuard guard(epoll_mutex);
    while (first_ != nullptr) remove(*first_);
  }

  uint32_t poll(PollTable* table) override {
    MutexGuard guard(epoll_mutex);
    return poll_items(table) ? kPollIn | kPollRdNorm : 0;
  }
  Result<void> stat(StatData& out) override {
    out.device = kAnonymousDevice;
    out.mode = 0600;
    return {};
  }
  size_t write_description(std::span<char> out) override {
    return format_to(out, "anon_inode:[eventpoll]");
  }
  bool is_epoll() const override { return true; }

  Result<void> add(int fd, File& file, EpollEvent event) REQUIRES(epoll_mutex);
  Item* find(int fd, const File& file) REQUIRES(epoll_mutex) {
    for (Item* item = first_; item != nullptr; item = item->next_in_set) {
      if (item->fd == fd && item->file == &file) return item;
    }
    return nullptr;
  }
  void set_event(Item& item, EpollEvent event) REQUIRES(epoll_mutex);
  void remove(Item& item) REQUIRES(epoll_mutex);
  size_t collect(std::span<EpollEvent> out, PollWait* wait) REQUIRES(epoll_mutex);
  bool reaches(const File& target, int depth) const REQUIRES(epoll_mutex);

 private:
  uint32_t ready_events(Item& item, PollTable* table) REQUIRES(epoll_mutex);
  bool poll_items(PollTable* table) REQUIRES(epoll_mutex);
  Item* first_ GUARDED_BY(epoll_mutex) = nullptr;
};

uint32_t EpollFile::ready_events(Item& item, PollTable* table) {
  uint32_t wanted = (item.event.events & ~kBehaviour) | kPollErr | kPollHup;
  // A set within this one is asked without taking the mutex again.
  uint32_t events = item.file->is_epoll()
                        ? (static_cast<EpollFile*>(item.file)->poll_items(table) ? kPollIn | kPollRdNorm : 0)
                        : item.file->poll(table);
  return item.is_disabled ? 0 : events & wanted;
}

bool EpollFile::poll_items(PollTable* table) {
  bool ready = false;
  for (Item* item = first_; item != nullptr; item = item->next_in_set) {
    if (!item->file->ref_get_unless_zero()) continue;
    Ref<File> held = Ref<File>::adopt(item->file);
    if (ready_events(*item, table) != 0) ready = true;
  }
  return ready;
}

Result<void> EpollFile::add(int fd, File& file, EpollEvent event) {
  if (find(fd, file) != nullptr) return Errno::exist;
  if (file.is_epoll() && static_cast<EpollFile&>(file).reaches(*this, 0)) return Errno::loop;
  EpollLinks* links = file.epoll_links.load(std::memory_order_relaxed);
  if (links == nullptr) {
    links = TRY(make<EpollLinks>()).leak();
    file.epoll_links.store(links, std::memory_order_release);
  }
  Item* item = TRY(make<Item>()).leak();
  item->set = this;
  item->file = &file;
  item->fd = fd;
  item->next_in_set = std::exchange(first_, item);
  item->next_of_file = std::exchange(links->first, item);
  set_event(*item, event);
  return {};
}

void EpollFile::set_event(Item& item, EpollEvent event) {
  item.leave_queues();
  item.event = event;
  item.is_disabled = false;
  item.marked.store(true, std::memory_order_relaxed);
  if (event.events & kEdge) (void)ready_events(item, &item);
}

void EpollFile::remove(Item& item) {
  Item** link = &first_;
  while (*link != &item) link = &(*link)->next_in_set;
  *link = item.next_in_set;
  EpollLinks* links = item.file->epoll_links.load(std::memory_order_relaxed);
  link = &links->first;
  while (*link != &item) link = &(*link)->next_of_file;
  *link = item.next_of_file;
  delete &item;
}

// Reports ready items, which go to the end of the list. With `wait` the others are waited for.
size_t EpollFile::collect(std::span<EpollEvent> out, PollWait* wait) {
  size_t count = 0;
  Item** link = &first_;
  Item* reported = nullptr;
  Item** reported_end = &reported;
  while (*link != nullptr && count < out.size()) {
    Item& item = **link;
    Ref<File> held;
    if (item.file->ref_get_unless_zero()) held = Ref<File>::adopt(item.file);
    if (wait != nullptr && held) wait->ask_about(*held);
    bool edge = item.event.events & kEdge;
    bool was_marked = !edge || item.marked.exchange(false, std::memory_order_acquire);
    uint32_t events = held ? ready_events(item, wait) : 0;
    if (events == 0 || !was_marked) {
      link = &item.next_in_set;
      continue;
    }
    out[count++] = {events, item.event.data};
    if (item.event.events & kOneShot) item.is_disabled = true;
    *link = item.next_in_set;
    item.next_in_set = nullptr;
    *reported_end = &item;
    reported_end = &item.next_in_set;
  }
  while (*link != nullptr) link = &(*link)->next_in_set;
  *link = reported;
  return count;
}

bool EpollFile::reaches(const File& target, int depth) const {
  if (this == &target || depth > kMaxNesting) return true;
  for (Item* item = first_; item != nullptr; item = item->next_in_set) {
    if (item->file->is_epoll() && static_cast<EpollFile*>(item->file)->reaches(target, depth + 1)) {
      return true;
    }
  }
  return false;
}

}  // namespace

Result<Ref<File>> make_epoll() { return Ref<File>(TRY(make_ref<EpollFile>())); }

Result<void> epoll_control(File& epoll, int operation, int fd, Ref<File> file, EpollEvent event) {
  if (!epoll.is_epoll() || file.get() == &epoll) return Errno::inval;
  auto& set = static_cast<EpollFile&>(epoll);
  // Files that are always ready are of no use here.
  if (!file->can_poll()) return Errno::perm;
  MutexGuard guard(epoll_mutex);
  Item* item = set.find(fd, *file);
  switch (operation) {
    case kEpollAdd: return set.add(fd, *file, event);
    case kEpollModify:
      if (item == nullptr) return Errno::noent;
      if ((item->event.events | event.events) & kOneWaiter) return Errno::inval;
      set.set_event(*item, event);
      return {};
    case kEpollDelete:
      if (item == nullptr) return Errno::noent;
      set.remove(*item);
      return {};
    default: return Errno::inval;
  }
}

Result<size_t> epoll_wait(File& epoll, std::span<EpollEvent> out, Nanoseconds deadline) {
  if (!epoll.is_epoll()) return Errno::inval;
  auto& set = static_cast<EpollFile&>(epoll);
  auto collect = [&](PollWait* wait) {
    MutexGuard guard(epoll_mutex);
    return set.collect(out, wait);
  };
  size_t count = collect(nullptr);
  if (count != 0 || deadline == 0) return count;
  for (;;) {
    PollWait wait;  // anew each time: the set may have changed
    count = collect(&wait);
    if (count != 0) return count;
    if (wait.has_failed()) return Errno::nomem;
    if (!TRY(wait.sleep(deadline))) return collect(nullptr);
  }
}

void epoll_forget(File& file) {
  MutexGuard guard(epoll_mutex);
  Owned<EpollLinks> links =
      Owned<EpollLinks>::adopt(file.epoll_links.load(std::memory_order_relaxed));
  while (links->first != nullptr) links->first->set->remove(*links->first);
  file.epoll_links.store(nullptr, std::memory_order_relaxed);
}

}  // namespace tine::fs
