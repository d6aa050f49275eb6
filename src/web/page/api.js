// Requests to the daemon. The cookie says who we are; the key, which only this origin can read, says that it is us.

const KEY = "assent.key";

export const setKey = (key) => localStorage.setItem(KEY, key);
export const dropKey = () => localStorage.removeItem(KEY);
const headers = () => ({ "X-Assent-Key": localStorage.getItem(KEY) ?? "" });

export class Refused extends Error {
  constructor(status, why) {
    super(why);
    this.status = status;
  }
}

async function checked(response) {
  if (response.ok) return response;
  let why = "the daemon refused it";
  try {
    why = (await response.json()).why ?? why;
  } catch {
    // Not ours to read.
  }
  if (response.status === 401) document.dispatchEvent(new CustomEvent("logged-out", { detail: why }));
  throw new Refused(response.status, why);
}

export async function get(path) {
  const response = await fetch(path, { headers: headers(), cache: "no-store" });
  return (await checked(response)).json();
}

export async function post(path, body) {
  const response = await fetch(path, {
    method: "POST",
    headers: { ...headers(), "Content-Type": "application/json" },
    body: JSON.stringify(body),
  });
  return (await checked(response)).json();
}

// Each state as the daemon tells it, until the stream ends. EventSource cannot send a header, so it is read by hand.
export async function* states(signal) {
  const response = await checked(await fetch("/api/live", { headers: headers(), cache: "no-store", signal }));
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    text += value;
    for (let end = text.indexOf("\n\n"); end >= 0; end = text.indexOf("\n\n")) {
      const data = text
        .slice(0, end)
        .split("\n")
        .filter((line) => line.startsWith("data: "))
        .map((line) => line.slice(6))
        .join("\n");
      text = text.slice(end + 2);
      if (data !== "") yield JSON.parse(data);
    }
  }
}
