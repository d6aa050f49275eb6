#!/usr/bin/env python3
"""The desktop's notification service, as far as notify-send wants one, on the bus of DBUS_SESSION_BUS_ADDRESS: writes each notice to FILE.

  notification_service.py FILE        FILE.ready is there as soon as it can be reached"""
import os
import socket
import struct
import sys


def align(data, to):
    return data + b"\0" * (-len(data) % to)


def text(value):
    raw = value.encode()
    return struct.pack("<I", len(raw)) + raw + b"\0"


def message(kind, serial, fields, signature="", body=b""):
    """fields: (code, signature, value)."""
    packed = b""
    for code, sig, value in fields + ([(8, "g", signature)] if signature else []):
        packed = align(packed, 8) + bytes([code, 1]) + sig.encode() + b"\0"
        if sig == "u":
            packed = align(packed, 4) + struct.pack("<I", value)
        elif sig == "g":
            packed += bytes([len(value)]) + value.encode() + b"\0"
        else:
            packed = align(packed, 4) + text(value)
    head = struct.pack("<cBBBIII", b"l", kind, 0, 1, len(body), serial, len(packed))
    return align(head + packed, 8) + body


def fields_of(data):
    """Code → value of a header's fields: strings and numbers only."""
    out, at, end = {}, 16, 16 + struct.unpack("<I", data[12:16])[0]
    while at < end:
        at += -at % 8
        if at >= end:
            break
        code, length = data[at], data[at + 1]
        sig = data[at + 2:at + 2 + length].decode()
        at += 3 + length
        if sig == "g":
            out[code] = data[at + 1:at + 1 + data[at]].decode()
            at += 2 + data[at]
        else:
            at += -at % 4
            value = struct.unpack("<I", data[at:at + 4])[0]
            at += 4
            if sig in "so":
                out[code] = data[at:at + value].decode()
                at += value + 1
            else:
                out[code] = value
    return out


class Bus:
    def __init__(self, address):
        path = dict(part.split("=", 1) for part in address.split(":", 1)[1].split(","))
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.connect("\0" + path["abstract"] if "abstract" in path else path["path"])
        self.socket.sendall(b"\0AUTH EXTERNAL " + str(os.getuid()).encode().hex().encode() + b"\r\n")
        assert self.socket.recv(1000).startswith(b"OK")
        self.socket.sendall(b"BEGIN\r\n")
        self.serial = 0

    def call(self, member, signature="", body=b""):
        name = "org.freedesktop.DBus"
        self.send(1, [(1, "o", "/org/freedesktop/DBus"), (2, "s", name), (3, "s", member), (6, "s", name)], signature, body)

    def send(self, kind, fields, signature="", body=b""):
        self.serial += 1
        self.socket.sendall(message(kind, self.serial, fields, signature, body))

    def take(self, size):
        out = b""
        while len(out) < size:
            more = self.socket.recv(size - len(out))
            if not more:
                sys.exit(0)
            out += more
        return out

    def receive(self):
        head = self.take(16)
        body, serial, fields = struct.unpack("<III", head[4:16])
        rest = self.take(fields + -(16 + fields) % 8 + body)
        return head[1], serial, fields_of(head + rest), rest[len(rest) - body:] if body else b""


def main():
    bus = Bus(os.environ["DBUS_SESSION_BUS_ADDRESS"])
    bus.call("Hello")
    bus.call("RequestName", "su", align(text("org.freedesktop.Notifications"), 4) + struct.pack("<I", 0))
    while True:
        kind, serial, fields, body = bus.receive()
        if kind == 2 and fields.get(8) == "u":
            open(sys.argv[1] + ".ready", "w").close()
        if kind != 1:
            continue
        reply = [(5, "u", serial), (6, "s", fields[7])]
        if fields.get(3) == "GetServerInformation":
            texts = b""
            for word in ("test", "test", "1", "1.2"):
                texts = align(texts, 4) + text(word)
            bus.send(2, reply, "ssss", texts)
        elif fields.get(3) == "GetCapabilities":
            bus.send(2, reply, "as", struct.pack("<I", 0))
        elif fields.get(3) == "Notify":
            with open(sys.argv[1] + ".new", "wb") as out:
                out.write(body)
            os.rename(sys.argv[1] + ".new", sys.argv[1])
            bus.send(2, reply, "u", struct.pack("<I", 1))
        else:
            bus.send(2, reply)


if __name__ == "__main__":
    main()
