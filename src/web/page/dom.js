// The one way to make elements. Words become text nodes and nothing else, so no name can become markup.

export function h(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (name === "on") {
      for (const [event, call] of Object.entries(value)) element.addEventListener(event, call);
    } else {
      element.setAttribute(name, value === true ? "" : value);
    }
  }
  element.append(...children.flat().filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

export const many = (n) => n.toLocaleString("en");

export const by = (id) => document.getElementById(id);

// Told to a screen reader, shown to nobody.
export function announce(text) {
  const place = by("announce");
  place.textContent = "";
  setTimeout(() => (place.textContent = text), 50);
}

// A long name shows its beginning; the whole of it is one press away.
export function long(text, className, most = 600) {
  if (text.length <= most) return h("span", { class: className }, text);
  const short = text.slice(0, most) + " …";
  const span = h("span", { class: className }, short);
  let whole = false;
  const button = h("button", { type: "button", class: "more", "aria-expanded": "false" }, `all ${text.length} characters`);
  button.addEventListener("click", () => {
    whole = !whole;
    span.textContent = whole ? text : short;
    button.setAttribute("aria-expanded", String(whole));
    button.textContent = whole ? "less" : `all ${text.length} characters`;
  });
  return h("span", {}, span, " ", button);
}

export function duration(seconds) {
  const s = Math.max(0, Math.floor(seconds));
  const two = (n) => String(n).padStart(2, "0");
  if (s >= 3600) return `${Math.floor(s / 3600)}:${two(Math.floor(s / 60) % 60)}:${two(s % 60)}`;
  return `${Math.floor(s / 60)}:${two(s % 60)}`;
}
