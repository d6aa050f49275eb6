"""Other kinds of sockets, and other uses of an allowed one: socket_kinds.py WAY HOST. HOST:7000 is allowed, HOST:7001 is
not; whether that was reached the service itself tells. Ways that only prepare say "ok" at the end, or an errno."""
import ctypes, errno, fcntl, os, socket, struct, sys, time

HOST = sys.argv[2]
ALLOWED, FORBIDDEN = (HOST, 7000), (HOST, 7001)
HERE = "198.51.100.1"


def datagram_of(payload=b"attack"):
    """An IP packet with a datagram to the forbidden service."""
    udp = struct.pack(">4H", 4444, 7001, 8 + len(payload), 0) + payload
    head = struct.pack(">BBHHHBBH4s4s", 0x45, 0, 20 + len(udp), 1, 0, 64, 17, 0, socket.inet_aton(HERE), socket.inet_aton(HOST))
    total = sum(struct.unpack(">10H", head))
    total = (total & 0xffff) + (total >> 16)
    return head[:10] + struct.pack(">H", ~total & 0xffff) + head[12:] + udp


def raw():
    s = socket.socket(socket.AF_INET, socket.SOCK_RAW, 255)
    s.sendto(datagram_of(), (HOST, 0))


def raw_six():
    socket.socket(socket.AF_INET6, socket.SOCK_RAW, 58)
    print("ok")


def packet():
    s = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, 0)
    s.sendto(datagram_of(), ("host", 0x0800, 0, 0, b"\xff" * 6))


def stream_control():
    s = socket.socket(socket.AF_INET, socket.SOCK_STREAM, 132)
    print("ok")


def virtual_machine():
    socket.socket(40, socket.SOCK_STREAM)
    print("ok")


def sockets_of_others():
    socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 4)
    print("ok")


def packet_filter():
    socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 12)
    print("ok")


def new_address():
    """An address for loopback, asked for by netlink route, which is open to everyone."""
    s = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0)
    body = struct.pack("=BBBBI", socket.AF_INET, 32, 0, 0, 1) + struct.pack("=HH", 8, 2) + socket.inet_aton("203.0.113.50")
    s.send(struct.pack("=IHHII", 16 + len(body), 20, 0x605, 1, 0) + body)
    code, = struct.unpack("=i", s.recv(4096)[16:20])
    print("ok" if code == 0 else errno.errorcode[-code])


def mark():
    socket.create_connection(ALLOWED).setsockopt(socket.SOL_SOCKET, 36, 7)
    print("ok")


def enter_own_network():
    enter(os.open("/proc/self/ns/net", os.O_RDONLY))


def enter_given_network():
    enter(0)


def enter(fd):
    if ctypes.CDLL(None, use_errno=True).setns(fd, 0x40000000) != 0:
        raise OSError(ctypes.get_errno(), "setns")
    print("ok")


def passed_and_redialled():
    """An allowed connection goes to another process, which ends it and dials anew."""
    ours, theirs = socket.socketpair()
    if os.fork() == 0:
        ours.close()
        _, numbers, _, _ = socket.recv_fds(theirs, 1, 1)
        libc = ctypes.CDLL(None)
        libc.connect(numbers[0], bytes(16), 16)
        address = struct.pack("=H", socket.AF_INET) + struct.pack(">H", 7001) + socket.inet_aton(HOST) + bytes(8)
        libc.connect(numbers[0], address, 16)
        os._exit(0)
    s = socket.create_connection(ALLOWED)
    socket.send_fds(ours, [b"s"], [s.fileno()])
    os.wait()


def mapped_loopback():
    socket.create_connection(("::ffff:127.0.0.1", 7001)).sendall(b"attack")


def device_request(number, body):
    s = socket.create_connection(ALLOWED)
    fcntl.ioctl(s.fileno(), number, struct.pack("16s", b"host") + body)
    print("ok")


def ask_a_driver():
    answer = ctypes.create_string_buffer(struct.pack("=I", 3) + bytes(512))  # ETHTOOL_GDRVINFO
    device_request(0x8946, struct.pack("=Q", ctypes.addressof(answer)) + bytes(16))


def set_a_device():
    device_request(0x8922, struct.pack("=i", 1400) + bytes(20))


def add_a_route():
    inet = lambda host: struct.pack("=H", socket.AF_INET) + bytes(2) + socket.inet_aton(host) + bytes(8)
    s = socket.create_connection(ALLOWED)
    route = bytes(8) + inet("203.0.113.0") + inet(HOST) + inet("255.255.255.0") + struct.pack("=H", 3) + bytes(54)
    fcntl.ioctl(s.fileno(), 0x890b, route)
    print("ok")


try:
    globals()[sys.argv[1]]()
except OSError as error:
    print(errno.errorcode.get(error.errno, error.errno))
time.sleep(0.2)
