// Whatever is done to a log that has ended, or to one whose supervisor died, is found.
#include "record/verify.h"

#include <random>

#include "record/heads.h"
#include "unit/record_fixture.h"

namespace assent::record {
namespace {

class RecordVerify : public ::testing::Test {
 protected:
  std::string make_session(int acts = 10) {
    auto log = AuditLog::create(state_.path(), some_session());
    EXPECT_TRUE(log);
    const SomeAct act;
    for (int i = 0; i < acts; ++i) perform(**log, act);
    EXPECT_TRUE((*log)->close({}));
    return (*log)->session();
  }
  [[nodiscard]] std::string file(const std::string& session) const {
    return session_path(state_.path(), session) + "/audit.jsonl";
  }
  [[nodiscard]] std::vector<std::string> lines(const std::string& session) const {
    return lines_of(session_path(state_.path(), session));
  }
  void put(const std::string& session, const std::vector<std::string>& all) const {
    std::string text;
    for (const auto& line : all) text += line + "\n";
    spill(file(session), text);
  }
  // The first bad place, or a fresh Bad with line 9999 where nothing was found.
  [[nodiscard]] Bad found(const std::string& session) const {
    return verify(state_.path(), session).bad.value_or(Bad{9999, Damage::Changed, "nothing found"});
  }

