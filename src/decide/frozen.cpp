#include "decide/frozen.h"

#include <algorithm>
#include <cstring>
#include <type_traits>

namespace assent::decide {

namespace {

// Each names all members of one struct: with one more or one less it does not compile.
template <class F>
void members(At& x, F& f) {
  auto& [line, column] = x;
  f(line, column);
}
template <class F>
void members(Text& x, F& f) {
  auto& [value, at] = x;
  f(value, at);
}
template <class T, class F>
void members(Placed<T>& x, F& f) {
  auto& [value, at] = x;
  f(value, at);
}
template <class F>
void members(Say& x, F& f) {
  auto& [at, action, reason, error, quorum, approvers, not_self, timeout, confirm_over] = x;
  f(at, action, reason, error, quorum, approvers, not_self, timeout, confirm_over);
}
template <class F>
void members(FileRule& x, F& f) {
  auto& [say, operations, paths, when, after, larger] = x;
  f(say, operations, paths, when, after, larger);
}
template <class F>
void members(NetRule& x, F& f) {
  auto& [say, hosts, udp, sni] = x;
  f(say, hosts, udp, sni);
}
template <class F>
void members(ExecRule& x, F& f) {
  auto& [say, argv] = x;
  f(say, argv);
}
template <class F>
void members(Expectation& x, F& f) {
  auto& [at, act, when, size, hits, expect] = x;
  f(at, act, when, size, hits, expect);
}
template <class F>
void members(Variable& x, F& f) {
  auto& [name, value, at] = x;
  f(name, value, at);
}
template <class F>
void members(Filesystem& x, F& f) {
  auto& [gated, free, private_folders, hide, read] = x;
  f(gated, free, private_folders, hide, read);
}
template <class F>
void members(Vault& x, F& f) {
  auto& [keep, max_file, max_total, retention] = x;
  f(keep, max_file, max_total, retention);
}
template <class F>
void members(Limits& x, F& f) {
  auto& [memory, processes, open_files, cpu] = x;
  f(memory, processes, open_files, cpu);
}
template <class F>
void members(Notify& x, F& f) {
  auto& [desktop, bell, command, url] = x;
  f(desktop, bell, command, url);
}
template <class F>
void members(Profile& x, F& f) {
  auto& [file, name, description, extends, project_may, approvers, unmatched, timeout, confirm_over, mode, filesystem,
         pass, set, file_rules, net_rules, exec_rules, vault, limits, notify, tests, widening] = x;
  f(file, name, description, extends, project_may, approvers, unmatched, timeout, confirm_over, mode, filesystem, pass,
    set, file_rules, net_rules, exec_rules, vault, limits, notify, tests, widening);
}

template <class T>
concept Plain = std::is_arithmetic_v<T> || std::is_enum_v<T>;

class Freezer {
 public:
  template <class... T>
  void operator()(T&... values) {
    (one(values), ...);
  }
  std::string take() { return std::move(out_); }

 private:
  template <Plain T>
  void one(T& value) {
    out_.append(reinterpret_cast<const char*>(&value), sizeof value);
  }
  void one(std::chrono::seconds& value) {
    auto count = value.count();
    one(count);
  }
  void size(std::size_t count) {
    auto small = static_cast<std::uint32_t>(count);
    one(small);
  }
  void one(std::string& value) {
    size(value.size());
    out_ += value;
  }
  template <class T>
  void one(std::vector<T>& values) {
    size(values.size());
    for (auto& value : values) one(value);
  }
  template <class T>
  void one(std::optional<T>& value) {
    bool given = value.has_value();
    one(given);
    if (given) one(*value);
  }
  template <class T>
  requires requires(T& x, Freezer& f) { members(x, f); }
  void one(T& value) { members(value, *this); }

  std::string out_;
};

class Thawer {
 public:
  explicit Thawer(std::string_view bytes) : rest_(bytes) {}
  template <class... T>
  void operator()(T&... values) {
    (one(values), ...);
  }
  [[nodiscard]] bool done() const { return good_ && rest_.empty(); }

 private:
  std::string_view take(std::size_t count) {
    if (count > rest_.size()) good_ = false;
    if (!good_) return {};
    const auto out = rest_.substr(0, count);
    rest_.remove_prefix(count);
    return out;
  }
  template <Plain T>
  void one(T& value) {
    if (const auto bytes = take(sizeof value); !bytes.empty()) std::memcpy(&value, bytes.data(), sizeof value);
  }
  void one(std::chrono::seconds& value) {
    std::chrono::seconds::rep count = 0;
    one(count);
    value = std::chrono::seconds(count);
  }
  // Every element takes a byte at least.
  std::size_t size() {
    std::uint32_t count = 0;
    one(count);
    if (count > rest_.size()) good_ = false;
    return good_ ? count : 0;
  }
  void one(std::string& value) { value = take(size()); }
  template <class T>
  void one(std::vector<T>& values) {
    values.resize(size());
    for (auto& value : values) one(value);
  }
  template <class T>
  void one(std::optional<T>& value) {
    std::uint8_t given = 0;
    one(given);
    if (given != 0) one(value.emplace());
  }
  template <class T>
  requires requires(T& x, Thawer& f) { members(x, f); }
  void one(T& value) { members(value, *this); }

  std::string_view rest_;
  bool good_ = true;
};

}  // namespace

std::string rules_of(std::string_view shipped) {
  std::string out;
  out.reserve(shipped.size());
  if (const auto tests = shipped.find("\n[[test]]"); tests != std::string_view::npos)
    shipped = shipped.substr(0, tests + 1);
  while (!shipped.empty()) {
    const std::string_view line = shipped.substr(0, shipped.find('\n'));
    shipped.remove_prefix(std::min(shipped.size(), line.size() + 1));
    if (!line.starts_with('#')) out += line;
    out += '\n';
  }
  return out;
}

std::string freeze(const Profile& profile) {
  Profile copy = profile;  // one list of members serves both ways, and the other way writes
  Freezer out;
  members(copy, out);
  return out.take();
}

std::optional<Profile> thaw(std::string_view bytes) {
  Profile out;
  Thawer in(bytes);
  members(out, in);
  if (!in.done()) return std::nullopt;
  return out;
}

}  // namespace assent::decide
