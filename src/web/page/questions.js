// The questions that wait, a card each. A card stays where it is until its question is gone, and for a while longer.

import { get, post } from "/api.js";
import { announce, by, duration, h, long, many } from "/dom.js";
import { isArmed, moved } from "/guard.js";

const LINGER = 6000;
const FEW = 6; // need no looking for
const cards = new Map(); // by the question's id, in the order in which they are shown
let list, empty, rest, finder, look;
let told = null; // by the daemon, of everything: the first of them
let found = null; // the same of those that hold the words that are looked for
let words = "";
let asked = 0; // when they were looked for last
let timer = 0;
let announced = -Infinity;

const SCOPES = { once: "once", command: "for the rest of this command", session: "for this session" };

function fact(name, ...value) {
  return [h("dt", {}, name), h("dd", {}, ...value.flat())];
}

function facts(q) {
  const out = [];
  out.push(fact("wants to", h("strong", { class: "operation" }, q.operation), " ", long(q.object, "name"),
    q.other ? [h("br"), `${q.other_word} `, long(q.other, "name")] : []));
  if (q.radius) {
    const far = q.radius.outside_project > 0;
    out.push(fact("blast radius", h("span", { class: far ? "warn" : "" }, q.radius.text),
      q.radius.root && q.radius.root !== q.object ? [h("br"), long(q.radius.root, "name dim")] : []));
  }
  out.push(fact("undo", h("span", { class: q.recovery === "none" ? "warn" : "" }, q.recovery_text)));
  if (q.cwd !== undefined) out.push(fact("in", long(q.cwd, "name")));
  if (q.ancestry?.length) out.push(fact("started by", h("span", { class: "name" }, q.ancestry.join(" < "))));
  out.push(fact("rule", h("span", { class: "name" }, q.rule), q.reason ? `: ${q.reason}` : ""));
  if (q.quorum > 1 || q.votes.length || q.not_self || q.approvers.length) {
    const words = [];
    if (q.quorum > 1) words.push(`the yes of ${q.quorum} people`);
    if (q.approvers.length) words.push(`of ${q.approvers.join(", ")}`);
    if (q.not_self) words.push("not of the session's own user");
    const sofar = q.votes.map((vote) => `${vote.who} said yes (${vote.scope}, ${vote.from})`).join("; ");
    out.push(fact("needs", words.join(", "), words.length && sofar ? h("br") : null, sofar));
  }
  const calls = q.calls > 1 ? `, ${q.calls} calls ask it` : "";
  out.push(fact("session", h("a", { href: `#/session/${encodeURIComponent(q.session)}` }, q.session), ` of ${q.user}${calls}`));
  return out.flat();
}

class Card {
  constructor(q) {
    this.id = q.id;
    this.since = performance.now();
    this.gone = false;
    this.left = h("span", { class: "left" });
    this.bar = h("span", { class: "bar" });
    this.facts = h("dl", { class: "facts" });
    this.note = h("p", { class: "note", role: "status" });
    this.actions = h("div", { class: "actions" });
    this.form = h("div", { class: "form" });
    this.command = h("h2", { id: `command-${q.id}` });
    this.whyNot = h("p", { class: "small warn" });
    this.element = h(
      "article",
      { class: "card", tabindex: "0", "aria-labelledby": `command-${q.id}`, "data-id": q.id },
      h("div", { class: "head" }, this.command, h("div", { class: "time" }, this.left, h("span", { class: "code" }, q.id))),
      h("div", { class: "track", "aria-hidden": "true" }, this.bar),
      this.facts,
      this.whyNot,
      this.actions,
      this.form,
      this.note,
    );
    this.update(q);
    this.buttons();
  }

  update(q) {
    const before = this.q;
    this.q = q;
    this.deadline = performance.now() + q.left_ms;
    this.whole ??= Math.max(q.left_ms, 1);
    const shown = JSON.stringify({ ...q, left_ms: 0 });
    if (shown === this.shown) return;
    this.shown = shown;
    this.command.replaceChildren(long(q.command ?? q.operation, "name"));
    this.facts.replaceChildren(...facts(q));
    this.whyNot.textContent = q.may_allow ? "" : `You may not allow it: ${q.why_not}`;
    this.whyNot.hidden = q.may_allow;
    if (before && (before.may_allow !== q.may_allow || before.may_refuse !== q.may_refuse)) this.buttons();
  }

