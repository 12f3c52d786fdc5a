// The question box: numbered molecules, task menu, files, Send and Stop.
(() => {
  const chat = window.moleculeChat;
  const MAX_MB = 5;
  const PATIENCE_MS = 20000;

  const setup = (part) => {
    const { question, file } = part.slots;
    const button = (act) => part.element.querySelector(`[data-act=${act}]`);
    part.buttons = { send: button("send"), stop: button("stop"), undo: button("undo"), redo: button("redo") };
    chat.secondThoughtsSwitch?.(part.element.querySelector(".thoughts"));
    part.fit = () => {
      question.style.height = "auto";
      question.style.height = `${Math.min(question.scrollHeight, innerHeight * 0.35)}px`;
      draft.keep(question.value);
    };
    question.value = draft.get(); // typed before the tab was loaded again
    if (question.value) part.fit();
    part.isTyped = () => ![undefined, "", part.wrote].includes(question.value.trim());
    part.tell = (message) => notice(part, message);
    part.refused = (text) => { part.onBusy(Boolean(chat.parts.transcript?.live)); notice(part, { tone: "error", text }); };
    part.send = () => {
      const text = question.value.trim();
      if (part.busy || !text) return question.focus();
      if (!chat.isConnected()) return part.refused("There is no connection to the assistant. Your question stays here; send it when the page is back.");
      part.sent = question.value;
      part.onBusy(true);
      part.trigger("turn", { kind: "ask", text, second_thoughts: chat.secondThoughts?.() });
      const before = part.value;
      setTimeout(() => { if (part.value === before) lost(part); }, PATIENCE_MS);
    };
    part.onBusy = (busy) => {
      part.busy = busy;
      part.buttons.send.hidden = busy;
      part.buttons.stop.hidden = !busy;
      part.element.classList.toggle("busy", busy);
    };
    part.files = (files) => sendFiles(part, files);
    part.tasks = () => openMenu(part);
    part.stop = () => { part.trigger("stop", {}); chat.say("stopping"); };
    part.onEscape = () => {
      if (!part.slots.menu.hidden) { closeMenu(part); return true; }
      if (part.busy) { part.stop(); return true; }
      return false;
    };
    question.addEventListener("input", () => {
      part.fit();
      if (question.value === "/") openMenu(part); else closeMenu(part);
    });
    question.addEventListener("keydown", (event) => onKey(part, event));
    file.addEventListener("change", () => { sendFiles(part, file.files); file.value = ""; });
    dropZone(part);
    chat.onAct(part, {
      send: part.send,
      stop: part.stop,
      menu: () => (part.slots.menu.hidden ? openMenu(part) : closeMenu(part)),
      task: (node) => pick(part, Number(node.dataset.index)),
      browse: () => file.click(),
      sheet: () => chat.sheet(true),
      undo: () => part.trigger("undo", {}),
      redo: () => part.trigger("redo", {}),
      fresh: () => part.trigger("fresh", {}),
      attach: (node) => chip(part, node, "attach"),
      detach: (node) => chip(part, node, "detach"),
      remove: (node) => chip(part, node, "remove"),
      open: (node) => { chip(part, node, "open"); chat.bring("draw"); },
    });
    if (matchMedia("(hover: hover)").matches) question.focus({ preventScroll: true }); // no keyboard on a phone
  };

  const draft = chat.kept("draft"); // what is typed and not sent yet

  /** Nothing came back: the server is gone or too busy. The words are still in the box. */
  const lost = (part) => part.refused("The question did not get through. Check that the assistant is still running, then send it again.");

  const chip = (part, node, action) =>
    part.trigger("chip", { action, number: Number(node.closest(".chip").dataset.number) });

  const onKey = (part, event) => {
    const open = !part.slots.menu.hidden;
    if (open && ["ArrowDown", "ArrowUp"].includes(event.key)) {
      event.preventDefault();
      mark(part, part.marked + (event.key === "ArrowDown" ? 1 : -1));
    } else if (event.key === "Enter" && !event.shiftKey && !event.isComposing) {
      event.preventDefault();
      if (open) pick(part, part.marked); else part.send();
    } else if (event.key === "Tab" && open) {
      closeMenu(part);
    }
  };

  // -- task menu ----------------------------------------------------------------------------
  const UNTRAINED = "this model was not trained for it";
  /** What the menu offers; tasks that the model was not trained for come last. */
  const offered = (part) => {
    const { cannot = [], predicts = [] } = chat.parts.header?.value ?? {};
    const tasks = (part.props.menu || []).map((task) => ({ ...task, off: cannot.includes(task.key) }));
    return [...tasks.filter(({ off }) => !off), ...predicts, ...tasks.filter(({ off }) => off)];
  };
  const openMenu = (part) => {
    const { menu, question } = part.slots;
    part.menu = offered(part);
    menu.replaceChildren(...part.menu.map((task, i) => {
      const item = document.createElement("li");
      Object.assign(item.dataset, { act: "task", index: i });
      item.id = `task-${i}`;
      item.setAttribute("role", "option");
      if (task.off) item.setAttribute("aria-disabled", "true");
      const title = Object.assign(document.createElement("strong"), { textContent: task.title });
      const words = Object.assign(document.createElement("span"), { textContent: task.off ? `○ ${UNTRAINED}` : wordsOf(part, task) });
      item.append(title, words);
      return item;
    }));
    menu.hidden = false;
    question.setAttribute("aria-controls", "tasks");
    mark(part, 0);
    question.focus();
  };
  const closeMenu = (part) => {
    part.slots.menu.hidden = true;
    ["aria-activedescendant", "aria-controls"].forEach((name) => part.slots.question.removeAttribute(name));
  };
  const mark = (part, index) => {
    const items = [...part.slots.menu.children];
    part.marked = (index + items.length) % items.length;
    items.forEach((item, i) => item.setAttribute("aria-selected", String(i === part.marked)));
    part.slots.question.setAttribute("aria-activedescendant", `task-${part.marked}`);
  };
  const pick = (part, index) => {
    const task = part.menu?.[index];
    if (task?.off) return chat.say(`${task.title}: ${UNTRAINED}`); // the menu stays for another one
    closeMenu(part);
    if (!task) return;
    if (task.key === "sidebyside") {
      const text = part.slots.question.value.replace(/^\/$/, "").trim();
      part.slots.question.value = text;
      return chat.parts.sidebyside?.open({ text });
    }
    write(part, wordsOf(part, task));
  };
  /** Puts words into the box that nobody has typed: others may replace them. */
  const write = (part, words) => {
    part.slots.question.value = words;
    part.wrote = words.trim();
    part.fit();
    part.slots.question.focus();
  };

  /** A task's words with the numbers of the molecules it would be about, or is. */
  const wordsOf = (part, { key, text }, about = null) => {
    const { attached = [], numbers = [] } = part.value || {};
    const several = about || (attached.length > 1 ? attached : [...new Set([...attached, ...numbers])].sort((a, b) => a - b));
    const names = several.slice(0, key === "compare" ? 2 : 4).map((n) => `molecule ${n}`);
    const list = names.length > 1 ? `${names.slice(0, -1).join(", ")} and ${names.at(-1)}` : names[0];
    const one = attached.length ? `molecule ${attached[0]}` : names[0] || "this molecule";
    if (key === "compare" && names.length === 1) return `Compare ${names[0]} with `; // paste or type the other one
    return text.replaceAll("$molecules", list || "these molecules").replaceAll("$molecule", one);
  };

  // -- files --------------------------------------------------------------------------------
  const sendFiles = async (part, files) => {
    for (const file of [...files].slice(0, 10)) {
      if (/\.json$/i.test(file.name)) { chat.parts.exporter?.importFile(file); continue; }
      if (file.size > MAX_MB * 2 ** 20) {
        const size = Math.round(file.size / 2 ** 20);
        notice(part, { tone: "error", text: `“${file.name}” is ${size} MB; at most ${MAX_MB} MB are read. Split it, or keep the records you ask about.` });
        continue;
      }
      try {
        const { path } = await part.upload(file);
        part.trigger("file", { path, name: file.name, id: chat.offers.keep({ file }) });
      } catch {
        notice(part, { tone: "error", text: `“${file.name}” could not be sent. Try again.` });
      }
    }
  };
  const dropZone = (part) => {
    const root = document.documentElement;
    const hasFiles = (event) => [...(event.dataTransfer?.types || [])].includes("Files");
    addEventListener("dragover", (event) => {
      if (hasFiles(event)) { event.preventDefault(); root.classList.add("dropping"); }
    });
    addEventListener("dragleave", (event) => { if (!event.relatedTarget) root.classList.remove("dropping"); });
    addEventListener("drop", (event) => {
      if (!hasFiles(event)) return;
      event.preventDefault();
      root.classList.remove("dropping");
      const { files } = event.dataTransfer;
      const onList = root.dataset.tab === "list" && event.target.closest?.("#workbench");
      if (onList && files[0]) chat.parts.list?.open(files[0]); else sendFiles(part, files);
    });
  };

  const notice = (part, message) => {
    const node = part.slots.notice;
    node.className = `notice ${message?.tone || ""}`;
    node.textContent = message?.text || "";
    if (!message?.putBack) return;
    const button = Object.assign(document.createElement("button"), { type: "button", className: "link", textContent: "undo" });
    button.addEventListener("click", () => part.trigger("chip", { action: "restore", number: message.putBack }));
    node.append(" ", button);
  };

  const show = (part, value) => {
    chat.fill(part.slots.chips, value.chips || "");
    notice(part, value.notice);
    const { question } = part.slots;
    chat.offers.take(part, value);
    if (value.pasted) chat.replacePasted(question, value.pasted);
    if (typeof value.question === "string") {
      // the sent words leave the box; what was typed meanwhile stays
      if (value.question || question.value === part.sent) question.value = value.question;
      part.sent = null;
      part.fit();
      if (value.question) question.focus();
    }
    if (value.compare && !part.isTyped()) { // what was typed meanwhile stays
      write(part, wordsOf(part, part.props.menu.find(({ key }) => key === "compare"), value.compare));
    }
    part.buttons.undo.disabled = !value.undo;
    part.buttons.redo.disabled = !value.redo;
    part.onBusy(Boolean(value.busy));
  };

  /** A value that a newer one overtook: what it asks the person is still asked. */
  const late = (part, value) => chat.offers.take(part, value);

  chat.define("composer", { setup, show, late });
})();
