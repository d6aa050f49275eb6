#include "record/entry.h"

#include <fmt/format.h>
#include <sodium.h>

#include <charconv>

namespace assent::record {

namespace {

constexpr int kMaxDepth = 16;

const Json& nothing() {
  static const Json null;
  return null;
}

std::optional<std::string> from_base64(const std::string& text) {
  std::string out(text.size() / 4 * 3 + 3, '\0');
  std::size_t size = 0;
  if (::sodium_base642bin(reinterpret_cast<unsigned char*>(out.data()), out.size(), text.data(), text.size(), nullptr,
                          &size, nullptr, sodium_base64_VARIANT_ORIGINAL) != 0) {
    return std::nullopt;
  }
  out.resize(size);
  return out;
}

}  // namespace

std::optional<Json> parse_record(std::string_view line) {
  const Json::parser_callback_t shallow = [](int depth, Json::parse_event_t, Json&) { return depth <= kMaxDepth; };
  auto json = Json::parse(line, shallow, false);
  if (!json.is_object()) return std::nullopt;
  return json;
}

const Json& child_of(const Json& object, const char* name) {
  if (!object.is_object()) return nothing();
  const auto it = object.find(name);
  return it == object.end() ? nothing() : *it;
}

std::string bytes_of(const Json& object, const char* name) {
  const Json& exact = child_of(object, (std::string(name) + "_b64").c_str());
  if (exact.is_string()) {
    if (auto bytes = from_base64(exact.get_ref<const std::string&>())) return *bytes;
  }
  const Json& text = child_of(object, name);
  return text.is_string() ? text.get<std::string>() : std::string();
}

std::vector<std::string> bytes_array_of(const Json& object, const char* name) {
  std::vector<std::string> out;
  const Json& exact = child_of(object, (std::string(name) + "_b64").c_str());
  if (exact.is_array()) {
    for (const auto& element : exact) {
      const auto bytes = element.is_string() ? from_base64(element.get_ref<const std::string&>()) : std::nullopt;
      out.push_back(bytes.value_or(std::string()));
    }
    return out;
  }
  const Json& texts = child_of(object, name);
  if (!texts.is_array()) return out;
  for (const auto& element : texts) out.push_back(element.is_string() ? element.get<std::string>() : std::string());
  return out;
}

std::uint64_t number_of(const Json& object, const char* name) {
  const Json& number = child_of(object, name);
  return number.is_number_unsigned() ? number.get<std::uint64_t>() : 0;
}

bool truth_of(const Json& object, const char* name) {
  const Json& truth = child_of(object, name);
  return truth.is_boolean() && truth.get<bool>();
}

FileId read_id(std::string_view text) {
  const auto first = text.find(':');
  const auto second = first == std::string_view::npos ? first : text.find(':', first + 1);
  if (second == std::string_view::npos) return {};
  FileId id;
  std::uint64_t birth = 0;
  std::from_chars(text.data(), text.data() + first, id.device, 16);
  std::from_chars(text.data() + first + 1, text.data() + second, id.inode, 10);
  std::from_chars(text.data() + second + 1, text.data() + text.size(), birth, 16);
  id.birth_ns = static_cast<std::int64_t>(birth);
  return id;
}

std::string_view kind_of(std::string_view line) {
  constexpr std::string_view key = ",\"kind\":\"";
  const auto at = line.substr(0, 120).find(key);
  if (at == std::string_view::npos) return {};
  line.remove_prefix(at + key.size());
  const auto end = line.substr(0, 32).find('"');
  return end == std::string_view::npos ? std::string_view() : line.substr(0, end);
}

std::vector<Subject> subjects_of(const Json& record) {
  std::vector<Subject> out;
  const Json& objects = child_of(record, "objects");
  if (objects.is_array()) {
    for (const auto& object : objects) out.push_back({bytes_of(object, "op"), bytes_of(object, "path")});
  }
  if (const Json& net = child_of(record, "net"); net.is_object()) {
    const auto names = bytes_array_of(net, "names");
    const auto host = names.empty() ? bytes_of(net, "address") : names.front();
    const bool six = host.find(':') != std::string::npos;
    out.push_back(
        {"connect", bytes_of(net, "protocol") == "unix"
                        ? "unix:" + host
                        : fmt::format("{}{}{}:{}", six ? "[" : "", host, six ? "]" : "", number_of(net, "port"))});
  }
  if (const Json& exec = child_of(record, "exec"); exec.is_object()) out.push_back({"exec", bytes_of(exec, "path")});
  if (child_of(record, "object").is_string()) out.push_back({bytes_of(record, "op"), bytes_of(record, "object")});
  return out;
}

Judgement judgement_of(const Json& record) {
  const auto decision = bytes_of(record, "decision");
  if (decision.empty()) return Judgement::None;
  const auto answer = bytes_of(record, "answer");
  if (!answer.empty()) return answer == "yes" ? Judgement::Allowed : Judgement::Denied;
  return decision == "allow" ? Judgement::Allowed : Judgement::Denied;
}

}  // namespace assent::record
