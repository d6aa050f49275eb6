// WatchModel: what `assent watch` knows, what is selected, and what a key means. Pure: the time is an argument, nothing
// is drawn and nothing is sent. In: what the daemon tells, records of running sessions, keys. Out: answers to send.
//
// What makes a key a human's answer to the very question that it was pressed for:
//  - What is selected is a question, never a place in a list. What comes joins at the end; what goes stays where it was
//    until the human moves on, and takes no answer any more.
//  - A question takes answers only when the terminal has said that it was drawn (or a second has passed), and then only
//    after `kGuard` without a key.
//  - An answer key must come alone: nothing else within `kQuiet` before and after it, not in a paste, nor in a
//  sequence.
//  - Where a typed yes is asked for, only these very bytes and then Enter will do.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "approve/key_reader.h"
#include "approve/message.h"

namespace assent::cli {

std::string lower(std::string text);  // of ASCII, for searching

class WatchModel {
 public:
  using Clock = std::chrono::steady_clock;
  using Waiting = approve::message::Waiting;
  using Running = approve::message::Running;

  static constexpr std::chrono::milliseconds kGuard{300};
  static constexpr std::chrono::milliseconds kQuiet{30};
  static constexpr std::chrono::milliseconds kLongestWaitForTerminal{1000};
  static constexpr std::size_t kMostDecisions = 1000;
  static constexpr std::string_view kAnswering = "your answer is on its way";

  enum class Page { Questions, Sessions, Decisions };
  enum class Mode { Keys, Search, Reason, Confirm, Help };

  struct Asked {
    Waiting waiting;
    Clock::time_point deadline;
    std::string gone;      // why it takes no answer any more; empty: it waits
    std::string searched;  // lower case; what a search looks through
  };
  struct Known {  // a session that runs
    std::string session;
    std::string project;
    std::vector<std::string> command;
    std::string name;
    std::string user;
    std::uint64_t waiting = 0;
    bool asks_here = false;  // registered with the daemon that we watch
    std::string searched;
  };
  struct Decision {
    std::uint64_t number = 0;  // our own
    std::string session;
    std::string line;  // safe to show
    std::string searched;
  };

  // ---- facts
  void connected(std::string where);
  // What waited there is denied now.
  void disconnected(std::string why);
  void told(std::vector<Waiting> waiting, std::vector<Running> running, Clock::time_point now);
  // Sessions whose records lie here, whether or not they ask this daemon.
  void recorded(const std::vector<Known>& sessions);
  void decided(std::string session, std::string line);
  void given(const std::string& id, Consent consent, std::uint64_t missing);
  void refused(const std::string& id, const std::string& why);

  // ---- the screen
  // The whole picture is on its way to the terminal. True: a question is on it that was not before; the terminal is to
  // be asked whether it has drawn it, and what was typed until now is to be forgotten where `nobody_chose()`.
  enum class Shows { Question, Nothing };  // Nothing: too little room for one
  bool drawn(Shows shows, Clock::time_point now);
  void terminal_has_drawn(Clock::time_point now);
  [[nodiscard]] bool nobody_chose() const { return !moved_; }
  // Nothing of ours was read for a while (stopped, or busy): what comes now may be old.
  void lost_time(Clock::time_point now);

  // ---- keys
  void input(const std::vector<approve::KeyReader::Event>& events, Clock::time_point now);
  // What time alone does. The next moment at which it must be called again.
  Clock::time_point tick(Clock::time_point now);
  std::vector<approve::message::Give> take_answers();
  [[nodiscard]] bool wants_to_quit() const { return quit_; }
  bool take_suspend();
  bool take_redraw();
  bool take_bell();

  // ---- for drawing
  [[nodiscard]] Page page() const { return page_; }
  [[nodiscard]] Mode mode() const { return mode_; }
  [[nodiscard]] bool is_connected() const { return connected_; }
  [[nodiscard]] const std::string& daemon() const { return daemon_; }
  [[nodiscard]] const std::string& message() const { return message_; }
  [[nodiscard]] const std::string& typed() const { return typed_; }
  [[nodiscard]] const std::string& filter() const { return filter_; }
  [[nodiscard]] Scope scope() const { return scope_; }
  [[nodiscard]] bool armed(Clock::time_point now) const;
  [[nodiscard]] bool whole() const { return whole_; }
  [[nodiscard]] std::size_t scrolled() const { return scrolled_; }
  void limit_scroll(std::size_t most) { scrolled_ = std::min(scrolled_, most); }
  [[nodiscard]] std::size_t questions() const;  // that wait
  [[nodiscard]] const std::vector<Asked>& asked() const { return asked_; }
  [[nodiscard]] const std::vector<Known>& sessions() const { return sessions_; }
  [[nodiscard]] const std::deque<Decision>& decisions() const { return decisions_; }
  // Of the page: what the search leaves, by index, and which of these is selected.
  [[nodiscard]] const std::vector<std::size_t>& listed() const;
  [[nodiscard]] std::optional<std::size_t> selected() const;
  [[nodiscard]] const Asked* question() const;  // the selected one, on its page

 private:
  void key_in_list(const std::string& key, bool alone, Clock::time_point now);
  void key_in_line(const std::string& key, bool alone, Clock::time_point now);
  void sequence(const std::string& sequence);
  void act(const std::string& key);
  void finish_line();
  void send(Consent consent, Scope scope, std::string reason, std::string confirm);
  void leave_line(std::string message);
  void move(std::ptrdiff_t by);
  void open(Page page);
  void select(std::optional<std::size_t> place);
  void merge_sessions();
  void forget_gone();
  [[nodiscard]] bool matches(const std::string& searched) const;
  void hold(const std::string& key, Clock::time_point now);
  Asked* find(const std::string& id);
  [[nodiscard]] std::string on_screen() const;

  bool connected_ = false;
  std::string daemon_;  // where, or why not
  std::vector<Asked> asked_;
  std::vector<Running> registered_;
  std::vector<Known> recorded_;
  std::vector<Known> sessions_;
  std::deque<Decision> decisions_;
  std::uint64_t next_decision_ = 1;

  Page page_ = Page::Questions;
  Mode mode_ = Mode::Keys;
  std::string chosen_question_, chosen_session_;
  std::uint64_t chosen_decision_ = 0;  // 0: the newest, whichever that is
  mutable std::vector<std::size_t> listed_;
  mutable bool stale_ = true;  // listed_
  std::string filter_, filter_before_;
  std::string typed_, message_;
  std::string line_for_;  // the question that the line being typed is about
  Scope scope_ = Scope::Once;
  bool whole_ = false;
  std::size_t scrolled_ = 0;

  Shows shows_ = Shows::Question;
  std::string shown_;  // the question on the screen
  enum class Arming { Terminal, Guard } arming_ = Arming::Terminal;
  std::size_t awaited_ = 0;  // answers of the terminal that are still to come
  Clock::time_point shown_at_{}, guard_from_{}, last_input_{};
  bool moved_ = false;  // the human chose what is selected
  struct Candidate {
    std::string key, question;
    Clock::time_point due;
  };
  std::optional<Candidate> candidate_;
  std::vector<approve::message::Give> answers_;
  bool quit_ = false, suspend_ = false, redraw_ = false, bell_ = false;
};

}  // namespace assent::cli
