// Export and import: one menu at the top right; a file is made when it is asked for.
(() => {
  const chat = window.moleculeChat;
  const MAX_MB = 5;

  const setup = (part) => {
    const { opener, menu, file } = part.slots;
    const items = [
      ...(part.props.menu || []).map((entry) => item("save", entry.title, entry.hint, entry.format)),
      item("import", "Import …", "a JSON file from here"),
    ];
    items.at(-1).classList.add("apart");
    menu.replaceChildren(...items);
    part.toggle = (open, focus = 0) => {
      menu.hidden = !open;
      opener.setAttribute("aria-expanded", String(open));
      if (open) items.at(focus).focus();
    };
    opener.addEventListener("keydown", (event) => {
      if (!["ArrowDown", "ArrowUp"].includes(event.key)) return;
      event.preventDefault();
      part.toggle(true, event.key === "ArrowUp" ? -1 : 0);
    });
    menu.addEventListener("keydown", (event) => onKey(part, items, event));
    document.addEventListener("pointerdown", (event) => {
      if (!menu.hidden && !part.element.contains(event.target)) part.toggle(false);
    });
    menu.addEventListener("focusout", (event) => {
      if (!part.element.contains(event.relatedTarget)) part.toggle(false);
    });
    file.addEventListener("change", () => { if (file.files[0]) part.importFile(file.files[0]); file.value = ""; });
    part.importFile = (chosen) => restore(part, chosen);
    chat.onAct(part, {
      menu: () => part.toggle(menu.hidden),
      save: (node) => { part.toggle(false); opener.focus(); begin(part, `writing ${node.querySelector("strong").textContent}`); part.trigger("save", { format: node.dataset.format }); },
      import: () => { part.toggle(false); opener.focus(); file.click(); },
    });
    document.addEventListener("click", (event) => {
      const node = event.target.closest?.("[data-save-passport]");
      if (!node) return;
      begin(part, "writing the passport");
      part.trigger("passport", { turn: Number(node.dataset.savePassport) });
    });
  };

  const item = (act, title, hint, format = "") => {
    const button = Object.assign(document.createElement("button"), { type: "button", tabIndex: -1 });
    button.setAttribute("role", "menuitem");
    Object.assign(button.dataset, { act, format });
    button.append(
      Object.assign(document.createElement("strong"), { textContent: title }),
      Object.assign(document.createElement("span"), { textContent: hint }),
    );
    return button;
  };

  const onKey = (part, items, event) => {
    const at = items.indexOf(document.activeElement);
    const to = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: -1 }[event.key];
    if (to !== undefined) {
      event.preventDefault();
      items.at(to % items.length).focus();
    } else if (event.key === "Escape") {
      event.stopPropagation();
      part.toggle(false);
      part.slots.opener.focus();
    } else if (event.key === "Tab") {
      part.toggle(false);
    } else if (event.key.length === 1 && /\S/.test(event.key)) {
      const next = [...items.slice(at + 1), ...items.slice(0, at + 1)];
      next.find((node) => node.textContent.toLowerCase().startsWith(event.key.toLowerCase()))?.focus();
    }
  };

  const begin = (part, what) => {
    part.slots.opener.classList.add("waiting");
    chat.say(what);
  };

  const restore = async (part, chosen) => {
    if (chosen.size > MAX_MB * 2 ** 20) {
      const size = Math.round(chosen.size / 2 ** 20);
      return chat.parts.composer?.tell({ tone: "error", text: `“${chosen.name}” is ${size} MB; at most ${MAX_MB} MB are imported.` });
    }
    begin(part, "importing");
    try {
      const { path } = await part.upload(chosen);
      part.trigger("restore", { path, name: chosen.name });
    } catch {
      part.slots.opener.classList.remove("waiting");
      chat.parts.composer?.tell({ tone: "error", text: `“${chosen.name}” could not be sent. Try again.` });
    }
  };

  const show = (part, value) => {
    part.slots.opener.classList.remove("waiting");
    if (value.file) chat.download(value.file);
  };

  /** Hands a file to the browser, from the server (`base64`) or made here (text or bytes); nothing of it stays on the page. */
  chat.download = ({ name, mime, base64, content }) => {
    const data = content ?? Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0));
    const url = URL.createObjectURL(new Blob([data], { type: mime }));
    const link = Object.assign(document.createElement("a"), { href: url, download: name });
    document.body.append(link);
    link.click();
    link.remove();
    setTimeout(() => URL.revokeObjectURL(url), 10000);
    chat.say(`saved ${name}`);
  };

  chat.define("exporter", { setup, show });
})();
