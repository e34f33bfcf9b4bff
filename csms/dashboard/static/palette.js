// Ctrl K: a page by a part of its name, or a charger by its identity.
const dialog = document.getElementById("palette");

if (dialog) {
  const field = dialog.querySelector("input");
  const options = [...dialog.querySelectorAll('[role="option"]')];
  let chosen = null;

  const shown = () => options.filter((option) => !option.hidden);

  const choose = (option) => {
    for (const each of options) each.setAttribute("aria-selected", String(each === option));
    chosen = option ?? null;
    if (option) {
      field.setAttribute("aria-activedescendant", option.id);
      option.scrollIntoView({ block: "nearest" });
    } else field.removeAttribute("aria-activedescendant");
  };

  const narrow = () => {
    const text = field.value.trim();
    for (const option of options) {
      if (option.dataset.find) {
        option.hidden = !text;
        option.textContent = option.dataset.text.replace("{text}", text);
      } else option.hidden = !option.textContent.toLocaleLowerCase().includes(text.toLocaleLowerCase());
    }
    choose(shown()[0]);
  };

  const open = () => {
    field.value = "";
    narrow();
    dialog.showModal();
    field.focus();
  };

  const go = (option) => {
    const { href, find } = option.dataset;
    window.location.assign(find ? find + encodeURIComponent(field.value.trim()) : href);
  };

  document.addEventListener("keydown", (event) => {
    if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "k") {
      event.preventDefault();
      if (!dialog.open) open();
    }
  });
  document.querySelector("[data-palette]")?.addEventListener("click", open);
  field.addEventListener("input", narrow);
  field.addEventListener("keydown", (event) => {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step) {
      event.preventDefault();
      const all = shown();
      choose(all[(all.indexOf(chosen) + step + all.length) % all.length]);
    }
  });
  dialog.addEventListener("submit", (event) => {
    event.preventDefault();
    if (chosen) go(chosen);
  });
  dialog.addEventListener("click", (event) => {
    const option = event.target.closest('[role="option"]');
    if (option) go(option);
    else if (event.target === dialog) dialog.close();
  });
}
