// Session: everything until the agent runs.
#include <fmt/format.h>
#include <sys/random.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <cstdlib>

#include "approve/deny_all.h"
#include "approve/own_rights.h"
#include "approve/terminal_prompt.h"
#include "base/sys.h"
#include "filter/filter.h"
#include "notify/near_us.h"
#include "record/session_dir.h"
#include "session/past_sessions.h"
#include "session/profile_hashes.h"
#include "session/session_state.h"

namespace assent::session {

namespace {

// A word for the head of each question of this session that the agent never sees: eight letters, about 26 bits.
Result<std::string> new_mark() {
  constexpr std::string_view kConsonants = "bcdfghjklmnprstvwz";
  constexpr std::string_view kVowels = "aeiou";
  std::array<std::uint8_t, 8> random{};
  if (::getrandom(random.data(), random.size(), 0) != static_cast<ssize_t>(random.size()))
    return sys::last_error("cannot get random bytes");
  std::string out;
  for (std::size_t i = 0; i < random.size(); ++i) {
    const auto letters = i % 2 == 0 ? kConsonants : kVowels;
    out += letters[random[i] % letters.size()];
  }
  return out;
}

}  // namespace

Status Session::prepare() {
  auto paths = Paths::from_environment();
  if (!paths) return pass(std::move(paths));
  paths_ = std::move(*paths);
  auto place = find_place(options_);
  if (!place) return pass(std::move(place));
  place_ = std::move(*place);
  auto policy = load_policy(options_, paths_, place_.project);
  if (!policy) return pass(std::move(policy));
  policy_ = std::move(*policy);
  auto held = hold_places(options_.publish);
  if (!held) return pass(std::move(held));
  held_places_ = std::move(*held);
  auto loop = EventLoop::create();
  if (!loop) return pass(std::move(loop));
  loop_.emplace(std::move(*loop));

  if (::getrandom(&nonce_, sizeof nonce_, 0) != static_cast<ssize_t>(sizeof nonce_))
    return sys::last_error("cannot get random bytes");
  if (auto status = begin_record(); !status) return status;
  auto denials = record::DenialsFile::create(log_->directory());
  if (!denials) return pass(std::move(denials));
  denials_file_.emplace(std::move(*denials));
  return {};
}

// The daemon, if one is running; else this terminal; else nobody. With a daemon the terminal is what is left when that
// one dies.
Status Session::choose_approver() {
  const bool terminal = ::isatty(0) == 1 || ::isatty(1) == 1 || ::isatty(2) == 1;
  std::unique_ptr<approve::Approver> prompt;
  if (options_.ask == AskOn::Terminal && !terminal)
    return fail(ENOTTY, "cannot ask on the terminal: there is none (ENOTTY); use --headless");
  if (options_.ask != AskOn::Nobody && terminal) {
    auto made = terminal_prompt();
    if (!made) return pass(std::move(made));
    prompt = std::move(*made);
  }
  if (options_.ask == AskOn::Automatic || options_.ask == AskOn::Daemon) {
    approve::DaemonApprover::Options daemon;
    daemon.sockets = paths_.daemons;
    daemon.session.session = session_;
    daemon.session.name = options_.session_name;
    daemon.session.project = place_.project;
    daemon.session.command = options_.command;
    daemon.session.profiles = chosen_profiles(options_, place_.project);
    daemon.session.pid = ::getpid();
    daemon.tell = [this](const std::string& text) { tell(text); };
    auto asked = approve::DaemonApprover::create(*loop_, std::move(daemon), nullptr);
    if (asked) {
      (*asked)->fall_back_to(std::move(prompt));
      approver_ = std::move(*asked);
      attendance_ = Attendance::Human;
      return {};
    }
    if (options_.ask == AskOn::Daemon) return pass(std::move(asked));
    if (asked.error().code != ENOENT) tell(asked.error().what);
  }
  if (prompt) {
    approver_ = std::move(prompt);
    attendance_ = Attendance::Human;
  } else {
    approver_ = std::make_unique<approve::DenyAll>();
  }
  return {};
}

Result<std::unique_ptr<approve::Approver>> Session::terminal_prompt() {
  auto relay = approve::TerminalRelay::create(*loop_);
  if (!relay) return pass(std::move(relay));
  relay_ = std::move(*relay);
  approve::PromptOptions prompt;
  const char* no_colour = ::getenv("NO_COLOR");
  prompt.colour = no_colour == nullptr || no_colour[0] == '\0' ? approve::Colour::Yes : approve::Colour::No;
  auto mark = new_mark();
  if (!mark) return pass(std::move(mark));
  prompt.mark = std::move(*mark);
  prompt.bell = policy_->settings().notify.bell.value_or(false);
  if (options_.loudness != Loudness::Quiet)
    tell(fmt::format("questions of assent carry the word {}; the agent does not know it", prompt.mark));
  return std::make_unique<approve::OwnRights>(std::make_unique<approve::TerminalPrompt>(*loop_, *relay_, prompt),
                                              approve::person_of(::getuid(), ::getgid()));
}

Status Session::begin_record() {
  for (const auto& problem : mend_past_sessions(paths_.state)) tell(problem);
  record::SessionInfo info;
  info.name = options_.session_name;
  info.command = options_.command;
  info.cwd = place_.cwd;
  info.project = place_.project;
  info.mode = std::string(decide::name(policy_->settings().mode));
  info.options = options_.given;
  info.profiles = profile_hashes(policy_->files());
  info.nonce = nonce_;
  auto log = record::AuditLog::create(paths_.state, info);
  if (!log) return pass(std::move(log));
  log_ = std::move(*log);
  session_ = log_->session();
  return {};
}

Status Session::start() {
  if (auto status = choose_approver(); !status) return status;
  auto names = write_resolv_conf(log_->path());
  if (!names) return pass(std::move(names));
  Floorplan plan = plan_layout(*policy_, paths_, place_.project, log_->path() + "/" + record::kDenialsName, *names);
  stores_ = find_stores(paths_, policy_->settings(), place_.project);
  plan.layout.covered = stores_;

  launch::Spec spec;
  spec.layout = std::move(plan.layout);
  spec.argv = options_.command;
  spec.environment = agent_environment(*policy_, session_);
  spec.cwd = place_.cwd;
  if (relay_) {
    spec.stdio = relay_->agent_stdio();
    spec.terminal = relay_->slave();
  }
  spec.filter = filter::program(filter::variant(plan.gate_reads, policy_->says_udp()));
  if (auto status = launch_->furnish(spec); !status) return status;
  if (auto status = give_up_powers(); !status) return status;
  if (auto status = make_rooms(); !status) return status;
  auto sandbox = launch_->stand();
  if (!sandbox) return pass(std::move(sandbox));
  sandbox_.emplace(std::move(*sandbox));

  std::vector<std::string> notes = std::move(plan.notes);
  notes.insert(notes.end(), sandbox_->notes().begin(), sandbox_->notes().end());
  for (const auto& note : notes) {
    if (auto status = log_->note("floor", note); !status) return status;
    if (options_.loudness == Loudness::Verbose) tell(note);
  }
  if (auto status = wire_rooms(); !status) return status;
  if (auto status = watch(); !status) return status;
  if (relay_) {
    if (auto status = relay_->start(); !status) return status;
    relay_running_ = true;
  }
  return sandbox_->go();
}

// What needs nothing of the sandbox, while that is being built. Powers are given up before: they are a thread's own.
Status Session::make_rooms() {
  auto callers = resolve::Callers::create();
  if (!callers) return pass(std::move(callers));
  callers_.emplace(std::move(*callers));
  auto project = sys::openat(AT_FDCWD, place_.project.c_str(), O_PATH | O_DIRECTORY);
  if (!project) return pass(std::move(project));
  if (auto git = resolve::GitIndex::pin(project->get())) git_ = std::move(*git);

  broker::BrokerOptions acts;
  acts.nonce = nonce_;
  if (const auto& settings = policy_->settings(); settings.keep) {
    vault_ = std::make_unique<VaultKeeper>(
        VaultKeeper::Options{session_, place_.project, state_vault(paths_), stores_, nonce_, settings.vault_max_file,
                             settings.vault_max_total, [this](const FileId& id) { return own_.contains(id); }});
    acts.keeper = vault_->keeper();
    retention_ = std::make_unique<Retention>(paths_, settings);
  }
  broker_.emplace(std::move(acts));
  auto workers = Workers::create(*loop_);
  if (!workers) return pass(std::move(workers));
  workers_ = std::move(*workers);
  auto blocking = BlockingOpens::create(*loop_, *broker_);
  if (!blocking) return pass(std::move(blocking));
  blocking_ = std::move(*blocking);
  auto connects = Connects::create(*loop_, [this](std::uint64_t call) { return listener_->alive(call); });
  if (!connects) return pass(std::move(connects));
  connects_ = std::move(*connects);

  auto freezes = Freezes::create(*loop_, {paths_.state, kSystemFolder}, [this] {
    if (!gate_) return;
    questions_->deny_where([this](const Judgement& judgement) { return gate_->frozen(judgement); });
    arm_flush();
  });
  if (!freezes) return pass(std::move(freezes));
  freezes_ = std::move(*freezes);
  auto watchdog = Watchdog::start(*loop_);
  if (!watchdog) return pass(std::move(watchdog));
  watchdog_ = std::move(*watchdog);
  return {};
}

Status Session::wire_rooms() {
  auto listener = notify::Listener::adopt(sandbox_->take_listener());
  if (!listener) return pass(std::move(listener));
  listener_.emplace(std::move(*listener));

  resolve::View::Parts parts;
  auto agent_root = sys::openat(sandbox_->agent_root(), ".", O_PATH | O_DIRECTORY);
  if (!agent_root) return pass(std::move(agent_root));
  parts.agent_root = std::move(*agent_root);
  auto host_root = sys::openat(AT_FDCWD, "/", O_PATH | O_DIRECTORY);
  if (!host_root) return pass(std::move(host_root));
  parts.host_root = std::move(*host_root);
  for (const auto& [id, entry] : sandbox_->mounts().entries()) {
    const bool built = entry.kind == launch::MountKind::Skeleton;
    parts.mounts[id] = resolve::Mount{entry.zone, built ? resolve::Backing::Built : resolve::Backing::Host};
  }
  parts.hidden = [this](std::string_view path) { return policy_->hidden(path); };
  parts.unknown = [this](std::uint64_t id, int folder) {
    return resolve::Mount{sandbox_->mounts().zone(id, folder), resolve::Backing::Host};
  };
  auto view = resolve::View::create(std::move(parts));
  if (!view) return pass(std::move(view));
  view_.emplace(std::move(*view));
  resolver_.emplace(*view_, *callers_, own_);

  Questions::Facts facts;
  facts.session = session_;
  facts.project = place_.project;
  facts.host_root = view_->host_root();
  facts.git = &git_;
  facts.is_own = [this](const FileId& id) { return own_.contains(id); };
  facts.keeps = vault_ != nullptr;
  facts.timeout = options_.timeout;
  if (attendance_ == Attendance::Human) {
    const auto& notify = policy_->settings().notify;
    notices_.emplace(*loop_, Notices::Options{notify.command, notify.desktop.value_or(false), notify.url.value_or("")});
    facts.waits = [this](const Question& question) { notices_->question_waits(question); };
  }
  questions_.emplace(
      *loop_, *approver_, *log_, std::move(facts),
      [this](Judgement judgement) {
        if (judgement.answer->consent == Consent::Yes) freezes_->look();
        gate_->resume(std::move(judgement));
        arm_flush();
      },
      [this](std::uint64_t call) { return listener_->alive(call); });
  denials_.emplace(*denials_file_, attendance_);
  exits_.emplace(*loop_, [this](std::uint64_t process, std::optional<int> status) {
    if (auto recorded = log_->exit(process, status); !recorded) tell(recorded.error().what);
    denials_file_->forget(process);
    if (questions_) questions_->forget_process(process);
  });
  auto lookups = NameLookups::create({*loop_, *policy_, *log_, *denials_}, sandbox_->take_name_sockets());
  if (!lookups) return pass(std::move(lookups));
  lookups_ = std::move(*lookups);
  auto relays =
      Relays::create(*loop_, sandbox_->take_socket_maker(),
                     sandbox_->has_relay_routes() ? Relays::Routes::Yes : Relays::Routes::No, std::move(held_places_));
  if (!relays) return pass(std::move(relays));
  relays_ = std::move(*relays);

  Gate::Events events;
  events.stop_agent = [this] {
    way_ = Way::Stopped;
    loop_->stop();
  };
  events.trouble = [this](const Error& error) { tell(error.what); };
  if (options_.loudness == Loudness::Verbose)
    events.judged = [this](const Judgement& judgement, int error) { say(judgement, error); };
  gate_.emplace(Gate::Rooms{*loop_,
                            *listener_,
                            *callers_,
                            *resolver_,
                            own_,
                            *policy_,
                            sandbox_->floor(),
                            *log_,
                            *broker_,
                            *questions_,
                            *blocking_,
                            *connects_,
                            *lookups_,
                            *relays_,
                            *denials_,
                            *freezes_,
                            place_.project,
                            *exits_,
                            vault_.get(),
                            *workers_,
                            [this](const std::string& path, const FileId& id) { return recoverable(path, id); },
                            relay_ ? relay_->slave() : -1},
                std::move(events));
  return {};
}

Status Session::watch() {
  if (auto status = loop_->add_direct(listener_->fd(), [this](std::uint32_t events) { on_listener(events); }); !status)
    return status;
  loop_->sleep_for_direct({[this] { gate_->wait_for_call(); }, [] { notify::leave_cpu(); }});
  if (auto status = loop_->add(sandbox_->events(), EPOLLIN, [this](std::uint32_t) { on_agent(); }); !status)
    return status;

  // With a terminal the relay has its signals; the rest are passed on to the agent.
  sigemptyset(&signal_mask_);
  sigaddset(&signal_mask_, SIGTERM);
  if (!relay_) {
    for (const int number : {SIGINT, SIGQUIT, SIGHUP}) sigaddset(&signal_mask_, number);
  }
  ::pthread_sigmask(SIG_BLOCK, &signal_mask_, nullptr);
  signals_ = UniqueFd(::signalfd(-1, &signal_mask_, SFD_CLOEXEC | SFD_NONBLOCK));
  if (!signals_) return sys::last_error("signalfd");
  if (auto status = loop_->add(signals_.get(), EPOLLIN, [this](std::uint32_t) { on_signal(); }); !status) return status;
  if (relay_) {
    relay_->on_agent_continue([this] { (void)sandbox_->signal(SIGCONT).has_value(); });
  }
  return {};
}

}  // namespace assent::session
