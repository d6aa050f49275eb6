"""The page in a real browser: what a person sees, presses, types and hears; and what another page cannot do."""
import http.server
import os
import pathlib
import shutil
import sys
import threading
import time
import unittest
import urllib.parse

from world import World, browser, until

# Where there is no browser, nothing is claimed.
if not (os.path.exists("/usr/bin/chromium") and os.path.exists("/usr/bin/chromedriver")):
    print("needs chromium and chromedriver", file=sys.stderr)
    sys.exit(77)

SHOTS = os.environ.get("ASSENT_SHOTS")  # a folder for pictures of the page

HOSTILE = [
    b"<img src=x onerror=document.title='owned'>",
    b"</script><script>document.title='owned'<script>",
    b"\"><svg onload=document.title='owned'>",
    "\u202egpj.exe \u2066\u200b".encode(),
    b"two\nlines\r\tand \x1b[31ma colour\x07",
    b"\xff\xfe not utf-8 \xc0\xaf",
    b"{{constructor.constructor('document.title=1')()}}",
    b"w" * 250,
]

# Of every text on the page: its contrast with what lies behind it, where that is too little.
CONTRAST = """
const rgb = (text) => text.match(/[\\d.]+/g).map(Number);
const light = ([r, g, b]) => {
  const part = (v) => (v /= 255) <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4;
  return 0.2126 * part(r) + 0.7152 * part(g) + 0.0722 * part(b);
};
const behind = (element) => {
  for (let at = element; at; at = at.parentElement) {
    const colour = rgb(getComputedStyle(at).backgroundColor);
    if (colour.length === 3 || colour[3] === 1) return colour;
  }
  return [255, 255, 255];
};
const out = [];
const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
while (walk.nextNode()) {
  const element = walk.currentNode.parentElement;
  if (!walk.currentNode.data.trim() || !element.checkVisibility() || element.closest('.unseen, noscript, .skip, :disabled')) continue;
  const style = getComputedStyle(element);
  const [a, b] = [light(rgb(style.color)), light(behind(element))].sort((x, y) => y - x);
  const contrast = (a + 0.05) / (b + 0.05);
  if (contrast < 4.5) out.push(`${contrast.toFixed(2)} ${element.tagName}.${element.className} ${walk.currentNode.data.slice(0, 40)}`);
}
return out;
"""

# What a screen reader would find without a name, and other plain mistakes.
NAMES = """
const out = [];
const named = (e) => e.getAttribute('aria-label') || e.getAttribute('title') || e.labels?.length ||
  (e.getAttribute('aria-labelledby') && document.getElementById(e.getAttribute('aria-labelledby'))?.textContent.trim()) ||
  (e.tagName !== 'INPUT' && e.textContent.trim());
for (const e of document.querySelectorAll('button, a[href], input, dialog, article, nav, [role=group]'))
  if (!named(e)) out.push('no name: ' + e.outerHTML.slice(0, 120));
const ids = [...document.querySelectorAll('[id]')].map((e) => e.id);
for (const id of ids) if (ids.filter((one) => one === id).length > 1) out.push('twice: ' + id);
for (const e of document.querySelectorAll('img')) if (e.getAttribute('alt') === null) out.push('no alt');
for (const e of document.querySelectorAll('[tabindex]')) if (e.tabIndex > 0) out.push('order: ' + e.tagName);
if (document.documentElement.lang !== 'en') out.push('no language');
for (const what of ['main', 'header', 'nav', 'h1', '[aria-live=polite]', '[role=alert]'])
  if (document.querySelectorAll(what).length < 1) out.push('none: ' + what);
if (document.querySelectorAll('h1').length !== 1) out.push('headings');
return out;
"""


