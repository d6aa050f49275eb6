"""UDP for the tests: datagrams.py serve ADDRESS PORT FILE, which echoes and notes; datagrams.py KIND ADDRESS, a client."""
import errno
import select
import socket
import sys

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
    tried("unconnected", lambda: other.sendto(b"denied", (host, 9000)))
    other = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    other.bind(("0.0.0.0", 0))
    tried("with its address", lambda: other.sendto(b"denied", (host, 9000)))
    tried("mark", lambda: other.setsockopt(socket.SOL_SOCKET, socket.SO_MARK, 0x61737374))
    tried("transparent", lambda: other.setsockopt(socket.IPPROTO_IP, 19, 1))
    s.connect(("127.0.0.1", 5))
    tried("moved", lambda: s.sendto(b"denied", (host, 9001)) and None)
    listener = socket.create_server(("127.0.0.1", 0))
    tried("tcp through it", lambda: socket.create_connection((host, 9000)) and None)
