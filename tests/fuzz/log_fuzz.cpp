// The reader of the log: any bytes as audit.jsonl, and any bytes as audit.pending behind them. Readers, verify, repair
// and everything that is made of a record must end, without a fault, whatever stands there. The first two bytes of the
// input say where it is divided.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <string_view>

#include "record/entry.h"
#include "record/log_reader.h"
#include "record/pending.h"
#include "record/query.h"
#include "record/repair.h"
#include "record/session_dir.h"
#include "record/summary.h"
#include "record/verify.h"

using namespace assent;

namespace {

constexpr const char* kSession = "20261121-021530-4f2a";

struct Folder {
  std::string path = "/dev/shm/assent-fuzz-XXXXXX";  // repair waits for the disk, which memory has not
  Folder() {
    if (::mkdtemp(path.data()) == nullptr) {
      path = "/tmp/assent-fuzz-XXXXXX";
      if (::mkdtemp(path.data()) == nullptr) std::abort();
    }
    std::filesystem::create_directories(path + "/sessions/" + kSession);
  }
  ~Folder() {
    std::error_code ignored;
    std::filesystem::remove_all(path, ignored);
  }
};

void put(const std::string& path, std::string_view bytes, std::size_t size) {
  const int fd = ::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  if (fd < 0 || ::write(fd, bytes.data(), bytes.size()) != static_cast<ssize_t>(bytes.size())) std::abort();
  if (size > bytes.size() && ::ftruncate(fd, static_cast<off_t>(size)) != 0) std::abort();
  ::close(fd);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const Folder folder;
  if (size < 2) return 0;
  const std::string_view all(reinterpret_cast<const char*>(data) + 2, size - 2);
  const std::size_t at = std::min<std::size_t>(data[0] | data[1] << 8, all.size());
  const auto session = record::session_path(folder.path, kSession);
  std::filesystem::create_directories(session);
  const auto pending = session + "/" + record::kPendingName;
  put(session + "/" + record::kLogName, all.substr(0, at), 0);
  if (at < all.size()) {
    // The rest is the mapping's header followed by its lines, with the room for staged facts between them.
    const auto rest = all.substr(at);
    std::string image(rest.substr(0, std::min(rest.size(), sizeof(record::PendingHeader))));
    if (image.size() == sizeof(record::PendingHeader)) {
      std::copy(record::kPendingMagic.begin(), record::kPendingMagic.end(), image.begin());
      image[8] = 1;
      image.resize(record::kDataOffset);
      image += rest.substr(sizeof(record::PendingHeader));
    }
    put(pending, image, record::kPendingSize);
  } else {
    ::unlink(pending.c_str());
  }

  auto reader = record::LogReader::open(session);
  if (!reader) std::abort();
  record::Query query;
  query.denied = true;
  query.path = "/a*";
  while (const auto line = reader->next()) {
    (void)record::kind_of(line->text);
    const auto record = record::parse_record(line->text);
    if (!record) continue;
    (void)query.matches(*record);
    (void)record::subjects_of(*record);
    (void)record::bytes_array_of(*record, "argv");
  }
  (void)record::verify(folder.path, kSession);
  (void)record::summarize(folder.path, kSession);
  (void)record::repair(folder.path, kSession, [](const record::Interrupted&) -> Result<std::string> { return "x"; });
  ::unlink((folder.path + "/heads.jsonl").c_str());
  return 0;
}