class Page:
    """A world, a browser that is logged in, and what a person does with it."""

    @classmethod
    def setUpClass(cls):
        cls.world = World()
        cls.driver = browser()
        cls.driver.get(cls.world.url())
        until(lambda: cls.driver.title.endswith("assent") and "login" not in cls.driver.current_url)
        cls.home = cls.driver.current_url.split("#")[0]

    @classmethod
    def tearDownClass(cls):
        cls.driver.quit()
        cls.world.close()

    def setUp(self):
        # A page of its own for each: nothing lingers that could move while it is looked at.
        until(lambda: not self.world.pending(wait=False))
        self.driver.get(self.home)
        until(lambda: self.find("#link.live"))

    def tearDown(self):
        for one in self.world.running:
            if one.poll() is None:
                one.kill()
            one.communicate()
        self.world.running.clear()

    def go(self, page):
        self.driver.execute_script("location.hash = arguments[0]", f"#/{page}")

    def find(self, selector):
        return self.driver.execute_script("return document.querySelector(arguments[0])", selector)

    def text(self, selector):
        return self.driver.execute_script(
            "return [...document.querySelectorAll(arguments[0])].map((e) => e.innerText).join('\\n')", selector)

    def card(self, words):
        """The card of the question whose facts hold these words, once it takes answers."""
        found = until(lambda: self.driver.execute_script(
            "return [...document.querySelectorAll('.card:not(.gone)')].find((c) => c.innerText.includes(arguments[0]))",
            words))
        time.sleep(0.8)
        return found

    def press(self, card, key):
        """As a person who reads "press again" where something has just moved."""
        for _ in range(20):
            self.driver.execute_script("arguments[0].querySelector('.note').textContent = ''; arguments[0].querySelector(`[data-key=${arguments[1]}]`).click()", card, key)
            if "only just" not in self.driver.execute_script("return arguments[0].querySelector('.note').textContent", card):
                return
            time.sleep(0.3)

    def keys(self, text):
        from selenium.webdriver.common.action_chains import ActionChains
        ActionChains(self.driver).send_keys(text).perform()

    def ask(self, name, text="here before\n"):
        path = self.world.put(name, text)
        return self.world.session("rm", "--", path), path

    def size(self, width):
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride",
                                    {"width": width, "height": 800, "deviceScaleFactor": 1, "mobile": width < 500})
        time.sleep(0.2)

    def scheme(self, name):
        self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [
            {"name": "prefers-color-scheme", "value": name}, {"name": "prefers-reduced-motion", "value": "reduce"}]})
        time.sleep(0.2)

    def wider(self):
        return self.driver.execute_script("""
            const wide = document.documentElement.clientWidth;
            return [...document.querySelectorAll('body *')].filter((e) => e.checkVisibility() && !e.closest('.unseen, .skip'))
              .filter((e) => e.getBoundingClientRect().right > wide + 0.5 || e.scrollWidth > e.clientWidth + 1 && getComputedStyle(e).display !== 'inline')
              .map((e) => e.tagName + '.' + e.className + ' ' + e.getBoundingClientRect().right)
              .concat(document.documentElement.scrollWidth > wide ? ['page ' + document.documentElement.scrollWidth] : []);""")

    def shots(self, name):
        if not SHOTS:
            return
        for width in (1280, 360):
            self.size(width)
            for scheme in ("light", "dark"):
                self.scheme(scheme)
                self.driver.save_screenshot(f"{SHOTS}/{name}-{width}-{scheme}.png")
        self.scheme("light")
        self.size(1280)


