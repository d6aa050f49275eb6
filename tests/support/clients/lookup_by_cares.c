// lookup_by_cares HOST: its addresses by c-ares, one a line, or why there are none.
#include <ares.h>
#include <arpa/inet.h>
#include <netdb.h>
#include <stdio.h>
#include <sys/select.h>
#include <sys/socket.h>

static int result = 2;

static void done(void* argument, int status, int timeouts, struct ares_addrinfo* found) {
  (void)argument;
  (void)timeouts;
  if (status != ARES_SUCCESS) {
    fprintf(stderr, "%s\n", ares_strerror(status));
    result = 3;
    return;
  }
  for (const struct ares_addrinfo_node* one = found->nodes; one != NULL; one = one->ai_next) {
    char text[64];
    getnameinfo(one->ai_addr, one->ai_addrlen, text, sizeof text, NULL, 0, NI_NUMERICHOST);
    puts(text);
  }
  result = 0;
  ares_freeaddrinfo(found);
}

int main(int argc, char** argv) {
  ares_channel channel;
  if (argc != 2 || ares_library_init(ARES_LIB_INIT_ALL) != 0 || ares_init(&channel) != ARES_SUCCESS) return 2;
  const struct ares_addrinfo_hints hints = {.ai_family = AF_UNSPEC, .ai_flags = ARES_AI_NOSORT};
  ares_getaddrinfo(channel, argv[1], NULL, &hints, done, NULL);
  for (;;) {
    fd_set in, out;
    FD_ZERO(&in);
    FD_ZERO(&out);
    const int most = ares_fds(channel, &in, &out);
    struct timeval wait = {5, 0};
    if (most == 0) break;
    select(most, &in, &out, NULL, ares_timeout(channel, &wait, &wait));
    ares_process(channel, &in, &out);
  }
  ares_destroy(channel);
  return result;
}
