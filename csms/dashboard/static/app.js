// What every page needs. All of it is comfort: without scripts links and forms work as they are.
import "./live.js";
import "./charts.js";
import "./map.js";
import "./palette.js";

document.documentElement.classList.add("scripted");

const say = (text) => {
  const box = document.getElementById("said");
  const toast = document.createElement("p");
  toast.className = "toast";
  toast.textContent = text;
  box.replaceChildren(toast);
  setTimeout(() => toast.remove(), 4000);
};

const two = (number) => String(number).padStart(2, "0");

const local = (moment) =>
  `${moment.getFullYear()}-${two(moment.getMonth() + 1)}-${two(moment.getDate())} ` +
  `${two(moment.getHours())}:${two(moment.getMinutes())}:${two(moment.getSeconds())}`;

const localTimes = (root) => {
  for (const element of root.querySelectorAll("time[datetime]:not([data-local])")) {
    const moment = new Date(element.dateTime);
    if (Number.isNaN(moment.getTime())) continue;
    element.dataset.local = "";
    element.title = element.textContent;
    element.textContent = local(moment);
  }
};

// Instants are chosen in the time of the browser and sent in UTC; without scripts they are UTC.
const zone = (isShort) => {
  const offset = -new Date().getTimezoneOffset();
  const hours = `UTC${offset < 0 ? "−" : "+"}${two(Math.floor(Math.abs(offset) / 60))}:${two(Math.abs(offset) % 60)}`;
  return isShort ? hours : `${Intl.DateTimeFormat().resolvedOptions().timeZone}, ${hours}`;
};

const localFields = (root) => {
  for (const element of root.querySelectorAll("[data-zone]")) element.textContent = zone(element.dataset.zone === "short");
  for (const field of root.querySelectorAll('[data-instant]:not([type="datetime-local"])')) {
    const text = field.value.trim();
    const micros = /^\d{12,}$/.test(text) ? Number(text) / 1000 : NaN;
    const moment = new Date(Number.isNaN(micros) ? (/(Z|[+-]\d\d:?\d\d)$/.test(text) ? text : `${text}Z`) : micros);
    if (text && Number.isNaN(moment.getTime())) continue;
    field.value = "";
    field.type = "datetime-local";
    field.step = "1";
    if (text) field.value = local(moment).replace(" ", "T");
  }
};

document.addEventListener("formdata", (event) => {
  for (const field of event.target.querySelectorAll('[data-instant][type="datetime-local"]')) {
    if (field.value) event.formData.set(field.name, new Date(field.value).toISOString());
  }
});

document.addEventListener("click", async (event) => {
  const copy = event.target.closest("[data-copy]");
  if (copy) {
    event.preventDefault();
    try {
      await navigator.clipboard.writeText(copy.dataset.copy);
      say(document.body.dataset.copied);
    } catch {
      say(document.body.dataset.failed);
    }
    return;
  }
  const menu = event.target.closest("[data-menu]");
  if (menu) {
    const open = document.getElementById("navigation").classList.toggle("open");
    menu.setAttribute("aria-expanded", String(open));
    return;
  }
  const raw = event.target.closest("[data-raw]");
  if (raw) {
    const box = document.getElementById(raw.dataset.raw);
    for (const pre of box.querySelectorAll("pre")) pre.hidden = !pre.hidden;
    raw.setAttribute("aria-pressed", String(raw.getAttribute("aria-pressed") !== "true"));
  }
});

document.addEventListener("click", (event) => {
  const save = event.target.closest("[data-save]");
  if (!save) return;
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([document.getElementById(save.dataset.save).value], { type: "text/csv" }));
  link.download = save.dataset.name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 1000);
});

document.addEventListener("change", async (event) => {
  const field = event.target;
  if (field.matches("[data-file]") && field.files.length) {
    document.getElementById(field.dataset.file).value = await field.files[0].text();
  }
  if (field.matches("[data-submit]")) field.form.requestSubmit();
  if (field.matches("[data-fill]") && field.value) {
    const chosen = field.selectedOptions[0];
    document.getElementById(field.dataset.fill).value = chosen.dataset.payload || "{}";
    field.form.elements.action.value = field.value;
  }
});

document.addEventListener("submit", (event) => {
  const question = event.target.dataset.sure;
  if (question && !window.confirm(question)) event.preventDefault();
});

document.addEventListener("htmx:configRequest", (event) => {
  const token = document.querySelector('meta[name="csrf"]')?.content;
  if (token) event.detail.headers["X-CSRF-Token"] = token;
});

document.addEventListener("htmx:load", (event) => localTimes(event.detail.elt));
localTimes(document);
localFields(document);
