// The words of the profile, the record and the question, in one place.
#include "assent/decision.h"
#include "assent/question.h"
#include "assent/request.h"

#include <array>
#include <utility>

namespace assent {

namespace {

constexpr std::array<std::pair<Operation, std::string_view>, 6> kOperations{{{Operation::Create, "create"},
                                                                             {Operation::Modify, "modify"},
                                                                             {Operation::Truncate, "truncate"},
                                                                             {Operation::Rename, "rename"},
                                                                             {Operation::Delete, "delete"},
                                                                             {Operation::Metadata, "metadata"}}};
constexpr std::array<std::pair<Scope, std::string_view>, 3> kScopes{
    {{Scope::Once, "once"}, {Scope::Command, "command"}, {Scope::Session, "session"}}};

template <class Table, class Key>
std::string_view word_of(const Table& table, Key key) {
  for (const auto& [value, word] : table) {
    if (value == key) return word;
  }
  return "?";
}

template <class Key, class Table>
std::optional<Key> key_of(const Table& table, std::string_view wanted) {
  for (const auto& [value, word] : table) {
    if (word == wanted) return value;
  }
  return std::nullopt;
}

}  // namespace

std::string_view name(Operation operation) { return word_of(kOperations, operation); }
std::optional<Operation> operation_from_name(std::string_view word) { return key_of<Operation>(kOperations, word); }

std::string_view name(Scope scope) { return word_of(kScopes, scope); }
std::optional<Scope> scope_from_name(std::string_view word) { return key_of<Scope>(kScopes, word); }

std::string_view name(Recovery recovery) {
  switch (recovery) {
    case Recovery::Vault:
      return "vault";
    case Recovery::Git:
      return "git";
    case Recovery::None:
      return "none";
    case Recovery::NoLoss:
      return "no loss";
  }
  return "none";
}

std::string_view name(Verdict verdict) {
  switch (verdict) {
    case Verdict::Allow:
      return "allow";
    case Verdict::Ask:
      return "ask";
    case Verdict::Deny:
      return "deny";
  }
  return "deny";
}

std::string_view name(Consent consent) {
  switch (consent) {
    case Consent::Yes:
      return "yes";
    case Consent::No:
      return "no";
    case Consent::Stop:
      return "stop";
  }
  return "no";
}

std::string to_string(const RuleRef& rule) {
  return rule.line > 0 ? rule.file + ":" + std::to_string(rule.line) : rule.file;
}

std::string_view other_word(const Question& question) {
  return question.operation == name(Operation::Rename) ? "to" : "from";
}

}  // namespace assent
