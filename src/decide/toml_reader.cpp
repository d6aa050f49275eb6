#include "decide/toml_reader.h"

#include <algorithm>

#include "base/show.h"

namespace assent::decide {

namespace {

std::string_view type_word(const toml::node& node) {
  switch (node.type()) {
    case toml::node_type::none:
      return "nothing";
    case toml::node_type::table:
      return "a table";
    case toml::node_type::array:
      return "an array";
    case toml::node_type::string:
      return "a string";
    case toml::node_type::integer:
      return "a number";
    case toml::node_type::floating_point:
      return "a fraction";
    case toml::node_type::boolean:
      return "true or false";
    case toml::node_type::date:
      return "a date";
    case toml::node_type::time:
      return "a time";
    case toml::node_type::date_time:
      return "a date and time";
  }
  return "something else";
}

At at(const toml::source_region& region) {
  return {static_cast<int>(region.begin.line), static_cast<int>(region.begin.column)};
}

// How many bytes to insert, delete or replace to make `a` into `b`.
std::size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  for (std::size_t j = 0; j <= b.size(); ++j) row[j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    std::size_t diagonal = row[0];
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t replaced = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
      diagonal = row[j];
      row[j] = std::min({replaced, row[j] + 1, row[j - 1] + 1});
    }
  }
  return row[b.size()];
}

}  // namespace

At at(const toml::node& node) { return at(node.source()); }

const toml::node* Section::take(std::string_view key) {
  taken_.emplace(key);
  return table_.get(key);
}

void Section::wrong_type(std::string_view key, const toml::node& node, std::string_view expected) {
  problem(at(node), std::string(key) + " in " + where_ + " must be " + std::string(expected) + ", not " +
                        std::string(type_word(node)));
}

At Section::at_key(std::string_view key) const {
  for (auto&& [name, node] : table_) {
    if (name.str() == key) return at(name.source());
  }
  return here();
}

std::optional<Text> Section::string(std::string_view key) {
  const auto* node = take(key);
  if (node == nullptr) return std::nullopt;
  const auto* value = node->as_string();
  if (value == nullptr) {
    wrong_type(key, *node, "a string");
    return std::nullopt;
  }
  return Text{value->get(), at(*node)};
}

std::optional<Placed<std::int64_t>> Section::integer(std::string_view key, std::int64_t least, std::int64_t most) {
  const auto* node = take(key);
  if (node == nullptr) return std::nullopt;
  const auto* value = node->as_integer();
  if (value == nullptr) {
    wrong_type(key, *node, "a number");
    return std::nullopt;
  }
  if (value->get() < least || value->get() > most) {
    problem(at(*node), std::string(key) + " in " + where_ + " must be between " + std::to_string(least) + " and " +
                           std::to_string(most));
    return std::nullopt;
  }
  return Placed<std::int64_t>{value->get(), at(*node)};
}

std::optional<bool> Section::boolean(std::string_view key) {
  const auto* node = take(key);
  if (node == nullptr) return std::nullopt;
  const auto* value = node->as_boolean();
  if (value == nullptr) {
    wrong_type(key, *node, "true or false");
    return std::nullopt;
  }
  return value->get();
}

Texts Section::strings(std::string_view key) {
  Texts out;
  const auto* node = take(key);
  if (node == nullptr) return out;
  const auto* array = node->as_array();
  if (array == nullptr) {
    wrong_type(key, *node, "an array of strings");
    return out;
  }
  for (const auto& element : *array) {
    if (const auto* value = element.as_string()) {
      out.push_back({value->get(), at(element)});
    } else {
      problem(at(element),
              std::string(key) + " in " + where_ + " must hold strings only, not " + std::string(type_word(element)));
    }
  }
  return out;
}

const toml::table* Section::table(std::string_view key) {
  const auto* node = take(key);
  if (node == nullptr) return nullptr;
  if (node->as_table() == nullptr) wrong_type(key, *node, "a table");
  return node->as_table();
}

std::vector<const toml::table*> Section::tables(std::string_view key) {
  std::vector<const toml::table*> out;
  const auto* node = take(key);
  if (node == nullptr) return out;
  const auto* array = node->as_array();
  if (array == nullptr) {
    problem(at(*node),
            "[" + std::string(key) + "] must be written [[" + std::string(key) + "]], because there can be several");
    return out;
  }
  for (const auto& element : *array) {
    if (const auto* entry = element.as_table()) {
      out.push_back(entry);
    } else {
      wrong_type(key, element, "a list of tables, each written [[" + std::string(key) + "]]");
    }
  }
  return out;
}

void Section::missing(std::string_view key) {
  problem(here(), where_ + " has no " + std::string(key) + ", which it must have");
}

void Section::finish() {
  for (auto&& [key, node] : table_) {
    if (taken_.contains(key.str())) continue;
    std::string what = "unknown key \"" + show(key.str()) + "\" in " + where_;
    const auto nearest = std::min_element(taken_.begin(), taken_.end(), [&key = key](const auto& a, const auto& b) {
      return edit_distance(key.str().substr(0, 40), a) < edit_distance(key.str().substr(0, 40), b);
    });
    if (nearest != taken_.end() && edit_distance(key.str().substr(0, 40), *nearest) <= 2) {
      what += "; did you mean \"" + *nearest + "\"?";
    } else {
      what += "; known here:";
      for (const auto& known : taken_) what += (&known == &*taken_.begin() ? " " : ", ") + known;
    }
    problem(at(key.source()), std::move(what));
  }
}

}  // namespace assent::decide
