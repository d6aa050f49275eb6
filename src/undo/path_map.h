// PathMap: something for each of some paths, that goes along when folders move.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace assent::undo {

// Whether `path` is `folder` or lies in it.
inline bool below(std::string_view path, std::string_view folder) {
  if (folder == "/") return true;
  return path.starts_with(folder) && (path.size() == folder.size() || path[folder.size()] == '/');
}

enum class Ways { One, Both };  // a rename, an exchange

template <class T>
class PathMap : public std::map<std::string, T> {
 public:
  // What is `from` or lies in it is `to` or lies there from now on; both ways: and what is `to` or lies in it, there.
  void moved(const std::string& from, const std::string& to, Ways ways) {
    auto first = take(from);
    auto second = ways == Ways::Both ? take(to) : std::vector<typename PathMap::node_type>();
    put(std::move(first), from, to);
    put(std::move(second), to, from);
  }

  void erase_below(const std::string& path) {
    const auto [first, last] = within(path);
    this->erase(first, last);
  }

 private:
  auto within(const std::string& path) {
    const auto first = this->lower_bound(path + '/');
    return std::pair(first, this->lower_bound(path + static_cast<char>('/' + 1)));
  }

  auto take(const std::string& path) {
    std::vector<typename PathMap::node_type> out;
    if (const auto self = this->find(path); self != this->end()) out.push_back(this->extract(self));
    for (auto [at, last] = within(path); at != last;) out.push_back(this->extract(at++));
    return out;
  }

  void put(std::vector<typename PathMap::node_type> nodes, const std::string& from, const std::string& to) {
    for (auto& node : nodes) {
      std::string path = to + node.key().substr(from.size());
      this->insert_or_assign(std::move(path), std::move(node.mapped()));
    }
  }
};

}  // namespace assent::undo
