"""One way to a service that nobody allowed: network_attacks.py WAY HOST. HOST:7000 is allowed, HOST:7001 is not. Whether
it was reached the service itself tells; for ways that only prepare, the last line says "ok" or an errno."""
import ctypes, errno, fcntl, mmap, os, random, select, socket, struct, sys, threading, time

HOST = sys.argv[2]
ALLOWED, FORBIDDEN = (HOST, 7000), (HOST, 7001)
libc = ctypes.CDLL(None, use_errno=True)


def sockaddr(port, host=HOST):
    return struct.pack("=H", socket.AF_INET) + struct.pack(">H", port) + socket.inet_aton(host) + bytes(8)


def send(s):
    try:
        s.sendall(b"attack")
    except OSError:
        pass


def plain():
    send(socket.create_connection(FORBIDDEN))


def mapped():
    s = socket.socket(socket.AF_INET6)
    s.connect(("::ffff:" + HOST, 7001))
    send(s)


def disconnect_and_dial():
    s = socket.create_connection(ALLOWED)
    if libc.connect(s.fileno(), bytes(16), 16) != 0:
        raise OSError(ctypes.get_errno(), "connect")
    s.connect(FORBIDDEN)
    send(s)


def dial_after_failure():
    s = socket.socket()
    s.setblocking(False)
    s.connect_ex((HOST, 7998))  # allowed, closed
    select.select([], [s], [], 3)
    s.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
    s.connect_ex(FORBIDDEN)
    s.connect_ex(FORBIDDEN)
    s.connect_ex(FORBIDDEN)
    select.select([], [s], [], 1)
    send(s)


def dial_after_shutdown():
    s = socket.socket()
    s.setblocking(False)
    s.connect_ex(("198.51.100.99", 7000))  # allowed, silent
    s.shutdown(socket.SHUT_RDWR)
    s.setblocking(True)
    s.connect(FORBIDDEN)
    send(s)


def fastopen_sendto():
    socket.socket().sendto(b"attack", socket.MSG_FASTOPEN, FORBIDDEN)


def fastopen_sendmsg():
    socket.socket().sendmsg([b"attack"], [], socket.MSG_FASTOPEN, FORBIDDEN)


def fastopen_connect():
    s = socket.socket()
    s.setsockopt(socket.IPPROTO_TCP, 30, 1)
    s.connect(FORBIDDEN)
    send(s)


def fastopen_on_an_allowed_socket():
    s = socket.socket()
    s.setblocking(False)
    s.connect_ex(("198.51.100.99", 7000))
    s.shutdown(socket.SHUT_RDWR)
    s.setblocking(True)
    s.sendto(b"attack", socket.MSG_FASTOPEN, FORBIDDEN)


def multipath():
    s = socket.socket(socket.AF_INET, socket.SOCK_STREAM, 262)
    s.connect(FORBIDDEN)
    send(s)


def datagram():
    socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b"attack", FORBIDDEN)


def datagram_connected():
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    s.connect(FORBIDDEN)
    s.send(b"attack")


def race(addresses, make, rounds):
    """Another process exchanges the address while connect reads it."""
    size = max(map(len, addresses))
    shared = mmap.mmap(-1, 4096)
    shared[:size] = addresses[0].ljust(size, b"\0")
    pointer = ctypes.addressof(ctypes.c_char.from_buffer(shared))
    flipper = os.fork()
    if flipper == 0:
        padded = [address.ljust(size, b"\0") for address in addresses]
        while os.getppid() != 1:
            shared[:size] = padded[1]
            shared[:size] = padded[0]
        os._exit(0)
    for _ in range(rounds):
        s = make()
        if libc.connect(s.fileno(), ctypes.c_void_p(pointer), size) == 0:
            send(s)
        s.close()
    os.kill(flipper, 9)
    os.waitpid(flipper, 0)


def raced_port():
    race([sockaddr(7000), sockaddr(7001)], socket.socket, 400)


def raced_unix_path():
    own = "/var/tmp/assent-own-%d" % os.getpid()
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(own)
    listener.listen(1000)
    path = os.environ["HOME"] + "/service.sock"
    names = [b"\x01\0" + own.encode(), b"\x01\0" + path.encode()]
    race(names, lambda: socket.socket(socket.AF_UNIX), 400)
    os.unlink(own)


def unix_path():
    s = socket.socket(socket.AF_UNIX)
    s.connect(os.environ["HOME"] + "/service.sock")
    send(s)


def unix_path_by_link():
    link = "/var/tmp/assent-link-%d" % os.getpid()
    os.symlink(os.environ["HOME"] + "/service.sock", link)
    try:
        s = socket.socket(socket.AF_UNIX)
        s.connect(link)
        send(s)
    finally:
        os.unlink(link)


