"""One case of connecting: connects.py CASE HOST. Prints what the program could notice of it; inside as outside."""
import asyncio, ctypes, errno, os, select, signal, socket, struct, subprocess, sys, time

HOST = sys.argv[2]
ECHO, CLOSED, SILENT = (HOST, 7000), (HOST, 7999), ("198.51.100.99", 7000)
name = lambda code: errno.errorcode.get(code, code)


def result(call, *arguments):
    try:
        return call(*arguments)
    except OSError as error:
        return name(error.errno)


def echo(s, text=b"hello"):
    s.sendall(text)
    return s.recv(100) == text


def wait_for(epoll, mask, seconds=3):
    end = time.time() + seconds
    while time.time() < end:
        got = epoll.poll(0.5)
        if any(events & mask for _, events in got):
            return got
    return "nothing"


def blocking():
    s = socket.create_connection(ECHO)
    print(s.getpeername() == ECHO, s.getsockname()[0] == "198.51.100.1", os.get_blocking(s.fileno()), echo(s))
    print(struct.unpack("B", s.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 1))[0])


def refused():
    print(result(socket.create_connection, CLOSED), result(socket.create_connection, ("203.0.113.7", 1)))


def half_close():
    s = socket.create_connection(ECHO)
    s.sendall(b"tail")
    s.shutdown(socket.SHUT_WR)
    print(s.recv(10), s.recv(10))


def non_blocking():
    s = socket.socket()
    s.setblocking(False)
    print(name(s.connect_ex(ECHO)))
    select.select([], [s], [], 3)
    print(s.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR), s.getpeername() == ECHO, os.get_blocking(s.fileno()))


def non_blocking_refused():
    s = socket.socket()
    s.setblocking(False)
    first = name(s.connect_ex(CLOSED))
    select.select([], [s], [], 3)
    print(first, name(s.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)))


def polled_by_connect():
    s = socket.socket()
    s.setblocking(False)
    s.connect_ex(ECHO)
    select.select([], [s], [], 3)
    print(name(s.connect_ex(ECHO)), name(s.connect_ex(ECHO)))
    s = socket.socket()
    s.setblocking(False)
    s.connect_ex(CLOSED)
    select.select([], [s], [], 3)
    print(name(s.connect_ex(CLOSED)))
    s = socket.socket()
    s.setblocking(False)
    print(name(s.connect_ex(SILENT)), name(s.connect_ex(SILENT)))


def epoll_before():
    s = socket.socket()
    s.setblocking(False)
    other = os.dup(s.fileno())
    epoll, second = select.epoll(), select.epoll()
    epoll.register(s, select.EPOLLOUT | select.EPOLLIN)
    second.register(other, select.EPOLLOUT | select.EPOLLET)
    s.connect_ex(ECHO)
    print(wait_for(epoll, select.EPOLLOUT) == [(s.fileno(), select.EPOLLOUT)], wait_for(second, select.EPOLLOUT) == [(other, select.EPOLLOUT)])
    epoll.modify(s, select.EPOLLIN)
    s.send(b"x")
    print(wait_for(epoll, select.EPOLLIN) == [(s.fileno(), select.EPOLLIN)])
    epoll.unregister(s)
    second.unregister(other)
    print(epoll.poll(0), second.poll(0))


def duplicated():
    s = socket.socket()
    other = socket.socket(fileno=os.dup(s.fileno()))
    os.set_inheritable(other.fileno(), True)
    s.connect(ECHO)
    print(echo(other), other.getpeername() == ECHO, os.get_inheritable(s.fileno()), os.get_inheritable(other.fileno()))


def inherited():
    s = socket.socket()
    os.set_inheritable(s.fileno(), True)
    child = os.fork()
    if child == 0:
        s.connect(ECHO)
        code = "import socket; s = socket.socket(fileno=%d); s.sendall(b'x'); print(s.recv(1))" % s.fileno()
        os.execv(sys.executable, [sys.executable, "-c", code])
    print(os.waitpid(child, 0)[1])


def options():
    s = socket.socket()
    wanted = [(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1), (socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1), (socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, 33),
              (socket.IPPROTO_TCP, socket.TCP_KEEPCNT, 4), (socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, 9000), (socket.IPPROTO_IP, socket.IP_TOS, 16),
              (socket.SOL_SOCKET, socket.SO_RCVBUF, 50000), (socket.SOL_SOCKET, socket.SO_SNDBUF, 60000), (socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)]
    for option in wanted:
        s.setsockopt(*option)
    s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 3))
    s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, struct.pack("ll", 7, 0))
    s.connect(ECHO)
    print([s.getsockopt(level, option) for level, option, _ in wanted])
    print(s.getsockopt(socket.SOL_SOCKET, socket.SO_LINGER, 8), s.getsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, 16))


def own_port():
    s = socket.socket()
    s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    s.bind(("0.0.0.0", 41234))
    s.connect(ECHO)
    print(s.getsockname())


