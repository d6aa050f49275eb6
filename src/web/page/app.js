// Starts the page: what the address says is shown, what the daemon tells goes to all parts.

import { dropKey, post, states } from "/api.js";
import { by, h } from "/dom.js";
import * as questions from "/questions.js";
import * as session from "/session.js";
import * as sessions from "/sessions.js";

const main = by("main");
let leave = () => {};
let view = questions;
let loggedOut = false;

function go() {
  if (loggedOut) return;
  leave();
  const [, page, id] = location.hash.split("/");
  if (page === "session" && id) {
    view = session;
    leave = session.show(main, decodeURIComponent(id));
  } else if (page === "sessions") {
    view = sessions;
    leave = sessions.show(main);
  } else {
    view = questions;
    leave = questions.show(main);
  }
  for (const [link, on] of [[by("to-questions"), view === questions], [by("to-sessions"), view !== questions]]) {
    if (on) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
}

function banner(text) {
  by("banner").textContent = text;
  by("banner").hidden = text === "";
}

function link(text) {
  if (by("link").textContent === text) return;
  by("link").textContent = text;
  by("link").className = `link ${text}`;
}

async function listen() {
  let pause = 500;
  let since = performance.now();
  while (!loggedOut) {
    try {
      for await (const state of states()) {
        link("live");
        banner("");
        by("user").textContent = state.user;
        questions.update(state);
        sessions.update(state);
        pause = 500;
        since = 0;
      }
      // Its end is planned: the daemon wants us to come again.
      if (since === 0) {
        since = performance.now();
        continue;
      }
    } catch (problem) {
      if (loggedOut) return;
      link("offline");
      if (problem.status !== undefined && problem.status !== 429) banner(problem.message);
      else if (pause > 1000) {
        banner("The approval daemon cannot be reached. What waited there is denied.");
        questions.lost();
      }
    }
    await new Promise((done) => setTimeout(done, pause));
    pause = Math.min(pause * 2, 5000);
  }
}

function keysOn() {
  return localStorage.getItem("assent.keys") !== "off";
}

function key(event) {
  if (event.key === "Escape" || event.repeat || event.ctrlKey || event.altKey || event.metaKey) return;
  if (!keysOn() || by("keys").open || event.target.matches("input, textarea, select")) return;
  if (event.key === "?") by("keys").showModal();
  else if (event.key === "1") location.hash = "#/";
  else if (event.key === "2") location.hash = "#/sessions";
  else if (!view.key?.(event.key)) return;
  event.preventDefault();
}

function showLoggedOut(why) {
  loggedOut = true;
  leave();
  dropKey();
  link("offline");
  by("count").hidden = true;
  document.title = "assent";
  main.replaceChildren(
    h("div", { class: "alone" }, h("h1", {}, "Not logged in"), h("p", { role: "alert" }, `${why}.`),
      h("p", {}, "Run ", h("code", {}, "assent web"), " on the machine where assentd runs, and open the address that it prints.")),
  );
}

by("skip").addEventListener("click", (event) => {
  event.preventDefault();
  main.focus();
});
by("help").addEventListener("click", () => by("keys").showModal());
by("keys-on").checked = keysOn();
by("keys-on").addEventListener("change", (event) => localStorage.setItem("assent.keys", event.target.checked ? "on" : "off"));
by("out").addEventListener("click", async () => {
  try {
    await post("/api/logout", {});
  } catch {
    // Then it ends by itself.
  }
  showLoggedOut("You are logged out");
});
document.addEventListener("keydown", key);
document.addEventListener("logged-out", (event) => showLoggedOut(event.detail));
addEventListener("hashchange", () => {
  go();
  main.focus({ preventScroll: true });
});
go();
listen();
