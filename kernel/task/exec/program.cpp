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

// From `file` to the ELF file that is to run in the end, with its first bytes.
Result<void> resolve_scripts(Ref<fs::File>& file, FileHead& head, std::string_view name,
                             Arguments& arguments) {
  for (int depth = 0;; ++depth) {
    TRY(read_head(*file, head));
    if (!head.is_script()) break;
    if (depth == kMaxScriptDepth) return Errno::loop;
    const ScriptLine line = TRY(ScriptLine::parse(head));
    TRY(arguments.put_interpreter_first(line.interpreter(), line.option(), name));
    file = TRY(fs::open_executable(kAtCwd, line.interpreter(), 0));
  }
  return head.is_elf() ? Result<void>() : Result<void>(Errno::noexec);
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
  FileHead head;
  TRY(read_head(*file, head));
  if (!head.is_elf()) return Errno::libbad;
  const auto interpreter = ElfImage::parse(*file, head);
  if (!interpreter) {
    return interpreter.error() == Errno::noexec ? Errno::libbad : interpreter.error();
  }
  return memory.load(*interpreter, *file, 0, false);
}

}  // namespace

Result<NewProgram> NewProgram::build(Ref<fs::File> file, std::string_view file_name,
                                     Arguments& arguments) {
  FileHead head;
  TRY(resolve_scripts(file, head, file_name, arguments));
  const ElfImage image = TRY(ElfImage::parse(*file, head));
  const Task& task = current();
  ExecCreds creds = TRY(creds_for(*file));
  uint32_t personality = task.personality;
  if (creds.gains_identity) personality &= ~kClearedOnSetId;
  const uint64_t stack_limit = soft_limit(kLimitStack);
  const Layout layout = Layout::choose(personality, stack_limit);

  NewMemory memory = TRY(NewMemory::make(layout));
  const LoadedProgram program = TRY(memory.load(image, *file, layout.program_base, true));
  memory.set_program_bounds(image, program.bias, layout.brk_gap);
  memory.mm().exe_file = file->map_name();
  const LoadedProgram start = TRY(load_interpreter(memory, *file, image, program));

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
    if (task.files->ref_count() > 1) result.own_files = TRY(fs::dup_files(*task.files));
    TRY(fs::prepare_close_on_exec(result.own_files ? *result.own_files : *task.files));
  }
  if (task.sighand->ref_count() > 1) {
    IrqGuard guard(task.sighand->lock);
    result.own_sighand = TRY(make_ref<SigHand>(*task.sighand));
  }
  result.entry = start.entry;
  result.stack_pointer = plan.pointers;
  return result;
}

}  // namespace tine::exec
