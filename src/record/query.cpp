#include "record/query.h"

#include <fnmatch.h>

#include <algorithm>

namespace assent::record {

namespace {

bool hits(const std::string& path, const std::string& wanted) {
  if (path == wanted || wanted == "/") return true;
  if (path.size() > wanted.size() && path.starts_with(wanted) && path[wanted.size()] == '/') return true;
  return wanted.find_first_of("*?[") != std::string::npos && ::fnmatch(wanted.c_str(), path.c_str(), 0) == 0;
}

}  // namespace

bool Query::matches(const Json& record) const {
  if (since && bytes_of(record, "time") < *since) return false;
  if (denied) {
    const bool no_answer = bytes_of(record, "kind") == "answer" && bytes_of(record, "answer") != "yes";
    if (!no_answer && judgement_of(record) != Judgement::Denied) return false;
  }
  if (path) {
    const auto subjects = subjects_of(record);
    return std::any_of(subjects.begin(), subjects.end(),
                       [&](const Subject& subject) { return hits(subject.object, *path); });
  }
  return true;
}

}  // namespace assent::record
