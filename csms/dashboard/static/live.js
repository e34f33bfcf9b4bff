// Keeps parts of a page fresh: whatever has data-live="seconds" is told to fetch itself (its
// hx-trigger is "live") when it is in sight, the window is in front and nobody works in it.
//
//   data-live="seconds"        at most so often
//   data-on="status power"     when something of these kinds has changed; without it: by the clock
//   data-chargers='["A"]'      of these chargers only (JSON); data-sites likewise
//
// While the stream of changes is down, all go by the clock.
import { isUp, listen, want } from "./events.js";

const fetched = new WeakMap();
const told = new WeakSet();
const BACKSTOP_MS = 30000;
const ALONE_MS = 3000;

const names = (text) => {
  try {
    return text ? JSON.parse(text) : [];
  } catch {
    return [];
  }
};

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

const concerns = (element, change) => {
  if (!element.dataset.on.split(" ").includes(change.kind)) return false;
  if (change.many) return true;
  const chargers = names(element.dataset.chargers);
  const sites = names(element.dataset.sites);
  return (!chargers.length || chargers.includes(change.charger)) && (!sites.length || sites.includes(change.site));
};

listen(({ type, changes }) => {
  if (type === "down") return;
  for (const element of document.querySelectorAll("[data-live][data-on]")) {
    if (type !== "changes" || changes.some((change) => concerns(element, change))) told.add(element);
  }
});

const union = (elements, name) => {
  const all = elements.map((element) => names(element.dataset[name]));
  return all.every((some) => some.length) ? [...new Set(all.flat())] : [];
};

const ask = () => {
  const elements = [...document.querySelectorAll("[data-live][data-on]")];
  const kinds = [...new Set(elements.flatMap((element) => element.dataset.on.split(" ")))];
  want({ kinds, chargers: union(elements, "chargers"), sites: union(elements, "sites") });
};

const isDue = (element, now) => {
  const passed = now - fetched.get(element);
  const period = Number(element.dataset.live) * 1000;
  if (!element.dataset.on) return passed >= period;
  if (!isUp()) return passed >= Math.max(period, ALONE_MS);
  return (told.has(element) && passed >= period) || passed >= BACKSTOP_MS;
};

setInterval(() => {
  if (document.hidden || !window.htmx) return;
  ask();
  const now = performance.now();
  for (const element of document.querySelectorAll("[data-live]")) {
    if (!fetched.has(element)) fetched.set(element, now - Math.random() * 500);
    if (!isDue(element, now) || element.classList.contains("htmx-request")) continue;
    if (!inSight(element) || atWork(element)) continue;
    fetched.set(element, now);
    told.delete(element);
    window.htmx.trigger(element, "live");
  }
}, 250);

// <span data-until="microseconds">: how long until then.
setInterval(() => {
  for (const element of document.querySelectorAll("[data-until]")) {
    const left = Math.max(0, Math.round(Number(element.dataset.until) / 1e6 - Date.now() / 1000));
    element.textContent = `${Math.floor(left / 60)}:${String(left % 60).padStart(2, "0")}`;
  }
}, 1000);

const held = (element) => document.getElementById(element.dataset.holds);

document.addEventListener("change", (event) => {
  if (!event.target.matches("[data-holds]")) return;
  const element = held(event.target);
  if (event.target.checked) element.dataset.live = event.target.value;
  else delete element.dataset.live;
});