class Answers(Page, unittest.TestCase):
    def test_a_question_appears_by_itself_and_one_press_answers_it(self):
        session, path = self.ask("one-press")
        before = time.monotonic()
        card = self.card("one-press")
        self.assertLess(time.monotonic() - before, 10)
        words = card.text
        for part in ("rm -- ", "delete", "undo", "rule", "default.toml", "left", str(self.world.project)):
            self.assertIn(part, words)
        self.assertIn("(1)", self.driver.title)
        self.assertIn("one-press", self.text("#announce") or self.driver.execute_script(
            "return document.getElementById('announce').textContent"))
        time.sleep(0.6)
        card.find_element("css selector", "[data-key=o]").click()
        session.communicate(timeout=20)
        self.assertFalse(os.path.exists(path))
        until(lambda: "Allowed once" in self.text(".card.gone .note"))
        self.assertNotIn("(1)", self.driver.title)

    def test_no_with_a_reason_is_told_to_the_agent(self):
        path = self.world.put("with-reason")
        session = self.world.session("sh", "-c", f"rm {path.decode()}; cat $ASSENT_DENIALS")
        card = self.card("with-reason")
        self.press(card, "r")
        self.keys("it is <b>mine</b>\n")
        out, _ = session.communicate(timeout=20)
        self.assertIn(b"it is <b>mine</b>", out)
        self.assertTrue(os.path.exists(path))

    def test_a_typed_answer_wants_the_very_words(self):
        for i in range(30):
            self.world.put(f"typed/{i}")
        session = self.world.session("rm", "-rf", "typed")
        card = self.card("typed")
        self.assertIn("blast radius\n30 files", card.text)
        self.press(card, "c")
        self.assertTrue((self.world.project / "typed/7").exists(), "one press is not enough")
        self.keys("29\n")
        until(lambda: "must be confirmed" in card.text)
        self.assertTrue((self.world.project / "typed/7").exists())
        self.driver.execute_script("arguments[0].querySelector('input').value = ''", card)
        words = self.driver.execute_script("return arguments[0].querySelector('label code').textContent", card)
        self.keys(words + "\n")
        session.communicate(timeout=20)
        self.assertFalse((self.world.project / "typed").exists())

    def rule_of_mine(self):
        path = self.world.home / ".config/assent/profiles/default.toml"
        return path.read_text(encoding="utf-8") if path.exists() else ""

    def test_always_shows_the_rule_before_it_is_written(self):
        session, path = self.ask("always/it's \"mine\" <b>")
        self.addCleanup(shutil.rmtree, self.world.home / ".config", True)
        card = self.card("always")
        self.press(card, "a")
        until(lambda: self.find(".card .rule"))
        shown = self.text(".card .rule")
        self.assertIn("[[file]]", shown)
        self.assertIn("profiles/default.toml:", self.text(".card .form"))
        self.assertEqual(self.driver.switch_to.active_element.tag_name, "pre")
        self.assertEqual(self.driver.execute_script(NAMES), [])
        for width in (1280, 390):
            self.size(width)
            self.assertEqual(self.wider(), [], f"{width} pixels")
        self.shots("always")
        self.assertEqual(self.rule_of_mine(), "", "nothing is written yet")
        self.assertTrue(os.path.exists(path))
        time.sleep(0.8)
        self.driver.execute_script("document.querySelector('.card .form button.yes').click()")
        session.communicate(timeout=20)
        self.assertFalse(os.path.exists(path))
        until(lambda: "from now on by" in self.text(".card.gone .note"))
        self.assertIn(shown.strip(), self.rule_of_mine(), "the very rule that was shown")
        self.assertIn("from the web page, assent web", self.world.assent("log", "--json").stdout)
        # The next session is not asked.
        self.world.put("always/it's \"mine\" <b>")
        again = self.world.session("rm", "--", path)
        again.communicate(timeout=20)
        self.assertFalse(os.path.exists(path))

    def test_always_is_refused_where_the_rule_is_another_by_then(self):
        session, path = self.ask("changed")
        self.addCleanup(shutil.rmtree, self.world.home / ".config", True)
        card = self.card("changed")
        self.press(card, "a")
        until(lambda: self.find(".card .rule"))
        mine = self.world.home / ".config/assent/profiles/default.toml"
        mine.parent.mkdir(parents=True)
        mine.write_text('version = 1\nname = "default"\nextends = ["default"]\n', encoding="utf-8")
        time.sleep(0.8)
        self.driver.execute_script("document.querySelector('.card .form button.yes').click()")
        until(lambda: "look at it again" in self.text(".card .note"))
        self.assertTrue(os.path.exists(path))
        self.assertNotIn("[[file]]", self.rule_of_mine())
        self.keys("\ue00c")  # Escape
        until(lambda: not self.find(".card .rule"))
        self.press(self.card("changed"), "n")
        session.communicate(timeout=20)

    def test_of_very_many_questions_each_session_shows_some_and_all_can_be_found(self):
        loud, quiet = self.world.asker("loud"), self.world.asker("quiet")
        self.addCleanup(quiet.close)
        self.addCleanup(loud.close)
        for i in range(1000):
            loud.ask(f"/there/{i}.txt")
        quiet.ask("/elsewhere/important.txt")
        until(lambda: "1,001" in self.text("#count"))
        until(lambda: len(self.driver.find_elements("css selector", ".card")) == 200)
        self.assertIn("important.txt", self.text(".card"), "behind a thousand others")
        self.assertIn("200 of 1,001 are shown", self.text(".finder"))
        self.assertIn("801 more wait", self.text("main > p"))
        self.shots("many")
        self.keys("/")
        self.keys("THERE/997 rm")
        until(lambda: len(self.driver.find_elements("css selector", ".card")) == 1)
        self.assertIn("/there/997.txt", self.text(".card"))
        self.assertIn("1 of 1,001", self.text(".finder"))
        time.sleep(1)
        self.press(self.card("997.txt"), "n")
        until(lambda: "1,000" in self.text("#count"))
        self.driver.execute_script("document.getElementById('find').focus()")
        self.keys("nothing")
        until(lambda: "No question holds" in self.text(".empty") or self.find(".card.gone"))
        self.keys("\ue00c")
        until(lambda: len(self.driver.find_elements("css selector", ".card:not(.gone)")) == 200)
        self.assertEqual(self.text(".card.over"), "", "what was not looked for waits on")
        loud.close()
        until(lambda: self.text("#count") == "1")
        self.press(self.card("important.txt"), "n")

    def test_stopping_ends_the_agent(self):
        path = self.world.put("stopping")
        session = self.world.session("sh", "-c", f"rm {path.decode()}; sleep 60")
        self.press(self.card("stopping"), "t")
        session.communicate(timeout=20)
        self.assertTrue(os.path.exists(path))

    def test_what_has_only_just_appeared_takes_no_answer(self):
        session, path = self.ask("too-early")
        until(lambda: self.driver.execute_script("""
            const card = [...document.querySelectorAll('.card:not(.gone)')].find((c) => c.innerText.includes('too-early'));
            if (!card) return false;
            for (let i = 0; i < 20; ++i) card.querySelector('[data-key=o]').click();
            return true;"""), every=0.005)
        time.sleep(0.3)
        self.assertTrue(os.path.exists(path))
        card = self.card("too-early")
        self.assertIn("only just", card.text)
        self.press(card, "o")
        session.communicate(timeout=20)
        self.assertFalse(os.path.exists(path), "the control: the same press, a moment later")

    def test_it_works_from_the_keyboard_alone(self):
        session, path = self.ask("keyboard")
        card = self.card("keyboard")
        self.driver.execute_script("document.activeElement.blur()")
        self.keys("o")
        time.sleep(0.3)
        self.assertTrue(os.path.exists(path), "no question is chosen")
        for _ in range(20):
            self.keys("j")
            if self.driver.switch_to.active_element == card:
                break
        self.assertEqual(self.driver.switch_to.active_element, card)
        self.keys("?")
        until(lambda: self.find("dialog[open]"))
        self.keys("o")
        self.assertTrue(os.path.exists(path), "a key for the help is none for the question")
        from selenium.webdriver.common.keys import Keys
        self.keys(Keys.ESCAPE)
        until(lambda: not self.find("dialog[open]"))
        order = []
        for _ in range(6):
            self.keys(Keys.TAB)
            order.append(self.driver.execute_script(
                "return document.activeElement.dataset.key ?? document.activeElement.tagName"))
        self.assertEqual(order, ["A", "o", "c", "s", "a", "n"])
        self.assertNotEqual(self.driver.execute_script("return getComputedStyle(document.activeElement).outlineStyle"), "none")
        time.sleep(0.6)
        self.keys("o")
        session.communicate(timeout=20)
        self.assertFalse(os.path.exists(path))

    def test_an_answer_from_elsewhere_is_shown_and_nothing_jumps(self):
        first, _ = self.ask("elsewhere-1")
        self.card("elsewhere-1")
        second, path = self.ask("elsewhere-2")
        card = self.card("elsewhere-2")
        place = card.location
        question = next(q for q in self.world.pending() if q["object"].endswith("elsewhere-1"))
        self.assertEqual(self.world.assent("approve", question["id"]).returncode, 0)
        until(lambda: "answered elsewhere" in self.text(".card.gone .note"))
        self.assertEqual(card.location["x"], place["x"])
        self.press(card, "n")
        second.communicate(timeout=20)
        first.communicate(timeout=20)
        self.assertTrue(os.path.exists(path))

    def test_a_page_of_another_origin_can_neither_look_nor_answer(self):
        session, path = self.ask("other-origin")
        self.card("other-origin")
        question = next(q for q in self.world.pending() if q["object"].endswith("other-origin"))["id"]
        port = urllib.parse.urlsplit(self.driver.current_url).port
        key = self.driver.execute_script("return localStorage.getItem('assent.key')")
        seen = []

        class Other(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                seen.append(self.headers.get("Cookie") or "")
                self.send_response(200)
                self.send_header("Content-Type", "text/html")
                self.end_headers()
                self.wfile.write(b"<!doctype html><title>other</title><body>other")

            def log_message(self, *_):
                pass
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Other)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        self.addCleanup(server.server_close)
        self.addCleanup(server.shutdown)
        self.driver.get(f"http://127.0.0.1:{server.server_port}/")
        attack = """
            const [port, question, key, done] = arguments;
            (async () => {
              const out = [];
              const body = JSON.stringify({id: question, consent: 'yes', scope: 'session', reason: '', confirm: ''});
              const json = {'Content-Type': 'application/json', 'X-Assent-Key': key};
              for (const host of ['127.0.0.1', 'localhost', '[::1]']) {
                const at = `http://${host}:${port}/api/answer`;
                for (const how of [
                  {method: 'POST', body, credentials: 'include', headers: json},
                  {method: 'POST', body, credentials: 'include', mode: 'no-cors'},
                  {method: 'POST', body: new Blob([body], {type: 'text/plain'}), credentials: 'include', mode: 'no-cors'},
                  {method: 'GET', credentials: 'include', mode: 'no-cors'},
                ]) {
                  try { const r = await fetch(at, how); out.push(`${r.type} ${r.status}`); } catch { out.push('failed'); }
                }
                try { out.push(navigator.sendBeacon(at, new Blob([body], {type: 'application/json'})) ? 'sent' : 'failed'); } catch { out.push('failed'); }
              }
              try { const r = await fetch(`http://127.0.0.1:${port}/api/live`, {credentials: 'include', headers: {'X-Assent-Key': key}}); out.push('read ' + r.status); } catch { out.push('failed'); }
              const form = document.createElement('form');
              form.method = 'POST'; form.enctype = 'text/plain'; form.target = 'there'; form.action = `http://127.0.0.1:${port}/api/answer`;
              const input = document.createElement('input');
              input.name = body.slice(0, -1) + ',"x":"'; input.value = '"}';
              form.append(input);
              const frame = document.createElement('iframe');
              frame.name = 'there';
              document.body.append(form, frame);
              form.submit();
              const page = document.createElement('iframe');
              page.src = `http://127.0.0.1:${port}/`;
              document.body.append(page);
              await new Promise((then) => setTimeout(then, 1500));
              let framed = 'kept out';
              try { if (page.contentDocument && page.contentDocument.querySelector('main')) framed = 'framed'; } catch { }
              out.push(framed);
              done(out);
            })();"""
        said = self.driver.execute_async_script(attack, port, question, key)
        self.assertEqual(set(said) - {"failed", "opaque 0", "sent"}, {"kept out"}, said)
        self.assertNotIn("read 200", said)
        # A browser shows its cookies to every port: that is why a cookie alone opens nothing (wire_test).
        self.assertTrue(os.path.exists(path))
        self.assertTrue(any(q["id"] == question for q in self.world.pending(wait=False)))
        self.driver.get_log("browser")
        # The control: the same answer, from our own page.
        self.driver.get(f"http://127.0.0.1:{port}/")
        done = self.driver.execute_async_script("""
            const [question, done] = arguments;
            fetch('/api/answer', {method: 'POST', headers: {'Content-Type': 'application/json', 'X-Assent-Key': localStorage.getItem('assent.key')},
              body: JSON.stringify({id: question, consent: 'yes', scope: 'once', reason: '', confirm: ''})}).then((r) => done(r.status));""",
            question)
        self.assertEqual(done, 200)
        session.communicate(timeout=20)
        self.assertFalse(os.path.exists(path))


