// fetch_by_libc HOST PORT: connects to the first address that answers, says "hello" and prints what is echoed. Built
// with musl, whose resolver differs from glibc's: it asks all name servers at once, for both families in parallel.
#include <netdb.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

int main(int argc, char** argv) {
  struct addrinfo hints = {.ai_socktype = SOCK_STREAM}, *found = NULL;
  if (argc != 3) return 2;
  const int code = getaddrinfo(argv[1], argv[2], &hints, &found);
  if (code != 0) {
    fprintf(stderr, "%s: %s\n", argv[1], gai_strerror(code));
    return 3;
  }
  for (const struct addrinfo* one = found; one != NULL; one = one->ai_next) {
    const int fd = socket(one->ai_family, one->ai_socktype, one->ai_protocol);
    if (fd < 0 || connect(fd, one->ai_addr, one->ai_addrlen) != 0) {
      perror("connect");
      close(fd);
      continue;
    }
    char text[16] = {0};
    if (write(fd, "hello\n", 6) != 6 || read(fd, text, sizeof text - 1) <= 0) return 4;
    fputs(text, stdout);
    return 0;
  }
  return 3;
}
