#include "session/denials.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include "session/subject_text.h"

namespace assent::session {

namespace {

std::string reason_of(const Judgement& judgement, Attendance attendance) {
  if (judgement.answer && !judgement.answer->reason.empty()) return judgement.answer->reason;
  if (judgement.answer && judgement.answer->who == "timeout") return "nobody answered in time";
  if (judgement.answer && judgement.answer->who != "headless") return "a human said no";
  if (judgement.decision.verdict == Verdict::Ask && attendance == Attendance::Nobody)
    return "needs a human, none is attached" + (judgement.unkept ? ": " + *judgement.unkept : "");
  return judgement.decision.reason.empty() ? "a rule denies it" : judgement.decision.reason;
}

std::string suggestion_of(const Judgement& judgement, Attendance attendance) {
  if (judgement.answer && judgement.answer->who != "headless" && judgement.answer->who != "timeout")
    return "do not try this again; ask what to do instead";
  if (judgement.decision.verdict == Verdict::Ask && attendance == Attendance::Nobody) {
    return "leave it as it is and tell the user; a session with a terminal can ask";
  }
  return "leave it as it is and tell the user";
}

// What the agent prints on its terminal is read by the loop that would wait here, and a named pipe perhaps by nobody:
// they are opened anew, so that our descriptor never waits and the agent's stays as it is. Somebody else's (the
// terminal of whoever called su) we may not open, and neither the agent nor we are at its other end. None: nothing is
// said.
UniqueFd that_never_waits(int agents, const struct stat& is) {
  const int flags = ::fcntl(agents, F_GETFL);
  if (flags < 0 || (flags & O_ACCMODE) == O_RDONLY || (flags & O_PATH) != 0) return {};
  if (S_ISFIFO(is.st_mode) || ::isatty(agents) == 1) {
    const std::string path = "/proc/self/fd/" + std::to_string(agents);
    UniqueFd anew(::open(path.c_str(), O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC));
    if (anew || is.st_uid == ::geteuid()) return anew;
  }
  return UniqueFd(::fcntl(agents, F_DUPFD_CLOEXEC, 0));
}

// The agent chose what its descriptor 2 is, so writing there must neither wait nor raise a signal.
void write_to_stderr(const Judgement& judgement, const std::string& line) {
  auto agents = judgement.caller->descriptor(2);
  struct stat is {};
  if (!agents || ::fstat(agents->get(), &is) != 0) return;
  const UniqueFd target = that_never_waits(agents->get(), is);
  if (!target) return;
  pollfd ready{target.get(), POLLOUT, 0};
  if (::poll(&ready, 1, 0) != 1 || (ready.revents & POLLOUT) == 0) return;
  const iovec bytes{const_cast<char*>(line.data()), std::min<std::size_t>(line.size(), 4096)};
  // RWF_NOWAIT where the kernel can; of what cannot, a pipe may be full by now.
  if (::pwritev2(target.get(), &bytes, 1, -1, RWF_NOWAIT) >= 0 || errno != EOPNOTSUPP) return;
  const bool never_waits = (::fcntl(target.get(), F_GETFL) & O_NONBLOCK) != 0;
  if (never_waits || S_ISREG(is.st_mode) || S_ISCHR(is.st_mode)) {
    [[maybe_unused]] const ssize_t n = ::writev(target.get(), &bytes, 1);
  }
}

}  // namespace

void Denials::tell_lookup(const std::string& name, const Decision& decision) {
  ++count_;
  const bool asks = decision.verdict == Verdict::Ask;
  record::Denial denial;
  denial.operation = "connect";
  denial.object = name;
  denial.rule = decision.rule;
  denial.reason = asks                      ? "needs a human, none is attached"
                  : decision.reason.empty() ? std::string_view("a rule denies it")
                                            : std::string_view(decision.reason);
  denial.suggestion = "do without this host and tell the user; --allow-host allows it";
  denial.may_ask = asks ? record::MayAsk::Yes : record::MayAsk::No;
  denial.error = ENOENT;
  (void)file_.add(denial, {});
}

void Denials::tell(const Judgement& judgement, int error, std::uint64_t record) {
  ++count_;
  const SubjectText text = subject_text(judgement);
  const std::string reason = reason_of(judgement, attendance_);
  const std::string suggestion = suggestion_of(judgement, attendance_);
  record::Denial denial;
  denial.process = judgement.request.process->id;
  denial.operation = text.operation;
  denial.object = text.object;
  denial.rule = judgement.decision.rule;
  denial.reason = reason;
  denial.suggestion = suggestion;
  denial.may_ask = judgement.decision.verdict == Verdict::Ask ? record::MayAsk::Yes : record::MayAsk::No;
  denial.error = error;
  denial.record = record;
  if (const auto line = file_.add(denial, judgement.request.process->cwd)) write_to_stderr(judgement, *line);
}

}  // namespace assent::session