class Reading(Page, unittest.TestCase):
    def test_hostile_names_are_words_and_nothing_else(self):
        self.driver.get_log("browser")
        paths = [self.world.put(b"hostile/" + name) for name in HOSTILE]
        sessions = [self.world.session("rm", "--", path) for path in paths]
        until(lambda: len(self.driver.find_elements("css selector", ".card:not(.gone)")) == len(paths))
        shown = self.text(".card")
        for words in ("<img src=x onerror=document.title='owned'>", "</script><script>", "\\u{202e}gpj.exe", "\\nlines\\r\\t",
                      "\\x1b[31m", "\\xff\\xfe", "w" * 250):
            self.assertIn(words, shown)
        for raw in ("\u202e", "\u2066", "\u200b", "\x1b"):
            self.assertNotIn(raw, self.driver.page_source)

        def harmless():
            self.assertNotIn("owned", self.driver.title)
            self.assertEqual(self.driver.execute_script(
                "return document.querySelectorAll('main img, main svg, main script, main iframe, main style').length"), 0)
            self.assertEqual([one for one in self.driver.get_log("browser") if "favicon" not in one["message"]], [])
        harmless()
        for width in (1280, 360):
            self.size(width)
            self.assertEqual(self.wider(), [], f"{width} pixels")
        self.shots("hostile")
        self.size(1280)
        for question in self.world.pending():
            self.world.assent("deny", question["id"])
        for session in sessions:
            session.communicate(timeout=20)
        self.go("sessions")
        until(lambda: "onerror" in self.text(".sessions"))
        harmless()
        link = self.driver.execute_script(
            "return [...document.querySelectorAll('a.title')].find((a) => a.innerText.includes('onerror')).getAttribute('href')")
        self.driver.execute_script("location.hash = arguments[0]", link)
        until(lambda: "onerror" in self.text(".records"))
        until(lambda: "answer" in self.text(".records .kind"))
        harmless()

    def test_markup_is_refused_by_the_browser_too(self):
        caught = self.driver.execute_script("""
            const out = [];
            try { document.createElement('div').innerHTML = '<b>x</b>'; out.push('markup'); } catch { out.push('none'); }
            const script = document.createElement('script');
            try { script.textContent = 'document.title = "owned"'; document.body.append(script); } catch { out.push('no script'); }
            const style = document.createElement('div');
            style.setAttribute('style', 'position: fixed');
            out.push(getComputedStyle(style).position || style.style.position || 'no style');
            return out;""")
        self.assertEqual(caught[0], "none")
        self.assertNotEqual(self.driver.title, "owned")
        self.driver.get_log("browser")

    def test_the_timeline_follows_a_session_and_undo_takes_it_back(self):
        path = self.world.put("undone", "precious\n")
        mode = os.stat(path).st_mode & 0o777
        session = self.world.session("sh", "-c", f"rm {path.decode()}; while [ ! -e go ]; do sleep 0.1; done")
        card = self.card("undone")
        link = self.driver.execute_script("return arguments[0].querySelector('dd a').getAttribute('href')", card)
        self.driver.execute_script("location.hash = arguments[0]", link)
        until(lambda: "asked" in self.text(".records .kind"))
        question = next(q for q in self.world.pending() if q["object"].endswith("undone"))
        self.world.assent("approve", question["id"])
        until(lambda: "answer" in self.text(".records .kind"))
        self.world.put("go")
        session.communicate(timeout=20)
        self.assertFalse(os.path.exists(path))
        until(lambda: "end" in self.text(".records .kind"))
        self.assertIn("1 asked", self.text(".panel"))
        if "vault" not in self.world.assent("--help").stdout:
            self.skipTest("this assent keeps nothing")
        self.driver.execute_script("document.querySelector('section button').click()")
        until(lambda: "Would restore 1 item." in self.text(".undo"), seconds=30)
        self.assertNotIn("null", self.text(".undo"))
        self.assertIn("undone", self.text(".undo .items"))
        self.assertFalse(os.path.exists(path), "a preview changes nothing")
        self.shots("undo")
        self.driver.execute_script("document.querySelector('.undo button.go').click()")
        until(lambda: "Restored" in self.text(".undo"), seconds=30)
        self.assertEqual(pathlib.Path(os.fsdecode(path)).read_text(encoding="utf-8"), "precious\n")
        self.assertEqual(os.stat(path).st_mode & 0o777, mode, "the daemon's own umask is nobody's")

    def test_every_page_can_be_read_and_heard_in_light_and_dark_wide_and_narrow(self):
        for i in range(30):
            self.world.put(f"build/{i}")
        self.world.session("sh", "-c", "rm -rf build; true")
        self.ask("readable")
        self.card("readable")
        card = self.card("build")
        self.shots("questions")

        def check(what):
            self.assertEqual(self.driver.execute_script(NAMES), [], what)
            for width in (1280, 360):
                self.size(width)
                self.assertEqual(self.wider(), [], f"{what}, {width} pixels")
                for scheme in ("light", "dark"):
                    self.scheme(scheme)
                    self.assertEqual(self.driver.execute_script(CONTRAST), [], f"{what}, {scheme}")
            self.size(1280)
        check("questions")
        self.press(card, "o")
        self.shots("typed")
        check("a typed answer")
        self.press(self.card("readable"), "n")
        until(lambda: self.find(".card.gone"))
        check("an answered question")
        self.go("sessions")
        until(lambda: self.find(".session"))
        check("sessions")
        self.shots("sessions")
        self.driver.execute_script("location.hash = document.querySelector('a.title').getAttribute('href')")
        until(lambda: self.find(".record"))
        check("a session")
        self.shots("session")
        self.driver.execute_script("document.getElementById('help').click()")
        check("the keys")
        self.shots("keys")
        self.driver.execute_script("document.getElementById('keys').close()")


