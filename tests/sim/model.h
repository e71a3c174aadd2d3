// What a target's tree must be: the operations in sequence order, applied to nothing.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "daemon/base/reason.h"
#include "daemon/model/operation.h"

namespace tandem {

// Null: there is no file.
using ModelContent = std::shared_ptr<const std::string>;

// Owner: the simulation's thread. An upload's commit carries its whole content as payload.
class Model {
 public:
  // Why the operation is impossible now; nullopt: it is possible.
  [[nodiscard]] std::optional<Reason> Verdict(const Operation& operation) const;

  // Applies it as `sequence`. What the sequencer said of it must be so: "" or what is wrong.
  std::string Apply(const Operation& operation, const OperationResult& result);

  // As a target lists it: path -> content; directories are "<path>/" -> "".
  [[nodiscard]] std::map<std::string, std::string> Tree() const;
  // Permission bits of the file.
  [[nodiscard]] uint32_t ModeOf(const std::string& path) const { return modes_.at(path); }

  struct State {
    Sequence sequence;
    ModelContent content;
  };
  // What the path has been, oldest first; empty: never a file.
  [[nodiscard]] const std::vector<State>& History(const std::string& path) const;
  // What it has been at `sequence` and since.
  [[nodiscard]] std::vector<ModelContent> Since(const std::string& path, Sequence sequence) const;

 private:
  [[nodiscard]] ModelContent Find(const std::string& path) const;
  [[nodiscard]] bool Blocked(const std::string& path) const;
  void Set(const std::string& path, Sequence sequence, ModelContent content, uint32_t mode);

  std::map<std::string, ModelContent> files_;
  std::map<std::string, uint32_t> modes_;
  std::set<std::string> directories_;
  std::map<std::string, std::vector<State>> history_;
};

// A batch as one: the first reason, and what is left if there is none.
[[nodiscard]] std::optional<Reason> VerdictOfBatch(const Model& model,
                                                   const std::vector<Operation>& operations);

}  // namespace tandem
