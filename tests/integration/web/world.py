"""A home, a project, a daemon with its web page, sessions that ask, and ways to talk to the page: a browser, or bytes."""
import json
import os
import pathlib
import pwd
import shutil
import signal
import socket
import struct
import subprocess
import tempfile
import time
import urllib.parse

ASSENT = os.environ.get("ASSENT_BINARY", "assent")
ASSENTD = os.environ.get("ASSENTD_BINARY", "assentd")


def until(done, seconds=15, every=0.05):
    """What `done` gives once that is true."""
    end = time.monotonic() + seconds
    while True:
        out = done()
        if out:
            return out
        if time.monotonic() > end:
            raise AssertionError("waited in vain")
        time.sleep(every)


class World:
    def __init__(self, daemon_options=("--web", "0")):
        self.root = pathlib.Path(tempfile.mkdtemp(prefix="assent-web-", dir="/var/tmp"))
        os.chmod(self.root, 0o755)
        self.home = self.root / "home"
        self.project = self.home / "project"
        self.state = self.home / ".local/state"
        self.project.mkdir(parents=True)
        (self.root / "run").mkdir(mode=0o700)
        self.socket = self.root / "run/assent/assentd.sock"
        self.environment = {
            "PATH": "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin",
            "HOME": str(self.home),
            "USER": "u",
            "LC_ALL": "C.UTF-8",
            "XDG_STATE_HOME": str(self.state),
            "XDG_CONFIG_HOME": str(self.home / ".config"),
            "XDG_RUNTIME_DIR": str(self.root / "run"),
            "ASSENT_DAEMON": str(self.socket),
        }
        self.running = []
        self.daemon = None
        self.options = list(daemon_options)
        self.start_daemon()

    def start_daemon(self):
        self.daemon = subprocess.Popen(
            [ASSENTD, "--socket", str(self.socket), *self.options], env=self.environment, cwd=self.project)
        until(lambda: self.assent("pending").returncode == 0)

    def stop_daemon(self, number=signal.SIGTERM):
        self.daemon.send_signal(number)
        status = self.daemon.wait(timeout=10)
        self.daemon = None
        return status

    def close(self):
        for one in self.running:
            if one.poll() is None:
                one.kill()
            one.communicate()
        if self.daemon:
            self.stop_daemon()
        shutil.rmtree(self.root, ignore_errors=True)

    def assent(self, *words):
        return subprocess.run([ASSENT, *words], env=self.environment, cwd=self.project, capture_output=True, text=True,
                              errors="replace", timeout=60, check=False)

    def put(self, name, text="here before\n"):
        path = os.path.join(os.fsencode(self.project), name if isinstance(name, bytes) else name.encode())
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w") as file:
            file.write(text)
        return path

    def session(self, *command, options=()):
        """A session that asks the daemon. Gives the process; it is ended with the world."""
        one = subprocess.Popen([ASSENT, "run", "--ask", "daemon", *options, "--", *command], env=self.environment,
                               cwd=self.project, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                               stderr=subprocess.PIPE)
        self.running.append(one)
        return one

    def pending(self, wait=True):
        def look():
            return [json.loads(line) for line in self.assent("pending", "--json").stdout.splitlines()]
        return until(look) if wait else look()

    def url(self):
        out = self.assent("web")
        assert out.returncode == 0, out.stderr
        return out.stdout.strip()

    def client(self):
        return Client(self)

    def asker(self, name):
        return Asker(self, name)


class Asker:
    """A session that only asks: as many questions as one likes, at no cost."""

    def __init__(self, world, name):
        self.world, self.name, self.count = world, name, 0
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.connect(str(world.socket))
        self.send({"is": "hello", "version": 1, "role": "session",
                   "facts": {"session": name, "name": name, "project": str(world.project), "command": ["agent"], "pid": os.getpid(),
                             "profiles": ["default"]}})

    def send(self, message):
        payload = json.dumps(message).encode()
        self.socket.sendall(struct.pack("<I", len(payload)) + payload)

    def ask(self, path):
        self.count += 1
        self.send({"is": "ask", "left_ms": 300000, "question": {
            "id": self.count, "session": self.name, "operation": "delete", "object": path, "recovery": "vault",
            "asked_ms": int(time.time() * 1000), "confirm": "", "votes": [], "rule": {"file": "default.toml", "line": 31},
            "reason": "it was here before", "quorum": 1, "approvers": [], "not_self": False, "timeout_s": 300,
            "process": {"id": self.count, "parent": 1, "pid": 1000 + self.count, "inner_pid": 2, "exe": "/usr/bin/rm", "argv": ["rm", path],
                        "cwd": str(self.world.project), "ancestry": ["agent"]}}})

    def close(self):
        self.socket.close()


