"""Lookups of names: lookups.py CASE."""
import errno, os, select, socket, struct, sys, time


def tell(call, *arguments):
    begin = time.time()
    try:
        got = call(*arguments)
    except socket.gaierror as error:
        got = error.args[0]
    except OSError as error:
        got = errno.errorcode[error.errno]
    print(got, "slow" if time.time() - begin > 1 else "")


def addresses(name, family=socket.AF_UNSPEC, flags=0):
    return sorted({found[4][0] for found in socket.getaddrinfo(name, 7000, family, socket.SOCK_STREAM, 0, flags)})


def query(name, kind):
    labels = b"".join(bytes([len(part)]) + part.encode() for part in name.split("."))
    return struct.pack(">6H", 0x1234, 0x0100, 1, 0, 0, 0) + labels + b"\0" + struct.pack(">2H", kind, 1)


def summary(answer):
    identity, flags, questions, answers = struct.unpack(">4H", answer[:8])
    return "%x rcode %d cut %d questions %d answers %d" % (identity, flags & 15, flags >> 9 & 1, questions, answers)


def datagram(name, kind):
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    s.settimeout(3)
    s.sendto(query(name, kind), ("127.0.0.1", 53))
    return summary(s.recv(4096))


def stream(*names):
    s = socket.create_connection(("127.0.0.1", 53), 3)
    for name in names:
        message = query(name, 1)
        s.sendall(struct.pack(">H", len(message))[:1])
        s.sendall(struct.pack(">H", len(message))[1:] + message)
    out = []
    for _ in names:
        size = struct.unpack(">H", s.recv(2, socket.MSG_WAITALL))[0]
        out.append(summary(s.recv(size, socket.MSG_WAITALL)))
    return sorted(out)


def ordinary():
    tell(addresses, "one.test")
    tell(addresses, "ONE.Test")
    tell(addresses, "one.test", socket.AF_INET, socket.AI_ADDRCONFIG)
    tell(addresses, "one")
    tell(addresses, "one.test", socket.AF_INET6)
    tell(addresses, "deep.below.wild.test")
    tell(addresses, "localhost", socket.AF_INET)


def refused():
    tell(addresses, "denied.test")
    tell(addresses, "denied.data.leaks.test")
    tell(addresses, "denied-wild.test")
    tell(datagram, "denied.test", 16)


def protocol():
    for kind in (1, 28, 65, 64, 16, 15, 255, 12):
        tell(datagram, "one.test", kind)
    tell(datagram, "big.test", 1)
    tell(stream, "one.test", "denied.test", "big.test")


def connects():
    for name, port in (("one.test", 7000), ("one.test", 7001), ("198.51.100.2", 7000)):
        tell(lambda: socket.create_connection((name, port)).getpeername())


def flood():
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    got = 0
    for number in range(5000):
        s.sendto(query("n%d.wild.test" % number, 1), ("127.0.0.1", 53))
        s.sendto(b"rubbish" * (number % 200), ("127.0.0.1", 53))
        while select.select([s], [], [], 0)[0]:
            got += len(s.recv(4096)) > 12
    idle = [socket.create_connection(("127.0.0.1", 53)) for _ in range(200)]
    tell(addresses, "one.test")
    print(got > 100, len(idle))


globals()[sys.argv[1]]()
