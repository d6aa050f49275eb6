"""Connecting by IPv6, and by names that change: six.py CASE. Prints what the program could notice; inside as outside."""
import asyncio, errno, os, select, socket, struct, sys, time

HOST, HERE = "2001:db8:77::2", "2001:db8:77::1"
ECHO, CLOSED, SILENT = (HOST, 7000), (HOST, 7999), ("2001:db8:77::99", 7000)
name = lambda code: errno.errorcode.get(code, code)


def result(call, *arguments):
    try:
        return call(*arguments)
    except OSError as error:
        return name(error.errno)


def echo(s, text=b"hello"):
    s.sendall(text)
    return s.recv(100) == text


def blocking():
    s = socket.create_connection(ECHO)
    print(s.getpeername(), s.getsockname()[0] == HERE, s.getsockname()[2:], echo(s))
    s.shutdown(socket.SHUT_WR)
    print(s.recv(10), result(s.connect, ECHO))


def refused():
    print(result(socket.create_connection, CLOSED), result(socket.create_connection, ("2001:db8:99::1", 1)), result(socket.create_connection, ("fe80::1", 1)))


def non_blocking():
    s = socket.socket(socket.AF_INET6)
    s.setblocking(False)
    print(name(s.connect_ex(ECHO)))
    select.select([], [s], [], 3)
    print(s.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR), s.getpeername()[:2] == ECHO)
    s = socket.socket(socket.AF_INET6)
    s.setblocking(False)
    first = name(s.connect_ex(CLOSED))
    select.select([], [s], [], 3)
    print(first, name(s.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)))


def epoll_before():
    s = socket.socket(socket.AF_INET6)
    s.setblocking(False)
    other = os.dup(s.fileno())
    epoll = select.epoll()
    epoll.register(s, select.EPOLLOUT)
    epoll.register(other, select.EPOLLIN)
    s.connect_ex(ECHO)
    end, got = time.time() + 3, []
    while time.time() < end and not any(events == select.EPOLLOUT for _, events in got):
        got = epoll.poll(0.5)
    os.write(other, b"x")
    epoll.unregister(s)
    print(got == [(s.fileno(), select.EPOLLOUT)], epoll.poll(3) == [(other, select.EPOLLIN)], os.read(other, 1))


def inherited():
    s = socket.create_connection(ECHO)
    other = s.dup()
    os.set_inheritable(other.fileno(), True)
    s.close()
    code = "import socket; s = socket.socket(fileno=%d); s.sendall(b'x'); print(s.recv(1), s.getpeername()[:2])" % other.fileno()
    sys.stdout.flush()
    os.execv(sys.executable, [sys.executable, "-c", code])


def passed():
    """A connected socket goes to another process of the same session."""
    ours, theirs = socket.socketpair()
    if os.fork() == 0:
        ours.close()
        _, numbers, _, _ = socket.recv_fds(theirs, 1, 1)
        s = socket.socket(fileno=numbers[0])
        print(echo(s), s.getpeername()[:2] == ECHO, flush=True)
        os._exit(0)
    s = socket.create_connection(ECHO)
    socket.send_fds(ours, [b"s"], [s.fileno()])
    print(os.wait()[1])


def loopback():
    listener = socket.create_server(("::1", 0), family=socket.AF_INET6)
    s = socket.create_connection(("::1", listener.getsockname()[1]))
    peer, _ = listener.accept()
    s.sendall(b"in")
    print(s.getpeername()[0], peer.recv(2), result(socket.create_connection, ("::1", 1)))


def options():
    s = socket.socket(socket.AF_INET6)
    wanted = [(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1), (socket.IPPROTO_IPV6, socket.IPV6_TCLASS, 16), (socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1), (socket.IPPROTO_IPV6, socket.IPV6_UNICAST_HOPS, 33)]
    for option in wanted:
        s.setsockopt(*option)
    s.connect(ECHO)
    print([s.getsockopt(level, option) for level, option, _ in wanted])


def both_at_once():
    """One family is dead: the other one is taken, after the delay that the program chose."""
    async def talk():
        begin = time.time()
        reader, writer = await asyncio.open_connection("half.test", 7000, happy_eyeballs_delay=0.2)
        print(writer.get_extra_info("peername")[0], time.time() - begin < 3)
    asyncio.run(talk())


def changing():
    """A name whose address changes with every answer; an address that was once told goes on being good."""
    seen = {}
    for _ in range(20):
        address = socket.gethostbyname("moving.test")
        seen.setdefault(address, 0)
        if len(seen) == 2:
            break
        time.sleep(0.2)  # its answers hold for a second
    print(sorted(seen), [echo(socket.create_connection((address, 7000))) for address in sorted(seen)])


