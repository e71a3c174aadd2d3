// What lanes are asked about paths, and who waits for the answer (rule 3).
#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <vector>

#include "absl/container/btree_map.h"
#include "absl/container/btree_set.h"
#include "absl/container/flat_hash_map.h"
#include "absl/functional/any_invocable.h"
#include "daemon/core/path_queue.h"
#include "daemon/core/path_states.h"
#include "daemon/io/clock.h"
#include "tandem/internal/v1/link.pb.h"

namespace tandem {

// Every question goes to all lanes that can know; the first usable answer counts. A question is
// kept until it is answered or nobody waits for it. Nothing about its path is forgotten meanwhile
// (PathStates), so that a lane that had all that was forgotten when it was asked tells no less than
// what is needed. One that had it only when it answered may have looked before. Owner: core's
// thread.
class PathQuestions {
 public:
  struct Lanes {
    virtual ~Lanes() = default;
    // Sends the question; false if the lane is not there or has too many of them already.
    virtual bool Ask(size_t lane, uint64_t question, const std::string& path) = 0;
    // The last sequence appended.
    [[nodiscard]] virtual Sequence appended() const = 0;
    // What is up to here is on the lane's target, or parked there: its checkpoint.
    [[nodiscard]] virtual Sequence settled(size_t lane) const = 0;
  };

  PathQuestions(Clock& clock, size_t lanes, Lanes& asker, PathStates& states);
  ~PathQuestions();
  PathQuestions(const PathQuestions&) = delete;
  PathQuestions& operator=(const PathQuestions&) = delete;

  // `ticket` waits for the state of `path`.
  void Need(const std::string& path, Ticket ticket);
  // It waits for nothing any more.
  void Drop(Ticket ticket);

  // A lane's answer to `id`: components of the path from the top that exist; nullopt: it is of no
  // use. Returns who has to look again.
  [[nodiscard]] std::vector<Ticket> OnAnswer(size_t lane, uint64_t id,
                                             const std::optional<std::vector<PathState>>& found);
  // The lane is there (again) and knows nothing of earlier questions.
  void OnLaneAttached(size_t lane);
  // It may take more questions.
  void AskMore(size_t lane);
  // What the lane's target has changed otherwise than by its checkpoint going on: answers that are
  // under way may be from before, and are asked for again.
  void Distrust(size_t lane);

  // What the question was about; nullptr if it is answered already.
  [[nodiscard]] const std::string* PathOf(uint64_t question) const;
  [[nodiscard]] size_t size() const { return questions_.size(); }

 private:
  struct Question {
    std::string path;
    Sequence asked_at = 0;
    Sequence forgotten = 0;  // of the path states, when it came up
    absl::btree_set<Ticket> tickets;
  };
  using QuestionId = uint64_t;

  void AskAll(QuestionId id, Question& question);
  // Sends it, or puts it off.
  void AskOne(size_t lane, QuestionId id, const Question& question);
  [[nodiscard]] bool CanKnow(size_t lane, const Question& question) const;
  void Forget(QuestionId id);
  void AskAgainLater(size_t lane, QuestionId id);

  Clock& clock_;
  Lanes& asker_;
  PathStates& states_;
  QuestionId next_id_ = 1;
  absl::btree_map<QuestionId, Question> questions_;
  absl::flat_hash_map<std::string, QuestionId> by_path_;
  absl::flat_hash_map<Ticket, std::vector<QuestionId>> by_ticket_;
  std::vector<absl::btree_set<QuestionId>> unasked_;  // per lane
  std::vector<absl::btree_set<QuestionId>> later_;    // per lane: had no answer, asked again soon
  std::vector<absl::btree_set<QuestionId>> stale_;    // per lane: the next answer does not count
  Clock::TimerId timer_ = 0;
  bool armed_ = false;
};

}  // namespace tandem
