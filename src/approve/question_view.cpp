#include "approve/question_view.h"

#include <fmt/format.h>

#include <algorithm>
#include <functional>

#include "base/show.h"

namespace assent::approve {

namespace {

// One fact of the question. `text(room)` gives it in at most `room` columns, cut in the middle where it must be.
struct Fact {
  int importance;  // 1 is told first where there is little room
  std::function<std::string(std::size_t room)> text;
  Line::Look look = Line::Look::Plain;
};

constexpr std::size_t kEverything = static_cast<std::size_t>(1) << 30;

// A label of ours before something of theirs.
std::function<std::string(std::size_t)> labelled(std::string label, std::string bytes) {
  return [label = std::move(label), bytes = std::move(bytes)](std::size_t room) {
    const std::size_t used = columns_of(label);
    return label + show(bytes, room > used ? room - used : 0);
  };
}

std::vector<Fact> facts_of(const Question& q) {
  std::vector<Fact> facts;
  if (q.process) {
    const ProcessRef process = q.process;
    facts.push_back({1,
                     [process](std::size_t room) {
                       return process->argv.empty() ? show(process->exe, room) : show_command(process->argv, room);
                     },
                     Line::Look::Bold});
    facts.push_back({6, labelled("  in ", process->cwd)});
    if (!process->ancestry.empty()) {
      std::string chain;
      for (const std::string& one : process->ancestry) {
        if (!chain.empty()) chain += " < ";
        chain += show(one, 40);
      }
      // Shown already; cut by whole words at its end, where the agent itself stands.
      facts.push_back({8, [chain](std::size_t room) {
                         std::string text = "  by " + chain;
                         return columns_of(text) <= room ? text : wrap(text, std::max<std::size_t>(room, 8)).front();
                       }});
    }
  }
  facts.push_back({2, labelled(fmt::format("{} ", show(q.operation, 24)), q.object), Line::Look::Bold});
  if (!q.other.empty()) facts.push_back({2, labelled(fmt::format("  {} ", other_word(q)), q.other), Line::Look::Bold});
  if (q.radius) {
    const Radius radius = *q.radius;
    facts.push_back({3, [radius](std::size_t) { return "  " + what_lies_below(radius); },
                     radius.outside_project > 0 ? Line::Look::Warning : Line::Look::Plain});
    facts.push_back({7, labelled("  below ", radius.root)});
  }
  facts.push_back({4, [recovery = q.recovery](std::size_t) { return "  " + std::string(words_of(recovery)); },
                   q.recovery == Recovery::None ? Line::Look::Warning : Line::Look::Plain});
  facts.push_back({5, labelled("  rule ", to_string(q.decision.rule) +
                                              (q.decision.reason.empty() ? "" : ": " + q.decision.reason))});
  if (q.decision.quorum > 1) {
    facts.push_back({3, [n = q.decision.quorum, votes = q.votes](std::size_t) {
                       std::string text = fmt::format("  needs the yes of {} people", n);
                       for (std::size_t i = 0; i < votes.size(); ++i)
                         text += (i == 0 ? "; so far: " : ", ") + show(votes[i].who, 32);
                       return text;
                     }});
  }
  return facts;
}

std::string header(const Question& q, const QuestionView& view) {
  const std::string left = fmt::format(" {} left ", human_left(view.left));
  std::string start = " assent";
  if (!view.mark.empty()) start += " [" + show(view.mark, 16) + "]";
  if (view.merged > 1) start += fmt::format(" {} calls", view.merged);
  if (view.waiting > 0) start += fmt::format(" +{} waiting", view.waiting);
  const std::size_t used = columns_of(start) + columns_of(left);
  std::string session;
  if (view.columns > used + 12)
    session = " session " + show(q.session, std::min<std::size_t>(view.columns - used - 10, 30));
  std::string text = start + session;
  const std::size_t width = columns_of(text) + columns_of(left);
  if (width < view.columns) text.append(view.columns - width, ' ');
  return text + left;
}

std::vector<std::string> key_lines(const QuestionView& view) {
  switch (view.mode) {
    case QuestionView::Mode::Keys:
      if (view.columns >= 76) {
        return {"yes: [o]nce   rest of this [c]ommand   this [s]ession   [v]iew everything",
                "no:  [n]o     no, with a [r]eason      s[t]op the agent"};
      }
      return {"[o]nce [c]ommand [s]ession [v]iew", "[n]o  [r]eason  s[t]op agent"};
    case QuestionView::Mode::Reason:
      return {"Why not? The agent is told. Esc: back"};
    case QuestionView::Mode::Confirm:
      return {fmt::format("To allow ({}) type the words. Esc: back", name(view.scope))};
    case QuestionView::Mode::Details:
      return {"[v] next page   Esc: back"};
  }
  return {};
}

std::string input_line(const Question& q, const QuestionView& view) {
  std::string label = "> ";
  switch (view.mode) {
    case QuestionView::Mode::Keys:
    case QuestionView::Mode::Details:
      return show(view.message, view.columns);
    case QuestionView::Mode::Reason:
      label = "no, because: ";
      break;
    case QuestionView::Mode::Confirm:
      label = fmt::format(fmt::runtime(view.columns < 40 ? "{}? " : "type {} and Enter: "),
                          show(q.confirm, std::max<std::size_t>(view.columns / 3, 8)));
      break;
  }
  const std::size_t used = columns_of(label);
  return label + show(view.input, view.columns > used + 1 ? view.columns - used - 1 : 0);
}

std::size_t body_rows(const QuestionView& view) {
  const std::size_t fixed =
      2 + key_lines(view).size() + (view.mode != QuestionView::Mode::Keys && !view.message.empty());
  return view.rows > fixed ? view.rows - fixed : 1;
}

}  // namespace

std::string_view words_of(Recovery recovery) {
  switch (recovery) {
    case Recovery::Vault:
      return "can be undone: a copy is kept in the vault";
    case Recovery::Git:
      return "git holds the same content";
    case Recovery::None:
      return "cannot be undone";
    case Recovery::NoLoss:
      return "nothing that is there now is lost";
  }
  return "cannot be undone";
}

std::vector<Line> everything_of(const Question& q, std::size_t columns) {
  std::vector<Line> lines;
  for (const Fact& fact : facts_of(q)) {
    for (std::string& line : wrap(fact.text(kEverything), columns)) lines.push_back({std::move(line), fact.look});
  }
  return lines;
}

// One line for each fact while there is room, in the order of importance; then more lines to those that need them.
std::vector<Line> facts_in(const Question& q, std::size_t columns, std::size_t rows) {
  const std::vector<Fact> facts = facts_of(q);
  std::vector<std::size_t> by_importance(facts.size());
  for (std::size_t i = 0; i < facts.size(); ++i) by_importance[i] = i;
  std::stable_sort(by_importance.begin(), by_importance.end(),
                   [&](std::size_t a, std::size_t b) { return facts[a].importance < facts[b].importance; });
  std::vector<std::size_t> given(facts.size(), 0);
  std::size_t left = rows;
  for (const std::size_t i : by_importance) {
    if (left == 0) break;
    // What lies below is one fact: its last word, how much is outside the project, must not fall off.
    const bool whole = facts[i].importance == 3 && rows > 4;
    given[i] = std::min(left, whole ? wrap(facts[i].text(kEverything), columns).size() : 1);
    left -= given[i];
  }
  for (const std::size_t i : by_importance) {
    if (given[i] == 0) continue;
    const std::size_t wanted = wrap(facts[i].text(kEverything), columns).size();
    const std::size_t more = std::min(left, wanted > given[i] ? wanted - given[i] : 0);
    given[i] += more;
    left -= more;
  }
  std::vector<Line> lines;
  for (std::size_t i = 0; i < facts.size(); ++i) {
    if (given[i] == 0) continue;
    std::vector<std::string> wrapped = wrap(facts[i].text(kEverything), columns);
    // Broken lines are not full, so what is cut to the exact area may still not fit: cut a little more.
    for (std::size_t room = given[i] * columns; wrapped.size() > given[i] && room > 0;
         room -= std::min<std::size_t>(room, 4)) {
      wrapped = wrap(facts[i].text(room), columns);
      if (room < columns) wrapped.resize(std::min(wrapped.size(), given[i]));
    }
    for (std::string& line : wrapped) lines.push_back({std::move(line), facts[i].look});
  }
  return lines;
}

std::string human_count(std::uint64_t number) {
  std::string digits = std::to_string(number);
  for (std::size_t at = digits.size(); at > 3;) digits.insert(at -= 3, ",");
  return digits;
}

std::string human_bytes(std::uint64_t bytes) {
  if (bytes < 1000) return fmt::format("{} B", bytes);
  double value = static_cast<double>(bytes);
  for (const char* unit : {"kB", "MB", "GB", "TB", "PB", "EB"}) {
    value /= 1000;
    if (value < 999.5)
      return value < 9.95 ? fmt::format("{:.1f} {}", value, unit) : fmt::format("{:.0f} {}", value, unit);
  }
  return fmt::format("{:.0f} EB", value);
}

std::string human_left(std::chrono::seconds left) {
  const auto total = std::max<std::int64_t>(left.count(), 0);
  if (total >= 3600) return fmt::format("{}:{:02}:{:02}", total / 3600, total / 60 % 60, total % 60);
  return fmt::format("{}:{:02}", total / 60, total % 60);
}

std::string what_lies_below(const Radius& radius) {
  return fmt::format("{}{} {}, {}; {} not in git; {} outside the project", radius.complete ? "" : "at least ",
                     human_count(radius.files), radius.files == 1 ? "file" : "files", human_bytes(radius.bytes),
                     human_count(radius.not_in_git), human_count(radius.outside_project));
}

std::vector<std::string> wrap(std::string_view shown, std::size_t columns) {
  std::vector<std::string> lines;
  columns = std::max<std::size_t>(columns, 2);
  while (!shown.empty()) {
    std::size_t fits = 0;   // bytes
    std::size_t space = 0;  // bytes up to the last space that fits
    for (std::size_t at = 0, used = 0; at < shown.size();) {
      std::size_t next = at + 1;
      while (next < shown.size() && (static_cast<unsigned char>(shown[next]) & 0xC0) == 0x80) ++next;
      const std::size_t width = columns_of(shown.substr(at, next - at));
      if (used + width > columns) break;
      used += width;
      if (shown[at] == ' ' && at > 0) space = next;
      at = fits = next;
    }
    if (fits == shown.size()) {
      lines.emplace_back(shown);
      break;
    }
    // A space far to the left would waste the line.
    const std::size_t end = space > fits / 2 ? space : fits;
    lines.emplace_back(shown.substr(0, end));
    shown.remove_prefix(end);
  }
  if (lines.empty()) lines.emplace_back();
  return lines;
}

std::size_t pages_of(const Question& question, const QuestionView& view) {
  QuestionView details = view;
  details.mode = QuestionView::Mode::Details;
  const std::size_t rows = body_rows(details);
  return (everything_of(question, view.columns).size() + rows - 1) / rows;
}

std::vector<Line> lay_out(const Question& question, const QuestionView& given) {
  QuestionView view = given;
  view.columns = std::max<std::size_t>(view.columns, 20);
  view.rows = std::max<std::size_t>(view.rows, 4);
  std::vector<Line> lines{{header(question, view), Line::Look::Reverse}};
  const std::size_t rows = body_rows(view);
  std::vector<Line> body;
  if (view.mode == QuestionView::Mode::Details) {
    const std::vector<Line> all = everything_of(question, view.columns);
    const std::size_t from = std::min(view.page * rows, all.size());
    body.assign(all.begin() + static_cast<std::ptrdiff_t>(from),
                all.begin() + static_cast<std::ptrdiff_t>(std::min(from + rows, all.size())));
  } else {
    body = facts_in(question, view.columns, rows);
  }
  for (Line& line : body) {
    if (lines.size() < 1 + rows) lines.push_back(std::move(line));
  }
  if (view.mode != QuestionView::Mode::Keys && !view.message.empty()) {
    lines.push_back({show(view.message, view.columns), Line::Look::Bold});
  }
  for (std::string& line : key_lines(view)) lines.push_back({show(line, view.columns), Line::Look::Plain});
  lines.push_back({input_line(question, view), Line::Look::Plain});
  if (lines.size() > view.rows)
    lines.erase(lines.begin() + 1, lines.begin() + 1 + static_cast<std::ptrdiff_t>(lines.size() - view.rows));
  return lines;
}

}  // namespace assent::approve
