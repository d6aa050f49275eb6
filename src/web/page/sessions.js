// The sessions: those that run and ask this daemon, and those whose record its user keeps.

import { get } from "/api.js";
import { duration, h, long } from "/dom.js";

let running = [];
let recorded = [];
let problem = "";
let place = null;
let timer = 0;

const when = (text) => {
  const time = new Date(text);
  return isNaN(time) ? "" : time.toLocaleString([], { dateStyle: "medium", timeStyle: "short" });
};

function item(one, asks) {
  const state = asks ? "running" : one.state;
  const counts = one.allowed === undefined ? "" : `${one.allowed} allowed, ${one.denied} denied, ${one.asked} asked`;
  const line = [one.started ? when(one.started) : "", one.seconds === undefined ? "" : `ran ${duration(one.seconds)}`, counts]
    .filter((part) => part !== "")
    .join(" · ");
  const title = h("span", { class: "name" }, long(one.command || one.session, "name", 200));
  return h(
    "li",
    { class: "session" },
    h("div", { class: "line" }, h("span", { class: `state ${state}` }, state),
      h("a", { href: `#/session/${encodeURIComponent(one.session)}`, class: "title" }, title)),
    h("p", { class: "small" }, one.name ? `${one.name} · ` : "", h("span", { class: "name" }, one.session), line ? ` · ${line}` : ""),
    one.project ? h("p", { class: "small name" }, one.project) : null,
    asks?.waiting ? h("p", { class: "small warn" }, h("a", { href: "#/" }, `${asks.waiting} ${asks.waiting === 1 ? "question waits" : "questions wait"}`)) : null,
  );
}

function draw() {
  if (!place) return;
  const asking = new Map(running.map((one) => [one.session, one]));
  const known = new Set(recorded.map((one) => one.session));
  const all = [...running.filter((one) => !known.has(one.session)), ...recorded];
  const shape = JSON.stringify([all, running, problem]);
  if (shape === place.shape) return;
  place.shape = shape;
  const at = [...place.list.querySelectorAll("a.title")].indexOf(document.activeElement);
  place.list.replaceChildren(...all.map((one) => item(one, asking.get(one.session))));
  if (at >= 0) place.list.querySelectorAll("a.title")[at]?.focus();
  place.empty.hidden = all.length > 0;
  place.problem.textContent = problem;
}

async function load() {
  clearTimeout(timer);
  try {
    const answer = await get("/api/sessions");
    recorded = answer.sessions;
    problem = answer.more > 0 ? `${answer.more} older ones are not shown; “assent sessions” lists them.` : "";
  } catch (refused) {
    recorded = [];
    problem = `Only running sessions are shown: ${refused.message}.`;
  }
  draw();
  if (place) timer = setTimeout(load, 5000);
}

export function update(state) {
  const before = JSON.stringify(running.map((one) => one.session));
  running = state.running;
  draw();
  if (place && before !== JSON.stringify(running.map((one) => one.session))) load();
}

export function show(main) {
  place = { list: h("ul", { class: "sessions" }), empty: h("p", { class: "empty" }, "No session has run yet."), problem: h("p", { class: "small" }) };
  place.empty.hidden = true;
  main.replaceChildren(h("h1", {}, "Sessions"), place.empty, place.list, place.problem);
  draw();
  load();
  return () => {
    clearTimeout(timer);
    place = null;
  };
}

export function key(key) {
  if (!place || (key !== "j" && key !== "k")) return false;
  const all = [...place.list.querySelectorAll("a.title")];
  const at = all.indexOf(document.activeElement);
  const next = at < 0 ? 0 : at + (key === "j" ? 1 : -1);
  all[next]?.focus();
  return all[next] !== undefined;
}
