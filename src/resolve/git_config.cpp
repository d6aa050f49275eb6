#include "resolve/git_config.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <utility>

namespace assent::resolve {
namespace {

constexpr int kEnd = -1;

char lower(int c) { return static_cast<char>(std::tolower(static_cast<unsigned char>(c))); }
bool is_space(int c) { return c == ' ' || c == '\t' || c == '\v' || c == '\f' || c == '\r'; }
bool is_key(int c) { return c != kEnd && (std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '-'); }

class Reader {
 public:
  Reader(std::string_view bytes, const std::function<bool(const GitSetting&)>& each) : bytes_(bytes), each_(each) {
    if (bytes_.starts_with("\xef\xbb\xbf")) bytes_.remove_prefix(3);
  }

  void read() {
    for (int c = next(); c != kEnd && !enough_; c = next()) {
      if (c == '\n' || is_space(c)) continue;
      if (c == '#' || c == ';') {
        skip_line();
      } else if (c == '[') {
        header();
      } else if (is_key(c)) {
        setting(c);
      } else {
        skip_line();
      }
    }
  }

 private:
  int next() {
    if (at_ == bytes_.size()) return kEnd;
    if (bytes_[at_] == '\r' && at_ + 1 < bytes_.size() && bytes_[at_ + 1] == '\n') ++at_;
    return static_cast<unsigned char>(bytes_[at_++]);
  }
  void skip_line() {
    for (int c = next(); c != kEnd && c != '\n'; c = next()) {
    }
  }

  // [name], [name "sub"] or the old [name.sub], where the case of sub does not matter.
  void header() {
    now_.section.clear();
    now_.subsection.clear();
    int c = next();
    for (; is_key(c) || c == '.'; c = next()) now_.section += lower(c);
    while (is_space(c)) c = next();
    if (c == '"') {
      for (c = next(); c != kEnd && c != '\n' && c != '"'; c = next()) {
        if (c == '\\') c = next();
        if (c == kEnd || c == '\n') return;
        now_.subsection += static_cast<char>(c);
      }
      if (c == '"') c = next();
    } else if (const auto dot = now_.section.find('.'); dot != std::string::npos) {
      now_.subsection = now_.section.substr(dot + 1);
      now_.section.resize(dot);
    }
    while (c != kEnd && c != '\n' && c != ']') c = next();
  }

  void setting(int c) {
    now_.key.clear();
    for (; is_key(c); c = next()) now_.key += lower(c);
    while (c != '\n' && is_space(c)) c = next();
    now_.bare = c != '=';
    now_.value = now_.bare ? std::string() : value();
    if (now_.bare && c != kEnd && c != '\n') skip_line();
    enough_ = !each_(now_);
  }

  std::string value() {
    std::string out;
    std::size_t end = 0;  // behind the last character that is no blank of the line's end
    bool quoted = false;
    bool comment = false;
    for (int c = next(); c != kEnd && c != '\n'; c = next()) {
      if (comment) continue;
      if (!quoted && (c == '#' || c == ';')) {
        comment = true;
        continue;
      }
      if (!quoted && is_space(c)) {
        if (!out.empty()) out += static_cast<char>(c);
        continue;
      }
      if (c == '"') {
        quoted = !quoted;
        end = out.size();
        continue;
      }
      if (c == '\\') {
        c = next();
        if (c == kEnd) break;
        if (c == '\n') continue;
        if (c == 'n') c = '\n';
        if (c == 't') c = '\t';
        if (c == 'b') c = '\b';
      }
      out += static_cast<char>(c);
      end = out.size();
    }
    out.resize(end);
    return out;
  }

