#include "session/subject_text.h"

#include <algorithm>

namespace assent::session {

SubjectText subject_text(const Judgement& judgement) {
  if (const auto* files = std::get_if<std::vector<FileSubject>>(&judgement.request.subject)) {
    if (files->empty()) return {std::string(judgement.request.call), "", nullptr};
    const std::size_t which = std::min(judgement.decision.subject, files->size() - 1);
    const FileSubject& subject = files->at(which);
    SubjectText out{std::string(name(subject.operation)), subject.path, &subject};
    if (files->size() == 2 && files->front().operation == Operation::Rename) out.other = files->at(1 - which).path;
    return out;
  }
  if (const auto* net = std::get_if<NetSubject>(&judgement.request.subject)) {
    if (net->protocol == NetSubject::Protocol::Unix) return {"connect", "unix:" + net->address, nullptr};
    const std::string& host = net->names.empty() ? net->address : net->names.front();
    const bool brackets = host.find(':') != std::string::npos;
    const std::string protocol = net->protocol == NetSubject::Protocol::Udp ? "udp:" : "";
    return {"connect", protocol + (brackets ? "[" + host + "]" : host) + ":" + std::to_string(net->port), nullptr};
  }
  return {"exec", std::get<ExecSubject>(judgement.request.subject).path, nullptr};
}

}  // namespace assent::session
