"""UDP for the tests: datagrams.py serve ADDRESS PORT FILE, which echoes and notes; datagrams.py KIND ADDRESS, a client."""
import ast
import ctypes
import errno
import select
import socket
import struct
import sys
import threading

kind, host = sys.argv[1], sys.argv[2]


def tried(what, act):
    try:
        print(what, act())
    except OSError as e:
        print(what, errno.errorcode.get(e.errno, e))


def connected(port=9000):
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    s.settimeout(5)
    s.connect((host, port))
    return s


def echo(s, text):
    s.send(text)
    return s.recv(70000)


if kind == "serve":
    sockets = []
    for port in (int(sys.argv[3]), int(sys.argv[3]) + 1):
        s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        s.bind((host, port))
        sockets.append(s)
    open(sys.argv[4], "w").close()
    while True:
        for s in select.select(sockets, [], [])[0]:
            data, who = s.recvfrom(70000)
            with open(sys.argv[4], "a") as f:
                f.write("%d %s\n" % (s.getsockname()[1], data[:20].decode()))
            if data == b"who":
                data = repr(who).encode()
            s.sendto(data, who)
elif kind == "flow":
    s = connected()
    print(s.getpeername(), echo(s, b"who").decode() == repr(s.getsockname()))
    print(echo(s, b"one"), echo(s, b"two"), echo(s, b""), len(echo(s, b"x" * 30000)))
    many = [connected() for _ in range(50)]
    for i, one in enumerate(many):
        one.send(b"%d" % i)
    print(sum(one.recv(100) == b"%d" % i for i, one in enumerate(many)))
    s.connect((host, 9000))
    print(echo(s, b"again"))
    mapped = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
    mapped.settimeout(5)
    mapped.connect(("::ffff:" + host, 9000))
    print(echo(mapped, b"mapped"), mapped.getpeername()[0])
elif kind == "send":  # on sockets that are not connected
    def told(s, sender, port=9000, to=host):
        sender(b"who", (to, port))
        data, who = s.recvfrom(100)
        there = ast.literal_eval(data.decode())
        return who, there[1] == s.getsockname()[1]

    for family, to, unspecified in ((socket.AF_INET, host, "0.0.0.0"), (socket.AF_INET6, "::ffff:" + host, "::")):
        s = socket.socket(family, socket.SOCK_DGRAM)
        s.settimeout(5)
        print(told(s, s.sendto, to=to), s.getsockname()[0] == unspecified)
        print(told(s, lambda what, place: s.sendmsg([what[:1], what[1:]], [], 0, place), to=to))
        # one socket, two places, and the first again
        s.sendto(b"other", (to, 9001))
        print(s.recvfrom(100))
        s.sendto(b"first", (to, 9000))
        print(s.recvfrom(100))
        tried("not connected", s.getpeername)
    for port in (9000, 9001):
        s.sendto(b"x" * 30000, (to, port))
        print(len(s.recvfrom(70000)[0]))
    # connected to one, and sending to the other: not heard, as the socket hears the one only
    s = connected()
    print(echo(s, b"connected"))
    s.sendto(b"beside", (host, 9001))
    print(echo(s, b"connected still"))
    # bound before
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    s.settimeout(5)
    s.bind(("", 0))
    port = s.getsockname()[1]
    s.sendto(b"bound", (host, 9000))
    print(s.recvfrom(100), s.getsockname() == ("0.0.0.0", port))
    # two sockets to the same place
    pair = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(20)]
    for i, s in enumerate(pair):
        s.settimeout(5)
        s.sendto(b"%d" % i, (host, 9000))
    print(sum(s.recvfrom(100)[0] == b"%d" % i for i, s in enumerate(pair)))
    # sendmmsg, to two places in one call
    libc = ctypes.CDLL(None, use_errno=True)

    class Iovec(ctypes.Structure):
        _fields_ = [("base", ctypes.c_char_p), ("length", ctypes.c_size_t)]

    class Message(ctypes.Structure):
        _fields_ = [("name", ctypes.c_char_p), ("name_length", ctypes.c_uint32), ("parts", ctypes.POINTER(Iovec)),
                    ("count", ctypes.c_size_t), ("control", ctypes.c_void_p), ("control_length", ctypes.c_size_t),
                    ("flags", ctypes.c_size_t), ("sent", ctypes.c_size_t)]

    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    s.settimeout(5)
    all = (Message * 4)()
    for i in range(4):
        place = struct.pack("=H", socket.AF_INET) + struct.pack("!H", 9000 + i % 2) + socket.inet_aton(host) + bytes(8)
        all[i].name, all[i].name_length = place, 16
        all[i].parts, all[i].count = ctypes.pointer(Iovec(b"%d" % i, 1)), 1
    print(libc.sendmmsg(s.fileno(), all, 4, 0), sorted(s.recvfrom(100) for _ in range(4)))
