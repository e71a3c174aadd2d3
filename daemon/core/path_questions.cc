#include "daemon/core/path_questions.h"

#include <algorithm>
#include <utility>

namespace tandem {
namespace {

constexpr int64_t kAskAgainNs = 200'000'000;

}  // namespace

PathQuestions::PathQuestions(Clock& clock, size_t lanes, Lanes& asker, PathStates& states)
    : clock_(clock),
      asker_(asker),
      states_(states),
      unasked_(lanes),
      later_(lanes),
      stale_(lanes) {}

PathQuestions::~PathQuestions() {
  if (armed_) clock_.Cancel(timer_);
}

void PathQuestions::Need(const std::string& path, Ticket ticket) {
  const auto [it, fresh] = by_path_.try_emplace(path, next_id_);
  const QuestionId id = it->second;
  Question& question = questions_[id];
  if (question.tickets.insert(ticket).second) by_ticket_[ticket].push_back(id);
  if (!fresh) return;
  ++next_id_;
  question.path = path;
  question.forgotten = states_.forgotten();
  AskAll(id, question);
}

void PathQuestions::AskAll(QuestionId id, Question& question) {
  question.asked_at = asker_.appended();
  for (size_t lane = 0; lane < unasked_.size(); ++lane) AskOne(lane, id, question);
}

bool PathQuestions::CanKnow(size_t lane, const Question& question) const {
  return asker_.settled(lane) >= question.forgotten;
}

void PathQuestions::AskOne(size_t lane, QuestionId id, const Question& question) {
  if (!CanKnow(lane, question)) {
    AskAgainLater(lane, id);
  } else if (!asker_.Ask(lane, id, question.path)) {
    unasked_[lane].insert(id);
  }
}

void PathQuestions::Forget(QuestionId id) {
  for (auto* lanes : {&unasked_, &later_, &stale_}) {
    for (auto& ids : *lanes) ids.erase(id);
  }
}

void PathQuestions::Drop(Ticket ticket) {
  const auto it = by_ticket_.find(ticket);
  if (it == by_ticket_.end()) return;
  const std::vector<QuestionId> ids = std::move(it->second);
  by_ticket_.erase(it);
  for (const QuestionId id : ids) {
    const auto question = questions_.find(id);
    if (question == questions_.end()) continue;
    question->second.tickets.erase(ticket);
    if (!question->second.tickets.empty()) continue;
    by_path_.erase(question->second.path);
    questions_.erase(question);
    Forget(id);
  }
}

std::vector<Ticket> PathQuestions::OnAnswer(size_t lane, uint64_t id,
                                            const std::optional<std::vector<PathState>>& found) {
  const auto it = questions_.find(id);
  if (it == questions_.end()) return {};
  Question& question = it->second;
  if (stale_[lane].erase(id) > 0) {
    AskOne(lane, id, question);
    return {};
  }
  if (!found.has_value() || !CanKnow(lane, question)) {
    AskAgainLater(lane, id);
    return {};
  }
  if (!states_.Fill(question.path, *found, question.asked_at)) {
    question.asked_at = asker_.appended();
    AskOne(lane, id, question);
    return {};
  }
  std::vector<Ticket> tickets(question.tickets.begin(), question.tickets.end());
  for (const Ticket ticket : tickets) {
    const auto waiting = by_ticket_.find(ticket);
    std::erase(waiting->second, id);
    if (waiting->second.empty()) by_ticket_.erase(waiting);
  }
  by_path_.erase(question.path);
  questions_.erase(it);
  Forget(id);
  return tickets;
}

void PathQuestions::OnLaneAttached(size_t lane) {
  later_[lane].clear();
  unasked_[lane].clear();
  stale_[lane].clear();
  for (const auto& [id, question] : questions_) unasked_[lane].insert(id);
  AskMore(lane);
}

void PathQuestions::AskMore(size_t lane) {
  auto& unasked = unasked_[lane];
  while (!unasked.empty()) {
    const QuestionId id = *unasked.begin();
    const Question& question = questions_.at(id);
    if (!CanKnow(lane, question)) {
      AskAgainLater(lane, id);
    } else if (!asker_.Ask(lane, id, question.path)) {
      return;
    }
    unasked.erase(id);
  }
}

void PathQuestions::Distrust(size_t lane) {
  for (const auto& [id, question] : questions_) {
    if (!unasked_[lane].contains(id) && !later_[lane].contains(id)) stale_[lane].insert(id);
  }
}

void PathQuestions::AskAgainLater(size_t lane, QuestionId id) {
  later_[lane].insert(id);
  if (armed_) return;
  armed_ = true;
  timer_ = clock_.Schedule(kAskAgainNs, [this] {
    armed_ = false;
    for (size_t i = 0; i < later_.size(); ++i) {
      unasked_[i].merge(std::exchange(later_[i], {}));
      AskMore(i);
    }
  });
}

const std::string* PathQuestions::PathOf(uint64_t question) const {
  const auto it = questions_.find(question);
  return it == questions_.end() ? nullptr : &it->second.path;
}

}  // namespace tandem
