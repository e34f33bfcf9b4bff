// Series of meter values: <div class="chart" data-series="/api/v1/series?..." data-title="...">.
const colours = ["--busy", "--good", "--warn", "--bad"];
const shown = new WeakMap();

const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

const written = (value, places) =>
  value.toLocaleString(document.documentElement.lang, { maximumFractionDigits: places, minimumFractionDigits: places === 2 ? 2 : 0, useGrouping: false });

const scaled = (unit) => (unit === "W" || unit === "Wh" ? [1000, `k${unit}`] : [1, unit]);

// Seconds between two ticks: none below one second, or labels repeat.
const steps = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 21600, 43200, 86400];

// A span of half an hour is half an hour wide, however little of it is known.
const period = (element, low, high) => {
  const span = Number(element.dataset.span);
  const now = Date.now() / 1000;
  if (span) return [now - span, now];
  return low === high ? [low - 30, high + 30] : [low, high];
};

const table = (series) => {
  const instants = [...new Set(series.flatMap((one) => one.points.map((point) => point[0])))].sort((a, b) => a - b);
  const rows = series.map((one) => {
    const values = new Map(one.points);
    const [by] = scaled(one.unit);
    return instants.map((at) => (values.has(at) ? values.get(at) / by : null));
  });
  return [instants.map((at) => at / 1e6), ...rows];
};

const draw = async (element) => {
  const url = new URL(element.dataset.series, location.href);
  if (element.dataset.span) url.searchParams.set("from", String(Date.now() * 1000 - Number(element.dataset.span) * 1e6));
  if (element.clientWidth === 0) return;
  const answer = await fetch(url, { headers: { Accept: "application/json" }, credentials: "same-origin" });
  if (!answer.ok || !element.isConnected) return;
  delete element.dataset.loading;
  const { series } = await answer.json();
  const note = element.nextElementSibling;
  if (note?.matches(".empty")) note.hidden = series.length > 0;
  if (!series.length) return;
  const data = table(series);
  const old = shown.get(element);
  if (old && old.series.length === data.length) {
    old.setData(data);
    return;
  }
  old?.destroy();
  const [, unit] = scaled(series[0].unit);
  const hours = [
    [86400, "{YYYY}-{MM}-{DD}", null, null, null, null, null, null, 1],
    [60, "{HH}:{mm}", "\n{YYYY}-{MM}-{DD}", null, "\n{YYYY}-{MM}-{DD}", null, null, null, 1],
    [1, "{HH}:{mm}:{ss}", "\n{YYYY}-{MM}-{DD}", null, "\n{YYYY}-{MM}-{DD}", null, null, null, 1],
  ];
  const axis = { stroke: colour("--soft"), grid: { stroke: colour("--line") }, ticks: { stroke: colour("--line") } };
  const plot = new window.uPlot({
    width: element.clientWidth,
    height: Number(element.dataset.height || 220),
    padding: [null, 30, null, null], // Half of the last label stands right of the last value.
    scales: {
      x: { range: (_, low, high) => period(element, low, high) },
      y: {
        range: (_, low, high) => {
          const room = Math.max(0.5, ((high ?? 1) - (low ?? 0)) * 0.08);
          return element.dataset.free ? [(low ?? 0) - room, (high ?? 1) + room] : [Math.min(0, low ?? 0), Math.max(1, (high ?? 1) * 1.08)];
        },
      },
    },
    series: [
      { label: element.dataset.time || "UTC" , value: "{YYYY}-{MM}-{DD} {HH}:{mm}:{ss}" },
      ...series.map((one, number) => ({
        label: `${element.dataset.title}${one.connector ? ` ${one.connector}` : ""} (${unit})`,
        stroke: colour(colours[number % colours.length]),
        width: 2,
        spanGaps: true,
        value: (_, value) => (value === null || value === undefined ? "–" : written(value, 2)),
      })),
    ],
    axes: [{ ...axis, values: hours, space: 80, incrs: steps }, { ...axis, size: 60, values: (_, ticks) => ticks.map((tick) => `${written(tick, 6)} ${unit}`) }],
  }, data, element);
  shown.set(element, plot);
};

const refresh = (root) => {
  for (const element of root.querySelectorAll("[data-series]")) draw(element).catch(() => {});
};

window.addEventListener("resize", () => {
  for (const element of document.querySelectorAll("[data-series]")) {
    shown.get(element)?.setSize({ width: element.clientWidth, height: Number(element.dataset.height || 220) });
  }
});
setInterval(() => {
  if (!document.hidden) {
    for (const element of document.querySelectorAll("[data-series][data-every]")) draw(element).catch(() => {});
  }
}, 5000);
document.addEventListener("htmx:load", (event) => refresh(event.detail.elt));


