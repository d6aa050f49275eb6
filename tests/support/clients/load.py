"""Much of it: load.py KIND ADDRESS [COUNT]. Prints what came of it; waits for a file "measured" where it says so."""
import os
import socket
import struct
import sys
import threading
import time

kind, host = sys.argv[1], sys.argv[2]
count = int(sys.argv[3]) if len(sys.argv) > 3 else 0


def measured(name):
    open(name, "w").close()
    while not os.path.exists("measured"):
        time.sleep(0.01)


if kind == "sequential":
    good = 0
    for _ in range(count):
        s = socket.create_connection((host, 7000))
        s.sendall(b"x")
        good += s.recv(1) == b"x"
        s.close()
    print(good)
    measured("done")
elif kind == "open":
    held = [socket.create_connection((host, 7000)) for _ in range(count)]
    for i, s in enumerate(held):
        s.sendall(struct.pack("I", i))
    print(sum(s.recv(4) == struct.pack("I", i) for i, s in enumerate(held)))
    measured("open")
elif kind == "waits":  # for a peer that never answers, while others go on
    def wait():
        s = socket.socket()
        s.settimeout(None)
        try:
            s.connect(("198.51.100.99", 7000))
        except OSError:
            pass
    for _ in range(count):
        threading.Thread(target=wait, daemon=True).start()
    time.sleep(0.5)
    good = 0
    for _ in range(200):
        s = socket.create_connection((host, 7000))
        s.sendall(b"x")
        good += s.recv(1) == b"x"
    print(good)
    sys.stdout.flush()
    os._exit(0)
elif kind == "lookups":
    socks = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(20)]
    sent = 0
    for i in range(count):
        name = b"".join(bytes([len(p)]) + p for p in (b"n%d" % i, b"test")) + b"\0"
        query = struct.pack(">6H", i & 0xffff, 0x100, 1, 0, 0, 0) + name + struct.pack(">2H", 1, 1)
        socks[i % 20].sendto(query, ("127.0.0.1", 53))
        sent += 1
    print(sent)
    print(socket.getaddrinfo("one.test", 1, socket.AF_INET, socket.SOCK_STREAM)[0][4][0])
    measured("done")
