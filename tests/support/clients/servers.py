"""Servers that real clients call: servers.py FOLDER SERVICE... Prints "ready" when all of them listen; serves until it is
killed. Names are answered always. FOLDER holds the certificate and keys, and gets what the servers keep."""
import glob, http.server, io, json, os, shutil, socket, socketserver, ssl, struct, subprocess, sys, tarfile, threading, time

FOLDER = sys.argv[1]
FOUR, SIX, DEAD_SIX = "198.51.100.2", "2001:db8:77::2", "2001:db8:77::99"
lock = threading.Lock()
turns = {}


def turn(name):
    with lock:
        turns[name] = turns.get(name, 0) + 1
        return turns[name]


def addresses(name, kind):
    """[(record type, time to live, address)]; None: there is no such name."""
    if name.startswith("denied"):
        with lock, open(FOLDER + "/leaks", "a") as leaks:
            leaks.write(name + "\n")
    if name != "test" and not name.endswith(".test"):
        return None
    first = name.split(".")[0]
    if kind == 1:
        if first == "six":
            return []
        if first == "big":
            return [(1, 30, "198.51.100.%d" % n) for n in range(2, 52)]
        if first == "moving":
            return [(1, 1, FOUR if turn(name) % 2 else "198.51.100.3")]
        return [(1, 30, FOUR)]
    if kind == 28:
        if first in ("four", "big", "moving"):
            return []
        return [(28, 30, DEAD_SIX if first == "half" else SIX)]
    return []


def answer(query, most):
    identity, = struct.unpack(">H", query[:2])
    at, labels = 12, []
    while query[at]:
        labels.append(query[at + 1:at + 1 + query[at]].decode("latin-1"))
        at += query[at] + 1
    kind, = struct.unpack(">H", query[at + 1:at + 3])
    question = query[12:at + 5]
    name = ".".join(labels).lower()
    alias = labels and labels[0].lower() == "alias"
    found = addresses(name if not alias else "good.test", kind)
    records = b""
    for record, ttl, address in found or []:
        data = socket.inet_pton(socket.AF_INET if record == 1 else socket.AF_INET6, address)
        owner = b"\4good\4test\0" if alias else b"\xc0\x0c"
        records += owner + struct.pack(">HHIH", record, 1, ttl, len(data)) + data
    count = len(found or [])
    if alias and count:
        records = b"\xc0\x0c" + struct.pack(">HHIH", 5, 1, 30, 11) + b"\4good\4test\0" + records
        count += 1
    flags = 0x8580 | (3 if found is None else 0)
    message = struct.pack(">6H", identity, flags, 1, count, 0, 0) + question + records
    if len(message) > most:
        message = struct.pack(">6H", identity, flags | 0x0200, 1, 0, 0, 0) + question
    return message


def names():
    datagrams = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    datagrams.bind((FOUR, 53))
    stream = socket.create_server((FOUR, 53))

    def serve_datagrams():
        while True:
            query, whence = datagrams.recvfrom(4096)
            try:
                datagrams.sendto(answer(query, 512), whence)
            except (IndexError, struct.error):
                pass

    def one(caller):
        with caller:
            while size := caller.recv(2, socket.MSG_WAITALL):
                message = answer(caller.recv(struct.unpack(">H", size)[0], socket.MSG_WAITALL), 65535)
                caller.sendall(struct.pack(">H", len(message)) + message)

    def serve_stream():
        while True:
            threading.Thread(target=one, args=(stream.accept()[0],), daemon=True).start()

    threading.Thread(target=serve_datagrams, daemon=True).start()
    threading.Thread(target=serve_stream, daemon=True).start()


def dual(port):
    return socket.create_server(("::", port), family=socket.AF_INET6, backlog=128, dualstack_ipv6=True)


def echo():
    listener = dual(7000)

    def one(caller):
        with caller:
            while data := caller.recv(65536):
                caller.sendall(data)

    def serve():
        while True:
            threading.Thread(target=one, args=(listener.accept()[0],), daemon=True).start()

    threading.Thread(target=serve, daemon=True).start()


def datagrams():
    """Echoes on 9000 and 9001, by both families; the second notes what comes."""
    def serve(s, port):
        while True:
            data, whence = s.recvfrom(70000)
            if port == 9001:
                with open(FOLDER + "/heard", "ab") as heard:
                    heard.write(data + b"\n")
            s.sendto(repr(whence[:2]).encode() if data == b"who" else data, whence)

    for address, family in ((FOUR, socket.AF_INET), (SIX, socket.AF_INET6)):
        for port in (9000, 9001):
            s = socket.socket(family, socket.SOCK_DGRAM)
            s.bind((address, port))
            threading.Thread(target=serve, args=(s, port), daemon=True).start()


