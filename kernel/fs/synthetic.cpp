// SPDX-License-Identifier: MIT
//
// The bases of /proc and its like: growing text, directories of constant tables, files whose text
// is made on reading. See synthetic.h.
#include "fs/synthetic.h"

#include <algorithm>
#include <cstring>

namespace tine::fs {

bool TextBuilder::grow(size_t needed) {
  if (failed_) return false;
  if (needed <= buffer_.size()) return true;
  size_t size = std::max<size_t>(buffer_.size() * 2, 512);
  while (size < needed) size *= 2;
  auto* memory = static_cast<char*>(heap_allocate(size));
  if (memory == nullptr) {
    failed_ = true;
    return false;
  }
  if (length_ != 0) std::memcpy(memory, buffer_.data(), length_);
  buffer_ = Buffer<char>::adopt(memory, size);
  return true;
}

void TextBuilder::append(std::string_view text) {
  if (!grow(length_ + text.size())) return;
  std::memcpy(buffer_.data() + length_, text.data(), text.size());
  length_ += text.size();
}

// Formatting cuts what does not fit, so it is tried with growing room until some is left over.
void TextBuilder::vprint(std::string_view format, std::initializer_list<FormatArgument> arguments) {
  for (size_t room = 128;; room *= 2) {
    if (!grow(length_ + room)) return;
    std::span<char> space(buffer_.data() + length_, buffer_.size() - length_);
    size_t written = vformat_to(space, format, arguments);
    if (written < space.size()) {
      length_ += written;
      return;
    }
  }
}

Result<Ref<Inode>> TableDirectory::find(std::string_view name) {
  for (const TableEntry& entry : entries_) {
    if (entry.name == name) return entry.make(*this, entry.mode);
  }
  return Errno::noent;
}

Result<void> TableDirectory::list(DirectorySink& sink, int64_t& position) {
  while (static_cast<size_t>(position - 2) < entries_.size()) {
    const TableEntry& entry = entries_[static_cast<size_t>(position - 2)];
    // Numbers are those of inodes, which do not exist yet; any that is not zero will do.
    if (!sink.entry(entry.name, static_cast<uint64_t>(position) + (number() << 16),
                    directory_entry_type(entry.mode), position + 1)) {
      return {};
    }
    ++position;
  }
  return {};
}

namespace {

class OpenTextFile final : public PathFile {
 public:
  static constexpr const char* kCacheName = "synthetic_open_file";
  using PathFile::PathFile;

  Result<size_t> read(IoBuffer& buffer, uint64_t& position) override {
    MutexGuard guard(text_lock_);
    if (position == 0 || position < part_start_ || !has_text_) TRY(make_part(0, 0));
    while (position >= part_end()) {
      if (text_.next_place() == 0) return size_t{0};
      TRY(make_part(text_.next_place(), part_end()));
    }
    const size_t length = std::min<size_t>(buffer.remaining(), part_end() - position);
    const char* from = text_.text().data() + (position - part_start_);
    size_t count = TRY(buffer.copy_in(from, length));
    position += count;
    return count;
  }

  Result<size_t> write(IoBuffer& buffer, uint64_t& position) override {
    size_t length = std::min<size_t>(buffer.remaining(), kPageSize);
    Buffer<char> text = TRY(Buffer<char>::make(length));
    size_t count = TRY(buffer.copy_out(text.data(), length));
    TRY(inode_of_text().store({text.data(), count}));
    position += count;
    return count;
  }

  Result<uint64_t> seek(int64_t offset, int whence) override {
    return seek_without_end(offset, whence);
  }

  bool is_seekable() const override { return true; }

 private:
  TextFile& inode_of_text() const { return static_cast<TextFile&>(file_inode()); }
  uint64_t part_end() const REQUIRES(text_lock_) { return part_start_ + text_.text().size(); }
  Result<void> make_part(uint64_t place, uint64_t start) REQUIRES(text_lock_) {
    TextBuilder fresh(place);
    TRY(inode_of_text().show(fresh));
    if (fresh.has_failed()) return Errno::nomem;
    text_ = std::move(fresh);
    part_start_ = start;
    has_text_ = true;
    return {};
  }

  Mutex text_lock_{LockRank::text_file};
  TextBuilder text_ GUARDED_BY(text_lock_);
  uint64_t part_start_ GUARDED_BY(text_lock_) = 0;  // where in the file text_ begins
  bool has_text_ GUARDED_BY(text_lock_) = false;
};

}  // namespace

Result<Ref<File>> TextFile::open(const Path& path, uint32_t flags) {
  return Ref<File>(TRY(make_ref<OpenTextFile>(path, flags)));
}

// "> file" truncates first, which means nothing here.
Result<void> TextFile::set_attributes(const AttributeChange& change) {
  AttributeChange rest = change;
  rest.what &= ~AttributeChange::size_bit;
  return rest.what != 0 ? Inode::set_attributes(rest) : Result<void>();
}

}  // namespace tine::fs
