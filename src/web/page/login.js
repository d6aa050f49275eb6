import { post, setKey } from "/api.js";

const say = (text) => (document.getElementById("say").textContent = text);
const token = location.hash.slice(1);
// Out of the address bar and the history at once.
history.replaceState(null, "", "/login");

if (token === "") {
  say("Run “assent web” on the machine where assentd runs, and open the address that it prints.");
} else {
  try {
    const { key } = await post("/api/login", { token });
    setKey(key);
    location.replace("/");
  } catch (problem) {
    say(`Not logged in: ${problem.message}.`);
  }
}