elif kind == "many":  # to one place, by one socket
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    s.settimeout(5)
    for i in range(100):
        s.sendto(b"one", (host, 9000))
        s.recvfrom(100)
elif kind == "crowd":  # more sockets than flows are kept, all to one place, and the first one again
    import resource
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(most, 1000), most))
    crowd = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(400)]
    heard = 0
    for i, s in enumerate(crowd + crowd[:1]):
        s.settimeout(5)
        s.sendto(b"%d" % i, (host, 9000))
        heard += s.recvfrom(100)[0] == b"%d" % i
    print(heard)
elif kind == "passed":  # messages of other kinds: a descriptor to another process
    ours, theirs = socket.socketpair()
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    socket.send_fds(ours, [b"x"], [s.fileno()])
    _, numbers, _, _ = socket.recv_fds(theirs, 10, 1)
    s = socket.socket(fileno=numbers[0])
    s.settimeout(5)
    s.sendto(b"by another name", (host, 9000))
    print(s.recvfrom(100))
elif kind == "named":
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    s.settimeout(5)
    s.sendto(b"by name", (sys.argv[3], 9000))
    print(s.recvfrom(100))
elif kind == "rewritten":  # the address, by another thread, while the call waits
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    s.sendto(b"allowed", (host, 9000))
    libc = ctypes.CDLL(None, use_errno=True)
    place = ctypes.create_string_buffer(
        struct.pack("=H", socket.AF_INET) + struct.pack("!H", 9000) + socket.inet_aton(host) + bytes(8), 16)
    ports = struct.pack("!H", 9000), struct.pack("!H", 9001)
    over = False

    def rewrite():
        while not over:
            for port in ports:
                ctypes.memmove(ctypes.byref(place, 2), port, 2)

    other = threading.Thread(target=rewrite)
    other.start()
    for i in range(3000):
        libc.sendto(s.fileno(), b"denied", 6, 0, place, 16)
    over = True
    other.join()
    s.settimeout(1)
    while True:  # what was sent before was heard, or is lost
        s.sendto(b"done", (host, 9000))
        try:
            if s.recvfrom(100)[0] == b"done":
                break
        except socket.timeout:
            pass
elif kind == "denied":
    tried("connect", lambda: connected(9000).send(b"denied"))
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    tried("sendto", lambda: s.sendto(b"denied", (host, 9000)))
elif kind == "beside":  # with a socket that a flow was allowed for, and beside it
    s = connected()
    echo(s, b"allowed")
    tried("other port", lambda: connected(9001).send(b"denied"))
    for address in ((host, 9001), ("198.51.100.1", 9000), ("127.0.0.1", 9000)):
        tried("sendto", lambda: s.sendto(b"denied", address) and None)
    other = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    tried("unconnected", lambda: other.sendto(b"denied", (host, 9001)))
    other = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    other.bind(("0.0.0.0", 0))
    tried("with its address", lambda: other.sendto(b"denied", (host, 9001)))
    for flags in (0, 0x800):  # MSG_CONFIRM passes the filter
        tried("message", lambda: s.sendmsg([b"denied"], [], flags, (host, 9001)) and None)
        tried("message", lambda: other.sendmsg([b"denied"], [], flags, (host, 9001)) and None)
        stream = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        tried("hidden connect", lambda: stream.sendmsg([b"denied"], [], flags | 0x20000000, (host, 9000)) and None)
        tried("hidden connect", lambda: stream.sendto(b"denied", flags | 0x20000000, (host, 9000)) and None)
    tried("mark", lambda: other.setsockopt(socket.SOL_SOCKET, socket.SO_MARK, 0x61737374))
    tried("transparent", lambda: other.setsockopt(socket.IPPROTO_IP, 19, 1))
    s.connect(("127.0.0.1", 5))
    tried("moved", lambda: s.sendto(b"denied", (host, 9001)) and None)
    listener = socket.create_server(("127.0.0.1", 0))
    tried("tcp through it", lambda: socket.create_connection((host, 9000)) and None)
