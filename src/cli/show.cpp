// assent show: one record whole, with its process, what it descends from, and the records that belong to it.
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <boost/program_options.hpp>
#include <charconv>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <sstream>

#include "base/show.h"
#include "cli/exit_status.h"
#include "cli/record_view.h"
#include "record/log_reader.h"
#include "record/session_dir.h"

namespace assent::cli {

namespace {

namespace po = boost::program_options;
using record::Json;
using record::number_of;
using OrderedJson = nlohmann::ordered_json;

struct Place {
  std::string session;
  std::uint64_t sequence = 1;  // the first record tells of the session as a whole
};

std::optional<std::uint64_t> number_in(std::string_view text) {
  std::uint64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size() || number == 0) return std::nullopt;
  return number;
}

// SESSION, SESSION:NUMBER, or NUMBER of the last session. Eight digits and more are the beginning of a session's id.
Result<Place> place_of(const std::string& state, const std::string& word) {
  Place place;
  std::string session = word;
  if (const auto colon = word.rfind(':'); colon != std::string::npos) {
    const auto number = number_in(std::string_view(word).substr(colon + 1));
    if (!number) return fail(EINVAL, fmt::format("'{}' has no record number behind the colon", show(word)));
    place.sequence = *number;
    session = word.substr(0, colon);
  } else if (const auto number = number_in(word); number && word.size() < 8) {
    place.sequence = *number;
    session = "last";
  }
  auto found = record::find_session(state, session);
  if (!found) return pass(std::move(found));
  place.session = *found;
  return place;
}

// The record, and everything that belongs to it. Records of a process stand before the acts that name it; outcomes,
// answers and settlements come behind.
struct Dossier {
  std::optional<Json> record;
  std::string line;
  std::vector<Json> processes;  // its own first, then its parents
  std::vector<Json> related;
};

Dossier gather(record::LogReader& reader, std::uint64_t sequence) {
  Dossier out;
  std::map<std::uint64_t, Json> processes;
  std::map<std::uint64_t, std::vector<Json>> asked;  // questions and their answers, by the question's number
  std::uint64_t question = 0;
  while (const auto line = reader.next()) {
    const auto kind = record::kind_of(line->text);
    const bool wanted = line->number == sequence;
    if (!wanted && !out.record && kind != "process" && kind != "question" && kind != "answer") continue;
    if (!wanted && out.record && kind != "outcome" && kind != "answer" && kind != "settled" && kind != "staged")
      continue;
    auto record = record::parse_record(line->text);
    if (!record) continue;
    if (wanted) {
      out.line = std::string(line->text);
      question = number_of(*record, "question");
      if (const auto before = asked.find(question); before != asked.end()) out.related = before->second;
      out.record = std::move(record);
    } else if (!out.record && kind == "process") {
      const auto id = number_of(*record, "process");
      processes.insert_or_assign(id, std::move(*record));
    } else if (!out.record) {
      asked[number_of(*record, "question")].push_back(*record);
    } else if (number_of(*record, "of") == sequence || (question != 0 && number_of(*record, "question") == question)) {
      out.related.push_back(std::move(*record));
    }
  }
  if (!out.record) return out;
  std::uint64_t id =
      record::kind_of(out.line) == "process" ? number_of(*out.record, "parent") : number_of(*out.record, "process");
  while (id != 0 && out.processes.size() < 256) {
    const auto found = processes.find(id);
    if (found == processes.end()) break;
    out.processes.push_back(found->second);
    id = number_of(found->second, "parent");
  }
  return out;
}

void print_value(const OrderedJson& value, int indent);

// The readable form of NAME_b64 is NAME with its exact bytes through show().
void print_members(const OrderedJson& object, int indent) {
  const Json plain = Json::parse(object.dump(-1, ' ', true, OrderedJson::error_handler_t::replace), nullptr, false);
  for (const auto& [key, value] : object.items()) {
    if (key.ends_with("_b64")) continue;
    fmt::print("{:{}}{}: ", "", indent, show(key));
    if (value.is_string()) {
      fmt::print("{}\n", show(record::bytes_of(plain, key.c_str())));
    } else if (value.is_array() && (value.empty() || value.front().is_string())) {
      fmt::print("{}\n", show_command(record::bytes_array_of(plain, key.c_str())));
    } else {
      print_value(value, indent);
    }
  }
}

void print_value(const OrderedJson& value, int indent) {
  if (value.is_object()) {
    fmt::print("\n");
    print_members(value, indent + 2);
  } else if (value.is_array()) {
    fmt::print("\n");
    for (const auto& element : value) {
      fmt::print("{:{}}-", "", indent + 2);
      print_value(element, indent + 2);
    }
  } else {
    fmt::print("{}\n", show(value.dump()));
  }
}

void print_text(const Place& place, const Dossier& dossier) {
  fmt::print("record {}:{}\n", place.session, place.sequence);
  print_members(OrderedJson::parse(dossier.line, nullptr, false), 2);
  const char* title = "process";
  for (const auto& process : dossier.processes) {
    fmt::print("{} {} (pid {}) in {}\n  {}\n", title, number_of(process, "process"), number_of(process, "pid"),
               show(record::bytes_of(process, "cwd")), show_command(record::bytes_array_of(process, "argv")));
    title = "started by";
  }
  if (!dossier.processes.empty()) {
    const auto ancestry = record::bytes_array_of(dossier.processes.front(), "ancestry");
    std::string text;
    for (const auto& ancestor : ancestry) text += (text.empty() ? "" : " < ") + show(ancestor);
    if (!text.empty()) fmt::print("ancestry {}\n", text);
  }
  RecordView view{Paint(STDOUT_FILENO)};
  for (const auto& process : dossier.processes) view.remember(process);
  for (const auto& related : dossier.related) {
    auto line = view.line(related);
    if (line.empty())
      line = fmt::format("{:>6}  {}: {}", number_of(related, "seq"), show(record::bytes_of(related, "kind")),
                         show(record::bytes_of(related, "outcome")));
    fmt::print("{}\n", line);
  }
}

void print_json(const Place& place, const Dossier& dossier) {
  Json out;
  out["session"] = place.session;
  out["record"] = *dossier.record;
  out["processes"] = dossier.processes;
  out["related"] = dossier.related;
  fmt::print("{}\n", out.dump(-1, ' ', true, Json::error_handler_t::replace));
}

}  // namespace

