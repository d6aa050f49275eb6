// A press answers the question that the person saw, or nothing. What has only just appeared or moved, and a window that
// has only just come to the front, take no answer for a moment.

const APPEARED = 700;
const MOVED = 500;
let until = 0;

export const moved = () => (until = Math.max(until, performance.now() + MOVED));
export const isArmed = (since) => performance.now() >= until && performance.now() - since >= APPEARED;

addEventListener("focus", moved);
document.addEventListener("visibilitychange", moved);