def encrypted():
    """TLS on 8443; the names that are asked for are noted."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(FOLDER + "/server.crt", FOLDER + "/server.key")

    def note(_, name, __):
        with lock, open(FOLDER + "/asked", "a") as asked:
            asked.write("%s\n" % name)

    context.sni_callback = note
    listener = dual(8443)

    def one(caller):
        try:
            with context.wrap_socket(caller, server_side=True) as s:
                first = s.recv(65536)
                s.sendall(repr(s.getpeername()).encode() if first == b"who" else b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: close\r\n\r\nhello")
        except OSError:
            pass

    def serve():
        while True:
            threading.Thread(target=one, args=(listener.accept()[0],), daemon=True).start()

    threading.Thread(target=serve, daemon=True).start()


def package():
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz") as archive:
        for name, text in (("package.json", json.dumps({"name": "small-thing", "version": "1.0.0", "main": "index.js"})), ("index.js", "module.exports = 'hello'\n")):
            info = tarfile.TarInfo("package/" + name)
            info.size = len(text)
            archive.addfile(info, io.BytesIO(text.encode()))
    return out.getvalue()


PACKAGE = package()


class Web(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def give(self, body, kind="text/plain", status=200):
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self):
        if self.path.startswith("/git/"):
            return self.git()
        if self.path.startswith("/npm/") and self.path.endswith(".tgz"):
            return self.give(PACKAGE, "application/octet-stream")
        if self.path.startswith("/npm/"):
            url = "https://%s/npm/small-thing-1.0.0.tgz" % self.headers["Host"]
            version = {"name": "small-thing", "version": "1.0.0", "dist": {"tarball": url}}
            return self.give(json.dumps({"name": "small-thing", "dist-tags": {"latest": "1.0.0"}, "versions": {"1.0.0": version}}).encode(), "application/json")
        self.give(b"hello\n")

    def do_POST(self):
        self.git() if self.path.startswith("/git/") else self.give(b"no\n", status=404)

    def body(self):
        if self.headers.get("Transfer-Encoding", "") != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length", 0)))
        out = b""
        while size := int(self.rfile.readline().split(b";")[0], 16):
            out += self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
        return out

    def git(self):
        path, _, query = self.path[4:].partition("?")
        environment = {"PATH": os.environ["PATH"], "GIT_PROJECT_ROOT": FOLDER + "/repositories", "GIT_HTTP_EXPORT_ALL": "1", "REQUEST_METHOD": self.command, "PATH_INFO": path,
                       "QUERY_STRING": query, "CONTENT_TYPE": self.headers.get("Content-Type", ""), "HTTP_CONTENT_ENCODING": self.headers.get("Content-Encoding", ""),
                       "GIT_PROTOCOL": self.headers.get("Git-Protocol", ""), "HOME": FOLDER, "REMOTE_USER": "keeper", "REMOTE_ADDR": "198.51.100.1"}
        done = subprocess.run(["git", "http-backend"], input=self.body(), env=environment, capture_output=True)
        head, _, body = done.stdout.partition(b"\r\n\r\n")
        fields = dict(line.split(": ", 1) for line in head.decode().split("\r\n") if line)
        self.send_response(int(fields.pop("Status", "200").split()[0]))
        for name, value in fields.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


class WebServer(socketserver.ThreadingMixIn, http.server.HTTPServer):
    daemon_threads = True
    context = None

    def finish_request(self, request, address):
        try:
            super().finish_request(self.context.wrap_socket(request, server_side=True), address)
        except OSError:
            pass


def web():
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(FOLDER + "/server.crt", FOLDER + "/server.key")
    server = WebServer(("", 443), Web, bind_and_activate=False)
    server.socket.close()
    server.socket = dual(443)
    server.context = context
    threading.Thread(target=server.serve_forever, daemon=True).start()


def start(argv, port, **options):
    process = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=open(FOLDER + "/log", "ab"), stderr=subprocess.STDOUT, **options)
    for _ in range(600):
        try:
            socket.create_connection((FOUR, port), 1).close()
            return
        except OSError:
            if process.poll() is not None:
                break
            time.sleep(0.02)
    sys.exit("%s does not listen: %s" % (argv[0], open(FOLDER + "/log").read()))


def http2():
    code = """const files = require('fs'), folder = process.argv[1];
      require('http2').createSecureServer({key: files.readFileSync(folder + '/server.key'), cert: files.readFileSync(folder + '/server.crt'), allowHTTP1: true},
        (request, answer) => answer.end('hello ' + request.httpVersion + '\\n')).listen(8443, '::')"""
    start(["node", "-e", code, FOLDER], 8443)


def repository():
    where = FOLDER + "/repositories/thing.git"
    run = lambda *argv, **options: subprocess.run(argv, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, **options)
    run("git", "init", "-q", "--bare", "-b", "main", where)
    run("git", "-C", where, "config", "http.receivepack", "true")
    run("git", "clone", "-q", where, FOLDER + "/work")
    with open(FOLDER + "/work/README", "w") as readme:
        readme.write("hello\n")
    run("git", "-C", FOLDER + "/work", "add", ".")
    run("git", "-C", FOLDER + "/work", "-c", "user.name=k", "-c", "user.email=k@localhost", "commit", "-qm", "first")
    run("git", "-C", FOLDER + "/work", "push", "-q", "origin", "HEAD:main")


def shell():
    with open(FOLDER + "/sshd_config", "w") as config:
        config.write("Port 22\nListenAddress %s\nListenAddress %s\nHostKey %s/host_key\nAuthorizedKeysFile %s/client_key.pub\nUsePAM no\nStrictModes no\nPidFile none\n" % (FOUR, SIX, FOLDER, FOLDER))
    start([shutil.which("sshd", path="/usr/sbin:/usr/local/sbin"), "-D", "-e", "-f", FOLDER + "/sshd_config"], 22)


def database():
    programs = sorted(glob.glob("/usr/lib/postgresql/*/bin"))[-1]
    data = FOLDER + "/database"
    subprocess.run([programs + "/initdb", "-D", data, "-U", "keeper", "-A", "trust", "--no-sync", "--no-locale", "-E", "UTF8"], check=True, stdout=subprocess.DEVNULL)
    with open(data + "/pg_hba.conf", "w") as access:
        access.write("host all all all trust\n")
    start([programs + "/postgres", "-D", data, "-c", "listen_addresses=*", "-k", FOLDER, "-F"], 5432)


def store():
    start(["redis-server", "--bind", FOUR, SIX, "--protected-mode", "no", "--save", "", "--dir", FOLDER], 6379)


names()
for service in sys.argv[2:]:
    globals()[service]()
print("ready", flush=True)
time.sleep(3600)