  TempDir state_;
};

TEST_F(RecordVerify, AnUntouchedSessionIsSound) {
  const auto session = make_session();
  const auto result = verify(state_.path(), session);
  EXPECT_FALSE(result.bad) << result.bad->detail;
  EXPECT_EQ(result.state, SessionState::Ended);
  EXPECT_EQ(result.records, 13U);
  const auto heads = read_heads(state_.path());
  ASSERT_TRUE(heads);
  ASSERT_EQ(heads->heads.size(), 2U);
  EXPECT_EQ(heads->heads[1].hash, result.head);
}

TEST_F(RecordVerify, AChangedRecordIsFoundWithItsLine) {
  const auto session = make_session();
  auto all = lines(session);
  all[5].replace(all[5].find("unlinkat"), 8, "unlinkax");
  put(session, all);
  EXPECT_EQ(found(session).line, 6U);
  EXPECT_EQ(found(session).damage, Damage::Changed);
}

TEST_F(RecordVerify, AChangedRecordWithANewHashOfItsOwnIsFoundInTheNextLine) {
  const auto session = make_session();
  auto all = lines(session);
  const auto before = unseal(all[4]);
  auto body = std::string(unseal(all[5])->body);
  body.replace(body.find("unlinkat"), 8, "unlinkax");
  all[5] = body + ",\"hash\":\"" + std::string(view(hash_line(before->hash, body))) + "\"}";
  put(session, all);
  EXPECT_EQ(found(session).line, 7U);
}

TEST_F(RecordVerify, ADroppedRecordIsFound) {
  const auto session = make_session();
  auto all = lines(session);
  all.erase(all.begin() + 4);
  put(session, all);
  EXPECT_EQ(found(session).line, 5U);
  EXPECT_EQ(found(session).damage, Damage::Dropped);
}

TEST_F(RecordVerify, SwappedRecordsAreFound) {
  const auto session = make_session();
  auto all = lines(session);
  std::swap(all[4], all[8]);
  put(session, all);
  EXPECT_EQ(found(session).line, 5U);
  EXPECT_EQ(found(session).damage, Damage::Swapped);
}

TEST_F(RecordVerify, ADuplicatedRecordIsFound) {
  const auto session = make_session();
  auto all = lines(session);
  all.insert(all.begin() + 5, all[4]);
  put(session, all);
  EXPECT_EQ(found(session).line, 6U);
  EXPECT_EQ(found(session).damage, Damage::Duplicated);
}

TEST_F(RecordVerify, ACutTailIsFound) {
  const auto session = make_session();
  auto all = lines(session);
  all.pop_back();
  put(session, all);
  EXPECT_EQ(found(session).line, 13U);
  EXPECT_EQ(found(session).damage, Damage::Cut);
  put(session, {});
  EXPECT_EQ(found(session).damage, Damage::Cut);
}

TEST_F(RecordVerify, ACutInTheMiddleOfARecordIsFound) {
  const auto session = make_session();
  const auto text = slurp(file(session));
  spill(file(session), text.substr(0, text.size() - 10));
  EXPECT_EQ(found(session).damage, Damage::Torn);
}

TEST_F(RecordVerify, ACutTailWithAForgedEndIsFoundByTheListOfHeads) {
  const auto session = make_session();
  auto all = lines(session);
  const auto before = unseal(all[5]);
  all.resize(6);
  const std::string body = "{\"v\":1,\"seq\":7,\"time\":\"2026-01-01T00:00:00.000000Z\",\"kind\":\"end\"";
  all.push_back(body + ",\"hash\":\"" + std::string(view(hash_line(before->hash, body))) + "\"}");
  put(session, all);
  EXPECT_EQ(found(session).damage, Damage::Cut);
}

TEST_F(RecordVerify, ALogOfAnotherSessionIsForeign) {
  const auto one = make_session();
  const auto two = make_session();
  spill(file(one), slurp(file(two)));
  EXPECT_EQ(found(one).damage, Damage::Foreign);
}

TEST_F(RecordVerify, ARecordBehindTheEndIsFound) {
  const auto session = make_session();
  auto all = lines(session);
  const std::string body = "{\"v\":1,\"seq\":14,\"time\":\"2026-01-01T00:00:00.000000Z\",\"kind\":\"note\"";
  all.push_back(body + ",\"hash\":\"" + std::string(view(hash_line(unseal(all.back())->hash, body))) + "\"}");
  put(session, all);
  EXPECT_EQ(found(session).damage, Damage::Foreign);
}

TEST_F(RecordVerify, AMissingSessionIsFound) {
  const auto one = make_session();
  const auto two = make_session();
  std::filesystem::remove_all(session_path(state_.path(), one));
  const auto all = verify_all(state_.path());
  ASSERT_TRUE(all);
  ASSERT_EQ(all->size(), 2U);
  for (const auto& result : *all) {
    EXPECT_EQ(result.bad.has_value(), result.session == one);
  }
  EXPECT_EQ(found(one).damage, Damage::Missing);
  EXPECT_EQ(verify(state_.path(), two).bad, std::nullopt);
}

TEST_F(RecordVerify, ASessionTakenOutOfTheListOfHeadsToo) {
  const auto one = make_session();
  const auto two = make_session();
  std::filesystem::remove_all(session_path(state_.path(), one));
  // The list is made anew without it, its chain whole.
  auto list = read_heads(state_.path());
  ASSERT_TRUE(list);
  std::filesystem::remove(state_.path() + "/heads.jsonl");
  auto heads = Heads::lock(state_.path());
  ASSERT_TRUE(heads);
  for (const auto& head : list->heads) {
    if (head.session == two) {
      ASSERT_TRUE(heads->append(head));
    }
  }
  EXPECT_EQ(found(two).damage, Damage::Heads);  // the second session began with another list
}

TEST_F(RecordVerify, AChangedListOfHeadsIsFound) {
  make_session();
  make_session();
  const auto path = state_.path() + "/heads.jsonl";
  auto text = slurp(path);
  text[text.find("begin")] = 'B';
  spill(path, text);
  const auto all = verify_all(state_.path());
  ASSERT_TRUE(all);
  ASSERT_TRUE(all->front().bad);
  EXPECT_EQ(all->front().bad->damage, Damage::Heads);
  EXPECT_EQ(all->front().bad->line, 1U);
}

TEST_F(RecordVerify, ATornLineInTheListOfHeadsIsMendedByTheNextSession) {
  const auto one = make_session();
  const auto path = state_.path() + "/heads.jsonl";
  spill(path, slurp(path) + "{\"v\":1,\"seq\":3,\"ti");
  const auto two = make_session();
  EXPECT_EQ(verify(state_.path(), one).bad, std::nullopt);
  EXPECT_EQ(verify(state_.path(), two).bad, std::nullopt);
}

TEST_F(RecordVerify, ACutLogOfADeadSupervisorIsFound) {
  std::string session;
  {
    auto log = AuditLog::create(state_.path(), some_session());
    ASSERT_TRUE(log);
    session = (*log)->session();
    const SomeAct act;
    for (int i = 0; i < 5; ++i) perform(**log, act);
    ASSERT_TRUE((*log)->flush());
    perform(**log, act);
  }  // dies without an end
  EXPECT_EQ(verify(state_.path(), session).state, SessionState::Crashed);
  EXPECT_EQ(verify(state_.path(), session).bad, std::nullopt);
  auto text = slurp(file(session));
  text.resize(text.rfind('\n', text.size() - 2) + 1);
  spill(file(session), text);
  EXPECT_TRUE(verify(state_.path(), session).bad);
  const auto pending = session_path(state_.path(), session) + "/audit.pending";
  std::filesystem::remove(pending);
  EXPECT_EQ(found(session).damage, Damage::Cut);
}

// Property: any single cut, flip, swap, drop, duplicate or insertion is found, wherever it is.
TEST_F(RecordVerify, EveryRandomTamperingIsFound) {
  const auto session = make_session(30);
  const auto original = slurp(file(session));
  const auto all = lines(session);
  std::mt19937 random(20261121);
  const auto any = [&](std::size_t below) { return static_cast<std::size_t>(random() % below); };
  int tried = 0;
  for (int i = 0; i < 1000; ++i) {
    std::string text = original;
    auto tampered = all;
    const auto kind = any(6);
    switch (kind) {
      case 0:
        text.resize(any(text.size()));
        break;
      case 1:
        text[any(text.size())] ^= static_cast<char>(1 << any(8));
        break;
      case 2:
        std::swap(tampered[any(all.size())], tampered[any(all.size())]);
        break;
      case 3:
        tampered.erase(tampered.begin() + static_cast<long>(any(all.size())));
        break;
      case 4:
        tampered.insert(tampered.begin() + static_cast<long>(any(all.size())), all[any(all.size())]);
        break;
      default:
        text.insert(any(text.size()), 1, static_cast<char>(any(256)));
        break;
    }
    if (kind >= 2 && kind <= 4) {
      text.clear();
      for (const auto& line : tampered) text += line + "\n";
    }
    if (text == original) continue;
    ++tried;
    spill(file(session), text);
    ASSERT_TRUE(verify(state_.path(), session).bad) << "tampering " << i << " of kind " << kind << " was not found";
  }
  EXPECT_GT(tried, 800);
  spill(file(session), original);
  EXPECT_FALSE(verify(state_.path(), session).bad);
}

}  // namespace
}  // namespace assent::record
