"""A TLS server that notes the names it is asked for: tls_server.py FOLDER ADDRESS PORT. FOLDER/names has a line for each."""
import os
import socket
import ssl
import subprocess
import sys
import threading

folder, address, port = sys.argv[1], sys.argv[2], int(sys.argv[3])
subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=test", "-days", "2", "-keyout", folder + "/key", "-out",
                folder + "/certificate"], check=True, stderr=subprocess.DEVNULL)
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(folder + "/certificate", folder + "/key")
context.set_ecdh_curve("secp521r1")  # no client begins with it: each one is asked for another hello


def note(_, name, __):
    with open(folder + "/names", "a") as f:
        f.write(str(name) + "\n")


context.sni_callback = note


def serve(c):
    try:
        with context.wrap_socket(c, server_side=True) as s:
            first = s.recv(65536)
            if first.startswith(b"GET"):
                s.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: close\r\n\r\nhello")
            elif first.startswith(b"much"):
                for _ in range(64):
                    s.sendall(b"m" * (1 << 20))
            elif first.startswith(b"take"):
                n = len(first)
                while data := s.recv(1 << 20):
                    n += len(data)
                    if data.endswith(b"!"):
                        break
                s.sendall(str(n).encode())
            elif first.startswith(b"die"):
                s.sendall(b"x" * 1000)
                os.kill(os.getpid(), 9)
            elif first.startswith(b"who"):
                s.sendall(repr(s.getpeername()).encode())
    except OSError:
        pass


listening = socket.create_server((address, port), backlog=512)
open(folder + "/listens", "w").close()
while True:
    caller, _ = listening.accept()
    threading.Thread(target=serve, args=(caller,), daemon=True).start()
