// Real clients against real servers, unchanged: what a rule allows works, by every resolver there is; what none allows
// fails at once, with the client's own clear words. Each client runs without assent first: the servers are real.
#include <chrono>
#include <memory>
#include <tuple>

#include "support/run_world.h"
#include "support/servers.h"

namespace assent::run_test {
namespace {

using Words = std::vector<std::string>;

bool has(const std::string& program) {
  return std::system(("PATH=$PATH:/usr/sbin:/sbin command -v " + program + " >/dev/null 2>&1").c_str()) == 0;
}

// In a client's words: {host} is the name of the server, {folder} the project, in which the certificate is.
struct Client {
  const char* name;
  std::vector<std::string> programs;  // that must be installed; with a "/": that the build made
  std::vector<std::string> services;
  Words words;
  std::string answer;     // in what it prints
  std::string complaint;  // about a name that does not exist; a part of what it prints
  std::string host = "good.test";
};
void PrintTo(const Client& client, std::ostream* out) { *out << client.name; }

const char* const kSsh =
    "ssh -F none -o BatchMode=yes -o IdentitiesOnly=yes -o StrictHostKeyChecking=yes -o UserKnownHostsFile=known_hosts "
    "-o ConnectTimeout=10 -i client_key";

const std::vector<Client>& clients() {
  static const std::vector<Client> all{
      {"curl", {"curl"}, {"web"}, {"curl", "-sS", "--http1.1", "https://{host}/"}, "hello", "Could not resolve host"},
      {"curl_http2",
       {"curl", "node"},
       {"http2"},
       {"curl", "-sS", "--http2", "https://{host}:8443/"},
       "hello 2",
       "Could not resolve host"},
      {"wget",
       {"wget"},
       {"web"},
       {"wget", "-nv", "--ca-certificate=ca.crt", "-t", "1", "-O", "-", "https://{host}/"},
       "hello",
       "unable to resolve host address"},
      {"git_https",
       {"git"},
       {"web", "repository"},
       {"sh", "-ec",
        "git clone -q https://{host}/git/thing.git; cd thing; cat README; echo more > more; git add more; git -c "
        "user.name=t -c user.email=t@localhost commit -qm more; git push -q origin HEAD:refs/heads/from-$(date +%s%N)"},
       "hello",
       "Could not resolve host"},
      {"git_ssh",
       {"git", "ssh", "sshd"},
       {"shell", "repository"},
       {"sh", "-ec",
        std::string("GIT_SSH_COMMAND='") + kSsh +
            "' git clone -q keeper@{host}:repositories/thing.git by-ssh; cat by-ssh/README"},
       "hello",
       "Could not resolve hostname"},
      {"ssh",
       {"ssh", "sshd"},
       {"shell"},
       {"sh", "-c", std::string(kSsh) + " keeper@{host} 'echo hello'"},
       "hello",
       "Could not resolve hostname"},
      {"npm",
       {"npm"},
       {"web"},
       {"sh", "-ec",
        "npm install --registry https://{host}/npm/ --cafile ca.crt --cache ./cache --no-audit --no-fund "
        "--no-update-notifier small-thing; cat node_modules/small-thing/index.js"},
       "hello",
       "ENOTFOUND"},
      {"node_fetch",
       {"node"},
       {"web"},
       {"node", "-e",
        "fetch('https://{host}/').then(r => r.text()).then(t => console.log(t)).catch(e => { console.error(e.cause); "
        "process.exitCode = 3 })"},
       "hello",
       "ENOTFOUND"},
      {"node_own_resolver",  // c-ares
       {"node"},
       {},
       {"node", "-e",
        "require('dns').resolve4('{host}', (e, a) => { if (e) { console.error(e.code); process.exitCode = 3 } else "
        "console.log(a.join()) })"},
       "198.51.100.2",
       "ENOTFOUND"},
      {"c_ares", {"/lookup_by_cares"}, {}, {"./lookup_by_cares", "{host}"}, "198.51.100.2", "Domain name not found"},
      {"python_urllib",
       {"python3"},
       {"web"},
       {"/usr/bin/python3", "fetch.py", "urllib", "{host}"},
       "hello",
       "Name or service not known"},
      {"python_asyncio",
       {"python3"},
       {"web"},
       {"/usr/bin/python3", "fetch.py", "asyncio", "{host}"},
       "hello",
       "Name or service not known"},
      {"java",
       {"java", "/Fetch.class"},
       {"web"},
       {"java", "-XX:TieredStopAtLevel=1", "-cp", ".", "Fetch", "https://{host}/", "ca.crt"},
       "hello",
       "UnresolvedAddressException"},
      {"go_own_resolver", {"/fetch_go"}, {"web"}, {"./fetch_go", "https://{host}/"}, "hello", "no such host"},
      {"go_with_libc",
       {"/fetch_go_cgo"},
       {"web"},
       {"env", "GODEBUG=netdns=cgo", "./fetch_go_cgo", "https://{host}/"},
       "hello",
       "no such host"},
      {"musl", {"/fetch_by_musl"}, {"echo"}, {"./fetch_by_musl", "{host}", "7000"}, "hello", "Name does not resolve"},
      {"psql",
       {"psql"},
       {"database"},
       {"psql", "-h", "{host}", "-U", "keeper", "-d", "postgres", "-Atc", "select 'hel' || 'lo'"},
       "hello",
       "could not translate host name"},
      {"redis",
       {"redis-cli", "redis-server"},
       {"store"},
       {"redis-cli", "-e", "-h", "{host}", "echo", "hello"},
       "hello",
       "Name or service not known"},
      {"curl_ipv6",
       {"curl"},
       {"web"},
       {"curl", "-sS", "https://{host}/"},
       "hello",
       "Could not resolve host",
       "six.test"},
      {"curl_ipv4_only", {"curl"}, {"web"}, {"curl", "-sS", "https://{host}/"}, "hello", "", "four.test"},
      {"curl_alias", {"curl"}, {"web"}, {"curl", "-sS", "https://{host}/"}, "hello", "", "alias.test"},
      // The IPv6 address of half.test does not answer: the other family is tried soon.
      {"curl_half_dead", {"curl"}, {"web"}, {"curl", "-sS", "-m", "5", "https://{host}/"}, "hello", "", "half.test"},
      {"asyncio_half_dead",
       {"python3"},
       {"web"},
       {"/usr/bin/python3", "fetch.py", "asyncio", "{host}"},
       "hello",
       "",
       "half.test"},
      {"libc_over_tcp",
       {"python3"},
       {"web"},
       {"env", "RES_OPTIONS=use-vc", "/usr/bin/python3", "fetch.py", "urllib", "{host}"},
       "hello",
       "Name or service not known"},
  };
  return all;
}

std::string with(std::string text, const std::string& what, const std::string& by) {
  for (std::size_t at = 0; (at = text.find(what, at)) != std::string::npos; at += by.size()) {
    text.replace(at, what.size(), by);
  }
  return text;
}

Words words(const Client& client, const std::string& host) {
  Words out;
  for (const auto& word : client.words) out.push_back(with(word, "{host}", host));
  return out;
}

// What the client needs is in the project, and its environment names the authority that vouches for the server.
void furnish(World& world, const Servers& servers, const Client& client) {
  const std::string sources = std::string(ASSENT_SOURCE_DIR) + "/tests/support/clients/";
  fs::copy_file(sources + "fetch.py", world.project + "/fetch.py");
  for (const char* file : {"ca.crt", "known_hosts", "client_key"})
    fs::copy_file(servers.folder() + "/" + file, world.project + "/" + file);
  for (const auto& program : client.programs) {
    if (program[0] == '/') fs::copy_file(CLIENTS_FOLDER + program, world.project + program);
  }
  ::chmod((world.project + "/client_key").c_str(), 0600);
  world.give();
  const std::string authority = world.project + "/ca.crt";
  world.extra_environment = {"CURL_CA_BUNDLE=" + authority, "GIT_SSL_CAINFO=" + authority,
                             "NODE_EXTRA_CA_CERTS=" + authority, "SSL_CERT_FILE=" + authority};
}

// What it leaves behind would be there before the next one.
void tidy(const World& world) {
  for (const char* made : {"thing", "by-ssh", "node_modules", "cache", "package.json", "package-lock.json"})
    fs::remove_all(world.project + "/" + made);
}

class Clients : public ::testing::TestWithParam<Client> {};

TEST_P(Clients, WorkUnchangedAndFailAtOnce) {
  using Clock = std::chrono::steady_clock;
  if (::geteuid() != 0) GTEST_SKIP() << "needs root, for a network of its own";
  const Client& client = GetParam();
  for (const auto& program : client.programs) {
    if (program[0] == '/' ? !there(CLIENTS_FOLDER + program) : !has(program))
      GTEST_SKIP() << program << " is not here: 'scripts/setup test' installs what it needs";
  }
  const Servers servers(client.services);
  ASSERT_EQ(servers.trouble(), "");
  for (const Who who : everyone()) {
    SCOPED_TRACE(name(who));
    World world(who);
    furnish(world, servers, client);
    const auto native = world.run(words(client, client.host));
    ASSERT_EQ(native.status, 0) << "without assent: " << native.out << native.err;
    tidy(world);

    const Words rules{"--allow-host", client.host};
    const auto begin = Clock::now();
    const auto allowed = world.run(world.inside(words(client, client.host), rules));
    const auto between = Clock::now();
    EXPECT_EQ(allowed.status, 0) << allowed.out << allowed.err;
    EXPECT_NE(allowed.out.find(client.answer), std::string::npos) << allowed.out << allowed.err;
    EXPECT_EQ(allowed.err.find("assent: denied"), std::string::npos) << allowed.err;
    if (client.complaint.empty()) continue;
    tidy(world);

    const auto start = Clock::now();
    const auto denied = world.run(world.inside(words(client, "denied.test"), rules));
    const auto took = Clock::now() - start;
    EXPECT_NE(denied.status, 0) << denied.out << denied.err;
    EXPECT_LT(took, between - begin + std::chrono::seconds(2)) << "the client waits for something";
    EXPECT_NE((denied.out + denied.err).find(client.complaint), std::string::npos) << denied.out << denied.err;
    EXPECT_NE(world.assent({"log", "last", "--json"}).out.find("denied.test"), std::string::npos);
    EXPECT_EQ(servers.leaks(), "") << "the name has left the machine";
  }
}

INSTANTIATE_TEST_SUITE_P(Each, Clients, ::testing::ValuesIn(clients()),
                         [](const auto& each) { return std::string(each.param.name); });

// By IPv6, and by names that change: every case runs natively and inside, and must say the same.
class Same : public ::testing::TestWithParam<const char*> {};

TEST_P(Same, InsideAsOutside) {
  if (::geteuid() != 0) GTEST_SKIP() << "needs root, for a network of its own";
  const Servers servers({"echo"});
  ASSERT_EQ(servers.trouble(), "");
  for (const Who who : everyone()) {
    SCOPED_TRACE(name(who));
    const World world(who);
    fs::copy_file(std::string(ASSENT_SOURCE_DIR) + "/tests/support/clients/six.py", world.project + "/six.py");
    world.give();
    const Words client{"/usr/bin/python3", "six.py", GetParam()};
    const auto native = world.run(client);
    ASSERT_EQ(native.status, 0) << native.err;
    ASSERT_NE(native.out, "");
    const auto inside = world.run(world.inside(client, {"--allow-host", "[2001:db8::]/32", "--allow-host", "*.test"}));
    EXPECT_EQ(inside.status, 0) << inside.err;
    EXPECT_EQ(inside.out, native.out) << inside.err;
  }
}

INSTANTIATE_TEST_SUITE_P(Each, Same,
                         ::testing::Values("blocking", "refused", "non_blocking", "epoll_before", "inherited", "passed",
                                           "loopback", "options", "both_at_once", "changing", "to_live", "cut",
                                           "search"),
                         [](const auto& each) { return std::string(each.param); });

}  // namespace
}  // namespace assent::run_test
