// The workbench: molecule box, tabs, facts with atoms that light up.
(() => {
  const chat = window.moleculeChat;
  const DEBOUNCE_MS = 80; // after a key, before its text is looked at
  const REST_MS = 900; // after a key, before a mistake is told
  const unsent = chat.kept("molecule"); // what the box holds, for a tab that is loaded again

  const setup = (part) => {
    const { text } = part.slots;
    let debounce, rest;
    const fit = () => {
      text.style.height = "auto";
      text.style.height = `${Math.min(text.scrollHeight, 132)}px`;
      text.classList.toggle("filled", Boolean(text.value));
      if (part.isRestored) unsent.keep(text.value);
    };
    part.fit = fit;
    part.send = (stage) => {
      clearTimeout(debounce);
      clearTimeout(rest);
      window.typedCount = (window.typedCount ?? 0) + 1; // requests may arrive in another order
      part.trigger("typed", { text: text.value, stage, count: window.typedCount });
    };
    // Right text shows at once, a mistake only when the person rests, leaves the box or presses Enter.
    const rested = () => { if (part.element.dataset.tone === "quiet") part.send("resting"); };
    text.addEventListener("input", () => {
      fit();
      part.dirty = true;
      clearTimeout(debounce);
      clearTimeout(rest);
      debounce = setTimeout(() => { part.send("typing"); rest = setTimeout(rested, REST_MS); }, DEBOUNCE_MS);
    });
    text.addEventListener("paste", () => setTimeout(() => part.send("done"), 0));
    text.addEventListener("blur", () => { if (part.dirty) { part.dirty = false; part.send("done"); } });
    text.addEventListener("keydown", (event) => {
      if (event.key === "Enter" && !event.shiftKey && !event.isComposing) {
        event.preventDefault();
        part.dirty = false;
        part.send("done");
      }
    });
    chat.onAct(part, {
      fix: (node) => { text.value = node.dataset.text; fit(); text.focus(); part.send("done"); },
      clear: () => { // as typing would, so that the browser's undo (Ctrl+Z) takes it back
        text.focus();
        text.select();
        document.execCommand("delete");
        fit();
        part.send("done");
      },
      "close-sheet": () => chat.sheet(false),
    });
    const tabs = [...part.element.querySelectorAll("[role=tab]")];
    tabs.forEach((tab, i) => {
      tab.addEventListener("click", () => chat.showTab(tab.dataset.tab));
      tab.addEventListener("keydown", (event) => {
        const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
        if (step) chat.showTab(tabs[(i + step + tabs.length) % tabs.length].dataset.tab, true);
      });
      const panel = document.getElementById(`panel-${tab.dataset.tab}`);
      tab.id = `tab-${tab.dataset.tab}`;
      tab.setAttribute("aria-controls", `panel-${tab.dataset.tab}`);
      panel?.setAttribute("role", "tabpanel");
      panel?.setAttribute("aria-labelledby", tab.id);
    });
    part.shaped = null; // the structure whose 3D shape was asked for last
    part.onTab = (name) => {
      if (name !== "shape" || part.shaped === part.value?.structure) return;
      part.shaped = part.value?.structure;
      part.trigger("shape", {});
    };
    const before = chat.lastTab.get();
    if (tabs.some((tab) => tab.dataset.tab === before)) chat.showTab(before);
  };

  /** A molecule that was not asked about yet is put back where the conversation brings none. */
  const restore = (part, value) => {
    if (part.isRestored || typeof value.structure !== "string") return;
    part.isRestored = true;
    const { text } = part.slots;
    if (value.structure || text.value || !unsent.get()) return;
    text.value = unsent.get();
    part.fit();
    part.send("done");
  };

  const show = (part, value) => {
    const { text, below } = part.slots;
    if (typeof value.text === "string" && document.activeElement !== text) {
      text.value = value.text;
      part.dirty = false;
      part.fit();
    } else if (typeof value.text === "string" && value.text !== text.value && !part.dirty) {
      text.value = value.text;
      part.fit();
    }
    chat.fill(below, value.html || "");
    part.element.dataset.tone = value.tone || "";
    if (typeof value.by_hand === "boolean") document.documentElement.classList.toggle("by-hand", value.by_hand);
    document.documentElement.classList.toggle("stale", value.tone === "error");
    text.setAttribute("aria-invalid", String(value.tone === "error"));
    if (document.documentElement.dataset.tab === "shape") part.onTab("shape");
    restore(part, value);
  };

  chat.define("bench", { setup, show });

  // -- facts --------------------------------------------------------------------------------
  const light = (part, button) => {
    const atoms = new Set((button?.dataset.atoms || "").split(",").map((n) => Number(n) - 1));
    part.element.querySelectorAll(".depiction [class*=atom-]").forEach((node) => {
      const mine = [...node.classList].filter((c) => /^atom-\d+$/.test(c)).map((c) => Number(c.slice(5)));
      node.classList.toggle("lit", Boolean(button) && mine.length > 0 && mine.every((n) => atoms.has(n)));
    });
    // a drawing that the page set has its atoms in the facts' order
    const listed = button && !document.documentElement.classList.contains("by-hand") ? [...atoms].map((n) => n + 1) : [];
    document.querySelector("#sketcher .sketcher")?.dispatchEvent(new CustomEvent("highlight", { detail: listed }));
  };

  chat.define("facts", {
    setup: (part) => {
      const groups = () => [...part.element.querySelectorAll(".group")];
      const pressed = () => groups().find((b) => b.getAttribute("aria-pressed") === "true");
      const over = (event) => {
        const button = event.target.closest(".group");
        light(part, button || pressed());
      };
      part.element.addEventListener("mouseover", over);
      part.element.addEventListener("focusin", over);
      part.element.addEventListener("mouseleave", () => light(part, pressed()));
      part.element.addEventListener("click", (event) => {
        const button = event.target.closest(".group");
        if (!button) return;
        const on = button.getAttribute("aria-pressed") !== "true";
        groups().forEach((b) => b.setAttribute("aria-pressed", String(on && b === button)));
        light(part, on ? button : null);
      });
      chat.onAct(part, {
        parent: () => part.trigger("strip", {}),
        restore: () => part.trigger("restore", {}),
      });
    },
    show: (part, value) => { chat.fill(part.slots.facts, value.html || ""); },
  });
})();
