#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/xattr.h>

#include <csignal>
#include <thread>

#include "support/broker_fixture.h"

namespace assent::test {
namespace {

Open how(const std::string& path, std::uint64_t flags, mode_t mode = 0) {
  return {.path = at(path), .flags = flags, .mode = mode, .resolve = 0, .call = OpenCall::Open};
}
struct stat stat_of(int fd) {
  struct stat st {};
  ::fstat(fd, &st);
  return st;
}

TEST(BrokerOpen, CreatesWithTheCallersUmaskAndKnowsWhatItMade) {
  const Folder temp;
  Desk desk;
  for (const mode_t mask : {0, 022, 077}) {
    const std::string path = temp / std::to_string(mask);
    const auto outcome = desk.act(how(path, O_CREAT | O_WRONLY, 0777), target(path), {.umask = mask});
    ASSERT_GE(descriptor_of(outcome), 0);
    EXPECT_EQ(0777U & ~mask, stat_of(descriptor_of(outcome)).st_mode & 07777);
    EXPECT_EQ(std::vector<FileId>{target(path).id}, outcome.created);
  }
}

TEST(BrokerOpen, ADefaultAclTakesTheUmasksPlace) {
  const Folder temp;
  // Version 2, then tag, permissions, id of u::rwx, g::rwx, o::r-x.
  const std::uint32_t undefined = 0xFFFFFFFF;
  const std::uint32_t acl[] = {2, 7U << 16 | 0x01, undefined, 7U << 16 | 0x04, undefined, 5U << 16 | 0x20, undefined};
  ASSERT_EQ(0, ::setxattr(temp.path().c_str(), "system.posix_acl_default", acl, sizeof acl, 0));
  const auto outcome = Desk().act(how(temp / "a", O_CREAT | O_WRONLY, 0666), target(temp / "a"), {.umask = 077});
  EXPECT_EQ(0664U, stat_of(descriptor_of(outcome)).st_mode & 07777);
  Desk().act(MakeDirectory{at(temp / "d"), 0777}, target(temp / "d"), {.umask = 077});
  struct stat st {};
  ::stat((temp / "d").c_str(), &st);
  EXPECT_EQ(0775U, st.st_mode & 07777);
}

TEST(BrokerOpen, TheUmaskOfOtherThreadsStaysAsItIs) {
  const mode_t before = ::umask(027);
  std::thread([] {
    const Folder temp;
    Desk().act(how(temp / "a", O_CREAT | O_WRONLY, 0666), target(temp / "a"), {.umask = 0});
  }).join();
  EXPECT_EQ(027U, ::umask(before));
}

TEST(BrokerOpen, ExclusiveCreationFailsOnWhatExistsLinksIncluded) {
  const Folder temp;
  write_file(temp / "a", "A");
  ::symlink("none", (temp / "dangling").c_str());
  EXPECT_EQ(EEXIST, code_of(Desk().act(how(temp / "a", O_CREAT | O_EXCL | O_WRONLY), target(temp / "a"))));
  EXPECT_EQ(EEXIST,
            code_of(Desk().act(how(temp / "dangling", O_CREAT | O_EXCL | O_WRONLY), target(temp / "dangling"))));
  EXPECT_FALSE(exists(temp / "none"));
}

TEST(BrokerOpen, AFileThatAppearedSinceIsNotOpenedUnjudged) {
  const Folder temp;
  Target judged = target(temp / "a");
  write_file(temp / "a", "precious");
  const auto outcome = Desk().act(how(temp / "a", O_CREAT | O_TRUNC | O_WRONLY, 0666), std::move(judged));
  EXPECT_TRUE(outcome.raced);
  EXPECT_EQ("precious", read_file(temp / "a"));
}

TEST(BrokerOpen, AFileThatWasSwappedSinceIsNotTruncated) {
  for (const bool link : {false, true}) {
    const Folder temp;
    write_file(temp / "a", "judged");
    write_file(temp / "b", "precious");
    Target judged = target(temp / "a");
    if (link) {
      ::unlink((temp / "a").c_str());
      ::symlink("b", (temp / "a").c_str());
    } else {
      ::rename((temp / "b").c_str(), (temp / "a").c_str());
    }
    const auto outcome = Desk().act(how(temp / "a", O_CREAT | O_TRUNC | O_WRONLY, 0666), std::move(judged));
    EXPECT_TRUE(outcome.raced);
    EXPECT_EQ("precious", read_file(temp / (link ? "b" : "a")));
  }
}

TEST(BrokerOpen, TruncatesAfterLookingAndOnlyRegularFiles) {
  const Folder temp;
  for (const int access : {O_WRONLY, O_RDWR, O_RDONLY}) {
    write_file(temp / "a", "text");
    ::chmod((temp / "a").c_str(), 06755);
    const auto outcome = Desk().act(how(temp / "a", access | O_TRUNC), target(temp / "a"));
    ASSERT_GE(descriptor_of(outcome), 0);
    EXPECT_EQ(0, stat_of(descriptor_of(outcome)).st_size);
    EXPECT_EQ(access, ::fcntl(descriptor_of(outcome), F_GETFL) & O_ACCMODE);
  }
}

TEST(BrokerOpen, TruncatingAnEmptyFileStillSetsItsTimes) {
  for (const int access : {O_WRONLY, O_RDONLY}) {
    const Folder temp;
    write_file(temp / "a", "");
    const timespec old[2] = {{1000, 0}, {1000, 0}};
    ::utimensat(AT_FDCWD, (temp / "a").c_str(), old, 0);
    const auto outcome = Desk().act(how(temp / "a", access | O_TRUNC), target(temp / "a"));
    EXPECT_GT(stat_of(descriptor_of(outcome)).st_mtime, 1000);
  }
}

TEST(BrokerOpen, TruncationClearsSetuidAsTheKernelDoes) {
  const Folder temp;
  ::chmod(temp.path().c_str(), 0777);
  as_ordinary_user([&] {
    write_file(temp / "a", "text");
    ::chmod((temp / "a").c_str(), 04755);
    const auto outcome = Desk().act(how(temp / "a", O_WRONLY | O_TRUNC), target(temp / "a"));
    EXPECT_EQ(0755U, stat_of(descriptor_of(outcome)).st_mode & 07777);
  });
}

TEST(BrokerOpen, TheDescriptorHasTheFlagsThatWereAskedFor) {
  const Folder temp;
  for (const int flags : {O_WRONLY, O_RDWR, O_WRONLY | O_APPEND, O_RDWR | O_NONBLOCK, O_WRONLY | O_SYNC,
                          O_RDWR | O_NOFOLLOW, O_WRONLY | O_NOATIME, O_WRONLY | O_TRUNC | O_CREAT,
                          O_WRONLY | O_CREAT | O_EXCL, O_RDWR | O_CREAT | O_NONBLOCK | O_APPEND, O_ACCMODE,
                          O_WRONLY | O_CLOEXEC, O_WRONLY | O_DSYNC | O_ASYNC, O_WRONLY | O_NOCTTY}) {
    for (const Owner owner : {Owner::Agent, Owner::Before}) {
      const bool fresh = (flags & O_EXCL) != 0;
      if (!fresh) write_file(temp / "a", "text");
      if (!fresh) write_file(temp / "native", "text");
      const auto outcome = Desk().act(how(temp / "a", flags, 0600), target(temp / "a", owner));
      const UniqueFd native(::open((temp / "native").c_str(), flags, 0600));
      EXPECT_EQ(::fcntl(native.get(), F_GETFL), ::fcntl(descriptor_of(outcome), F_GETFL)) << std::oct << flags;
      ASSERT_TRUE(std::holds_alternative<ReturnDescriptor>(outcome.reply)) << std::oct << flags;
      EXPECT_EQ((flags & O_CLOEXEC) != 0, std::get<ReturnDescriptor>(outcome.reply).close_on_exec == CloseOnExec::Yes);
      ::unlink((temp / "a").c_str());
      ::unlink((temp / "native").c_str());
    }
  }
}

TEST(BrokerOpen, AFolderIsNeverHandedOut) {
  const Folder temp;
  ::mkdir((temp / "d").c_str(), 0755);
  EXPECT_EQ(EISDIR, code_of(Desk().act(how(temp / "d", O_WRONLY), target(temp / "d"))));
  EXPECT_EQ(EISDIR, code_of(Desk().act(how(temp / "d", O_RDONLY | O_CREAT), target(temp / "d"))));
  EXPECT_EQ(EISDIR, code_of(Desk().act(how(temp / "d", O_RDONLY | O_TRUNC), target(temp / "d"))));
  EXPECT_EQ(EISDIR, code_of(Desk().act(how(temp / "d", O_RDONLY), target(temp / "d"))));
  EXPECT_EQ(EPERM, code_of(Desk().act(how(temp / "d", O_PATH), target(temp / "d"))));
}

TEST(BrokerOpen, AnswersToSpellingAndKind) {
  const Folder temp;
  write_file(temp / "a", "text");
  ::symlink("a", (temp / "link").c_str());
  EXPECT_EQ(ENOTDIR, code_of(Desk().act(how(temp / "a/", O_WRONLY), target(temp / "a/"))));
  EXPECT_EQ(EISDIR, code_of(Desk().act(how(temp / "new/", O_WRONLY | O_CREAT, 0600), target(temp / "new/"))));
  EXPECT_EQ(ENOTDIR, code_of(Desk().act(how(temp / "a", O_WRONLY | O_DIRECTORY), target(temp / "a"))));
  EXPECT_EQ(ELOOP, code_of(Desk().act(how(temp / "link", O_WRONLY | O_NOFOLLOW), target(temp / "link"))));
  EXPECT_EQ(ENOENT, code_of(Desk().act(how(temp / "none", O_WRONLY), target(temp / "none"))));
}

TEST(BrokerOpen, MakesNamelessFilesThatCanBeLinked) {
  const Folder temp;
  Desk desk;
  auto outcome = desk.act(how(temp / ".", O_TMPFILE | O_RDWR, 0666), target(temp / "."), {.umask = 027});
  ASSERT_GE(descriptor_of(outcome), 0);
  EXPECT_EQ(0640U, stat_of(descriptor_of(outcome)).st_mode & 07777);
  ASSERT_EQ(1U, outcome.created.size());

  // The agent names it by its descriptor: no parent, no name, only the descriptor itself.
  const auto nameless = [&] {
    Target self;
    self.agent_object.reset(::dup(descriptor_of(outcome)));
    self.stat = sys::statx(self.agent_object.get(), "").value();
    self.id = sys::id_of(*self.stat);
    self.own = true;
    self.zone = Zone::Gated;
    self.mount = 1;
    return self;
  };
  EXPECT_EQ(outcome.created[0], nameless().id);
  const SetMetadata chmod{{descriptor_of(outcome), ""}, Follow::Yes, SetMode{0604}};
  EXPECT_EQ(0, code_of(desk.act(chmod, nameless())));
  EXPECT_EQ(0604U, stat_of(descriptor_of(outcome)).st_mode & 07777);
  EXPECT_EQ(0, code_of(desk.act(Link{{3, ""}, at(temp / "named"), Follow::No}, nameless(), target(temp / "named"))));
  EXPECT_EQ(outcome.created[0], target(temp / "named").id);
}

TEST(BrokerOpen, AFifoNeverBlocksTheSupervisor) {
  const Folder temp;
  ASSERT_EQ(0, ::mkfifo((temp / "f").c_str(), 0600));
  for (const int flags : {O_WRONLY, O_RDONLY | O_TRUNC}) {
    EXPECT_TRUE(Desk().act(how(temp / "f", flags), target(temp / "f")).would_block);
  }
  EXPECT_EQ(ENXIO, code_of(Desk().act(how(temp / "f", O_WRONLY | O_NONBLOCK), target(temp / "f"))));
  EXPECT_GE(descriptor_of(Desk().act(how(temp / "f", O_RDWR), target(temp / "f"))), 0);
  const auto with_reader = Desk().act(how(temp / "f", O_RDWR | O_TRUNC), target(temp / "f"));
  const auto writer = Desk().act(how(temp / "f", O_WRONLY), target(temp / "f"));
  ASSERT_GE(descriptor_of(writer), 0);
  EXPECT_EQ(0, ::fcntl(descriptor_of(writer), F_GETFL) & O_NONBLOCK);
}

TEST(BrokerOpen, AWorkerThreadWaitsForTheOtherEndOfAFifo) {
  const Folder temp;
  ASSERT_EQ(0, ::mkfifo((temp / "f").c_str(), 0600));
  const broker::Broker broker;
  broker::Interrupt interrupt;
  broker::Outcome outcome;
  Target judged = target(temp / "f");
  std::thread worker([&] {
    outcome = broker.perform_blocking(record::AuditLog::mint(), how(temp / "f", O_WRONLY), judged, interrupt);
  });
  const UniqueFd reader(::open((temp / "f").c_str(), O_RDONLY));
  worker.join();
  ASSERT_GE(descriptor_of(outcome), 0);
  EXPECT_EQ(1, ::write(descriptor_of(outcome), "x", 1));
}

TEST(BrokerOpen, AWaitingOpenCanBeInterruptedAtAnyMoment) {
  const Folder temp;
  ASSERT_EQ(0, ::mkfifo((temp / "f").c_str(), 0600));
  const broker::Broker broker;
  for (int round = 0; round < 200; ++round) {
    broker::Interrupt interrupt;
    Target judged = target(temp / "f");
    std::thread worker([&] {
      const auto outcome =
          broker.perform_blocking(record::AuditLog::mint(), how(temp / "f", O_RDONLY | O_TRUNC), judged, interrupt);
      EXPECT_EQ(EINTR, code_of(outcome));
    });
    const auto until = std::chrono::steady_clock::now() + std::chrono::microseconds(round);
    while (std::chrono::steady_clock::now() < until) {
    }
    interrupt.raise();
    worker.join();
  }
}

TEST(BrokerOpen, ALeaseIsWaitedForByAWorkerOnly) {
  const Folder temp;
  write_file(temp / "a", "text");
  const UniqueFd holder(::open((temp / "a").c_str(), O_RDONLY));
  struct sigaction ignore {};
  ignore.sa_handler = SIG_IGN;
  struct sigaction before {};
  ::sigaction(SIGIO, &ignore, &before);
  if (::fcntl(holder.get(), F_SETLEASE, F_RDLCK) != 0) GTEST_SKIP() << "no leases here";
  Desk desk;
  EXPECT_TRUE(desk.act(how(temp / "a", O_WRONLY | O_TRUNC), target(temp / "a")).would_block);
  EXPECT_EQ("text", read_file(temp / "a"));
  broker::Interrupt interrupt;
  Target judged = target(temp / "a");
  broker::Outcome outcome;
  std::thread worker([&] {
    outcome =
        desk.broker.perform_blocking(record::AuditLog::mint(), how(temp / "a", O_WRONLY | O_TRUNC), judged, interrupt);
  });
  ::usleep(20'000);
  ::fcntl(holder.get(), F_SETLEASE, F_UNLCK);
  worker.join();
  ::sigaction(SIGIO, &before, nullptr);
  EXPECT_GE(descriptor_of(outcome), 0) << code_of(outcome);
  EXPECT_EQ("", read_file(temp / "a"));
}

TEST(BrokerOpen, ASocketCannotBeOpened) {
  const Folder temp;
  const UniqueFd server(::socket(AF_UNIX, SOCK_STREAM, 0));
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::snprintf(address.sun_path, sizeof address.sun_path, "%s", (temp / "s").c_str());
  ASSERT_EQ(0, ::bind(server.get(), reinterpret_cast<sockaddr*>(&address), sizeof address));
  EXPECT_EQ(ENXIO, code_of(Desk().act(how(temp / "s", O_WRONLY), target(temp / "s"))));
  EXPECT_EQ(ENXIO, Desk().broker.foresee(how(temp / "s", O_RDWR), std::array{target(temp / "s")}));
}

TEST(BrokerOpen, TheKeeperSeesContentBeforeItIsLostAndMayRefuse) {
  const Folder temp;
  write_file(temp / "a", "text");
  std::vector<broker::Loss> seen;
  int verdict = 0;
  Desk desk({.keeper = {.keep_removed = {},
                        .keep_content = [&](int, const Target& judged, broker::Loss loss, std::uint64_t) -> Status {
                          EXPECT_EQ("text", read_file(judged.path));
                          seen.push_back(loss);
                          if (verdict != 0) return fail(verdict);
                          return {};
                        }}});
  EXPECT_GE(descriptor_of(desk.act(how(temp / "a", O_RDWR), target(temp / "a"))), 0);
  verdict = ENOSPC;
  EXPECT_EQ(ENOSPC, code_of(desk.act(how(temp / "a", O_WRONLY | O_TRUNC), target(temp / "a"))));
  EXPECT_EQ(ENOSPC, code_of(desk.act(Truncate{at(temp / "a"), 0}, target(temp / "a"))));
  EXPECT_EQ((std::vector{broker::Loss::Writable, broker::Loss::Truncated, broker::Loss::Truncated}), seen);
  EXPECT_EQ("text", read_file(temp / "a"));
}

TEST(BrokerOpen, WhatCouldNotBeHandedOverIsTakenBackButNothingElse) {
  const Folder temp;
  Desk desk;
  const Target judged = target(temp / "a");
  const auto outcome = desk.act(how(temp / "a", O_CREAT | O_WRONLY, 0600), target(temp / "a"));
  write_file(temp / "b", "other");
  ::rename((temp / "a").c_str(), (temp / "c").c_str());
  ::rename((temp / "b").c_str(), (temp / "a").c_str());
  desk.broker.take_back(outcome, judged);
  EXPECT_EQ("other", read_file(temp / "a"));
  ::rename((temp / "c").c_str(), (temp / "a").c_str());
  desk.broker.take_back(outcome, judged);
  EXPECT_FALSE(exists(temp / "a"));
}

TEST(BrokerOpen, OpensForReadingWhatTheAgentSees) {
  const Folder temp;
  write_file(temp / "a", "text");
  ::mkfifo((temp / "f").c_str(), 0600);
  const broker::Broker broker;
  const UniqueFd file(::open((temp / "a").c_str(), O_PATH));
  const auto outcome = broker.open_for_reading(how(temp / "a", O_RDONLY | O_CLOEXEC), file.get());
  ASSERT_GE(descriptor_of(outcome), 0);
  EXPECT_EQ(::fcntl(UniqueFd(::open((temp / "a").c_str(), O_RDONLY)).get(), F_GETFL),
            ::fcntl(descriptor_of(outcome), F_GETFL));
  EXPECT_EQ(EPERM, code_of(broker.open_for_reading(how(temp / "a", O_RDWR), file.get())));
  EXPECT_EQ(EPERM, code_of(broker.open_for_reading(how(temp / "a", O_RDONLY | O_TRUNC), file.get())));
  EXPECT_EQ(ENOTDIR, code_of(broker.open_for_reading(how(temp / "a", O_RDONLY | O_DIRECTORY), file.get())));
  const UniqueFd folder(::open(temp.path().c_str(), O_PATH));
  EXPECT_GE(descriptor_of(broker.open_for_reading(how(temp.path(), O_RDONLY | O_DIRECTORY), folder.get())), 0);
  const UniqueFd fifo(::open((temp / "f").c_str(), O_PATH));
  EXPECT_TRUE(broker.open_for_reading(how(temp / "f", O_RDONLY), fifo.get()).would_block);
  EXPECT_GE(descriptor_of(broker.open_for_reading(how(temp / "f", O_RDONLY | O_NONBLOCK), fifo.get())), 0);
}

TEST(BrokerTruncate, CutsAndGrowsAndHonoursTheCallersLimit) {
  const Folder temp;
  write_file(temp / "a", "text");
  Desk desk;
  EXPECT_EQ(0, code_of(desk.act(Truncate{at(temp / "a"), 2}, target(temp / "a"))));
  EXPECT_EQ("te", read_file(temp / "a"));
  const auto too_big = desk.act(Truncate{at(temp / "a"), 101}, target(temp / "a"), {.file_size_limit = 100});
  EXPECT_EQ(EFBIG, code_of(too_big));
  EXPECT_EQ(SIGXFSZ, too_big.signal);
  EXPECT_EQ(0, code_of(desk.act(Truncate{at(temp / "a"), 100}, target(temp / "a"), {.file_size_limit = 100})));
  EXPECT_EQ(0, code_of(desk.act(Truncate{at(temp / "a"), 50}, target(temp / "a"), {.file_size_limit = 10})));
}

TEST(BrokerTruncate, IsNotKeptWaitingByALease) {
  const Folder temp;
  write_file(temp / "a", "text");
  const UniqueFd reader(::open((temp / "a").c_str(), O_RDONLY));
  const auto before = ::signal(SIGIO, SIG_IGN);
  ASSERT_EQ(0, ::fcntl(reader.get(), F_SETLEASE, F_RDLCK));
  Desk desk;
  EXPECT_EQ(EAGAIN, code_of(desk.act(Truncate{at(temp / "a"), 2}, target(temp / "a"))));
  EXPECT_EQ("text", read_file(temp / "a"));
  ASSERT_EQ(0, ::fcntl(reader.get(), F_SETLEASE, F_UNLCK));
  EXPECT_EQ(0, code_of(desk.act(Truncate{at(temp / "a"), 2}, target(temp / "a"))));
  ::signal(SIGIO, before);
}

TEST(BrokerOpen, WhatIsHiddenIsNeverHandedOut) {
  const Folder temp;
  write_file(temp / "secret", "secret");
  Desk desk;
  for (const int flags : {O_RDONLY | O_CREAT, O_RDWR, O_WRONLY | O_TRUNC}) {
    Target secret = target(temp / "secret");
    secret.hidden = true;
    EXPECT_EQ(EACCES, code_of(desk.act(how(temp / "secret", static_cast<unsigned>(flags)), std::move(secret))));
  }
  EXPECT_EQ("secret", read_file(temp / "secret"));
}

TEST(BrokerTruncate, AnswersAsTheKernelDoes) {
  const Folder temp;
  write_file(temp / "a", "text");
  ::mkdir((temp / "d").c_str(), 0755);
  ::mkfifo((temp / "f").c_str(), 0600);
  Desk desk;
  EXPECT_EQ(EISDIR, code_of(desk.act(Truncate{at(temp / "d"), 0}, target(temp / "d"))));
  EXPECT_EQ(EINVAL, code_of(desk.act(Truncate{at(temp / "f"), 0}, target(temp / "f"))));
  EXPECT_EQ(ENOENT, code_of(desk.act(Truncate{at(temp / "n"), 0}, target(temp / "n"))));
  EXPECT_EQ(EINVAL, code_of(desk.act(Truncate{at(temp / "a"), -1}, target(temp / "a"))));
  EXPECT_EQ(ENOTDIR, code_of(desk.act(Truncate{at(temp / "a/"), 0}, target(temp / "a/"))));
}

TEST(BrokerTruncate, ARunningProgramIsBusy) {
  const Folder temp;
  std::filesystem::copy_file("/bin/sleep", temp / "sleep");
  const pid_t child = ::fork();
  if (child == 0) {
    ::execl((temp / "sleep").c_str(), "sleep", "60", nullptr);
    ::_exit(127);
  }
  while (!std::filesystem::equivalent("/proc/" + std::to_string(child) + "/exe", temp / "sleep")) ::usleep(1000);
  EXPECT_EQ(ETXTBSY, code_of(Desk().act(Truncate{at(temp / "sleep"), 0}, target(temp / "sleep"))));
  EXPECT_EQ(ETXTBSY, code_of(Desk().act(how(temp / "sleep", O_WRONLY), target(temp / "sleep"))));
  EXPECT_EQ(ETXTBSY, code_of(Desk().act(how(temp / "sleep", O_RDONLY | O_TRUNC), target(temp / "sleep"))));
  EXPECT_GT(std::filesystem::file_size(temp / "sleep"), 0U);
  ::kill(child, SIGKILL);
  ::waitpid(child, nullptr, 0);
}

}  // namespace
}  // namespace assent::test
