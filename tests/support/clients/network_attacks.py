"""One way to a service that nobody allowed: network_attacks.py WAY HOST. HOST:7000 is allowed, HOST:7001 is not. Whether
it was reached the service itself tells; for ways that only prepare, the last line says "ok" or an errno."""
import ctypes, errno, mmap, os, select, socket, struct, sys, time

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
