#include "net/dns_message.h"

#include <ldns/ldns.h>

#include <algorithm>
#include <cstdlib>

namespace assent::net {

namespace {

using Packet = std::unique_ptr<ldns_pkt, void (*)(ldns_pkt*)>;

constexpr std::size_t kPlainRoom = 512;
constexpr std::size_t kMostRoom = 1232;

ldns_pkt_rcode rcode_of(DnsQuery::Code code) {
  switch (code) {
    case DnsQuery::Code::Fine:
      return LDNS_RCODE_NOERROR;
    case DnsQuery::Code::NoSuchName:
      return LDNS_RCODE_NXDOMAIN;
    case DnsQuery::Code::Failure:
      return LDNS_RCODE_SERVFAIL;
    case DnsQuery::Code::NotImplemented:
      return LDNS_RCODE_NOTIMPL;
  }
  return LDNS_RCODE_SERVFAIL;
}

void push_answer(ldns_pkt* out, const ldns_rr* question, const Found& found) {
  const bool v4 = found.address.find(':') == std::string::npos;
  ldns_rdf* address = ldns_rdf_new_frm_str(v4 ? LDNS_RDF_TYPE_A : LDNS_RDF_TYPE_AAAA, found.address.c_str());
  if (address == nullptr) return;
  ldns_rr* record = ldns_rr_new();
  ldns_rr_set_owner(record, ldns_rdf_clone(ldns_rr_owner(question)));
  ldns_rr_set_type(record, v4 ? LDNS_RR_TYPE_A : LDNS_RR_TYPE_AAAA);
  ldns_rr_set_class(record, LDNS_RR_CLASS_IN);
  ldns_rr_set_ttl(record, found.ttl);
  ldns_rr_push_rdf(record, address);
  ldns_pkt_push_rr(out, LDNS_SECTION_ANSWER, record);
}

// Without one, a resolver does not remember a no.
void push_authority(ldns_pkt* out) {
  ldns_rr* record = nullptr;
  if (ldns_rr_new_frm_str(&record, ". 20 IN SOA assent. assent. 1 60 60 60 20", 20, nullptr, nullptr) ==
      LDNS_STATUS_OK) {
    ldns_pkt_push_rr(out, LDNS_SECTION_AUTHORITY, record);
  }
}

void set_reason(ldns_pkt* out, const std::string& reason) {
  const std::size_t text = std::min<std::size_t>(reason.size(), 200);
  std::vector<std::uint8_t> option{0, 15, 0, static_cast<std::uint8_t>(text + 2), 0, 15};  // EXTENDED ERROR, "Blocked"
  option.insert(option.end(), reason.begin(), reason.begin() + static_cast<std::ptrdiff_t>(text));
  ldns_pkt_set_edns_udp_size(out, kMostRoom);
  ldns_pkt_set_edns_data(out, ldns_rdf_new_frm_data(LDNS_RDF_TYPE_UNKNOWN, option.size(), option.data()));
}

}  // namespace

void DnsQuery::Free::operator()(ldns_struct_pkt* packet) const { ldns_pkt_free(packet); }

std::optional<DnsQuery> DnsQuery::read(std::span<const std::uint8_t> bytes) {
  ldns_pkt* raw = nullptr;
  if (ldns_wire2pkt(&raw, bytes.data(), bytes.size()) != LDNS_STATUS_OK) return std::nullopt;
  DnsQuery out(raw);
  const ldns_rr_list* questions = ldns_pkt_question(raw);
  if (ldns_pkt_qr(raw) || ldns_pkt_get_opcode(raw) != LDNS_PACKET_QUERY || ldns_rr_list_rr_count(questions) != 1)
    return std::nullopt;
  const ldns_rr* question = ldns_rr_list_rr(questions, 0);
  char* name = ldns_rdf2str(ldns_rr_owner(question));
  if (name == nullptr) return std::nullopt;
  out.name_ = name;
  std::free(name);
  const ldns_rr_type type = ldns_rr_get_type(question);
  if (ldns_rr_get_class(question) == LDNS_RR_CLASS_IN) {
    out.asked_ = type == LDNS_RR_TYPE_A ? Asked::Ipv4 : type == LDNS_RR_TYPE_AAAA ? Asked::Ipv6 : Asked::Other;
  }
  return out;
}

std::size_t DnsQuery::room() const {
  if (!ldns_pkt_edns(packet_.get())) return kPlainRoom;
  return std::clamp<std::size_t>(ldns_pkt_edns_udp_size(packet_.get()), kPlainRoom, kMostRoom);
}

std::vector<std::uint8_t> DnsQuery::answer(Code code, const std::vector<Found>& found, const std::string& reason,
                                           std::size_t room) const {
  const ldns_rr* question = ldns_rr_list_rr(ldns_pkt_question(packet_.get()), 0);
  const auto build = [&](bool cut) {
    Packet out(ldns_pkt_new(), ldns_pkt_free);
    ldns_pkt_set_id(out.get(), ldns_pkt_id(packet_.get()));
    ldns_pkt_set_qr(out.get(), true);
    ldns_pkt_set_rd(out.get(), ldns_pkt_rd(packet_.get()));
    ldns_pkt_set_ra(out.get(), true);
    ldns_pkt_set_tc(out.get(), cut);
    ldns_pkt_set_rcode(out.get(), static_cast<std::uint8_t>(rcode_of(code)));
    ldns_pkt_push_rr(out.get(), LDNS_SECTION_QUESTION, ldns_rr_clone(question));
    if (!cut) {
      for (const Found& one : found) push_answer(out.get(), question, one);
      if (found.empty() && (code == Code::Fine || code == Code::NoSuchName)) push_authority(out.get());
    }
    if (ldns_pkt_edns(packet_.get())) {
      ldns_pkt_set_edns_udp_size(out.get(), kMostRoom);
      if (!reason.empty()) set_reason(out.get(), reason);
    }
    std::uint8_t* wire = nullptr;
    std::size_t size = 0;
    std::vector<std::uint8_t> bytes;
    if (ldns_pkt2wire(&wire, out.get(), &size) == LDNS_STATUS_OK) bytes.assign(wire, wire + size);
    std::free(wire);
    return bytes;
  };
  auto bytes = build(false);
  return bytes.size() <= room ? bytes : build(true);
}

}  // namespace assent::net