class Answer:
    def __init__(self, raw):
        head, _, self.body = raw.partition(b"\r\n\r\n")
        lines = head.decode("latin-1").split("\r\n")
        self.status = int(lines[0].split()[1]) if lines[0] else 0
        self.fields = {}
        for line in lines[1:]:
            name, _, value = line.partition(":")
            self.fields[name.lower()] = value.strip()

    def json(self):
        return json.loads(self.body)


def exchange(port, raw, host="127.0.0.1", seconds=10):
    """Sends bytes, gives all that comes back until the other side closes."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as s:
        s.settimeout(seconds)
        s.connect((host, port))
        out = b""
        try:
            s.sendall(raw)
            while chunk := s.recv(65536):
                out += chunk
        except (ConnectionResetError, BrokenPipeError, TimeoutError):
            pass
    return out


class Client:
    """Talks to the page by bytes. Logged in from the start; every part of what makes a request good can be left out."""

    def __init__(self, world, log_in=True):
        url = world.url()
        parts = urllib.parse.urlsplit(url)
        self.port = parts.port
        self.token = parts.fragment
        self.cookie = self.key = ""
        if log_in:
            answer = self.log_in(self.token)
            assert answer.status == 200, answer.body
            self.cookie = answer.fields["set-cookie"].split(";")[0]
            self.key = answer.json()["key"]

    @property
    def here(self):
        return f"127.0.0.1:{self.port}"

    def log_in(self, token, **more):
        return self.send("POST", "/api/login", {"token": token}, **more)

    def send(self, method, path, body=None, fields=None, drop=()):
        all_fields = {"Host": self.here, "Connection": "close", "Sec-Fetch-Site": "same-origin"}
        if self.cookie:
            all_fields["Cookie"] = self.cookie
            all_fields["X-Assent-Key"] = self.key
        data = b""
        if body is not None:
            data = body if isinstance(body, bytes) else json.dumps(body).encode()
            all_fields |= {"Origin": f"http://{self.here}", "Content-Type": "application/json",
                           "Content-Length": str(len(data))}
        all_fields |= fields or {}
        for name in drop:
            all_fields.pop(name, None)
        head = f"{method} {path} HTTP/1.1\r\n" + "".join(f"{n}: {v}\r\n" for n, v in all_fields.items()) + "\r\n"
        return Answer(exchange(self.port, head.encode("latin-1") + data))


def browser(width=1280, height=900, dark=False):
    """A headless Chromium, its profile in a folder that goes with it."""
    from selenium import webdriver
    from selenium.webdriver.chrome.options import Options
    from selenium.webdriver.chrome.service import Service
    home = tempfile.mkdtemp(prefix="assent-chromium-", dir="/var/tmp")
    options = Options()
    options.binary_location = "/usr/bin/chromium"
    for word in ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run",
                 "--disable-background-networking", "--disable-component-update", "--disable-sync",
                 "--hide-scrollbars", f"--user-data-dir={home}", f"--window-size={width},{height}"):
        options.add_argument(word)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    environment = dict(os.environ, HOME=home, XDG_CONFIG_HOME=home, XDG_CACHE_HOME=home)
    driver = webdriver.Chrome(options=options,
                              service=Service("/usr/bin/chromedriver", env=environment))
    driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride",
                           {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False})
    driver.execute_cdp_cmd("Emulation.setEmulatedMedia",
                           {"features": [{"name": "prefers-color-scheme", "value": "dark" if dark else "light"}]})
    driver.set_script_timeout(10)
    quit_driver = driver.quit

    def leave():
        quit_driver()
        shutil.rmtree(home, ignore_errors=True)
    driver.quit = leave
    return driver


def is_root():
    return os.geteuid() == 0


def user_name():
    return pwd.getpwuid(os.geteuid()).pw_name
