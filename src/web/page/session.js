// One session: its record, newest first, and taking back what it did.

import { get, post } from "/api.js";
import { announce, duration, h, long } from "/dom.js";

let id = "";
let parts = null;
let timer = 0;
let newest = 0;
let oldest = 0;
let denied = false;

const clock = (text) => {
  const time = new Date(text);
  return isNaN(time) ? "" : time.toLocaleTimeString();
};

function row(one) {
  return h(
    "li",
    { class: `record ${one.kind}`, "data-seq": one.seq },
    h("span", { class: "stamp" }, h("time", { datetime: one.time }, clock(one.time)), h("span", { class: "seq" }, `#${one.seq}`)),
    h("span", { class: `kind ${one.kind}` }, one.kind),
    h("div", { class: "what" }, long(one.what, "name", 400),
      one.who || one.more.length ? h("p", { class: "small" }, [one.who, ...one.more].filter(Boolean).join(" · ")) : null),
  );
}

function head(session) {
  const words = [
    session.state,
    session.reason && session.reason !== "exit" ? session.reason : "",
    session.status >= 0 ? `status ${session.status}` : "",
    `ran ${duration(session.seconds)}`,
    `${session.allowed} allowed, ${session.denied} denied, ${session.asked} asked`,
  ];
  parts.head.replaceChildren(
    h("p", { class: "name strong" }, long(session.command, "name")),
    h("p", { class: "small" }, words.filter(Boolean).join(" · ")),
    h("p", { class: "small name" }, session.project),
  );
  parts.undo.hidden = session.state === "unreadable";
}

const path = (more) => `/api/session?id=${encodeURIComponent(id)}&denied=${denied ? 1 : 0}${more}`;

async function load() {
  clearTimeout(timer);
  const mine = parts;
  try {
    const answer = await get(path(`&after=${newest}`));
    if (mine !== parts || !parts) return;
    head(answer.session);
    const fresh = answer.rows.filter((one) => one.seq > newest);
    if (newest === 0) {
      parts.list.replaceChildren();
      parts.earlier.hidden = !answer.earlier;
      oldest = fresh[0]?.seq ?? 0;
    }
    parts.list.prepend(...fresh.map(row).reverse());
    newest = fresh.at(-1)?.seq ?? newest;
    parts.empty.hidden = parts.list.children.length > 0;
    if (answer.session.state === "running") timer = setTimeout(load, 2000);
  } catch (problem) {
    if (mine !== parts || !parts) return;
    parts.note.textContent = `The record is not shown: ${problem.message}.`;
    if (problem.status === undefined || problem.status === 429) timer = setTimeout(load, 5000);
  }
}

async function earlier() {
  try {
    const answer = await get(path(`&before=${oldest}`));
    if (!parts) return;
    parts.list.append(...answer.rows.map(row).reverse());
    oldest = answer.rows[0]?.seq ?? oldest;
    parts.earlier.hidden = !answer.earlier;
  } catch (problem) {
    if (parts) parts.note.textContent = problem.message;
  }
}

function again() {
  newest = oldest = 0;
  load();
}

const plural = (n, word) => `${n} ${word}${n === 1 ? "" : "s"}`;

async function undo(really) {
  const box = parts.undoBox;
  box.replaceChildren(h("p", { role: "status" }, really ? "Undoing …" : "Looking what can be taken back …"));
  parts.preview.disabled = true;
  try {
    const said = await post("/api/undo", { session: id, really });
    const words = [
      `${really ? "Restored" : "Would restore"} ${plural(said.restored, "item")}`,
      said.already ? `${said.already} as before already` : "",
      said.conflicts ? `${plural(said.conflicts, "conflict")} left alone` : "",
      said.failed ? `${said.failed} failed` : "",
    ];
    const text = words.filter(Boolean).join("; ") + ".";
    const close = h("button", { type: "button", class: "plain", on: { click: () => box.replaceChildren() } }, "Close");
    const go = h("button", { type: "button", class: "go", on: { click: () => undo(true) } }, `Restore ${plural(said.restored, "item")}`);
    const told = [
      h("p", { role: "status", class: "strong" }, text),
      said.transaction ? h("p", { class: "small" }, "To take this back: ", h("code", {}, `assent redo ${said.transaction}`)) : null,
      h("ul", { class: "items" }, ...said.items.map((item) =>
        h("li", { class: item.done }, h("span", { class: `kind ${item.done}` }, item.done === "restored" && !really ? "would restore" : item.done),
          " ", item.what, " ", long(item.path, "name"), item.was ? ` (was ${item.was})` : "", item.why ? `: ${item.why}` : ""))),
      said.more_items ? h("p", { class: "small" }, `and ${said.more_items} more`) : null,
      h("div", { class: "row" }, !really && said.restored > 0 ? go : null, close),
    ];
    box.replaceChildren(...told.filter(Boolean));
    if (!really && said.restored > 0) go.focus();
    announce(text);
  } catch (problem) {
    box.replaceChildren(h("p", { role: "status" }, `Nothing was undone: ${problem.message}`));
  }
  if (parts) parts.preview.disabled = false;
}

export function show(main, session) {
  id = session;
  newest = oldest = 0;
  denied = false;
  const only = h("input", { type: "checkbox", id: "only-denied" });
  only.addEventListener("change", () => {
    denied = only.checked;
    again();
  });
  parts = {
    head: h("div", { class: "panel" }),
    list: h("ol", { class: "records", reversed: true, "aria-label": "Records, newest first" }),
    empty: h("p", { class: "empty" }, "There is nothing to show."),
    note: h("p", { class: "warn", role: "status" }),
    earlier: h("button", { type: "button", class: "plain", on: { click: earlier } }, "Earlier"),
    undoBox: h("div", { class: "undo" }),
    preview: h("button", { type: "button", class: "plain", on: { click: () => undo(false) } }, "Undo: preview"),
  };
  parts.undo = h("section", { "aria-label": "Undo" }, parts.preview, parts.undoBox);
  parts.empty.hidden = parts.earlier.hidden = parts.undo.hidden = true;
  main.replaceChildren(
    h("p", {}, h("a", { href: "#/sessions" }, "All sessions")),
    h("h1", {}, "Session ", h("span", { class: "name" }, id)),
    parts.head,
    parts.undo,
    h("div", { class: "line" }, h("h2", {}, "Timeline"), h("label", { class: "check", for: "only-denied" }, only, " only what was refused")),
    parts.note,
    parts.empty,
    parts.list,
    parts.earlier,
  );
  load();
  return () => {
    clearTimeout(timer);
    parts = null;
  };
}
