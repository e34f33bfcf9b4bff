// The stream of what changes: one for the whole page, whoever listens.
//
//   listen((event) => ...)   event: {type: "open" | "changes" | "snapshot" | "down", changes}
//   want(filter)             {kinds, chargers, sites}: arrays; empty: everything
//
// `open` and `snapshot` say that something may have been missed: look at everything anew.
const path = document.querySelector('meta[name="events"]')?.content;
const listeners = new Set();
let source = null;
let asked = "";
let timer = 0;

const tell = (event) => {
  for (const listener of listeners) listener(event);
};

export const listen = (listener) => {
  listeners.add(listener);
  return () => listeners.delete(listener);
};

export const isUp = () => source !== null && source.readyState === EventSource.OPEN;

const open = () => {
  source?.close();
  source = null;
  if (!asked || document.hidden) return;
  source = new EventSource(asked);
  source.addEventListener("error", () => tell({ type: "down", changes: [] }));
  for (const type of ["open", "changes", "snapshot"]) {
    source.addEventListener(type, (event) => {
      if (event.data === undefined) return;
      tell({ type, changes: JSON.parse(event.data).changes ?? [] });
    });
  }
};

export const want = ({ kinds = [], chargers = [], sites = [] }) => {
  if (!path || !window.EventSource) return;
  const query = new URLSearchParams();
  for (const kind of [...kinds].sort()) query.append("kind", kind);
  for (const charger of [...chargers].sort()) query.append("charger", charger);
  for (const site of [...sites].sort()) query.append("site", site);
  const url = kinds.length ? `${path}?${query}` : "";
  if (url === asked) return;
  asked = url;
  clearTimeout(timer);
  timer = setTimeout(open, source ? 300 : 0);
};

// A window that nobody looks at costs nothing; when it comes back it looks at everything.
document.addEventListener("visibilitychange", () => {
  clearTimeout(timer);
  timer = setTimeout(open, document.hidden ? 10000 : 0);
});
window.addEventListener("pagehide", () => source?.close());