  std::string_view bytes_;
  std::size_t at_ = 0;
  const std::function<bool(const GitSetting&)>& each_;
  GitSetting now_;  // one for all: a file may say a long section once and have very many keys in it
  bool enough_ = false;
};

struct Key {
  std::string_view section;
  std::string_view key;  // empty: each
};

// git-config(1), of git 2.39 and newer ones; with a subsection or without.
constexpr std::array kPrograms = {
    Key{"core", "fsmonitor"},
    Key{"core", "sshcommand"},
    Key{"core", "gitproxy"},
    Key{"core", "pager"},
    Key{"core", "editor"},
    Key{"core", "askpass"},
    Key{"core", "hookspath"},
    Key{"core", "alternaterefscommand"},
    Key{"sequence", "editor"},
    Key{"credential", "helper"},
    Key{"diff", "external"},
    Key{"diff", "command"},
    Key{"diff", "textconv"},
    Key{"difftool", "cmd"},
    Key{"difftool", "path"},
    Key{"merge", "driver"},
    Key{"mergetool", "cmd"},
    Key{"mergetool", "path"},
    Key{"filter", "clean"},
    Key{"filter", "smudge"},
    Key{"filter", "process"},
    Key{"gpg", "program"},
    Key{"gpg", "defaultkeycommand"},
    Key{"pager", ""},
    Key{"interactive", "difffilter"},
    Key{"uploadpack", "packobjectshook"},
    Key{"remote", "uploadpack"},
    Key{"remote", "receivepack"},
    Key{"remote", "vcs"},
    Key{"browser", "cmd"},
    Key{"browser", "path"},
    Key{"man", "cmd"},
    Key{"man", "path"},
    Key{"guitool", "cmd"},
    Key{"trailer", "command"},
    Key{"trailer", "cmd"},
    Key{"tar", "command"},
    Key{"imap", "tunnel"},
    Key{"instaweb", "httpd"},
    Key{"init", "templatedir"},
    Key{"gc", "recentobjectshook"},
    Key{"hook", "command"},
    Key{"sendemail", "tocmd"},
    Key{"sendemail", "cccmd"},
    Key{"sendemail", "headercmd"},
    Key{"sendemail", "sendmailcmd"},
    Key{"sendemail", "smtpserver"},
    Key{"lfs", "path"},
    Key{"lfs", "clean"},
    Key{"lfs", "smudge"},
    Key{"lfs", "standalonetransferagent"},
};

constexpr std::array<std::string_view, 11> kSwitches = {"",    "true", "false", "yes", "no",  "on",
                                                        "off", "0",    "1",     "2",   "auto"};
constexpr std::array<std::string_view, 10> kEverybodys = {"cat", "less", "more", "less -R", "true",
                                                          "vi",  "vim",  "nano", "emacs",   "delta"};
constexpr std::array<std::string_view, 4> kHelpers = {"store", "cache", "libsecret", "manager"};
constexpr std::array<std::string_view, 5> kLfs = {"git-lfs clean -- %f", "git-lfs smudge -- %f",
                                                  "git-lfs smudge --skip -- %f", "git-lfs filter-process",
                                                  "git-lfs filter-process --skip"};

bool one_of(auto&& list, std::string_view value) { return std::ranges::find(list, value) != std::end(list); }

// A transport that runs what follows: "ext::sh -c …". Other words before "::" run git-remote-WORD.
bool runs_transport(std::string_view url) {
  const auto colons = url.find("::");
  return colons != std::string_view::npos && colons != 0 &&
         std::ranges::all_of(url.substr(0, colons), [](char c) { return is_key(static_cast<unsigned char>(c)); });
}

}  // namespace

std::string GitSetting::name() const {
  return subsection.empty() ? section + "." + key : section + "." + subsection + "." + key;
}

void each_git_setting(std::string_view bytes, const std::function<bool(const GitSetting&)>& each) {
  Reader(bytes, each).read();
}

bool is_include(const GitSetting& setting) {
  return (setting.section == "include" || setting.section == "includeif") && setting.key == "path" && !setting.bare;
}

bool names_program(const GitSetting& setting) {
  if (setting.bare) return false;
  const std::string_view value = setting.value;
  if (setting.section == "alias") return value.starts_with('!');
  if (setting.section == "submodule" && setting.key == "update") return value.starts_with('!');
  if (setting.section == "remote" && (setting.key == "url" || setting.key == "pushurl")) return runs_transport(value);
  if (setting.section == "url") return runs_transport(setting.subsection);
  const bool named = std::ranges::any_of(kPrograms, [&](const Key& known) {
    return known.section == setting.section && (known.key.empty() || known.key == setting.key);
  });
  if (!named || one_of(kSwitches, value)) return false;
  const bool for_people = setting.section == "pager" || setting.key == "pager" || setting.key == "editor";
  if (for_people && one_of(kEverybodys, value)) return false;
  if (setting.section == "credential" && one_of(kHelpers, value)) return false;
  return setting.section != "filter" || !one_of(kLfs, value);
}

}  // namespace assent::resolve