  buttons() {
    const button = (text, kind, key, label, call) =>
      h("button", { type: "button", class: kind, "aria-label": label, "aria-keyshortcuts": key, "data-key": key, on: { click: call } },
        text, h("kbd", { "aria-hidden": "true" }, key));
    const about = `${this.q.operation} ${this.q.object}`.slice(0, 200);
    const yes = this.q.may_allow && [
      button("Allow once", "yes", "o", `Allow once: ${about}`, () => this.allow("once")),
      button("Rest of this command", "yes soft", "c", `Allow for the rest of this command: ${about}`, () => this.allow("command")),
      button("This session", "yes soft", "s", `Allow for this session: ${about}`, () => this.allow("session")),
      this.mayBecomeRule() && button("Always …", "yes soft", "a", `Allow always, by a rule of your profile: ${about}`, () => this.askRule()),
    ].filter(Boolean);
    const no = this.q.may_refuse && [
      button("No", "no", "n", `No: ${about}`, () => this.answer("no", "command")),
      button("No, because …", "no soft", "r", `No, with a reason: ${about}`, () => this.askReason()),
      button("Stop the agent", "no soft", "t", `No, and stop the agent: ${about}`, () => this.answer("stop", "session")),
    ];
    this.actions.replaceChildren(
      ...(yes ? [h("div", { role: "group", "aria-label": "Yes" }, ...yes)] : []),
      ...(no ? [h("div", { role: "group", "aria-label": "No" }, ...no)] : []),
    );
  }

  // Rules that say who is to be asked are not lifted by one; whose session it is, writes the rule.
  mayBecomeRule() {
    const q = this.q;
    return told?.rules && q.own && q.quorum <= 1 && !q.not_self && q.approvers.length === 0 && q.operation !== "exec";
  }

  tick(now) {
    if (this.gone) return;
    const left = this.deadline - now;
    const text = `${duration(left / 1000)} left`;
    if (this.left.textContent !== text) this.left.textContent = text;
    this.bar.style.width = `${Math.max(0, Math.min(100, (100 * left) / this.whole))}%`;
    this.element.classList.toggle("late", left < 20000);
  }

  key(key) {
    if (this.gone || this.form.firstChild) return false;
    const button = [...this.actions.querySelectorAll("button")].find((one) => one.dataset.key === key);
    button?.click();
    return button !== undefined;
  }

  armed() {
    if (this.gone) return false;
    if (isArmed(this.since)) return true;
    this.note.textContent = "This has only just appeared or moved. Press again.";
    return false;
  }

  allow(scope) {
    if (!this.armed()) return;
    if (this.q.confirm === "") return this.answer("yes", scope);
    this.ask(`To allow it ${SCOPES[scope]}, type `, this.q.confirm, "Allow", "yes", (typed) => this.answer("yes", scope, "", typed));
  }

  // First the rule is shown, as it would stand in the profile; nothing is written before it was looked at.
  async askRule() {
    if (!this.armed() || this.sending) return;
    this.sending = true;
    this.say("Looking for a rule …");
    try {
      const rule = await post("/api/rule", { id: this.id });
      this.say("");
      if (this.gone || this.form.firstChild) return;
      const where = h("p", {}, rule.new ? "This rule would be the first of a new profile, " : "This rule would be added to your profile, at ",
        h("span", { class: "name" }, `${rule.path}:${rule.line}`), ". Sessions that start from now on go by it, and this one is allowed to go on.");
      const text = h("pre", { class: "rule", tabindex: "0", "aria-label": "The rule" }, rule.rule);
      this.ask(this.q.confirm ? "To add it, type " : "", this.q.confirm, "Add the rule and allow", "yes",
        (typed) => this.always(rule, typed), [where, text]);
    } catch (problem) {
      this.say(`No rule: ${problem.message}.`);
    } finally {
      this.sending = false;
    }
  }

  async always(rule, typed) {
    if (this.sending || this.gone || (this.q.confirm === "" && performance.now() - this.shownAt < 700)) return;
    this.sending = true;
    this.element.setAttribute("aria-busy", "true");
    try {
      await post("/api/always", { id: this.id, seal: rule.seal, confirm: typed });
      this.end(`Allowed, and from now on by ${rule.path}:${rule.line}.`, "allowed");
    } catch (problem) {
      this.say(`Not added: ${problem.message}.`);
      this.element.classList.add("problem");
    } finally {
      this.sending = false;
      this.element.removeAttribute("aria-busy");
    }
  }

