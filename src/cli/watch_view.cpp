#include "cli/watch_view.h"

#include <fmt/format.h>

#include <algorithm>
#include <ctime>

#include "approve/question_view.h"
#include "base/show.h"

namespace assent::cli {

namespace {

using Look = WatchLine::Look;
using Page = WatchModel::Page;
using Mode = WatchModel::Mode;
using Clock = WatchModel::Clock;

constexpr std::size_t kFewestColumns = 20;
constexpr std::size_t kFewestRows = 5;

constexpr const char* kHelp =
    "Questions that wait, sessions that run, and what is decided in them.\n"
    "\n"
    "  1 2 3, Tab    questions, sessions, decisions\n"
    "  j k, arrows   next, previous; space: next; g G: first, last\n"
    "  v             everything of the selected one; PgUp PgDn: scroll\n"
    "  /             search; Esc: end the search\n"
    "\n"
    "To the selected question:\n"
    "  o   yes, this once\n"
    "  c   yes, the rest of this command, in the folder that is shown\n"
    "  s   yes, this operation on this folder until the session ends\n"
    "  n   no          r   no, with a reason that the agent is told\n"
    "  t   no, and stop the agent\n"
    "\n"
    "Some questions want words typed for a yes. A question takes no key until it has stood on the screen for a moment, "
    "and one that is gone takes none at all: nobody answers what they have not seen.\n"
    "\n"
    "  Ctrl-L   draw anew    q   leave (questions go on waiting)";

std::string cut(std::string text, std::size_t columns) {
  return columns_of(text) <= columns ? text : approve::wrap(text, std::max<std::size_t>(columns, 2)).front();
}

// `left` and `right` at the ends of one line.
std::string spread(const std::string& left, const std::string& right, std::size_t columns) {
  const std::size_t used = columns_of(left) + columns_of(right);
  if (used >= columns) return cut(left, columns);
  return left + std::string(columns - used, ' ') + right;
}

std::string plural(std::uint64_t number, const char* one) {
  return fmt::format("{} {}{}", approve::human_count(number), one, number == 1 ? "" : "s");
}

Look look_of(approve::Line::Look look) {
  switch (look) {
    case approve::Line::Look::Plain:
      return Look::Plain;
    case approve::Line::Look::Bold:
      return Look::Bold;
    case approve::Line::Look::Reverse:
      return Look::Reverse;
    case approve::Line::Look::Warning:
      return Look::Warning;
  }
  return Look::Plain;
}

class Picture {
 public:
  Picture(const WatchModel& model, std::size_t columns, std::size_t rows, Clock::time_point now)
      : model_(model), columns_(columns), rows_(rows), now_(now) {}

  WatchPicture whole() {
    if (columns_ < kFewestColumns || rows_ < kFewestRows) return too_small();
    const std::size_t keys = model_.mode() == Mode::Keys ? (rows_ >= 16 ? 2 : rows_ >= 8 ? 1 : 0) : 0;
    const std::size_t tabs = rows_ >= 10 ? 1 : 0;
    const std::size_t rule = rows_ >= 10 ? 1 : 0;
    const std::size_t body = rows_ - 2 - keys - tabs - rule;
    const std::size_t list = std::max<std::size_t>(body / 3, 1);
    add(header(), Look::Reverse);
    if (tabs != 0) add(page_names(), Look::Dim);
    if (model_.mode() == Mode::Help) {
      help(body + rule);
    } else {
      add_list(list);
      if (rule != 0) add(rule_line(list), Look::Dim);
      add_details(body - list);
    }
    fill(rows_ - 1 - keys);
    add_keys(keys);
    last_line();
    return std::move(out_);
  }

 private:
  void add(std::string text, Look look = Look::Plain) { out_.lines.push_back({cut(std::move(text), columns_), look}); }
  void fill(std::size_t rows) {
    while (out_.lines.size() < rows) out_.lines.emplace_back();
  }

  WatchPicture too_small() {
    const auto waiting = model_.questions();
    add(fmt::format("{} wait", waiting), waiting > 0 ? Look::Bold : Look::Plain);
    if (rows_ > 1) add("make it larger");
    if (rows_ > 2) add("q: leave");
    return std::move(out_);
  }

  std::string header() const {
    const std::time_t wall = std::time(nullptr);
    std::tm local{};
    ::localtime_r(&wall, &local);
    const std::string clock = fmt::format("{:02}:{:02}:{:02} ", local.tm_hour, local.tm_min, local.tm_sec);
    std::string left = " assent watch  ";
    if (columns_ < 50) left = " ";
    left += model_.is_connected() ? fmt::format("{}, {}", plural(model_.questions(), "question"),
                                                plural(model_.sessions().size(), "session"))
                                  : "NO APPROVAL DAEMON";
    return spread(left, clock, columns_);
  }