def datagrams():
    s = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
    s.settimeout(5)
    s.connect((HOST, 9000))
    s.send(b"who")
    print(s.getpeername(), s.recv(100).decode() == repr(s.getsockname()[:2]), s.getsockname()[0] == HERE)
    s = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
    s.settimeout(5)
    s.sendto(b"who", (HOST, 9000))
    data, whence = s.recvfrom(100)
    print(whence, str(s.getsockname()[1]) in data.decode(), s.getsockname()[0], result(s.getpeername))
    s.sendto(b"x" * 20000, (HOST, 9000))
    print(len(s.recv(70000)))
    s.sendmsg([b"as a ", b"message"], [], 0, (HOST, 9000))
    print(s.recvfrom(100))
    listener = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
    listener.bind(("::1", 0))
    s.sendto(b"home", listener.getsockname()[:2])
    print(listener.recv(10))


def other_datagrams():
    """Beside what is allowed."""
    s = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
    s.settimeout(5)
    s.sendto(b"allowed", (HOST, 9000))
    print(s.recv(100), result(s.sendto, b"denied", (HOST, 9001)), result(s.connect, (HOST, 9001)))
    s = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
    print(result(s.sendto, b"denied", (HOST, 9001)), result(s.sendto, b"denied", (HOST, 9001, 0, 0)))
    print(result(s.sendto, b"denied", ("fe80::1", 9001)), result(s.sendto, b"denied", ("ff02::1", 9001)))


def talk(family, host, port=7000):
    found = socket.getaddrinfo(host, port, family, socket.SOCK_STREAM)[0]
    s = socket.socket(found[0])
    s.settimeout(20)
    s.connect(found[4])
    print(echo(s))
    return s


def asked():
    """A name that a human is asked about: asked HOST FAMILY."""
    family = {"4": socket.AF_INET, "6": socket.AF_INET6, "any": 0}[sys.argv[3]]
    peer = talk(family, sys.argv[2]).getpeername()
    print(peer[0])


def asked_in_a_loop():
    async def talk():
        reader, writer = await asyncio.open_connection(sys.argv[2], 7000)
        writer.write(b"hello")
        print(await reader.read(10))
        writer.close()
        await writer.wait_closed()
    asyncio.run(talk())


def asked_by_datagram():
    s = socket.socket(socket.AF_INET6 if sys.argv[3] == "6" else socket.AF_INET, socket.SOCK_DGRAM)
    s.settimeout(20)
    to = socket.getaddrinfo(sys.argv[2], 9000, s.family, socket.SOCK_DGRAM)[0][4]
    s.sendto(b"hello", to)
    data, whence = s.recvfrom(100)
    print(data, whence[:2] == to[:2])


def service():
    """Of the host's loopback: service PORT."""
    s = socket.create_connection(("::1", int(sys.argv[2])), 5)
    print(s.recv(10), s.getpeername()[0])


def query(host, kind):
    labels = b"".join(bytes([len(part)]) + part.encode() for part in host.split("."))
    return struct.pack(">6H", 0x1234, 0x0100, 1, 0, 0, 0) + labels + b"\0" + struct.pack(">2H", kind, 1)


def server():
    with open("/etc/resolv.conf") as conf:
        return next(line.split()[1] for line in conf if line.startswith("nameserver"))


def to_live():
    out = []
    for host, kind in (("good.test", 1), ("good.test", 28), ("moving.test", 1)):
        s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        s.settimeout(3)
        s.sendto(query(host, kind), (server(), 53))
        answer = s.recv(4096)
        at = len(query(host, kind)) + 6
        out.append(struct.unpack(">I", answer[at:at + 4])[0])
    print(out)


def cut():
    """Fifty addresses do not fit into 512 bytes: the answer is cut, and whole by stream."""
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    s.settimeout(3)
    s.sendto(query("big.test", 1), (server(), 53))
    answer = s.recv(4096)
    print(len(answer) <= 512, answer[2] >> 1 & 1)
    s = socket.create_connection((server(), 53), 3)
    s.sendall(struct.pack(">H", len(query("big.test", 1))) + query("big.test", 1))
    size = struct.unpack(">H", s.recv(2, socket.MSG_WAITALL))[0]
    answer = s.recv(size, socket.MSG_WAITALL)
    print(answer[2] >> 1 & 1, struct.unpack(">H", answer[6:8])[0])
    print(len({found[4][0] for found in socket.getaddrinfo("big.test", 7000, socket.AF_INET, socket.SOCK_STREAM)}))


def search():
    """Short names: the search list of the machine holds inside."""
    for host in ("good", "GOOD", "good.test.", "alias"):
        print(host, sorted({found[4][0] for found in socket.getaddrinfo(host, 7000, 0, socket.SOCK_STREAM)}))


globals()[sys.argv[1]]()
