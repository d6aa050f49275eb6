// Orders: what the processes inside are to do, laid out as plain values in memory that they share with the supervisor.
// So they can be started before anybody knows what for, and still need no memory of their own.
// In: a MountPlan and a Spec. Out: the same, flat. It never decides.
#pragma once

#include <linux/filter.h>

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "launch/mount_plan.h"
#include "launch/spec.h"

namespace assent::launch {

using Words = std::span<const char* const>;

struct EarlyOrder {
  Early::Take take = Early::Take::ReadOnly;
  const char* path = "";
  bool may_be_missing = false;
};

struct StepOrder {
  Step::Act act = Step::Act::Folder;
  const char* path = "";
  const char* source = "";
  int early = -1;
  mode_t mode = 0755;
  int report = -1;
  bool seal = false;
  bool optional = false;
};

struct ReportOrder {
  Zone zone = Zone::Read;
  MountKind kind = MountKind::Plain;
  const char* path = "";
};

// See MountPlan for what each list means.
struct MountOrders {
  std::span<const EarlyOrder> early;
  std::span<const StepOrder> steps;
  std::span<const ReportOrder> reports;
  Words writable;
  Words devices;
  Words absent;
  Words read_ways;
  Words unreadable;
  std::span<int> descriptors;       // room for `early`
  std::span<int> seals;             // room for the sealed steps
  std::span<std::uint64_t> mounts;  // the ids of `reports`, written inside; 0: none
};

struct Orders {
  MountOrders mounts;
  ReadGate read_gate = ReadGate::Open;
  const char* cwd = "";
  std::string_view hostname;
  char* const* argv = nullptr;         // null-terminated
  char* const* environment = nullptr;  // null-terminated
  Words programs;                      // what to try to exec, in order
  std::span<const sock_filter> filter;
  std::span<const int> ignored_signals;
  bool has_terminal = false;  // which descriptors come with the orders, after the three standard ones
  bool has_host_folder = false;
};

// Room at fixed addresses; nothing is ever given back.
class Room {
 public:
  Room(void* memory, std::size_t size) : next_(static_cast<char*>(memory)), left_(size) {}

  // Empty, and full() from then on, where there is not enough room.
  template <class T>
  std::span<T> array(std::size_t count) {
    void* at = take(count * sizeof(T), alignof(T));
    if (at == nullptr) return {};
    T* first = static_cast<T*>(at);
    for (std::size_t i = 0; i < count; ++i) new (first + i) T();
    return {first, count};
  }

  const char* text(std::string_view text);
  Words words(const std::vector<std::string>& texts);
  char* const* pointers(const std::vector<std::string>& texts);  // null-terminated

  template <class T>
  std::span<const T> copy(std::span<const T> values) {
    const auto out = array<T>(values.size());
    for (std::size_t i = 0; i < out.size(); ++i) out[i] = values[i];
    return out;
  }

  [[nodiscard]] bool full() const { return full_; }

 private:
  void* take(std::size_t size, std::size_t alignment);

  char* next_;
  std::size_t left_;
  bool full_ = false;
};

MountOrders lay_out(const MountPlan& plan, Room& room);

// `programs`: what argv[0] may mean.
Orders lay_out(const MountPlan& plan, const Spec& spec, const std::vector<std::string>& programs, Room& room);

}  // namespace assent::launch