  std::string page_names() const {
    std::string text;
    const auto name = [&](Page page, const char* word) {
      text += page == model_.page() ? fmt::format("[{}] ", word) : fmt::format(" {}  ", word);
    };
    name(Page::Questions, "1 questions");
    name(Page::Sessions, "2 sessions");
    name(Page::Decisions, "3 decisions");
    if (!model_.filter().empty()) text += fmt::format(" only: {}", show(model_.filter(), 24));
    return text;
  }

  // With the place in the list, where there is more of it than one sees.
  std::string rule_line(std::size_t list) const {
    const std::size_t all = model_.listed().size();
    std::string place;
    if (all > list) {
      const auto selected = model_.selected();
      place = selected ? fmt::format(" {} of {} ", *selected + 1, approve::human_count(all))
                       : fmt::format(" {} ", approve::human_count(all));
    }
    std::string text;
    for (std::size_t i = columns_of(place); i < columns_; ++i) text += "─";
    return text + place;
  }

  std::string left_of(const WatchModel::Asked& one) const {
    if (!one.gone.empty()) return "gone";
    return approve::human_left(std::chrono::ceil<std::chrono::seconds>(one.deadline - now_));
  }

  // Below the session's project the way from there says more in little room; the details have the whole of it.
  std::string nearer(const Question& question) const {
    std::string_view base;
    for (const auto& one : model_.sessions()) {
      if (one.session == question.session) base = one.project;
    }
    if (base.empty() && question.process) base = question.process->cwd;
    const std::string_view object = question.object;
    const bool below =
        base.size() > 1 && object.size() > base.size() + 1 && object.starts_with(base) && object[base.size()] == '/';
    return below ? "." + std::string(object.substr(base.size())) : std::string(object);
  }

  // One line of the list. `room`: what is there for names.
  std::string row(std::size_t index) const {
    const std::size_t room = columns_ - 2;
    switch (model_.page()) {
      case Page::Questions: {
        const auto& one = model_.asked()[index];
        const Question& q = one.waiting.question;
        std::string text = fmt::format("{:>5} {} ", left_of(one), show(one.waiting.id, 8));
        if (one.waiting.merged > 1) text += fmt::format("{}x ", one.waiting.merged);
        text += show(q.operation, 12) + " ";
        std::string command;
        if (q.process && columns_ >= 60) command = "  " + show_command(q.process->argv, columns_ / 4);
        const std::size_t used = columns_of(text) + columns_of(command);
        return text + show(nearer(q), room > used + 8 ? room - used : 8) + command;
      }
      case Page::Sessions: {
        const auto& one = model_.sessions()[index];
        std::string text = show(one.session, 22) + " ";
        text += one.waiting > 0 ? fmt::format("{:>2} wait ", one.waiting) : one.asks_here ? "        " : "(not here) ";
        if (!one.name.empty()) text += show(one.name, 20) + ": ";
        const std::size_t used = columns_of(text);
        return text + show_command(one.command, room > used + 8 ? room - used : 8);
      }
      case Page::Decisions: {
        const auto& one = model_.decisions()[index];
        return fmt::format("{}  {}", one.session.size() > 4 ? one.session.substr(one.session.size() - 4) : one.session,
                           one.line);
      }
    }
    return {};
  }

  Look look_of_row(std::size_t index) const {
    switch (model_.page()) {
      case Page::Questions: {
        const auto& one = model_.asked()[index];
        if (!one.gone.empty()) return Look::Dim;
        return one.deadline - now_ < std::chrono::seconds(30) ? Look::Warning : Look::Plain;
      }
      case Page::Sessions:
        return model_.sessions()[index].waiting > 0 ? Look::Bold : Look::Plain;
      case Page::Decisions:
        return model_.decisions()[index].line.find("  denied ") != std::string::npos ? Look::Warning : Look::Plain;
    }
    return Look::Plain;
  }

  void empty_list(std::size_t rows) {
    std::string why;
    if (!model_.filter().empty()) {
      why = "nothing has these words in it (Esc: end the search)";
    } else if (model_.page() == Page::Questions) {
      why = model_.is_connected() ? "nothing waits" : "no approval daemon: " + show(model_.daemon());
    } else {
      why = model_.page() == Page::Sessions ? "no session runs" : "nothing was decided yet";
    }
    const auto lines = approve::wrap("  " + why, columns_);
    for (std::size_t i = 0; i < std::min(rows, lines.size()); ++i)
      add(lines[i], model_.is_connected() || !model_.filter().empty() ? Look::Dim : Look::Warning);
  }

