#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "case.h"

namespace differential {
namespace {

constexpr time_t kBase = 1'000'000'000;  // the time of every object before the case runs

void must(bool ok, const char* what) {
  if (ok) return;
  std::printf("fixture %s: %s\n", what, strerrorname_np(errno));
  std::fflush(stdout);
  std::exit(3);
}

void file(const std::string& name, const char* content, mode_t mode) {
  const int fd = ::open(name.c_str(), O_CREAT | O_EXCL | O_WRONLY, 0600);
  must(fd >= 0, name.c_str());
  must(::write(fd, content, std::strlen(content)) == static_cast<ssize_t>(std::strlen(content)), "write");
  ::close(fd);
  must(::chmod(name.c_str(), mode) == 0, "chmod");
}
void folder(const char* name, mode_t mode) { must(::mkdir(name, mode) == 0, name); }
void link(const std::string& to, const char* name) { must(::symlink(to.c_str(), name) == 0, name); }

std::vector<std::string> names(const std::string& folder) {
  std::vector<std::string> out;
  DIR* stream = ::opendir(folder.c_str());
  if (stream == nullptr) return out;
  while (const dirent* entry = ::readdir(stream)) {
    if (std::strcmp(entry->d_name, ".") != 0 && std::strcmp(entry->d_name, "..") != 0) out.emplace_back(entry->d_name);
  }
  ::closedir(stream);
  std::sort(out.begin(), out.end());
  return out;
}

void age(const std::string& path) {
  struct stat st {};
  if (::lstat(path.c_str(), &st) != 0) return;
  if (S_ISDIR(st.st_mode)) {
    for (const auto& name : names(path)) age(path + "/" + name);
  }
  const timespec times[2] = {{kBase, 0}, {kBase, 0}};
  must(::utimensat(AT_FDCWD, path.c_str(), times, AT_SYMLINK_NOFOLLOW) == 0, "utimensat");
}

std::string shown(const std::string& bytes) {
  std::string out;
  for (const char c : bytes) {
    const auto u = static_cast<unsigned char>(c);
    if (u > 0x20 && u < 0x7f && c != '\\') {
      out += c;
    } else {
      char text[8];
      std::snprintf(text, sizeof text, "\\x%02x", u);
      out += text;
    }
  }
  if (out.size() > 60) out = out.substr(0, 40) + "…" + std::to_string(bytes.size());
  return out;
}

std::string content_of(const std::string& path) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_NOFOLLOW);
  if (fd < 0) return strerrorname_np(errno);
  unsigned long hash = 1469598103934665603UL;
  char buffer[4096];
  for (ssize_t n = 0; (n = ::read(fd, buffer, sizeof buffer)) > 0;) {
    for (ssize_t i = 0; i < n; ++i) hash = (hash ^ static_cast<unsigned char>(buffer[i])) * 1099511628211UL;
  }
  ::close(fd);
  char text[32];
  std::snprintf(text, sizeof text, "%016lx", hash);
  return text;
}

std::string attributes_of(const std::string& path) {
  std::string out;
  char list[4096];
  const ssize_t n = ::llistxattr(path.c_str(), list, sizeof list);
  for (ssize_t i = 0; i < n; i += static_cast<ssize_t>(std::strlen(list + i)) + 1) {
    const std::string name = list + i;
    if (!name.starts_with("user.") && !name.starts_with("system.posix_acl")) continue;
    char value[1024];
    const ssize_t size = ::lgetxattr(path.c_str(), name.c_str(), value, sizeof value);
    out += " " + name + "=" + shown(std::string(value, static_cast<std::size_t>(std::max<ssize_t>(size, 0))));
  }
  return out;
}

void digest_of(const std::string& path, std::vector<std::string>& out) {
  struct stat st {};
  if (::lstat(path.c_str(), &st) != 0) {
    out.push_back(shown(path) + " " + strerrorname_np(errno));
    return;
  }
  char text[128];
  const char* type = S_ISDIR(st.st_mode)    ? "dir"
                     : S_ISREG(st.st_mode)  ? "file"
                     : S_ISLNK(st.st_mode)  ? "link"
                     : S_ISFIFO(st.st_mode) ? "fifo"
                     : S_ISSOCK(st.st_mode) ? "sock"
                                            : "node";
  std::snprintf(text, sizeof text, " %s %04o links=%lu%s%s", type, st.st_mode & 07777,
                static_cast<unsigned long>(st.st_nlink), st.st_uid == ::geteuid() ? "" : " other-owner",
                st.st_gid == ::getegid() ? "" : " other-group");
  std::string line = shown(path) + text;
  if (S_ISREG(st.st_mode)) line += " size=" + std::to_string(st.st_size) + " " + content_of(path);
  if (S_ISLNK(st.st_mode)) {
    char target[4096];
    const ssize_t n = ::readlink(path.c_str(), target, sizeof target);
    const std::string to(target, static_cast<std::size_t>(std::max<ssize_t>(n, 0)));
    line += " -> " + (to.starts_with("/") ? std::string("absolute") : shown(to));
  }
  if (S_ISREG(st.st_mode) || S_ISDIR(st.st_mode)) line += attributes_of(path);
  line += st.st_mtime == kBase  ? " time=old"
          : st.st_mtime < kBase ? " time=" + std::to_string(st.st_mtime)
                                : " time=new";
  out.push_back(line);
  if (S_ISDIR(st.st_mode)) {
    for (const auto& name : names(path)) digest_of(path + "/" + name, out);
  }
}

}  // namespace

void build_fixture() {
  file("file", "content", 0644);
  file("empty", "", 0644);
  file("nowrite", "content", 0444);
  file("noread", "content", 0200);
  file("noperm", "content", 0000);
  file("suid", "content", 06755);
  file("marked", "content", 0644);
  must(::setxattr("marked", "user.mark", "value", 5, 0) == 0, "setxattr");
  must(::link("file", "hard") == 0, "link");
  folder("dir", 0755);
  file("dir/in", "inside", 0644);
  folder("dir/sub", 0755);
  folder("edir", 0755);
  folder("sticky", 01777);
  must(::chmod("sticky", 01777) == 0, "chmod");
  file("sticky/in", "inside", 0644);
  folder("rodir", 0755);
  file("rodir/in", "inside", 0644);
  folder("rodir/edir", 0755);
  folder("noxdir", 0755);
  file("noxdir/in", "inside", 0644);
  link("file", "link");
  link("dir", "dlink");
  link("edir", "elink");
  link("missing", "dangling");
  link("nodir/missing", "danglingdir");
  link("loop", "loop");
  link("ring2", "ring1");
  link("ring1", "ring2");
  link(absolute("file"), "abslink");
  must(::mkfifo("fifo", 0644) == 0, "mkfifo");
  must(::mknod("node", S_IFSOCK | 0644, 0) == 0, "mknod");
  file("new\nline \x1b[31m", "content", 0644);
  file("\xff\xfe\xc3\x28", "content", 0644);
  file(long_name(255), "content", 0644);
  age(".");
  // Only now, or the objects inside could not be aged.
  must(::chmod("rodir", 0555) == 0, "chmod");
  must(::chmod("noxdir", 0600) == 0, "chmod");
}

std::vector<std::string> digest() {
  std::vector<std::string> out;
  digest_of(".", out);
  return out;
}

}  // namespace differential