  askReason() {
    if (!this.armed()) return;
    this.ask("Why not? The agent is told.", "", "No", "no", (typed) => this.answer("no", "command", typed));
  }

  // Without a label there is nothing to type.
  ask(label, typed, verb, kind, done, before = []) {
    const id = `typed-${this.id}`;
    const input = label && h("input", { id, type: "text", autocomplete: "off", autocapitalize: "off", spellcheck: "false", maxlength: "2000" });
    const go = h("button", { class: kind }, verb);
    const form = h(
      "form",
      { on: { submit: (event) => { event.preventDefault(); done(input ? input.value : ""); } } },
      ...before,
      input && h("label", { for: id }, label, typed ? h("code", {}, typed) : null),
      h("div", { class: "row" }, input, go,
        h("button", { type: "button", class: "plain", on: { click: () => this.back() } }, "Back")),
    );
    form.addEventListener("keydown", (event) => {
      if (event.key === "Escape") this.back();
    });
    this.note.textContent = "";
    this.actions.hidden = true;
    this.form.replaceChildren(form);
    this.shownAt = performance.now();
    (input || this.form.querySelector("pre")).focus();
  }

  back() {
    this.form.replaceChildren();
    this.actions.hidden = false;
    this.element.focus();
  }

  async answer(consent, scope, reason = "", confirm = "") {
    if (!this.form.firstChild && !this.armed()) return;
    if (this.sending || this.gone) return;
    this.sending = true;
    this.element.setAttribute("aria-busy", "true");
    try {
      const { missing } = await post("/api/answer", { id: this.id, consent, scope, reason, confirm });
      if (missing > 0) {
        this.say(`Your yes is noted; ${missing} more ${missing === 1 ? "person" : "people"} must say yes.`);
        this.back();
      } else {
        const said = { yes: `Allowed ${SCOPES[scope]}.`, no: "Denied.", stop: "Denied, and the agent is stopped." };
        this.end(said[consent], consent === "yes" ? "allowed" : "denied");
      }
    } catch (problem) {
      this.say(`Not answered: ${problem.message}.`);
      this.element.classList.add("problem");
    } finally {
      this.sending = false;
      this.element.removeAttribute("aria-busy");
    }
  }

  say(text) {
    this.note.textContent = text;
  }

  end(text, kind) {
    if (this.gone) return;
    const hadFocus = this.element.contains(document.activeElement);
    this.gone = true;
    this.goneAt = performance.now();
    this.element.classList.add("gone", kind);
    this.element.classList.remove("late", "problem");
    this.actions.replaceChildren();
    this.actions.hidden = true;
    this.form.replaceChildren();
    this.left.textContent = "";
    this.bar.style.width = "0";
    this.say(text);
    if (hadFocus) this.element.focus({ preventScroll: true });
    count();
  }
}

const waiting = () => [...cards.values()].filter((card) => !card.gone);

function count() {
  const n = told === null ? 0 : Math.max(found ? 0 : waiting().length, told.waiting_in_all - ([...cards.values()].filter((card) => card.gone && told.waiting.some((q) => q.id === card.id)).length));
  const place = by("count");
  place.textContent = many(n);
  place.hidden = n === 0;
  place.setAttribute("aria-label", `${n} waiting`);
  document.title = n > 0 ? `(${many(n)}) assent` : "assent";
  if (!list) return;
  empty.hidden = cards.size > 0 || told === null;
  empty.textContent = words ? "No question holds these words." : "Nothing waits. New questions appear here by themselves.";
  finder.hidden = n <= FEW && words === "";
  const state = found ?? told;
  const hidden = state === null ? 0 : state.waiting_in_all - state.waiting.length;
  rest.textContent = hidden > 0 ? `${many(hidden)} more ${hidden === 1 ? "waits" : "wait"} behind these and ${hidden === 1 ? "comes" : "come"} up as these are answered.` : "";
  look.textContent = words && found ? `${many(found.waiting_in_all)} of ${many(n)}` : hidden > 0 ? `${many(state.waiting.length)} of ${many(n)} are shown` : "";
}

function drop(card) {
  card.element.remove();
  cards.delete(card.id);
}

// What is not looked for goes from the page; it waits on.
function keep(state) {
  const ids = new Set(state.waiting.map((q) => q.id));
  for (const card of [...cards.values()]) {
    if (!ids.has(card.id)) drop(card);
  }
  moved();
}