  void add_list(std::size_t rows) {
    const std::size_t end = out_.lines.size() + rows;
    const auto& listed = model_.listed();
    const auto selected = model_.selected();
    if (listed.empty()) {
      empty_list(rows);
    } else {
      // Pages of the list, so that rows stand still while the selection moves through them.
      const std::size_t from = selected ? *selected / rows * rows : 0;
      for (std::size_t i = from; i < std::min(from + rows, listed.size()); ++i) {
        const bool is_selected = selected && *selected == i;
        std::string text = (is_selected ? "> " : "  ") + row(listed[i]);
        if (is_selected) {
          text = cut(std::move(text), columns_);
          text.append(columns_ - std::min(columns_, columns_of(text)), ' ');
        }
        add(std::move(text), is_selected ? Look::Selected : look_of_row(listed[i]));
      }
    }
    fill(end);
  }

  std::vector<WatchLine> question_details(const WatchModel::Asked& one, std::size_t rows) {
    std::vector<WatchLine> out;
    const auto& waiting = one.waiting;
    const auto say = [&](const std::string& text, Look look) {
      for (auto& line : approve::wrap(text, columns_)) out.push_back({std::move(line), look});
    };
    if (!one.gone.empty()) say("GONE: " + one.gone, Look::Warning);
    std::vector<WatchLine> after;
    const auto facts = [&](const std::vector<approve::Line>& lines) {
      for (const auto& line : lines) out.push_back({line.text, look_of(line.look)});
    };
    std::string whose = fmt::format("  session {} of {}", show(waiting.question.session, 30), show(waiting.user, 20));
    if (one.gone.empty()) whose += fmt::format(", {} left", left_of(one));
    if (waiting.merged > 1) whose += fmt::format(", {} calls ask it", waiting.merged);
    std::size_t extra = 1;
    if (!waiting.may_answer) ++extra;
    const auto everything = approve::everything_of(waiting.question, columns_);
    const bool fits = everything.size() + out.size() + extra <= rows;
    if (model_.whole() || fits) {
      facts(everything);
    } else {
      const std::size_t room = rows > out.size() + extra + 1 ? rows - out.size() - extra : 1;
      facts(approve::facts_in(waiting.question, columns_, room));
    }
    if (!waiting.may_answer) say("  you may not allow it: " + show(waiting.why_not), Look::Warning);
    say(whose, Look::Plain);
    if (!waiting.question.confirm.empty() && model_.whole())
      say(fmt::format("  a yes must be typed: {}", show(waiting.question.confirm)), Look::Plain);
    return out;
  }

  std::vector<WatchLine> session_details(const WatchModel::Known& one, std::size_t rows) {
    std::vector<WatchLine> out;
    const auto say = [&](const std::string& text, Look look = Look::Plain) {
      for (auto& line : approve::wrap(text, columns_)) out.push_back({std::move(line), look});
    };
    say(show_command(one.command), Look::Bold);
    say("  in " + show(one.project));
    say(fmt::format("  session {}{}{}", show(one.session), one.name.empty() ? "" : ", " + show(one.name),
                    one.user.empty() ? "" : " of " + show(one.user)));
    say(one.asks_here ? fmt::format("  {} waiting", plural(one.waiting, "question"))
                      : "  it does not ask this daemon: its questions come up elsewhere, or nowhere");
    std::vector<const WatchModel::Decision*> its;
    const std::size_t room = rows > out.size() ? rows - out.size() : 0;
    for (auto at = model_.decisions().rbegin(); at != model_.decisions().rend(); ++at) {
      if (at->session != one.session) continue;
      if (!model_.whole() && its.size() >= room) break;
      its.push_back(&*at);
    }
    for (const auto* decision : its) {
      const bool denied = decision->line.find("  denied ") != std::string::npos;
      out.push_back({cut(decision->line, columns_), denied ? Look::Warning : Look::Dim});
    }
    return out;
  }

  std::vector<WatchLine> details(std::size_t rows) {
    const auto selected = model_.selected();
    if (!selected) return {};
    const std::size_t index = model_.listed()[*selected];
    switch (model_.page()) {
      case Page::Questions:
        out_.shows_question = true;
        return question_details(model_.asked()[index], rows);
      case Page::Sessions:
        return session_details(model_.sessions()[index], rows);
      case Page::Decisions: {
        std::vector<WatchLine> out;
        const auto& one = model_.decisions()[index];
        for (auto& line : approve::wrap(one.line, columns_)) out.push_back({std::move(line), Look::Plain});
        const auto number = one.line.find_first_not_of(' ');
        if (number != std::string::npos)
          out.push_back({fmt::format("'assent show {}:{}' has all of it", show(one.session),
                                     one.line.substr(number, one.line.find(' ', number) - number)),
                         Look::Dim});
        return out;
      }
    }
    return {};
  }

