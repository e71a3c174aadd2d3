#include "daemon/core/path_questions.h"

#include <algorithm>
#include <utility>

namespace tandem {
namespace {

constexpr int64_t kAskAgainNs = 200'000'000;

}  // namespace

PathQuestions::PathQuestions(Clock& clock, size_t lanes, Lanes& asker, PathStates& states)
    : clock_(clock), asker_(asker), states_(states), unasked_(lanes), later_(lanes) {}

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
  AskAll(id, question);
}

void PathQuestions::AskAll(QuestionId id, Question& question) {
  question.asked_at = asker_.appended();
  for (size_t lane = 0; lane < unasked_.size(); ++lane) {
    if (!asker_.Ask(lane, id, question.path)) unasked_[lane].insert(id);
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
    for (auto& unasked : unasked_) unasked.erase(id);
    for (auto& later : later_) later.erase(id);
  }
}

std::vector<Ticket> PathQuestions::OnAnswer(size_t lane, const internal::v1::PathAnswer& answer,
                                            bool usable) {
  const QuestionId id = answer.id();
  const auto it = questions_.find(id);
  if (it == questions_.end()) return {};
  Question& question = it->second;
  if (!usable || !answer.error().empty()) {
    AskAgainLater(lane, id);
    return {};
  }
  std::vector<PathState> components;
  for (const auto& component : answer.components()) {
    components.push_back(
        {static_cast<PathKind>(std::min<uint32_t>(component.kind(), 3)), component.size()});
  }
  if (!states_.Fill(question.path, components, question.asked_at)) {
    question.asked_at = asker_.appended();
    if (!asker_.Ask(lane, id, question.path)) unasked_[lane].insert(id);
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
  for (auto& unasked : unasked_) unasked.erase(id);
  for (auto& later : later_) later.erase(id);
  return tickets;
}

void PathQuestions::OnLaneAttached(size_t lane) {
  later_[lane].clear();
  unasked_[lane].clear();
  for (const auto& [id, question] : questions_) unasked_[lane].insert(id);
  AskMore(lane);
}

void PathQuestions::AskMore(size_t lane) {
  auto& unasked = unasked_[lane];
  while (!unasked.empty()) {
    const QuestionId id = *unasked.begin();
    if (!asker_.Ask(lane, id, questions_.at(id).path)) return;
    unasked.erase(unasked.begin());
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
