// The main of a fuzz target where there is no libFuzzer: first every file named (or below a folder named) on the
// command line, then mutated inputs for ASSENT_FUZZ_SECONDS (default 2; 0: none) from the seed ASSENT_FUZZ_SEED.
// It does not see coverage; it finds what a change of a few bytes finds, and replays what was found before.
// An input that crashes is written to fuzz-crash-PID in the working directory.
#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <random>
#include <string>
#include <vector>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace {

using Bytes = std::vector<std::uint8_t>;
constexpr std::size_t kLongest = 64 * 1024;

// The handler needs the input at hand; a signal can be told nothing else.
const Bytes* running = nullptr;

extern "C" void save_input(int signal) {
  if (running != nullptr) {
    char name[64];
    std::snprintf(name, sizeof name, "fuzz-crash-%d", static_cast<int>(::getpid()));
    const int fd = ::open(name, O_CREAT | O_WRONLY | O_TRUNC | O_CLOEXEC, 0600);
    if (fd >= 0 && ::write(fd, running->data(), running->size()) >= 0) std::fprintf(stderr, "input kept in %s\n", name);
  }
  ::signal(signal, SIG_DFL);
  ::raise(signal);
}

void run(const Bytes& input) {
  running = &input;
  LLVMFuzzerTestOneInput(input.data(), input.size());
  running = nullptr;
}

Bytes read(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  return Bytes(std::istreambuf_iterator<char>(in), {});
}

std::vector<Bytes> read_corpus(int argc, char** argv) {
  std::vector<Bytes> corpus;
  for (int i = 1; i < argc; ++i) {
    const std::filesystem::path path = argv[i];
    if (std::filesystem::is_directory(path)) {
      for (const auto& entry : std::filesystem::recursive_directory_iterator(path)) {
        if (entry.is_regular_file()) corpus.push_back(read(entry.path()));
      }
    } else if (std::filesystem::is_regular_file(path)) {
      corpus.push_back(read(path));
    }
  }
  std::sort(corpus.begin(), corpus.end());
  return corpus;
}

class Mutator {
 public:
  Mutator(std::vector<Bytes> corpus, std::uint64_t seed) : corpus_(std::move(corpus)), random_(seed) {
    if (corpus_.empty()) corpus_.push_back({});
  }

  Bytes next() {
    Bytes out = corpus_[below(corpus_.size())];
    for (std::size_t i = 1 + below(8); i > 0; --i) change(out);
    if (out.size() > kLongest) out.resize(kLongest);
    return out;
  }

 private:
  std::size_t below(std::size_t end) { return end == 0 ? 0 : random_() % end; }
  std::uint8_t byte() {
    static constexpr std::uint8_t kInteresting[] = {0, 1, 0x7f, 0x80, 0xff, '/', '.', '\n', '"', '*', '[', '=', 0x1b};
    return below(2) == 0 ? kInteresting[below(std::size(kInteresting))] : static_cast<std::uint8_t>(random_());
  }

  void change(Bytes& out) {
    const std::size_t at = below(out.size() + 1);
    const auto here = out.begin() + static_cast<std::ptrdiff_t>(at);
    switch (below(6)) {
      case 0:  // one byte
        if (at < out.size()) out[at] = byte();
        break;
      case 1:  // one bit
        if (at < out.size()) out[at] = static_cast<std::uint8_t>(out[at] ^ (1U << below(8)));
        break;
      case 2: {  // some bytes more
        Bytes more(1 + below(below(4) == 0 ? 512 : 16));
        for (auto& b : more) b = byte();
        out.insert(here, more.begin(), more.end());
        break;
      }
      case 3:  // some bytes fewer
        out.erase(here, here + static_cast<std::ptrdiff_t>(below(out.size() - at + 1)));
        break;
      case 4:  // cut off
        out.resize(at);
        break;
      case 5: {  // a piece of another
        const Bytes& other = corpus_[below(corpus_.size())];
        const std::size_t from = below(other.size() + 1);
        const std::size_t length = below(other.size() - from + 1);
        const auto first = other.begin() + static_cast<std::ptrdiff_t>(from);
        out.insert(here, first, first + static_cast<std::ptrdiff_t>(length));
        break;
      }
    }
  }

  std::vector<Bytes> corpus_;
  std::mt19937_64 random_;
};

}  // namespace

int main(int argc, char** argv) {
  for (const int signal : {SIGABRT, SIGSEGV, SIGBUS, SIGFPE, SIGILL}) ::signal(signal, save_input);
  const char* seconds = std::getenv("ASSENT_FUZZ_SECONDS");
  const char* seed = std::getenv("ASSENT_FUZZ_SEED");
  const std::uint64_t start = seed != nullptr ? std::strtoull(seed, nullptr, 10) : std::random_device{}();

  auto corpus = read_corpus(argc, argv);
  for (const Bytes& input : corpus) run(input);
  const std::size_t replayed = corpus.size();

  Mutator mutator(std::move(corpus), start);
  const auto end = std::chrono::steady_clock::now() +
                   std::chrono::duration<double>(seconds != nullptr ? std::strtod(seconds, nullptr) : 2.0);
  std::uint64_t runs = 0;
  while (std::chrono::steady_clock::now() < end) {
    run(mutator.next());
    ++runs;
  }
  std::printf("%zu inputs replayed, %llu mutated ones run (seed %llu)\n", replayed,
              static_cast<unsigned long long>(runs), static_cast<unsigned long long>(start));
  return 0;
}
