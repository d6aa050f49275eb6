#include "launch/orders.h"

#include <algorithm>
#include <cstring>

namespace assent::launch {

void* Room::take(std::size_t size, std::size_t alignment) {
  const std::size_t gap = (alignment - reinterpret_cast<std::uintptr_t>(next_) % alignment) % alignment;
  if (full_ || size > left_ || gap > left_ - size) {
    full_ = true;
    return nullptr;
  }
  void* out = next_ + gap;
  next_ += gap + size;
  left_ -= gap + size;
  return out;
}

const char* Room::text(std::string_view text) {
  auto* out = static_cast<char*>(take(text.size() + 1, 1));
  if (out == nullptr) return "";
  std::memcpy(out, text.data(), text.size());
  out[text.size()] = '\0';
  return out;
}

Words Room::words(const std::vector<std::string>& texts) {
  const auto out = array<const char*>(texts.size());
  for (std::size_t i = 0; i < out.size(); ++i) out[i] = text(texts[i]);
  return out;
}

char* const* Room::pointers(const std::vector<std::string>& texts) {
  const auto out = array<char*>(texts.size() + 1);
  for (std::size_t i = 0; i + 1 < out.size(); ++i) out[i] = const_cast<char*>(text(texts[i]));
  return out.data();
}

MountOrders lay_out(const MountPlan& plan, Room& room) {
  MountOrders out;
  const auto early = room.array<EarlyOrder>(plan.early.size());
  for (std::size_t i = 0; i < early.size(); ++i) {
    early[i] = {plan.early[i].take, room.text(plan.early[i].path), plan.early[i].may_be_missing};
  }
  const auto steps = room.array<StepOrder>(plan.steps.size());
  for (std::size_t i = 0; i < steps.size(); ++i) {
    const Step& step = plan.steps[i];
    steps[i] = {step.act,
                room.text(step.path),
                step.source.empty() ? "" : room.text(step.source),
                step.early,
                step.mode,
                step.report,
                step.seal,
                step.optional};
  }
  const auto reports = room.array<ReportOrder>(plan.reports.size());
  for (std::size_t i = 0; i < reports.size(); ++i) {
    reports[i] = {plan.reports[i].zone, plan.reports[i].kind, room.text(plan.reports[i].path)};
  }
  out.early = early;
  out.steps = steps;
  out.reports = reports;
  out.writable = room.words(plan.writable);
  out.devices = room.words(plan.devices);
  out.absent = room.words(plan.absent);
  out.read_ways = room.words(plan.read_ways);
  out.unreadable = room.words(plan.unreadable);
  out.descriptors = room.array<int>(plan.early.size());
  std::fill(out.descriptors.begin(), out.descriptors.end(), -1);
  out.seals = room.array<int>(static_cast<std::size_t>(
      std::count_if(plan.steps.begin(), plan.steps.end(), [](const Step& step) { return step.seal; })));
  std::fill(out.seals.begin(), out.seals.end(), -1);
  out.mounts = room.array<std::uint64_t>(plan.reports.size());
  return out;
}

Orders lay_out(const MountPlan& plan, const Spec& spec, const std::vector<std::string>& programs, Room& room) {
  Orders out;
  out.mounts = lay_out(plan, room);
  out.read_gate = spec.layout.read_gate;
  out.cwd = room.text(spec.cwd);
  out.hostname = {room.text(spec.hostname), spec.hostname.size()};
  out.argv = room.pointers(spec.argv);
  out.environment = room.pointers(spec.environment);
  out.programs = room.words(programs);
  out.filter = room.copy(spec.filter);
  out.ignored_signals = room.copy(std::span<const int>(spec.ignored_signals));
  out.has_terminal = spec.terminal.has_value();
  return out;
}

}  // namespace assent::launch
