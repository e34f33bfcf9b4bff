// Keeps parts of a page fresh: whatever has data-live="seconds" is told to fetch itself (its
// hx-trigger is "live") when it is in sight, the window is in front and nobody works in it.
const waiting = new WeakMap();

const inSight = (element) => {
  const box = element.getBoundingClientRect();
  return box.bottom > 0 && box.top < window.innerHeight;
};

const atWork = (element) => {
  if (element.querySelector("details[open]")) return true;
  const focused = document.activeElement;
  if (element.contains(focused) && focused.matches("input, select, textarea")) return true;
  const selection = window.getSelection();
  return !selection.isCollapsed && element.contains(selection.anchorNode);
};

setInterval(() => {
  if (document.hidden || !window.htmx) return;
  const now = performance.now();
  for (const element of document.querySelectorAll("[data-live]")) {
    const last = waiting.get(element) ?? now - Math.random() * 500;
    waiting.set(element, last);
    const period = Number(element.dataset.live) * 1000;
    if (now - last < period || element.classList.contains("htmx-request")) continue;
    if (!inSight(element) || atWork(element)) continue;
    waiting.set(element, now);
    window.htmx.trigger(element, "live");
  }
}, 500);

const held = (element) => document.getElementById(element.dataset.holds);

document.addEventListener("change", (event) => {
  if (!event.target.matches("[data-holds]")) return;
  const element = held(event.target);
  if (event.target.checked) element.dataset.live = event.target.value;
  else delete element.dataset.live;
});