def unix_abstract():
    s = socket.socket(socket.AF_UNIX)
    s.connect("\0assent-test-service")
    send(s)


def unix_datagram():
    socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM).sendto(b"attack", os.environ["HOME"] + "/datagrams.sock")


def host_loopback():
    send(socket.create_connection(("127.0.0.1", 7001)))


def host_loopback_by_zero():
    send(socket.create_connection(("0.0.0.0", 7001)))


def rebound_metadata():
    send(socket.create_connection(("metadata.rebind.test", 7001)))


def rebound_host():
    send(socket.create_connection(("host.rebind.test", 7001)))


def rebound_metadata_mapped():
    socket.getaddrinfo("metadata.rebind.test", 7001)
    s = socket.socket(socket.AF_INET6)
    s.connect(("::ffff:169.254.169.254", 7001))
    send(s)


def failed_connection():
    s = socket.socket()
    s.setblocking(False)
    s.connect_ex(("198.51.100.99", 7000))
    s.shutdown(socket.SHUT_RDWR)
    return s


def listen_on_a_failed_connection():
    failed_connection().listen()
    print("ok")


def bind_a_failed_connection():
    failed_connection().bind(("0.0.0.0", 41299))
    print("ok")


def bind_by_exchange():
    """Binds a unix socket to a path; other threads exchange the descriptor for a connection that has ended, and the path
    for a port of the host."""
    ended = socket.create_connection(ALLOWED)
    ended.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    ended.shutdown(socket.SHUT_RDWR)
    while ended.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 1) != b"\x07":
        time.sleep(0.05)
    was = ended.getsockname()
    port = struct.pack("=H", socket.AF_INET) + struct.pack(">H", 41299) + bytes(12)
    plain = socket.socket(socket.AF_UNIX)
    number = os.dup(plain.fileno())
    shared = ctypes.create_string_buffer(64)
    at, size = ctypes.addressof(shared), 40
    goal, going = [bytes(size)], [True]

    def exchange():
        while going[0]:
            ctypes.memmove(at, port.ljust(size, b"\0"), size)
            libc.dup2(ended.fileno(), number)
            ctypes.memmove(at, goal[0], size)
            libc.dup2(plain.fileno(), number)

    folder = "/var/tmp/assent-bind-%d" % os.getpid()
    os.mkdir(folder)
    thread = threading.Thread(target=exchange)
    thread.start()
    end = time.monotonic() + 20
    bound = tries = 0
    while not bound and tries < 3000 and time.monotonic() < end:
        tries += 1
        goal[0] = (b"\x01\0" + ("%s/%d" % (folder, tries)).encode()).ljust(size, b"\0")
        fresh = socket.socket(socket.AF_UNIX)
        os.dup2(fresh.fileno(), plain.fileno())
        time.sleep(random.random() * 0.0005)  # else the other thread stands where it stood
        libc.bind(number, ctypes.c_void_p(at), size)
        bound = ended.getsockname() != was  # by half an address too
    going[0] = False
    thread.join()
    for name in os.listdir(folder):
        os.unlink(folder + "/" + name)
    os.rmdir(folder)
    print("ok" if bound else "EINVAL")


def hardware_address():
    fcntl.ioctl(socket.create_connection(ALLOWED), 0x8927, b"host".ljust(40, b"\0"))
    print("ok")


def option(level, name, value):
    socket.create_connection(ALLOWED).setsockopt(level, name, value)
    print("ok")


def to_a_device():
    option(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, b"lo\0")


def to_a_device_by_index():
    option(socket.SOL_SOCKET, 62, 1)


def route_options():
    option(socket.IPPROTO_IP, socket.IP_OPTIONS, bytes([7, 7, 4, 0, 0, 0, 0, 0]))


def multicast_group():
    s = socket.create_connection(ALLOWED)
    for device in range(1, 100):
        try:
            s.setsockopt(socket.IPPROTO_IP, 42, struct.pack("=I4xHH4s120x", device, socket.AF_INET, 0, socket.inet_aton("224.0.0.251")))
            print("ok")
            return
        except OSError as error:
            last = error
    raise last


def multicast_source():
    s = socket.create_connection(ALLOWED)
    s.setsockopt(socket.IPPROTO_IP, 39, socket.inet_aton("232.0.0.251") + socket.inet_aton(s.getsockname()[0]) + socket.inet_aton(HOST))
    print("ok")


try:
    globals()[sys.argv[1]]()
except OSError as error:
    print(errno.errorcode.get(error.errno, error.errno))
time.sleep(0.2)
