"""Servers for the tests of --publish: published.py KIND PORT. Prints nothing before it is done."""
import os
import socket
import struct
import sys
import threading
import time

kind, port = sys.argv[1], int(sys.argv[2])


def listener(family=socket.AF_INET, address="127.0.0.1"):
    s = socket.socket(family)
    s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    s.bind((address, port))
    s.listen(600)
    return s


def echo(c):
    while data := c.recv(65536):
        c.sendall(data)
    c.sendall(b".")  # after the caller's end: a half-close
    c.close()


def serve(s):
    while True:
        c, _ = s.accept()
        threading.Thread(target=echo, args=(c,), daemon=True).start()


if kind == "echo":
    serve(listener())
elif kind == "echo6":
    serve(listener(socket.AF_INET6, "::1"))
elif kind == "late":  # listens, stops, listens again; the tests say when through the project's folder
    while not os.path.exists("first"):
        time.sleep(0.01)
    s = listener()
    open("first-listens", "w").close()
    c, _ = s.accept()
    c.close()
    s.close()
    open("closed", "w").close()
    while not os.path.exists("second"):
        time.sleep(0.01)
    s = listener()
    open("second-listens", "w").close()
    serve(s)
elif kind == "reset":
    s = listener()
    while True:
        c, _ = s.accept()
        if c.recv(1) == b"r":  # reset the caller
            c.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            c.close()
        else:  # tell what the caller did
            try:
                c.recv(1)
                how = "ended"
            except ConnectionResetError:
                how = "reset"
            with open("how", "w") as f:
                f.write(how)
elif kind == "slow":  # takes nothing until it is told to, then all of it
    s = listener()
    c, _ = s.accept()
    while not os.path.exists("go"):
        time.sleep(0.02)
    n = 0
    while data := c.recv(1 << 20):
        n += len(data)
    c.sendall(str(n).encode())
    c.close()
    time.sleep(30)
