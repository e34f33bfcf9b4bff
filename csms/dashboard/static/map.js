// A map without a server of tiles: outlines of Natural Earth as paths, sites as points that are
// clustered where they are close. Its data are the rows of the table beside it ([data-latitude]),
// so whoever does not see the map has the same.
const NS = "http://www.w3.org/2000/svg";
const WORLD = 1000;
const CELL_PX = 52;
const LAT_MAX = 85;
// Widths of the view in parts of the world: finer outlines below, a place alone, the nearest look.
const FINE_BELOW = 260;
const ALONE = 8;
const NEAREST = 0.05;
const SIGNS = { good: "●", busy: "▶", warn: "◐", bad: "▲", quiet: "○" };
const WORST = ["bad", "warn", "busy", "good", "quiet"];

const across = (longitude) => ((longitude + 180) / 360) * WORLD;
const down = (latitude) => {
  const held = Math.max(-LAT_MAX, Math.min(LAT_MAX, latitude)) * (Math.PI / 180);
  return WORLD / 2 - (Math.log(Math.tan(Math.PI / 4 + held / 2)) * WORLD) / (2 * Math.PI);
};

const make = (name, attributes, ...children) => {
  const element = document.createElementNS(NS, name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  element.append(...children);
  return element;
};

// TopoJSON: arcs are differences of whole numbers, polygons are lists of numbers of arcs.
const outlines = (topology) => {
  const { scale, translate } = topology.transform;
  const arcs = topology.arcs.map((arc) => {
    let [x, y] = [0, 0];
    return arc.map(([dx, dy]) => {
      [x, y] = [x + dx, y + dy];
      return `${across(x * scale[0] + translate[0]).toFixed(2)} ${down(y * scale[1] + translate[1]).toFixed(2)}`;
    });
  });
  const ring = (numbers) =>
    `M${numbers.flatMap((number) => (number < 0 ? [...arcs[~number]].reverse() : arcs[number])).join("L")}Z`;
  const polygons = (geometry) => {
    if (geometry.type === "GeometryCollection") return geometry.geometries.flatMap(polygons);
    return geometry.type === "Polygon" ? geometry.arcs : geometry.arcs.flat();
  };
  const land = polygons(topology.objects.land).map(ring).join("");
  return { land, lines: arcs.map((arc) => `M${arc.join("L")}`).join("") };
};

const sitesOf = (table) =>
  [...table.querySelectorAll("[data-latitude]")].map((row) => {
    const { latitude, longitude, state, name, said, chargers, href } = row.dataset;
    return { x: across(Number(longitude)), y: down(Number(latitude)), state, name, said, chargers: Number(chargers), href };
  });

const clustered = (sites, perPixel) => {
  const cells = new Map();
  for (const site of sites) {
    const size = CELL_PX * perPixel;
    const key = `${Math.floor(site.x / size)} ${Math.floor(site.y / size)}`;
    cells.set(key, [...(cells.get(key) ?? []), site]);
  }
  return [...cells.values()];
};

const worst = (sites) => WORST.find((state) => sites.some((site) => site.state === state)) ?? "quiet";

class SiteMap {
  constructor(box) {
    this.box = box;
    this.svg = make("svg", { class: "map", tabindex: "0", role: "group", "aria-label": box.dataset.label });
    this.shapes = make("g", { "aria-hidden": "true" });
    this.marks = make("g", {});
    this.svg.append(this.shapes, this.marks);
    box.prepend(this.svg);
    this.loaded = "";
    this.sites = [];
    this.svg.addEventListener("wheel", (event) => this.wheel(event), { passive: false });
    this.svg.addEventListener("pointerdown", (event) => this.grab(event));
    this.svg.addEventListener("keydown", (event) => this.key(event));
    box.addEventListener("click", (event) => {
      const button = event.target.closest("[data-map]");
      if (button) this.act(button.dataset.map);
    });
    new ResizeObserver(() => this.draw()).observe(box);
  }

  take(sites) {
    const isFirst = !this.view;
    this.sites = sites;
    if (isFirst) this.fit(sites);
    else this.draw();
  }

  get height() {
    return Math.max(260, Math.min(560, this.box.clientWidth * 0.6));
  }

  fit(sites) {
    const xs = sites.map((site) => site.x);
    const ys = sites.map((site) => site.y);
    const [left, right] = sites.length ? [Math.min(...xs), Math.max(...xs)] : [0, WORLD];
    const [top, bottom] = sites.length ? [Math.min(...ys), Math.max(...ys)] : [0, WORLD];
    const ratio = this.height / Math.max(1, this.box.clientWidth);
    const spread = Math.max((right - left) * 1.5, ((bottom - top) * 1.5) / ratio);
    const width = spread ? Math.min(WORLD, Math.max(NEAREST, spread)) : ALONE;
    this.view = { x: (left + right) / 2, y: (top + bottom) / 2, width };
    this.draw();
  }

  zoom(factor, x = this.view.x, y = this.view.y) {
    const width = Math.max(NEAREST, Math.min(WORLD, this.view.width * factor));
    const share = width / this.view.width;
    this.view = { x: x + (this.view.x - x) * share, y: y + (this.view.y - y) * share, width };
    this.draw();
  }

  move(right, below) {
    const within = (value) => Math.max(0, Math.min(WORLD, value));
    this.view.x = within(this.view.x + right * this.view.width);
    this.view.y = within(this.view.y + below * this.view.width);
    this.draw();
  }

  act(what) {
    const moves = { left: [-0.25, 0], right: [0.25, 0], up: [0, -0.2], down: [0, 0.2] };
    if (what === "in") this.zoom(0.5);
    else if (what === "out") this.zoom(2);
    else if (what === "fit") this.fit(this.sites);
    else this.move(...moves[what]);
  }

  key(event) {
    const keys = { "+": "in", "=": "in", "-": "out", 0: "fit", ArrowLeft: "left", ArrowRight: "right", ArrowUp: "up", ArrowDown: "down" };
    const what = keys[event.key];
    if (!what || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    this.act(what);
  }

  at(event) {
    const box = this.svg.getBoundingClientRect();
    const perPixel = this.view.width / box.width;
    return [
      this.view.x + (event.clientX - box.left - box.width / 2) * perPixel,
      this.view.y + (event.clientY - box.top - box.height / 2) * perPixel,
    ];
  }

  wheel(event) {
    if (!event.ctrlKey && document.activeElement !== this.svg) return;
    event.preventDefault();
    this.zoom(event.deltaY > 0 ? 1.25 : 0.8, ...this.at(event));
  }

  grab(event) {
    if (event.target.closest("a, [role=button]") || event.button !== 0) return;
    const perPixel = this.view.width / this.svg.getBoundingClientRect().width;
    const begun = { ...this.view, left: event.clientX, top: event.clientY };
    this.svg.setPointerCapture(event.pointerId);
    const drag = (moved) => {
      this.view.x = begun.x - (moved.clientX - begun.left) * perPixel;
      this.view.y = begun.y - (moved.clientY - begun.top) * perPixel;
      this.draw();
    };
    this.svg.addEventListener("pointermove", drag);
    const stop = () => this.svg.removeEventListener("pointermove", drag);
    this.svg.addEventListener("pointerup", stop, { once: true });
    this.svg.addEventListener("pointercancel", stop, { once: true });
  }

  async shape() {
    const wanted = this.view.width < FINE_BELOW ? this.box.dataset.fine : this.box.dataset.coarse;
    if (this.loaded === wanted || this.loaded === this.box.dataset.fine) return;
    this.loaded = wanted;
    const answer = await fetch(wanted);
    const { land, lines } = outlines(await answer.json());
    this.shapes.replaceChildren(
      make("path", { d: land, class: "land", "fill-rule": "evenodd" }),
      make("path", { d: lines, class: "border", "vector-effect": "non-scaling-stroke" }),
    );
    this.box.dataset.drawn = String(wanted === this.box.dataset.fine ? "fine" : "coarse");
  }

  draw() {
    if (!this.view || !this.box.clientWidth) return;
    const [wide, high] = [this.box.clientWidth, this.height];
    const perPixel = this.view.width / wide;
    const [left, top] = [this.view.x - this.view.width / 2, this.view.y - (high * perPixel) / 2];
    this.svg.setAttribute("viewBox", `${left} ${top} ${this.view.width} ${high * perPixel}`);
    this.svg.setAttribute("height", high);
    const focused = document.activeElement?.dataset?.key;
    this.marks.replaceChildren(...clustered(this.sites, perPixel).map((some) => this.mark(some, perPixel)));
    if (focused) [...this.marks.children].find((mark) => mark.dataset.key === focused)?.focus();
    this.shape().catch(() => {});
  }

  mark(sites, perPixel) {
    const mean = (name) => sites.reduce((sum, site) => sum + site[name], 0) / sites.length;
    const chargers = sites.reduce((sum, site) => sum + site.chargers, 0);
    const state = worst(sites);
    const alone = sites.length === 1;
    const radius = Math.min(26, 15 + Math.log10(1 + chargers) * 4);
    const name = alone ? sites[0].name : this.box.dataset.many.replace("{n}", sites.length);
    const shown = make(
      "g",
      { transform: `translate(${mean("x")} ${mean("y")}) scale(${perPixel})` },
      make("circle", { r: radius, class: state }),
      make("text", { class: "sign", y: "4" }, `${SIGNS[state]} ${chargers}`),
      make("text", { class: "name", y: radius + 14 }, name),
    );
    const said = alone ? `${name}: ${sites[0].said}` : `${name}: ${this.box.dataset[state]}`;
    const element = alone
      ? make("a", { href: sites[0].href, "aria-label": said })
      : make("g", { role: "button", tabindex: "0", "aria-label": said });
    element.dataset.key = sites.map((site) => site.href).join(" ");
    element.append(make("title", {}, said), shown);
    if (!alone) {
      const open = () => {
        this.svg.focus();
        this.fit(sites);
      };
      element.addEventListener("click", open);
      element.addEventListener("keydown", (event) => {
        if (event.key === "Enter" || event.key === " ") {
          event.preventDefault();
          event.stopPropagation();
          open();
        }
      });
    }
    return element;
  }
}

const maps = new WeakMap();

const refresh = () => {
  for (const box of document.querySelectorAll("[data-map-of]")) {
    if (!maps.has(box)) maps.set(box, new SiteMap(box));
    maps.get(box).take(sitesOf(document.getElementById(box.dataset.mapOf)));
  }
};

document.addEventListener("htmx:load", refresh);
refresh();
