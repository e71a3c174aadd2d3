#include "daemon/lane/path_question.h"

#include <cerrno>
#include <string>
#include <vector>

#include "daemon/base/status.h"
#include "daemon/model/operation.h"
#include "daemon/model/path.h"

namespace tandem {
namespace {

PathKind KindOf(FileType type) {
  switch (type) {
    case FileType::kRegular:
      return PathKind::kFile;
    case FileType::kDirectory:
      return PathKind::kDirectory;
    case FileType::kOther:
      return PathKind::kOther;
  }
  return PathKind::kOther;
}

void AddComponent(PathKind kind, uint64_t size, internal::v1::PathAnswer& answer) {
  auto* component = answer.add_components();
  component->set_kind(static_cast<uint32_t>(kind));
  component->set_size(kind == PathKind::kFile ? size : 0);
}

}  // namespace

Awaitable<internal::v1::PathAnswer> AnswerPathQuery(Env& env, std::shared_ptr<Target> target,
                                                    internal::v1::PathQuery query) {
  internal::v1::PathAnswer answer;
  answer.set_id(query.id());
  if (target == nullptr) {
    answer.set_error("the target is down");
    co_return answer;
  }
  std::vector<absl::string_view> names = AncestorsOf(query.path());
  names.push_back(query.path());
  DirectoryRef parent = target->directories().root();
  for (const absl::string_view path : names) {
    const auto stat = co_await env.files.Stat(parent->handle, std::string(NameOf(path)));
    if (absl::IsNotFound(stat.status())) break;
    if (!stat.ok()) {
      answer.set_error(std::string(stat.status().message()));
      break;
    }
    const PathKind kind = KindOf(stat->type);
    AddComponent(kind, stat->size, answer);
    if (kind != PathKind::kDirectory || path == names.back()) break;
    auto next = co_await target->directories().Look(std::string(path));
    if (!next.ok()) {
      answer.set_error(std::string(next.status().message()));
      break;
    }
    parent = *next;
  }
  co_return answer;
}

}  // namespace tandem
