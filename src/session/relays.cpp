#include "session/relays.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/show.h"
#include "net/hello_gate.h"
#include "net/join.h"
#include "notify/near_us.h"

namespace assent::session {

namespace {

// A connection that does not say hello is ended: nobody could tell any more where it leads.
constexpr auto kPatience = std::chrono::seconds(20);

// A socket and where it sends to. The same place always gives the same bytes, whatever the program left in the gaps.
std::string key_of(std::uint64_t cookie, std::string_view to) {
  std::string out(reinterpret_cast<const char*>(&cookie), sizeof cookie);
  return out += net::place_of(to);
}

}  // namespace

Result<HeldPlaces> hold_places(const std::vector<std::string>& publish) {
  HeldPlaces out;
  for (const auto& text : publish) {
    auto place = net::parse_publish(text);
    if (!place) return fail(place.error().code, fmt::format("cannot publish {}: {}", show(text), place.error().what));
    auto held = net::hold_place(*place);
    if (!held) return pass(std::move(held));
    out.emplace_back(std::move(*place), std::move(*held));
  }
  return out;
}

Result<std::unique_ptr<Relays>> Relays::create(EventLoop& loop, UniqueFd socket_maker, Routes routes,
                                               HeldPlaces places) {
  std::unique_ptr<Relays> self(new Relays(std::move(socket_maker), routes));
  auto mailbox = Mailbox::create(loop);
  if (!mailbox) return pass(std::move(mailbox));
  self->mailbox_ = std::move(*mailbox);
  if (places.empty()) return self;
  if (auto status = self->start_thread(); !status) return pass(std::move(status));
  self->publishes_ = true;
  for (auto& [place, held] : places) {
    self->publishers_.push_back(std::make_unique<net::Publisher>(self->thread_->loop(), self->inner_sockets_,
                                                                 std::move(place), std::move(held)));
  }
  return self;
}

Relays::~Relays() {
  if (!thread_) return;
  thread_->finish([this] {
    publishers_.clear();
    pumps_.clear();
    flows_.clear();
  });
}

Status Relays::start_thread() {
  if (thread_) return {};
  notify::leave_cpu();
  auto thread = net::RelayThread::start();
  if (!thread) return pass(std::move(thread));
  thread_ = std::move(*thread);
  return {};
}

Result<UniqueFd> Relays::join(const net::AgentSocket& own, const net::Outside& to, int outer) {
  return net::join(inner_sockets_, own, to, outer);
}

Status Relays::carry(UniqueFd inner, UniqueFd outer, std::optional<std::vector<std::string>> names,
                     std::function<void(const std::string& why)> refused) {
  if (carried_ >= kMostCarried)
    return fail(ENOBUFS, "cannot relay one more connection: too many are open (ENOBUFS); close some");
  if (auto status = start_thread(); !status) return status;
  const std::uint64_t id = next_++;
  ++carried_;
  watched_[id] = std::move(refused);
  auto left = std::make_shared<UniqueFd>(std::move(inner));
  auto right = std::make_shared<UniqueFd>(std::move(outer));
  thread_->post([this, id, left, right, names = std::move(names)]() mutable {
    EventLoop& loop = thread_->loop();
    auto one = std::make_unique<Carried>();
    Carried* raw = one.get();
    net::Pump::Gate gate;
    if (names) {
      net::HelloGate hello(std::move(*names), [this, id, raw](const std::string& why) {
        if (why.empty()) thread_->loop().cancel(raw->patience);
        mailbox_->post([this, id, why] { told(id, why); });
      });
      // A refused client is reset once it was told why: it may end right after.
      gate = [hello = std::move(hello), refused = false](auto client, auto server, bool ended) mutable {
        auto step = refused ? net::Pump::Step{} : hello(client, server, ended);
        refused = refused || step.look == net::Pump::Look::Refuse;
        return refused ? net::Pump::Step{} : step;
      };
      raw->patience = loop.after(kPatience, [raw] { raw->pump->reset(); });
    }
    raw->pump =
        std::make_unique<net::Pump>(loop, std::move(*left), std::move(*right), std::move(gate), [this, id, raw] {
          thread_->loop().cancel(raw->patience);
          pumps_.erase(id);
          mailbox_->post([this, id] {
            watched_.erase(id);
            --carried_;
          });
        });
    pumps_[id] = std::move(one);
    if (!raw->pump->start()) raw->pump->reset();
  });
  return {};
}

Result<UniqueFd> Relays::join_datagrams(const net::AgentSocket& own, const net::Outside& to, int outer) {
  return net::join_datagrams(inner_sockets_, own, to, outer);
}

Result<UniqueFd> Relays::join_sender(const net::AgentSocket& own, const net::Outside& to, int outer) {
  return net::join_sender(inner_sockets_, own, to, outer);
}

bool Relays::carries(std::uint64_t cookie, std::string_view to) const {
  return !senders_.empty() && senders_.contains(key_of(cookie, to));
}

Status Relays::carry_datagrams(UniqueFd inner, UniqueFd outer, std::optional<Sender> sender) {
  if (auto status = start_thread(); !status) return status;
  const std::uint64_t id = next_++;
  if (sender) {
    sender_of_[id] = key_of(sender->cookie, sender->to);
    senders_[sender_of_[id]] = id;
  }
  auto left = std::make_shared<UniqueFd>(std::move(inner));
  auto right = std::make_shared<UniqueFd>(std::move(outer));
  thread_->post([this, id, left, right] {
    if (flows_.size() >= kMostFlows) end_quietest_flow();
    auto flow = std::make_unique<net::DatagramPump>(thread_->loop(), std::move(*left), std::move(*right),
                                                    [this, id] { end_flow(id); });
    if (flow->start())
      flows_[id] = std::move(flow);
    else
      end_flow(id);
  });
  return {};
}

void Relays::end_quietest_flow() {
  const auto quietest = std::ranges::min_element(
      flows_, {}, [](const auto& flow) { return std::pair(flow.second->last_used(), flow.first); });
  if (quietest != flows_.end()) end_flow(quietest->first);
}

void Relays::end_flow(std::uint64_t id) {
  flows_.erase(id);
  mailbox_->post([this, id] {
    const auto sender = sender_of_.extract(id);
    if (sender.empty()) return;
    // The same place may have a new flow by now.
    if (const auto found = senders_.find(sender.mapped()); found != senders_.end() && found->second == id)
      senders_.erase(found);
  });
}

void Relays::told(std::uint64_t id, const std::string& refused) {
  const auto node = watched_.extract(id);
  if (refused.empty()) return;
  if (!node.empty()) node.mapped()(refused);
  thread_->post([this, id] {
    if (const auto found = pumps_.find(id); found != pumps_.end()) found->second->pump->reset();
  });
}

void Relays::listens_inside(std::uint16_t port) {
  if (!publishes_) return;
  thread_->post([this, port] {
    for (auto& publisher : publishers_) publisher->listens_inside(port);
  });
}

}  // namespace assent::session
