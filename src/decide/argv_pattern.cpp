#include "decide/argv_pattern.h"

#include <algorithm>

namespace assent::decide {

namespace {

std::string_view base_name(std::string_view path) {
  const auto slash = path.rfind('/');
  return slash == std::string_view::npos ? path : path.substr(slash + 1);
}

bool is_flag(std::string_view word) { return word.size() > 1 && word.front() == '-'; }

}  // namespace

tl::expected<void, std::string> ArgvPattern::add(std::string_view element) {
  auto pattern = Pattern::compile(element, Pattern::Over::Argument, Places{});
  if (!pattern) return tl::unexpected<std::string>(std::move(pattern.error()));
  if (words_.empty()) whole_path_ = element.find('/') != std::string_view::npos;
  if (!words_.empty() && is_flag(element)) {
    flags_.push_back(std::move(*pattern));
  } else {
    words_.push_back(std::move(*pattern));
  }
  return {};
}

bool ArgvPattern::matches(const ExecSubject& subject, Verdict action) const {
  if (words_.empty()) return false;
  const std::string_view called =
      subject.argv.empty() ? std::string_view(subject.path) : std::string_view(subject.argv.front());
  const bool program = whole_path_ ? words_[0].matches(subject.path)
                                   : words_[0].matches(base_name(subject.path)) || words_[0].matches(base_name(called));
  if (!program) return false;

  const auto& argv = subject.argv;
  const bool all_flags = std::all_of(flags_.begin(), flags_.end(), [&argv](const Pattern& flag) {
    return argv.size() > 1 &&
           std::any_of(argv.begin() + 1, argv.end(), [&flag](const std::string& word) { return flag.matches(word); });
  });
  if (!all_flags) return false;

  // From the end: `found[k]` says that words k, k+1 … can be found in the arguments from i on.
  const std::size_t count = words_.size();
  std::vector<char> found(count + 1, 0);
  found[count] = 1;
  for (std::size_t i = argv.size(); i-- > 1;) {
    const bool after_flag = i > 1 && is_flag(argv[i - 1]);
    const bool may_pass = is_flag(argv[i]) || (after_flag && action != Verdict::Allow);
    for (std::size_t k = 1; k < count; ++k) {
      found[k] = (found[k + 1] != 0 && words_[k].matches(argv[i])) || (may_pass && found[k] != 0) ? 1 : 0;
    }
  }
  return found[1] != 0;
}

}  // namespace assent::decide