  void add_details(std::size_t rows) {
    const std::size_t end = out_.lines.size() + rows;
    const auto lines = details(rows);
    out_.most_scroll = lines.size() > rows ? lines.size() - rows : 0;
    const std::size_t from = std::min(model_.scrolled(), out_.most_scroll);
    for (std::size_t i = from; i < std::min(lines.size(), from + rows); ++i) {
      if (i + 1 == from + rows && i + 1 < lines.size() && rows > 1) {
        add(fmt::format("  … {} more: PgDn", plural(lines.size() - i, "line")), Look::Dim);
        break;
      }
      add(lines[i].text, lines[i].look);
    }
    fill(end);
  }

  void help(std::size_t rows) {
    const std::size_t end = out_.lines.size() + rows;
    std::vector<std::string> lines;
    std::string_view left = kHelp;
    while (!left.empty()) {
      const auto end_of_line = left.find('\n');
      for (auto& line : approve::wrap(left.substr(0, end_of_line), columns_)) lines.push_back(std::move(line));
      left.remove_prefix(end_of_line == std::string_view::npos ? left.size() : end_of_line + 1);
    }
    // Little room: the empty lines go first.
    if (lines.size() > rows) std::erase_if(lines, [](const std::string& line) { return line.empty(); });
    for (std::size_t i = 0; i < std::min(rows, lines.size()); ++i) add(lines[i]);
    fill(end);
  }

  void add_keys(std::size_t rows) {
    const bool wide = columns_ >= 76;
    if (rows > 1 || (rows == 1 && model_.page() == Page::Questions)) {
      add(model_.page() != Page::Questions ? "answers are given on the page of questions: 1"
          : wide           ? "yes: [o]nce [c]ommand [s]ession   no: [n]o, with a [r]eason, s[t]op the agent"
          : columns_ >= 50 ? "[o]nce [c]ommand [s]ession [n]o [r]eason s[t]op"
                           : "yes: [o] [c] [s]  no: [n] [r] [t]",
          Look::Dim);
    }
    if (rows > 1 || (rows == 1 && model_.page() != Page::Questions)) {
      add(wide ? "j/k move   [v]iew everything   [/] search   Tab next page   [?] help   [q]uit"
               : "j/k [v]iew / search Tab ? help [q]uit",
          Look::Dim);
    }
  }

  void last_line() {
    std::string label;
    switch (model_.mode()) {
      case Mode::Keys: {
        if (!model_.message().empty()) return add(model_.message(), Look::Bold);
        if (!model_.is_connected()) return add(show(model_.daemon()), Look::Warning);
        if (model_.question() != nullptr && model_.question()->gone.empty() && !model_.armed(now_))
          return add("a moment …", Look::Dim);
        return add("");
      }
      case Mode::Help:
        return add("any key: back", Look::Dim);
      case Mode::Search:
        label = "search: ";
        break;
      case Mode::Reason:
        label = "no, because: ";
        break;
      case Mode::Confirm: {
        const auto& confirm =
            model_.question() != nullptr ? model_.question()->waiting.question.confirm : std::string();
        label = fmt::format("allow ({}): type {} and Enter: ", name(model_.scope()), show(confirm, 30));
        if (columns_of(label) + 8 > columns_) label = show(confirm, 12) + "? ";
        if (!model_.message().empty()) label = model_.message() + ": ";
        break;
      }
    }
    const std::size_t used = columns_of(label);
    // What was typed last stays in sight.
    std::string typed = show(model_.typed());
    while (used + columns_of(typed) + 1 > columns_ && !typed.empty()) {
      typed.erase(0, 1);
      while (!typed.empty() && (static_cast<unsigned char>(typed[0]) & 0xC0) == 0x80) typed.erase(0, 1);
    }
    out_.cursor = std::min(used + columns_of(typed), columns_ - 1);
    add(label + typed);
  }

  const WatchModel& model_;
  std::size_t columns_, rows_;
  Clock::time_point now_;
  WatchPicture out_;
};

}  // namespace

std::string in_ascii(std::string_view text) {
  std::string out;
  while (!text.empty()) {
    if (static_cast<unsigned char>(text.front()) < 0x80) {
      out += text.front();
      text.remove_prefix(1);
      continue;
    }
    std::size_t length = 1;
    while (length < text.size() && (static_cast<unsigned char>(text[length]) & 0xC0) == 0x80) ++length;
    const std::string_view letter = text.substr(0, length);
    out += letter == "─" ? "-" : letter == "…" ? "~" : std::string(columns_of(letter), '?');
    text.remove_prefix(length);
  }
  return out;
}

WatchPicture lay_out(const WatchModel& model, std::size_t columns, std::size_t rows, Clock::time_point now) {
  return Picture(model, columns, rows, now).whole();
}

}  // namespace assent::cli