int show_main(Arguments arguments) {
  po::options_description options("options");
  options.add_options()("json", "print as JSON")("help,h", "this text");
  const auto parsed = parse_words(arguments, options, 1);
  if (!parsed) return complain("show", parsed.error().what, kUsage);
  if (parsed->given.count("help") != 0) {
    std::ostringstream text;
    text << options;
    fmt::print(
        "usage: assent show [--json] SESSION[:NUMBER] | NUMBER\n\nOne record whole, with its process and ancestry. "
        "SESSION: an id, the beginning of one, or 'last';\nNUMBER alone: a record of the last session.\n\n{}",
        text.str());
    return kOk;
  }
  if (parsed->words.empty()) return complain("show", "no record given", kUsage);
  const auto state = record::state_directory();
  if (!state) return complain("show", state.error().what, kFailed);
  const auto place = place_of(*state, parsed->words.front());
  if (!place) return complain("show", place.error().what, place.error().code == EINVAL ? kUsage : kFailed);
  auto reader = record::LogReader::open(record::session_path(*state, place->session));
  if (!reader) return complain("show", reader.error().what, kFailed);
  const auto dossier = gather(*reader, place->sequence);
  if (!dossier.record) {
    return complain("show",
                    fmt::format("cannot find record {} of session {}: there is none", place->sequence, place->session),
                    kNegative);
  }
  if (parsed->given.count("json") != 0) {
    print_json(*place, dossier);
  } else {
    print_text(*place, dossier);
  }
  return kOk;
}

}  // namespace assent::cli
