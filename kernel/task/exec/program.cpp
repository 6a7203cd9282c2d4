// SPDX-License-Identifier: MIT
//
// Making a new program ready: following "#!" lines to an ELF file, mapping it and its interpreter,
// writing the stack. Errors as execve(2).
#include "task/exec/program.h"

#include "fs/files_table.h"
#include "fs/fs.h"
#include "fs/fs_context.h"
#include "task/exec/personality.h"
#include "task/exec/script.h"
#include "task/exec/stack.h"
#include "task/signal_state.h"

namespace tine::exec {

namespace {

constexpr int kAtCwd = -100;
constexpr int kMaxScriptDepth = 5;  // execve(2): deeper nesting is ELOOP

// A file that is to be run, and what it says of itself.
struct Executable {
  Ref<fs::File> file;
  Ref<mm::MemoryObject> contents;
  Ref<const ElfImage> image;
};

// The image of an ELF file, made now if none is kept. Null: it is none, and `head` shows what it
// is.
Result<Ref<const ElfImage>> image_of(fs::File& file, mm::MemoryObject& contents, FileHead& head) {
  if (Ref<const ElfImage> kept = ElfImage::kept_with(contents)) [[likely]]
    return kept;
  const uint64_t changes = contents.changes();
  TRY(read_head(file, head));
  if (!head.is_elf()) return Ref<const ElfImage>();
  Ref<ElfImage> image = TRY(ElfImage::parse(file, head));
  contents.keep_image(image, changes);
  return Ref<const ElfImage>(*image);
}

// From `file` to the ELF file that is to run in the end.
Result<Executable> resolve_scripts(Ref<fs::File> file, std::string_view name,
                                   Arguments& arguments) {
  Executable executable{.file = std::move(file)};
  FileHead head;
  for (int depth = 0;; ++depth) {
    executable.contents = TRY(executable.file->memory_object());
    executable.image = TRY(image_of(*executable.file, *executable.contents, head));
    if (executable.image) return executable;
    if (!head.is_script()) return Errno::noexec;
    if (depth == kMaxScriptDepth) return Errno::loop;
    const ScriptLine line = TRY(ScriptLine::parse(head));
    TRY(arguments.put_interpreter_first(line.interpreter(), line.option(), name));
    executable.file = TRY(fs::open_executable(kAtCwd, line.interpreter(), 0));
  }
}

Result<Ref<fs::File>> open_interpreter(fs::File& program, const ProgramHeader& segment) {
  if (segment.file_size < 2 || segment.file_size > kPageSize) return Errno::noexec;
  auto path = TRY(Buffer<char>::make(segment.file_size));
  const size_t count =
      TRY(fs::read_at(program, segment.offset, std::as_writable_bytes(path.span())));
  if (count != path.size() || path[count - 1] != '\0') return Errno::noexec;
  return fs::open_executable(kAtCwd, path.data(), 0);
}

// Maps the program's interpreter, if it names one, which then runs first; else gives the program.
Result<LoadedProgram> load_interpreter(NewMemory& memory, fs::File& program, const ElfImage& image,
                                       const LoadedProgram& loaded) {
  const ProgramHeader* segment = image.interpreter();
  if (segment == nullptr) return loaded;
  const Ref<fs::File> file = TRY(open_interpreter(program, *segment));
  const Ref<mm::MemoryObject> contents = TRY(file->memory_object());
  FileHead head;
  const auto interpreter = image_of(*file, *contents, head);
  if (!interpreter && interpreter.error() != Errno::noexec) return interpreter.error();
  if (!interpreter || !*interpreter) return Errno::libbad;
  return memory.load(**interpreter, *file, contents, 0, false);
}

}  // namespace

Result<NewProgram> NewProgram::build(Ref<fs::File> file, std::string_view file_name,
                                     Arguments& arguments) {
  const Executable executable = TRY(resolve_scripts(std::move(file), file_name, arguments));
  const ElfImage& image = *executable.image;
  const Task& task = current();
  ExecCreds creds = TRY(creds_for(*executable.file));
  uint32_t personality = task.personality;
  if (creds.gains_identity) personality &= ~kClearedOnSetId;
  const uint64_t stack_limit = soft_limit(kLimitStack);
  const Layout layout = Layout::choose(personality, stack_limit);

  NewMemory memory = TRY(NewMemory::make(layout));
  const LoadedProgram program =
      TRY(memory.load(image, *executable.file, executable.contents, layout.program_base, true));
  memory.set_program_bounds(image, program.bias, layout.brk_gap);
  memory.mm().exe_file = executable.file->map_name();
  const LoadedProgram start = TRY(load_interpreter(memory, *executable.file, image, program));

  const StackPlan plan(arguments, file_name, layout.stack_top);
  const uint64_t used = layout.stack_top - plan.pointers;
  TRY(memory.map_stack(layout.stack_top, used, stack_limit, image.wants_executable_stack()));
  const uint64_t vdso = TRY(memory.map_vdso(layout.stack_top + layout.vdso_gap));
  const ProgramFacts facts{.image = image,
                           .program = program,
                           .interpreter_base = image.interpreter() != nullptr ? start.bias : 0,
                           .vdso = vdso,
                           .creds = *creds.creds,
                           .is_secure = creds.is_secure,
                           .file_name = file_name};
  TRY(write_stack(memory, plan, layout, arguments, facts));

  NewProgram result{.memory = std::move(memory), .creds = std::move(creds)};
  if (task.files) {
    if (!task.files->is_only_reference()) result.own_files = TRY(fs::dup_files(*task.files));
    TRY(fs::prepare_close_on_exec(result.own_files ? *result.own_files : *task.files));
  }
  if (!task.sighand->is_only_reference()) {
    IrqGuard guard(task.sighand->lock);
    result.own_sighand = TRY(make_ref<SigHand>(*task.sighand));
  }
  result.entry = start.entry;
  result.stack_pointer = plan.pointers;
  return result;
}

}  // namespace tine::exec