function apply(state, first) {
  const ids = new Set(state.waiting.map((q) => q.id));
  for (const card of cards.values()) {
    if (!ids.has(card.id)) card.end("No longer waiting: answered elsewhere, taken back, or out of time.", "over");
  }
  const fresh = [];
  const elements = [];
  for (const q of state.waiting) {
    const card = cards.get(q.id);
    if (card) {
      if (!card.gone) card.update(q);
      continue;
    }
    const made = new Card(q);
    cards.set(q.id, made);
    elements.push(made.element);
    fresh.push(q);
  }
  list?.append(...elements);
  tick();
  count();
  const now = performance.now();
  if (fresh.length === 0 || now - announced < 4000) return;
  announced = now;
  if (fresh.length === 1 && !first) announce(`New question: ${fresh[0].command ?? ""} wants to ${fresh[0].operation} ${fresh[0].object}`.slice(0, 300));
  else announce(`${state.waiting_in_all} questions wait`);
}

export function update(state) {
  const first = told === null;
  told = state;
  if (words === "") return apply(state, first);
  count();
  search(1000);
}

// At most once in `pause`: whatever changes, and whatever is typed, is looked for in the end.
function search(pause) {
  if (timer) return;
  timer = setTimeout(async () => {
    timer = 0;
    const mine = words;
    asked = performance.now();
    if (mine === "") return;
    try {
      const state = await get(`/api/questions?holding=${encodeURIComponent(mine)}`);
      if (mine !== words) return;
      const others = found === null || found.words !== mine;
      found = { ...state, words: mine };
      if (others) keep(state);
      apply(state, others);
    } catch (problem) {
      if (look) look.textContent = problem.message;
    }
  }, Math.max(250, pause - (performance.now() - asked)));
}

function find(text) {
  words = text.trim().slice(0, 100);
  if (words !== "") {
    clearTimeout(timer);
    timer = 0;
    return search(0);
  }
  found = null;
  if (told === null) return;
  keep(told);
  apply(told, true);
}

// Nobody answers any more: whatever waited is denied by its session.
export function lost() {
  for (const card of waiting()) card.end("Denied: the approval daemon went away.", "denied");
  told = null;
  count();
}

function tick() {
  const now = performance.now();
  let over = false;
  for (const card of [...cards.values()]) {
    card.tick(now);
    const inUse = card.element.matches(":hover") || card.element.contains(document.activeElement);
    if (!card.gone || now - card.goneAt < LINGER || (inUse && now - card.goneAt < 10 * LINGER)) continue;
    if (card.element.contains(document.activeElement)) by("main").focus({ preventScroll: true });
    // What stands behind it moves up.
    for (let next = card.element.nextElementSibling; next; next = next.nextElementSibling) {
      if (next.classList.contains("gone")) continue;
      moved();
      break;
    }
    drop(card);
    over = true;
  }
  if (over) count();
}
setInterval(tick, 500);

export function show(main) {
  empty = h("p", { class: "empty" });
  rest = h("p", { class: "small" });
  look = h("span", { class: "small", role: "status" });
  const input = h("input", { id: "find", type: "search", autocomplete: "off", spellcheck: "false", maxlength: "100", value: words || null,
    placeholder: "command, path, session …", on: { input: () => find(input.value) } });
  input.addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    event.preventDefault();
    input.value = "";
    find("");
    by("main").focus({ preventScroll: true });
  });
  finder = h("div", { class: "finder", role: "search" }, h("label", { for: "find" }, "Find"), input, look);
  list = h("div", { class: "cards" }, ...[...cards.values()].map((card) => card.element));
  main.replaceChildren(h("h1", {}, "Questions"), finder, empty, list, rest);
  moved();
  count();
  return () => (list = empty = rest = finder = look = null);
}

export function key(key) {
  if (key === "/" && finder && !finder.hidden) {
    finder.querySelector("input").focus();
    return true;
  }
  const chosen = document.activeElement?.closest(".card");
  const all = [...(list?.children ?? [])];
  if (key === "j" || key === "k") {
    const at = all.indexOf(chosen);
    const next = at < 0 ? (key === "j" ? 0 : all.length - 1) : at + (key === "j" ? 1 : -1);
    all[next]?.focus();
    return all[next] !== undefined;
  }
  return chosen ? (cards.get(chosen.dataset.id)?.key(key) ?? false) : false;
}
