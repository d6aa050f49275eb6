"""TLS clients for the tests of `sni`: tls_client.py KIND HOST PORT NAME. Prints what came of it."""
import asyncio
import errno
import socket
import ssl
import sys
import time

kind, host, port, name = sys.argv[1], sys.argv[2], int(sys.argv[3]), sys.argv[4]
context = ssl.create_default_context()
context.check_hostname = False
context.verify_mode = ssl.CERT_NONE


def say(e):
    print(errno.errorcode.get(getattr(e, "errno", None) or 0, "closed"))


def connected():
    return socket.create_connection((host, port))


def tls(s):
    return context.wrap_socket(s, server_hostname=None if name == "-" else name)


try:
    if kind == "get":
        s = tls(connected())
        s.sendall(b"GET / HTTP/1.1\r\n\r\n")
        print(s.recv(100)[-5:].decode())
    elif kind == "ends":  # both ends tell the truth
        s = connected()
        own, peer = s.getsockname(), s.getpeername()
        s = tls(s)
        s.sendall(b"who")
        print(peer, s.recv(100).decode() == repr(own), own[0])
    elif kind == "refused":
        for wait in (True, False):
            s = socket.socket()
            s.setblocking(wait)
            code = s.connect_ex((host, port))
            if code == errno.EINPROGRESS:
                import select
                select.select([], [s], [], 5)
                code = s.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
            print(errno.errorcode.get(code, code))
    elif kind == "pieces":  # the hello byte by byte
        into, out = ssl.MemoryBIO(), ssl.MemoryBIO()
        o = context.wrap_bio(into, out, server_hostname=name)
        s = connected()
        s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        while True:
            try:
                o.do_handshake()
                break
            except ssl.SSLWantReadError:
                for byte in out.read():
                    s.sendall(bytes([byte]))
                data = s.recv(65536)
                if not data:
                    raise OSError(0)
                into.write(data)
        print("hello", o.version())
    elif kind == "bulk":
        s = tls(connected())
        s.sendall(b"much")
        n = 0
        while data := s.recv(1 << 20):
            n += len(data)
        print(n)
        s = tls(connected())
        s.sendall(b"take")
        for _ in range(32):
            s.sendall(b"t" * (1 << 20))
        s.sendall(b"!")
        print(s.recv(100).decode())
    elif kind == "asyncio":
        async def one():
            r, w = await asyncio.open_connection(host, port, ssl=context, server_hostname=name)
            w.write(b"GET / HTTP/1.1\r\n\r\n")
            out = await r.read(200)
            w.close()
            return out[-5:]

        async def all_of_them():
            return await asyncio.gather(*[one() for _ in range(50)])

        print(sum(x == b"hello" for x in asyncio.run(all_of_them())))
    elif kind == "silent":  # says nothing, and is let go in the end by its own leaving
        s = connected()
        s.settimeout(1)
        try:
            s.recv(1)
        except TimeoutError:
            print("quiet")
    elif kind == "dying":
        s = tls(connected())
        s.sendall(b"die")
        n = 0
        try:
            while data := s.recv(1 << 20):
                n += len(data)
        except OSError:
            pass
        print("ended")
    elif kind == "again":  # the same socket, after a refusal of the far side
        s = socket.socket()
        print(errno.errorcode[s.connect_ex((host, port + 1))])
        s.connect((host, port))
        s = tls(s)
        s.sendall(b"GET / HTTP/1.1\r\n\r\n")
        print(s.recv(100)[-5:].decode())
except OSError as e:
    say(e)