def mapped():
    s = socket.socket(socket.AF_INET6)
    s.connect(("::ffff:" + HOST, 7000))
    print(s.getpeername()[:2], echo(s))


def interrupted():
    def on_alarm(*_):
        raise KeyboardInterrupt
    signal.signal(signal.SIGALRM, on_alarm)
    signal.setitimer(signal.ITIMER_REAL, 0.3)
    begin = time.time()
    try:
        socket.socket().connect(SILENT)
    except KeyboardInterrupt:
        print("interrupted", time.time() - begin < 1.5)


def send_timeout():
    s = socket.socket()
    s.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, struct.pack("ll", 0, 300000))
    begin = time.time()
    print(name(s.connect_ex(SILENT)), time.time() - begin < 1.5)


def loopback():
    listener = socket.create_server(("127.0.0.1", 0))
    for address in ("127.0.0.1", "0.0.0.0"):
        s = socket.create_connection((address, listener.getsockname()[1]))
        peer, _ = listener.accept()
        s.sendall(b"in")
        print(s.getpeername()[0], peer.recv(2))
    listener.close()
    print(result(socket.create_connection, ("127.0.0.1", 1)))
    s = socket.create_server(("127.0.0.1", 0))
    print(result(s.connect, ECHO), result(socket.socket().listen, 1), result(socket.socket().bind, ("203.0.113.1", 1)))


def addresses():
    """What connect itself says of addresses that lead nowhere."""
    libc = ctypes.CDLL(None, use_errno=True)
    inet = struct.pack("=H", socket.AF_INET) + struct.pack(">H", 7000) + socket.inet_aton(HOST) + bytes(8)
    inet6 = struct.pack("=H", socket.AF_INET6) + struct.pack(">H", 7000) + bytes(4) + socket.inet_pton(socket.AF_INET6, "::ffff:" + HOST) + bytes(4)
    out = []
    for family, address, size in ((2, inet, 1), (2, inet, 8), (2, inet, 15), (2, inet6, 28), (10, inet, 16), (10, inet6, 23), (2, b"\x01\0/x", 4), (2, b"\0\0" + bytes(14), 16),
                                  (2, inet[:4] + socket.inet_aton("224.0.0.1") + bytes(8), 16), (2, inet[:4] + b"\xff\xff\xff\xff" + bytes(8), 16), (1, inet, 16), (1, b"\x01\0", 2)):
        s = socket.socket(family)
        out.append(0 if libc.connect(s.fileno(), address, size) == 0 else name(ctypes.get_errno()))
    out.append(name(ctypes.get_errno()) if libc.connect(0, inet, 16) else 0)
    out.append(name(ctypes.get_errno()) if libc.connect(99, inet, 16) else 0)
    print(out)


def unix_sockets():
    for address in ("\0assent-test-%d" % os.getpid(), "/var/tmp/assent-test-%d.sock" % os.getpid()):
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(address)
        listener.listen()
        s = socket.socket(socket.AF_UNIX)
        s.connect(address)
        peer, _ = listener.accept()
        s.sendall(b"u")
        print(peer.recv(1), listener.getsockname() == address, s.getpeername() == address)
        if address[0] == "/":
            print(result(socket.socket(socket.AF_UNIX).bind, address))
            os.unlink(address)
    print(result(socket.socket(socket.AF_UNIX).connect, "/nowhere/s"), result(socket.socket(socket.AF_UNIX).connect, "/etc/passwd"))


def unix_in_the_project():
    os.umask(0o027)
    listener = socket.socket(socket.AF_UNIX)
    listener.bind("made.sock")
    listener.listen()
    s = socket.socket(socket.AF_UNIX)
    s.connect(os.path.abspath("made.sock"))
    peer, _ = listener.accept()
    s.sendall(b"u")
    print(peer.recv(1), oct(os.stat("made.sock").st_mode), result(socket.socket(socket.AF_UNIX).bind, "made.sock"),
          result(socket.socket(socket.AF_UNIX).bind, "missing/made.sock"), result(socket.socket(socket.AF_UNIX).bind, "keep"))
    os.unlink("made.sock")


def event_loop():
    async def talk():
        reader, writer = await asyncio.open_connection(*ECHO)
        writer.write(b"async")
        await writer.drain()
        print(await reader.readexactly(5))
        writer.close()
        await writer.wait_closed()
        try:
            await asyncio.open_connection(*CLOSED)
        except OSError as error:
            print(name(error.errno))
    asyncio.run(talk())


def many():
    async def one():
        reader, writer = await asyncio.open_connection(*ECHO)
        writer.write(b"m")
        got = await reader.readexactly(1)
        return writer, got
    async def all_at_once():
        pairs = await asyncio.gather(*(one() for _ in range(200)))
        print(len(pairs), {got for _, got in pairs})
        for writer, _ in pairs:
            writer.close()
    asyncio.run(all_at_once())


globals()[sys.argv[1]]()
