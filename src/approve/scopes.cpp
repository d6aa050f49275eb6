#include "approve/scopes.h"

#include <algorithm>

namespace assent::approve {

namespace {

bool is_path(std::string_view object) { return object.starts_with('/'); }

std::string_view parent_of(std::string_view path) {
  const std::size_t slash = path.rfind('/');
  return slash == 0 ? path.substr(0, 1) : path.substr(0, slash);
}

// A root that does not hold the object says nothing about it.
std::string directory_shown(const QuestionKey& key) {
  if (!is_path(key.object)) return {};
  if (!key.root.empty() && lies_below(key.object, key.root)) return key.root;
  return std::string(parent_of(key.object));
}

std::string people_of(const Decision& decision) {
  if (decision.quorum <= 1 && !decision.not_self && decision.approvers.empty()) return {};
  std::string out = std::to_string(decision.quorum) + (decision.not_self ? " others" : "");
  for (const auto& one : decision.approvers) out += '\0' + one;
  return out;
}

}  // namespace

QuestionKey key_of(const Question& question, std::int64_t born_ns, std::vector<std::uint64_t> ancestors) {
  QuestionKey key;
  if (question.process) {
    key.processes.push_back(question.process->id);
    if (ancestors.empty() && question.process->parent != 0) ancestors.push_back(question.process->parent);
  }
  key.processes.insert(key.processes.end(), ancestors.begin(), ancestors.end());
  key.operation = question.operation;
  key.object = question.object;
  if (question.radius) key.root = question.radius->root;
  key.people = people_of(question.decision);
  key.born_ns = born_ns;
  return key;
}

bool lies_below(std::string_view path, std::string_view root) {
  if (root == "/") return is_path(path);
  if (root.empty() || !path.starts_with(root)) return false;
  return path.size() == root.size() || path[root.size()] == '/';
}

void Scopes::remember(const QuestionKey& key, const Answer& answer, std::chrono::system_clock::time_point asked_at) {
  if (answer.consent == Consent::Stop || answer.scope == Scope::Once) return;
  // No process is known: nothing says what "this command" was.
  if (answer.scope == Scope::Command && (key.processes.empty() || key.processes.front() == 0)) return;
  Remembered one;
  one.process = answer.scope == Scope::Command ? key.processes.front() : 0;
  one.operation = key.operation;
  one.object = key.object;
  one.people = key.people;
  one.directory = directory_shown(key);
  one.counted = !key.root.empty() && one.directory == key.root;
  one.asked_ns = std::chrono::duration_cast<std::chrono::nanoseconds>(asked_at.time_since_epoch()).count();
  one.answer = answer;
  remembered_.push_back(std::move(one));
}

bool Scopes::covers(const Remembered& remembered, const QuestionKey& key) {
  if (remembered.operation != key.operation) return false;
  if (remembered.process != 0 &&
      std::find(key.processes.begin(), key.processes.end(), remembered.process) == key.processes.end()) {
    return false;
  }
  if (remembered.answer.consent == Consent::Yes && remembered.people != key.people) return false;
  if (remembered.directory.empty()) return remembered.object == key.object;
  if (!is_path(key.object) || !lies_below(key.object, remembered.directory)) return false;
  if (remembered.answer.consent != Consent::Yes) return true;
  if (!remembered.counted && parent_of(key.object) != remembered.directory) return false;
  return key.born_ns <= remembered.asked_ns;
}

std::optional<Answer> Scopes::covers(const QuestionKey& key) const {
  const Answer* found = nullptr;
  for (const Remembered& one : remembered_) {
    if (!covers(one, key)) continue;
    if (one.answer.consent != Consent::Yes) return one.answer;
    if (found == nullptr) found = &one.answer;
  }
  return found == nullptr ? std::nullopt : std::optional<Answer>(*found);
}

void Scopes::forget_process(std::uint64_t process) {
  std::erase_if(remembered_, [process](const Remembered& one) { return one.process != 0 && one.process == process; });
}

}  // namespace assent::approve