class Ends(unittest.TestCase):
    """What a page says when it has nobody to speak to any more."""

    def test_a_page_without_its_daemon_or_its_login_says_so(self):
        world = World()
        driver = browser(width=360, height=700)
        try:
            driver.get(world.url())
            path = world.put("left-alone")
            session = world.session("rm", path)
            until(lambda: driver.find_elements("css selector", ".card"))
            world.stop_daemon()
            until(lambda: "cannot be reached" in driver.find_element("id", "banner").text)
            until(lambda: "Denied" in driver.find_element("css selector", ".card .note").text)
            session.communicate(timeout=20)
            self.assertTrue(os.path.exists(path))
            if SHOTS:
                driver.save_screenshot(f"{SHOTS}/lost-360-light.png")
            # A daemon that comes again at the same port knows no login of before.
            world.options = ["--web", str(urllib.parse.urlsplit(driver.current_url).port)]
            world.start_daemon()
            until(lambda: "Not logged in" in driver.find_element("tag name", "main").text)
            self.assertEqual(driver.execute_script("return localStorage.getItem('assent.key')"), None)
            if SHOTS:
                driver.save_screenshot(f"{SHOTS}/out-360-light.png")
            driver.get(world.url())
            until(lambda: driver.find_elements("css selector", "#link.live"))
            self.assertNotIn("#", driver.current_url.replace("#/", ""), "the token stays nowhere")
            driver.find_element("id", "out").click()
            until(lambda: "logged out" in driver.find_element("tag name", "main").text)
        finally:
            driver.quit()
            world.close()


if __name__ == "__main__":
    if SHOTS:
        shutil.rmtree(SHOTS, ignore_errors=True)
        os.makedirs(SHOTS)
    unittest.main(verbosity=2)
