// What `assent run` was asked to do, as values.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace assent::session {

enum class AskOn { Automatic, Terminal, Daemon, Nobody };
enum class Loudness { Quiet, Normal, Verbose };
enum class FailOnDenial { No, Yes };

struct RunOptions {
  std::vector<std::string> given;  // the words of the command line, for the record
  std::vector<std::string> command;
  std::vector<std::string> profiles;  // names or files; later ones add rules in front
  std::optional<std::string> project;
  std::optional<std::string> mode;  // live | plan | freeze
  AskOn ask = AskOn::Automatic;     // Nobody: --headless
  std::optional<std::chrono::seconds> timeout;
  FailOnDenial fail_on_denial = FailOnDenial::No;
  std::vector<std::string> environment;  // NAME or NAME=VALUE
  std::vector<std::string> allow_hosts;
  std::vector<std::string> publish;  // [HOST:]PORT[:INNER]
  std::vector<std::string> write;
  std::vector<std::string> read;
  std::vector<std::string> hide;
  std::string session_name;
  Loudness loudness = Loudness::Normal;
};

}  // namespace assent::session
