"""The page by bytes: what it takes, and everything that it refuses, each beside the one that goes through."""
import json
import os
import pwd
import re
import socket
import subprocess
import threading
import time
import unittest

from world import Client, World, exchange, is_root, until


class Wire(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.world = World()

    @classmethod
    def tearDownClass(cls):
        cls.world.close()

    def question(self, name="victim"):
        """A session whose question waits; its id."""
        path = self.world.put(f"{self.id().rsplit('.', maxsplit=1)[-1]}/{name}")
        session = self.world.session("rm", path)
        mine = until(lambda: [q for q in self.world.pending() if q["object"] == path.decode()])
        return session, mine[0]["id"], path

    @staticmethod
    def yes(question, **more):
        return {"id": question, "consent": "yes", "scope": "once"} | more

    def waits(self, question):
        return any(q["id"] == question for q in self.world.pending(wait=False))

    def test_the_page_itself_needs_no_login_and_closes_every_door_of_a_browser(self):
        client = Client(self.world, log_in=False)
        for path in ("/", "/login", "/app.js", "/style.css", "/favicon.svg"):
            answer = client.send("GET", path)
            self.assertEqual(answer.status, 200, path)
            policy = answer.fields["content-security-policy"]
            for word in ("default-src 'none'", "script-src 'self'", "style-src 'self'", "frame-ancestors 'none'",
                         "base-uri 'none'", "form-action 'none'", "require-trusted-types-for 'script'"):
                self.assertIn(word, policy)
            self.assertNotIn("unsafe", policy)
            for name, value in (("x-frame-options", "DENY"), ("x-content-type-options", "nosniff"),
                                ("cache-control", "no-store"), ("referrer-policy", "no-referrer"),
                                ("cross-origin-opener-policy", "same-origin"),
                                ("cross-origin-resource-policy", "same-origin")):
                self.assertEqual(answer.fields[name], value, path)
        self.assertNotRegex(client.send("GET", "/").body.decode(), r"<script(?![^>]*src=)|<style| style=| on\w+=")
        for path in ("/nothing", "/../etc/passwd", "//etc/passwd", "/%2e%2e/", "/index.html/"):
            self.assertEqual(client.send("GET", path).status, 404, path)

    def test_an_address_logs_in_once(self):
        client = Client(self.world, log_in=False)
        first = client.log_in(client.token)
        self.assertEqual(first.status, 200)
        cookie = first.fields["set-cookie"]
        for word in ("HttpOnly", "SameSite=Strict", "Path=/", "Max-Age=43200"):
            self.assertIn(word, cookie)
        self.assertEqual(client.log_in(client.token).status, 401)
        self.assertEqual(client.log_in("").status, 401)
        self.assertEqual(client.log_in("x" * 43).status, 401)
        self.assertEqual(client.send("GET", f"/api/login?token={client.token}").status, 405)

    def test_guesses_are_slowed_and_keep_nobody_out(self):
        client = Client(self.world, log_in=False)
        said = [client.log_in("y" * 43).status for _ in range(40)]
        self.assertIn(429, said)
        self.assertEqual(client.log_in(client.token).status, 200)

    def test_cookie_and_key_are_both_wanted(self):
        client = self.world.client()
        self.assertEqual(client.send("GET", "/api/sessions").status, 200)
        for drop in (("Cookie",), ("X-Assent-Key",), ("Cookie", "X-Assent-Key")):
            self.assertEqual(client.send("GET", "/api/sessions", drop=drop).status, 401, drop)
            self.assertEqual(client.send("GET", "/api/live", drop=drop).status, 401, drop)
        other = self.world.client()
        self.assertEqual(client.send("GET", "/api/sessions", fields={"X-Assent-Key": other.key}).status, 401)

    def test_who_logs_out_is_out(self):
        client = self.world.client()
        self.assertEqual(client.send("POST", "/api/logout", {}).status, 200)
        self.assertEqual(client.send("GET", "/api/sessions").status, 401)

    def test_an_answer_reaches_the_session_and_the_record_says_who_and_from_where(self):
        session, question, path = self.question()
        client = self.world.client()
        time.sleep(0.3)
        answer = client.send("POST", "/api/answer", self.yes(question))
        self.assertEqual((answer.status, answer.json()), (200, {"missing": 0}))
        session.communicate(timeout=20)
        self.assertEqual(session.returncode, 0)
        self.assertFalse(os.path.exists(path))
        log = [json.loads(line) for line in self.world.assent("log", "last", "--json").stdout.splitlines()]
        act = next(one for one in log if one.get("answer") == "yes")
        self.assertEqual(act["by"], pwd.getpwuid(os.getuid()).pw_name)
        self.assertEqual(act["by_uid"], os.getuid())
        self.assertTrue(act["from"].startswith("web, assent web"), act["from"])
        self.assertGreaterEqual(act["took_ms"], 300)
        again = client.send("POST", "/api/answer", self.yes(question))
        self.assertEqual(again.status, 410)
        self.assertIn("why", again.json())

    def test_a_no_tells_the_agent_why(self):
        path = self.world.put("reasons/victim")
        session = self.world.session("sh", "-c", f"rm {path.decode()}; cat $ASSENT_DENIALS")
        question = until(lambda: [q for q in self.world.pending() if q["object"] == path.decode()])[0]["id"]
        client = self.world.client()
        body = {"id": question, "consent": "no", "scope": "command", "reason": "not <b>that</b> one"}
        self.assertEqual(client.send("POST", "/api/answer", body).status, 200)
        out, _ = session.communicate(timeout=20)
        self.assertIn(b"not <b>that</b> one", out)
        self.assertTrue(os.path.exists(path))

    def test_a_typed_answer_is_typed(self):
        for i in range(30):
            self.world.put(f"typed/{i}")
        session = self.world.session("rm", "-rf", "typed")
        question = until(lambda: [q for q in self.world.pending() if "confirm" in q])[0]
        client = self.world.client()
        for wrong in ("", "1", "yes", question["confirm"] + " "):
            self.assertEqual(client.send("POST", "/api/answer", self.yes(question["id"], confirm=wrong)).status, 422)
        body = self.yes(question["id"], confirm=question["confirm"], scope="command")
        self.assertEqual(client.send("POST", "/api/answer", body).status, 200)
        session.communicate(timeout=20)
        self.assertFalse((self.world.project / "typed").exists())

    def test_nobody_answers_by_a_request_that_is_not_our_pages(self):
        session, question, path = self.question()
        client = self.world.client()
        good = self.yes(question)

        def status(method="POST", path="/api/answer", **more):
            return client.send(method, path, good, **more).status
        port = client.port
        self.assertEqual(client.send("GET", "/api/answer").status, 405)
        self.assertEqual(client.send("GET", f"/api/answer?id={question}&consent=yes&scope=once").status, 405)
        for method in ("PUT", "DELETE", "OPTIONS", "HEAD", "PATCH", "TRACE", "CONNECT"):
            self.assertEqual(status(method), 405, method)
        for host in ("evil.example", f"evil.example:{port}", f"127.0.0.1.evil.example:{port}", f"0.0.0.0:{port}", ""):
            self.assertEqual(status(fields={"Host": host, "Origin": f"http://{host}"}), 421, host)
        self.assertEqual(status(drop=("Host",)), 421)
        for origin in ("http://evil.example", f"http://evil.example:{port}", "http://127.0.0.1:1", "null",
                       f"https://127.0.0.1:{port}", f"http://localhost:{port}"):
            self.assertEqual(status(fields={"Origin": origin}), 403, origin)
        self.assertEqual(status(drop=("Origin",)), 403)
        for site in ("cross-site", "same-site"):
            self.assertEqual(status(fields={"Sec-Fetch-Site": site}), 403, site)
        for kind in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data"):
            self.assertEqual(status(fields={"Content-Type": kind}), 415, kind)
        for drop in ("Cookie", "X-Assent-Key"):
            self.assertEqual(status(drop=(drop,)), 401, drop)
        for body in (b"", b"x", b"[]", b"{}", b"null", b'{"id":1}', b"[" * 20000, b'{"id":"' + question.encode() + b'"}',
                     json.dumps(good | {"consent": "maybe"}).encode(), json.dumps(good | {"scope": "ever"}).encode()):
            self.assertEqual(client.send("POST", "/api/answer", body).status, 400, body[:30])
        self.assertTrue(self.waits(question))
        self.assertTrue(os.path.exists(path))
        # The control: the very same, as our page sends it; here under the other names of loopback.
        here = f"localhost:{port}"
        self.assertEqual(status(fields={"Host": here, "Origin": f"http://{here}"}), 200)
        session.communicate(timeout=20)
        self.assertFalse(os.path.exists(path))

    def test_it_listens_on_loopback_alone(self):
        client = Client(self.world, log_in=False)
        listening = set()
        for name in ("/proc/net/tcp", "/proc/net/tcp6"):
            with open(name, encoding="ascii") as table:
                for line in table.read().splitlines()[1:]:
                    place, state = line.split()[1], line.split()[3]
                    if state == "0A" and int(place.split(":")[1], 16) == client.port:
                        listening.add(place.split(":")[0])
        self.assertIn("0100007F", listening)
        self.assertLessEqual(listening, {"0100007F", "00000000000000000000000001000000"})
        if len(listening) == 2:
            raw = f"GET / HTTP/1.1\r\nHost: [::1]:{client.port}\r\nConnection: close\r\n\r\n".encode()
            self.assertIn(b"200 OK", exchange(client.port, raw, host="::1"))

    def test_what_is_too_long_or_no_http_is_refused(self):
        client = self.world.client()
        self.assertEqual(client.send("POST", "/api/answer", b"x" * 40_000).status, 413)
        self.assertEqual(client.send("GET", "/", fields={"X-Long": "x" * 20_000}).status, 431)
        self.assertEqual(client.send("GET", "/" + "x" * 20_000).status, 431)
        chunked = (f"POST /api/answer HTTP/1.1\r\nHost: {client.here}\r\nTransfer-Encoding: chunked\r\n\r\n".encode()
                   + b"4000\r\n" + b"x" * 0x4000 + b"\r\n" + b"8000\r\n" + b"x" * 0x8000 + b"\r\n0\r\n\r\n")
        self.assertIn(b" 413 ", exchange(client.port, chunked).split(b"\r\n")[0])
        two = f"GET / HTTP/1.1\r\nHost: {client.here}\r\nHost: {client.here}\r\nConnection: close\r\n\r\n".encode()
        self.assertIn(b" 421 ", exchange(client.port, two).split(b"\r\n")[0])
        for garbage in (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\r\n\r\n", b"GET\r\n\r\n", b"\x00" * 100 + b"\r\n\r\n",
                        b"GET / HTTP/9.9\r\n\r\n"):
            self.assertIn(b" 400 ", exchange(client.port, garbage).split(b"\r\n")[0], garbage)
        self.assertEqual(client.send("GET", "/").status, 200, "the control")

    def test_slow_and_silent_ones_are_sent_away_and_hold_up_nobody(self):
        client = self.world.client()
        held = []
        for i in range(200):
            one = socket.create_connection(("127.0.0.1", client.port))
            one.sendall(b"POST /api/answer HTTP/1.1\r\nHost: x\r\n" if i % 2 else b"")
            held.append(one)
        began = time.monotonic()
        ended = threading.Event()

        def dribble():
            while not ended.is_set():
                for one in held:
                    try:
                        one.send(b"X")
                    except OSError:
                        pass
                ended.wait(0.5)
        thread = threading.Thread(target=dribble)
        thread.start()
        try:
            # Meanwhile everybody else is served, at the socket and at the page.
            session, question, path = self.question()
            before = time.monotonic()
            self.assertEqual(client.send("POST", "/api/answer", self.yes(question)).status, 200)
            self.assertLess(time.monotonic() - before, 3)
            session.communicate(timeout=20)
            self.assertFalse(os.path.exists(path))
            one = held[1]
            one.settimeout(20)
            while True:
                try:
                    if not one.recv(4096):
                        break
                except ConnectionResetError:
                    break
            self.assertLess(time.monotonic() - began, 15, "a byte now and then earned more time")
        finally:
            ended.set()
            thread.join()
            for one in held:
                one.close()

    def test_who_asks_too_often_waits(self):
        client = self.world.client()
        said = []
        for _ in range(130):
            said.append(client.send("GET", "/api/session?id=x").status)
        self.assertIn(429, said)
        until(lambda: client.send("GET", "/api/session?id=x").status == 404)

    def test_only_sessions_are_read(self):
        client = self.world.client()
        time.sleep(1)
        for name in ("", "..", "../../x", "%2e%2e%2f", "/etc/passwd", "last"):
            self.assertEqual(client.send("GET", f"/api/session?id={name}").status, 404, name)
            self.assertEqual(client.send("POST", "/api/undo", {"session": name, "really": True}).status, 400, name)
        self.assertEqual(client.send("GET", "/api/undo").status, 405)

    def test_a_rule_is_written_only_as_it_was_shown(self):
        client = self.world.client()
        session, question, path = self.question("sealed")
        mine = self.world.home / ".config/assent/profiles/default.toml"
        for bad in ("", "../x", "--help", "a b", "A", "x" * 65):
            self.assertEqual(client.send("POST", "/api/rule", {"id": bad}).status, 400, bad)
            self.assertEqual(client.send("POST", "/api/always", {"id": question, "seal": bad}).status, 400, bad)
        self.assertEqual(client.send("GET", "/api/rule").status, 405)
        self.assertEqual(client.send("POST", "/api/rule", {"id": "zzzz"}).status, 422)
        shown = client.send("POST", "/api/rule", {"id": question})
        self.assertEqual(shown.status, 200, shown.body)
        self.assertIn("[[file]]", shown.json()["rule"])
        time.sleep(1)
        self.assertEqual(client.send("POST", "/api/always", {"id": question, "seal": "0" * 32}).status, 422)
        self.assertFalse(mine.exists())
        self.assertTrue(os.path.exists(path))
        done = client.send("POST", "/api/always", {"id": question, "seal": shown.json()["seal"], "confirm": ""})
        self.assertEqual(done.status, 200, done.body)
        session.communicate(timeout=20)
        self.assertFalse(os.path.exists(path))
        self.assertIn(shown.json()["rule"], mine.read_text(encoding="utf-8"))
        mine.unlink()

    def test_questions_are_found_by_their_words(self):
        client = self.world.client()
        asker = self.world.asker("finding")
        self.addCleanup(asker.close)
        for i in range(300):
            asker.ask(f"/found/{i}.txt")
        until(lambda: sum(q["object"].startswith("/found/") for q in self.world.pending()) == 300)
        for words, number in (("FOUND/1", 111), ("found/7.txt%20rm", 1), ("found%20nowhere", 0), ("%ff", 0)):
            said = client.send("GET", f"/api/questions?holding={words}").json()
            self.assertEqual(said["waiting_in_all"], number, words)
            self.assertEqual(len(said["waiting"]), number)
        for bad in ("", "?holding=", "?holding=" + "x" * 201):
            self.assertEqual(client.send("GET", "/api/questions" + bad).status, 400)
        self.assertEqual(client.send("GET", "/api/questions?holding=x", drop=("X-Assent-Key",)).status, 401)

    def test_a_stream_tells_what_is_new_and_ends_with_the_login(self):
        client = self.world.client()
        with socket.create_connection(("127.0.0.1", client.port)) as s:
            s.settimeout(10)
            s.sendall((f"GET /api/live HTTP/1.1\r\nHost: {client.here}\r\nSec-Fetch-Site: same-origin\r\n"
                       f"Cookie: {client.cookie}\r\nX-Assent-Key: {client.key}\r\n\r\n").encode())
            got = b""

            def read_until(words):
                nonlocal got
                while words not in got:
                    chunk = s.recv(65536)
                    if not chunk:
                        return False
                    got += chunk
                return True
            self.assertTrue(read_until(b'"waiting_in_all":'))
            self.assertIn(b"text/event-stream", got)
            before = time.monotonic()
            _, question, _ = self.question()
            self.assertTrue(read_until(f'"id":"{question}"'.encode()))
            self.assertLess(time.monotonic() - before, 5)
            self.assertEqual(client.send("POST", "/api/logout", {}).status, 200)
            self.assertFalse(read_until(b"never said"))

    def test_the_daemon_ends_at_once_whoever_listens(self):
        world = World()
        try:
            client = world.client()
            with socket.create_connection(("127.0.0.1", client.port)) as s:
                s.sendall((f"GET /api/live HTTP/1.1\r\nHost: {client.here}\r\nCookie: {client.cookie}\r\n"
                           f"X-Assent-Key: {client.key}\r\n\r\n").encode())
                self.assertIn(b"200 OK", s.recv(4096))
                before = time.monotonic()
                self.assertEqual(world.stop_daemon(), 0)
                self.assertLess(time.monotonic() - before, 5)
            world.start_daemon()
            client.port = Client(world, log_in=False).port
            self.assertEqual(client.send("GET", "/api/sessions").status, 401, "a login dies with its daemon")
        finally:
            world.close()

    def test_without_being_asked_for_there_is_no_page(self):
        world = World(daemon_options=())
        try:
            out = world.assent("web")
            self.assertEqual(out.returncode, 1)
            self.assertIn("--web", out.stderr)
        finally:
            world.close()

    def test_a_port_that_is_taken_is_said_so(self):
        port = Client(self.world, log_in=False).port
        out = subprocess.run([os.environ["ASSENTD_BINARY"], "--socket", str(self.world.root / "other/s"), "--web", str(port)],
                             env=self.world.environment, capture_output=True, text=True, timeout=20, check=False)
        self.assertEqual(out.returncode, 1)
        self.assertRegex(out.stderr, r"cannot serve the web page at 127.0.0.1:\d+: .*\(EADDRINUSE\); ")


@unittest.skipUnless(is_root(), "several people: needs root")
class People(unittest.TestCase):
    """A daemon of several people: a login is the person whom the kernel named at the socket."""

    def setUp(self):
        try:
            self.tester = pwd.getpwnam("tester")
        except KeyError:
            self.skipTest("needs the user tester")
        group = pwd.getpwnam("tester").pw_name
        self.world = World()
        self.world.stop_daemon()
        system = self.world.root / "system"
        system.mkdir(mode=0o755)
        self.world.socket = system / "assent/assentd.sock"
        self.world.environment["ASSENT_DAEMON"] = str(self.world.socket)
        self.world.options = ["--web", "0", "--system", "--group", group]
        self.world.start_daemon()

    def tearDown(self):
        self.world.close()

    def client_of(self, user):
        world = self.world

        class As:
            @staticmethod
            def url():
                out = subprocess.run([os.environ["ASSENT_BINARY"], "web"], env=world.environment, capture_output=True,
                                     text=True, check=False, cwd="/", timeout=20, **user)
                assert out.returncode == 0, out.stderr
                return out.stdout.strip()
        return Client(As())

    def test_two_people_must_say_yes_and_each_counts_once(self):
        profile = self.world.home / "people.toml"
        profile.write_text('version = 1\nname = "people"\nextends = ["default"]\n\n[[file]]\nops = ["delete"]\n'
                           'paths = ["${PROJECT}/**"]\naction = "ask"\nquorum = 2\napprovers = ["root", "tester"]\n')
        path = self.world.put("victim")
        session = self.world.session("rm", "victim", options=("-p", str(profile)))
        question = self.world.pending()[0]["id"]
        body = {"id": question, "consent": "yes", "scope": "once"}
        tester = self.client_of({"user": "tester", "group": "tester", "extra_groups": []})
        root = self.client_of({})
        self.assertEqual(tester.send("POST", "/api/answer", body).json(), {"missing": 1})
        again = tester.send("POST", "/api/answer", body)
        self.assertEqual(again.status, 403)
        self.assertIn("already", again.json()["why"])
        # Another login of the same person is the same person.
        second = self.client_of({"user": "tester", "group": "tester", "extra_groups": []})
        self.assertEqual(second.send("POST", "/api/answer", body).status, 403)
        self.assertTrue(os.path.exists(path))
        self.assertEqual(root.send("POST", "/api/answer", body).json(), {"missing": 0})
        session.communicate(timeout=20)
        self.assertFalse(os.path.exists(path))
        log = self.world.assent("log", "last", "--json").stdout
        self.assertRegex(log, r'"votes":\[\{"by":"tester".*"from":"web, assent web')

    def test_what_a_rule_wants_of_its_approvers_holds_for_the_page_too(self):
        profile = self.world.home / "people.toml"
        profile.write_text('version = 1\nname = "people"\nextends = ["default"]\n\n[[file]]\nops = ["delete"]\n'
                           'paths = ["${PROJECT}/**"]\naction = "ask"\nnot_self = true\napprovers = ["root", "tester"]\n')
        path = self.world.put("victim")
        self.world.session("rm", "victim", options=("-p", str(profile)))
        question = self.world.pending()[0]["id"]
        body = {"id": question, "consent": "yes", "scope": "once"}
        own = self.client_of({}).send("POST", "/api/answer", body)
        self.assertEqual(own.status, 403)
        self.assertIn("somebody else", own.json()["why"])
        self.assertTrue(os.path.exists(path))
        tester = self.client_of({"user": "tester", "group": "tester", "extra_groups": []})
        self.assertEqual(tester.send("POST", "/api/answer", body).status, 200, "the control: somebody else")

    def test_it_reads_nobodys_records_and_undoes_nothing(self):
        client = self.client_of({})
        self.assertEqual(client.send("GET", "/api/sessions").status, 403)
        self.assertEqual(client.send("POST", "/api/undo", {"session": "20261121-021530-4f2a", "really": False}).status, 403)
        self.assertEqual(client.send("POST", "/api/rule", {"id": "abcd"}).status, 403)
        self.assertEqual(client.send("POST", "/api/always", {"id": "abcd", "seal": "0"}).status, 403)


if __name__ == "__main__":
    unittest.main(verbosity=2)
