#include "cli/restored_view.h"

#include <fmt/format.h>
#include <sodium.h>
#include <unistd.h>

#include <filesystem>
#include <map>
#include <nlohmann/json.hpp>

#include "base/show.h"
#include "cli/record_view.h"
#include "cli/vault_find.h"

namespace assent::cli {

namespace {

using undo::Done;
using undo::Item;

constexpr std::size_t kMostLines = 24;  // of what went well; what did not is always told whole

std::string_view word_for(Done done, const RestoredView& view) {
  switch (done) {
    case Done::Restored:
      if (view.verb == "redo") return view.tense == Tense::Done ? "redone" : "would redo";
      return view.tense == Tense::Done ? "restored" : "would restore";
    case Done::Already:
      return "already so";
    case Done::Conflict:
      return "conflict";
    case Done::Failed:
      return "failed";
  }
  return "";
}

Colour colour_of(Done done) {
  switch (done) {
    case Done::Restored:
      return Colour::Green;
    case Done::Already:
      return Colour::Dim;
    case Done::Conflict:
      return Colour::Yellow;
    case Done::Failed:
      return Colour::Red;
  }
  return Colour::Plain;
}

class Lines {
 public:
  Lines(const RestoredView& view, int fd) : view_(view), paint_(fd) {
    std::error_code error;
    cwd_ = std::filesystem::current_path(error).string();
  }

  void print(const Item& item) const {
    const int width = view_.tense == Tense::Done ? 10 : 13;
    std::string line = fmt::format(
        "  {}  {:<13}  {}", paint_(colour_of(item.done), fmt::format("{:<{}}", word_for(item.done, view_), width)),
        item.what, place_text(item.path, cwd_));
    if (!item.other.empty()) line += fmt::format(" (was {})", place_text(item.other, cwd_));
    if (!item.why.empty()) line += ": " + item.why;
    fmt::print("{}\n", line);
  }

 private:
  const RestoredView& view_;
  Paint paint_;
  std::string cwd_;
};

// "5,000 files, 12 folders, the content of 3 files"
std::string summed(const undo::Restored& restored, Done done) {
  std::map<std::string, std::uint64_t> counts;
  for (const Item& item : restored.items) {
    if (item.done == done) ++counts[item.what];
  }
  std::string out;
  const auto add = [&out](const std::string& text) { out += (out.empty() ? "" : ", ") + text; };
  for (const auto& [what, count] : counts) {
    if (what != "content" && what != "metadata" && what != "name") add(count_text(count, what));
  }
  if (counts.contains("name")) add(count_text(counts["name"], "name"));
  if (counts.contains("content")) add("the content of " + count_text(counts["content"], "file"));
  if (counts.contains("metadata")) add("the metadata of " + count_text(counts["metadata"], "object"));
  return out.empty() ? "nothing" : out;
}

std::string base64(const std::string& bytes) {
  std::string out(sodium_base64_ENCODED_LEN(bytes.size(), sodium_base64_VARIANT_ORIGINAL), '\0');
  ::sodium_bin2base64(out.data(), out.size(), reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size(),
                      sodium_base64_VARIANT_ORIGINAL);
  out.resize(out.size() - 1);  // its NUL
  return out;
}

}  // namespace

void put_path(nlohmann::ordered_json& out, const char* name, const std::string& path) {
  std::string text = show(path);
  if (text != path) out[std::string(name) + "_b64"] = base64(path);
  out[name] = std::move(text);
}

void print_text(const RestoredView& view, const undo::Restored& restored) {
  const Lines lines(view, STDOUT_FILENO);
  std::size_t told = 0;
  std::size_t left_out = 0;
  for (const Item& item : restored.items) {
    if (item.done == Done::Conflict || item.done == Done::Failed) continue;
    const bool wanted = view.listing == Listing::All || (item.done == Done::Restored && told < kMostLines);
    if (wanted) {
      lines.print(item);
      ++told;
    } else if (item.done == Done::Restored) {
      ++left_out;
    }
  }
  if (left_out > 0) fmt::print("  … and {} more; --verbose lists them\n", left_out);
  for (const Item& item : restored.items) {
    if (item.done == Done::Conflict || item.done == Done::Failed) lines.print(item);
  }
  for (const auto& word : view.unmatched)
    fmt::print("  nothing of {} is kept in {}\n", show(word), show(view.transaction));

  const bool would = view.tense == Tense::Would;
  fmt::print("{} {}: {} {}", view.verb, show(view.transaction), word_for(Done::Restored, view),
             summed(restored, Done::Restored));
  if (restored.already > 0) fmt::print("; {} already as before", restored.already);
  if (restored.conflicts > 0)
    fmt::print("; {} {}", count_text(restored.conflicts, "conflict"), would ? "would be left alone" : "left alone");
  if (restored.failed > 0) fmt::print("; {} failed", restored.failed);
  fmt::print("\n");
  if (restored.damaged > 0) {
    fmt::print("{} of the manifest cannot be read: some metadata or names may be missing\n",
               count_text(restored.damaged, "line"));
  }
  if (!view.take_back.empty()) fmt::print("to take this back: {}\n", view.take_back);
}

void print_json(const RestoredView& view, const undo::Restored& restored) {
  nlohmann::ordered_json out;
  out["of"] = show(view.transaction);
  if (!view.kept_as.empty()) out["transaction"] = show(view.kept_as);
  out["dry_run"] = view.tense == Tense::Would;
  out["restored"] = restored.restored;
  out["already"] = restored.already;
  out["conflicts"] = restored.conflicts;
  out["failed"] = restored.failed;
  out["damaged"] = restored.damaged;
  out["unmatched"] = nlohmann::ordered_json::array();
  for (const auto& word : view.unmatched) out["unmatched"].push_back(show(word));
  out["items"] = nlohmann::ordered_json::array();
  for (const Item& item : restored.items) {
    nlohmann::ordered_json each;
    put_path(each, "path", item.path);
    if (!item.other.empty()) put_path(each, "was", item.other);
    each["what"] = item.what;
    each["done"] = name(item.done);
    if (!item.why.empty()) each["why"] = item.why;
    out["items"].push_back(std::move(each));
  }
  fmt::print("{}\n", out.dump());
}

}  // namespace assent::cli
