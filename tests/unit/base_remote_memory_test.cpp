#include "base/remote_memory.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cstring>
#include <thread>

namespace assent {
namespace {

constexpr std::size_t kPage = 4096;

// Pages of our own with a hole behind them.
class Pages {
 public:
  explicit Pages(std::size_t count) : size_(count * kPage) {
    void* at = ::mmap(nullptr, size_ + kPage, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    EXPECT_NE(at, MAP_FAILED);
    data_ = static_cast<char*>(at);
    ::munmap(data_ + size_, kPage);
  }
  ~Pages() { ::munmap(data_, size_); }
  Pages(const Pages&) = delete;

  [[nodiscard]] char* end() const { return data_ + size_; }
  [[nodiscard]] char* begin() const { return data_; }

  // Puts `text` and its NUL before the hole.
  [[nodiscard]] char* at_end(const std::string& text) const {
    char* at = end() - text.size() - 1;
    std::memcpy(at, text.c_str(), text.size() + 1);
    return at;
  }

 private:
  std::size_t size_;
  char* data_;
};

std::uint64_t address(const void* at) { return reinterpret_cast<std::uint64_t>(at); }
RemoteMemory own() { return RemoteMemory(::getpid()); }

// A stopped copy of this process with the same addresses.
class Child {
 public:
  Child() : pid_(::fork()) {
    if (pid_ == 0) {
      for (;;) ::pause();
    }
  }
  ~Child() {
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
  }
  Child(const Child&) = delete;
  [[nodiscard]] pid_t pid() const { return pid_; }

 private:
  pid_t pid_;
};

TEST(RemoteMemory, ReadsAStringOfAnotherProcessThatEndsAtTheLastByteBeforeAHole) {
  const Pages pages(1);
  const char* text = pages.at_end("/home/someone/file");
  const Child child;
  std::memset(pages.begin(), 'x', kPage);  // ours is different from now on: it is the child's that is read
  const auto got = RemoteMemory(child.pid()).read_string(address(text));
  ASSERT_TRUE(got) << got.error().what;
  EXPECT_EQ(*got, "/home/someone/file");
}

TEST(RemoteMemory, AStringThatRunsIntoAHoleIsABadAddress) {
  const Pages pages(1);
  std::memset(pages.begin(), 'x', kPage);
  const Child child;
  for (const std::size_t before : {1U, 5U, 255U, 256U, 257U, 4000U, 4096U}) {
    const auto got = RemoteMemory(child.pid()).read_string(address(pages.end() - before));
    ASSERT_FALSE(got) << before;
    // The kernel stops at PATH_MAX before it meets the hole.
    EXPECT_EQ(got.error().code, before == 4096 ? ENAMETOOLONG : EFAULT) << before;
  }
}

TEST(RemoteMemory, AnAddressThatIsNotThereIsABadAddress) {
  for (const std::uint64_t at :
       {std::uint64_t{0}, std::uint64_t{8}, ~std::uint64_t{0}, ~std::uint64_t{0} - 4096, std::uint64_t{1} << 63}) {
    const auto text = own().read_string(at);
    ASSERT_FALSE(text);
    EXPECT_EQ(text.error().code, EFAULT) << at;
    const auto value = own().read_value<std::uint64_t>(at);
    ASSERT_FALSE(value);
    EXPECT_EQ(value.error().code, EFAULT) << at;
  }
}

TEST(RemoteMemory, StringsOfEveryLengthAtEveryPlaceInThePageComeOutWhole) {
  const Pages pages(3);
  for (const std::size_t length : {0U, 1U, 15U, 16U, 254U, 255U, 256U, 257U, 511U, 3839U, 3840U, 4094U, 4095U}) {
    std::string text(length, '\0');
    for (std::size_t i = 0; i < length; ++i) text[i] = static_cast<char>('a' + i % 26);
    const char* last = pages.at_end(text);
    const auto got = own().read_string(address(last));
    ASSERT_TRUE(got) << length;
    EXPECT_EQ(*got, text);
    for (const std::size_t shift : {1U, 255U, 256U, 257U, 4000U}) {
      char* at = pages.begin() + shift;
      std::memcpy(at, text.c_str(), length + 1);
      const auto shifted = own().read_string(address(at));
      ASSERT_TRUE(shifted) << length;
      EXPECT_EQ(*shifted, text);
    }
  }
}

TEST(RemoteMemory, APathOf4095BytesFitsAndOneOf4096DoesNot) {
  const Pages pages(3);
  std::memset(pages.begin(), 'p', 3 * kPage);
  pages.begin()[4095] = '\0';
  EXPECT_EQ(own().read_string(address(pages.begin())).value().size(), 4095U);
  pages.begin()[4095] = 'p';
  pages.begin()[4096] = '\0';
  const auto got = own().read_string(address(pages.begin()));
  ASSERT_FALSE(got);
  EXPECT_EQ(got.error().code, ENAMETOOLONG);
}

TEST(RemoteMemory, AValueAcrossTwoPagesIsReadAndOneAcrossAHoleIsNot) {
  const Pages pages(2);
  const std::uint64_t value = 0x1122334455667788;
  std::memcpy(pages.begin() + kPage - 3, &value, sizeof value);
  EXPECT_EQ(own().read_value<std::uint64_t>(address(pages.begin() + kPage - 3)).value(), value);
  const auto cut = own().read_value<std::uint64_t>(address(pages.end() - 7));
  ASSERT_FALSE(cut);
  EXPECT_EQ(cut.error().code, EFAULT);
}

TEST(RemoteMemory, MorePagesThanFitIntoOneCallAreRead) {
  const Pages pages(100);
  for (std::size_t i = 0; i < 100; ++i) pages.begin()[i * kPage + 17] = static_cast<char>(i + 1);
  std::string out(100 * kPage - 17, '\0');
  ASSERT_TRUE(own().read(address(pages.begin() + 17), std::as_writable_bytes(std::span(out))));
  for (std::size_t i = 0; i < 100; ++i) EXPECT_EQ(out[i * kPage], static_cast<char>(i + 1));
}

TEST(RemoteMemory, AShortStringCostsOneReadAndNoByteIsReadTwice) {
  std::string bytes(8192, 'a');
  std::vector<std::pair<std::uint64_t, std::size_t>> reads;
  const RemoteMemory memory([&](std::uint64_t at, std::span<std::byte> out) -> Result<std::size_t> {
    reads.emplace_back(at, out.size());
    const std::size_t length = std::min(out.size(), bytes.size() - at);
    std::memcpy(out.data(), bytes.data() + at, length);
    return length;
  });
  bytes[255] = '\0';
  ASSERT_TRUE(memory.read_string(0));
  EXPECT_EQ(reads.size(), 1U);
  reads.clear();
  bytes[255] = 'a';
  bytes[4000] = '\0';
  ASSERT_EQ(memory.read_string(0).value().size(), 4000U);
  ASSERT_EQ(reads.size(), 2U);
  EXPECT_EQ(reads[0].first + reads[0].second, reads[1].first);
}

TEST(RemoteMemory, AProcessThatIsGoneIsAnError) {
  pid_t gone = -1;
  {
    const Child child;
    gone = child.pid();
  }
  const auto got = RemoteMemory(gone).read_string(address("x"));
  ASSERT_FALSE(got);
  EXPECT_EQ(got.error().code, ESRCH);
}

}  // namespace
}  // namespace assent
