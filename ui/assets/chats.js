// The list of conversations: open, search, rename, delete with undo; its thumbnails come as they are seen.
(() => {
  const chat = window.moleculeChat;
  const root = document.documentElement;
  const DEBOUNCE_MS = 250;
  const AT_ONCE = 16; // thumbnails asked for together

  // -- folding ------------------------------------------------------------------------------
  const floats = () => matchMedia("(max-width: 1180px)").matches;
  const isOpen = () => (floats() ? root.classList.contains("chats-open") : !root.classList.contains("chats-folded"));
  const tellButton = () => {
    document.querySelector(".chats-button")?.setAttribute("aria-expanded", String(isOpen()));
  };
  const unfold = (open, { focus = "" } = {}) => {
    if (floats()) root.classList.toggle("chats-open", open);
    else root.classList.toggle("chats-folded", !open);
    tellButton();
    chat.say(open ? "conversations shown" : "conversations hidden");
    if (open && focus) document.querySelector(focus)?.focus();
    else if (!open) document.querySelector(".chats-button")?.focus();
  };
  const toggle = () => unfold(!isOpen(), { focus: "#chats [data-slot=query]" });
  addEventListener("resize", tellButton);

  document.addEventListener("click", (event) => {
    if (event.target.closest(".chats-button")) toggle();
    else if (root.classList.contains("chats-open") && !event.target.closest("#history")) unfold(false);
  });
  document.addEventListener("keydown", (event) => {
    const key = event.key.toLowerCase();
    if (event.key === "Escape" && root.classList.contains("chats-open") && !chat.parts.composer?.busy) {
      unfold(false);
    } else if (event.ctrlKey && !event.shiftKey && !event.altKey && (key === "b" || key === "k")) {
      event.preventDefault();
      if (key === "b") toggle(); else unfold(true, { focus: "#chats [data-slot=query]" });
    }
  });

  // -- the list -----------------------------------------------------------------------------
  const idOf = (node) => node.closest("[data-id]").dataset.id;

  const setup = (part) => {
    const { query, list, undo } = part.slots;
    let debounce;
    query.addEventListener("input", () => {
      clearTimeout(debounce);
      const text = query.value; // another value may put its own words into the box meanwhile
      part.isTyping = true;
      debounce = setTimeout(() => { part.isTyping = false; part.trigger("search", { text }); }, DEBOUNCE_MS);
    });
    query.addEventListener("keydown", (event) => {
      if (event.key === "ArrowDown") { event.preventDefault(); list.querySelector(".open")?.focus(); }
      if (event.key === "Escape" && query.value) {
        event.stopPropagation();
        query.value = "";
        part.trigger("search", { text: "" });
      }
    });
    list.addEventListener("keydown", (event) => onKey(part, event));
    chat.onAct(part, {
      new: () => { chat.parts.composer?.trigger("fresh", {}); if (floats()) unfold(false); chat.parts.composer?.slots.question.focus(); },
      group: () => part.trigger("group", {}),
      fold: () => unfold(false),
      open: (node) => {
        if (node.closest("li").querySelector("input")) return;
        part.trigger("open", { id: idOf(node) });
        if (floats()) unfold(false);
      },
      rename: (node) => rename(part, node),
      remove: (node) => { part.trigger("remove", { id: idOf(node) }); part.deleting = true; },
      restore: () => part.trigger("restore", {}),
      more: () => part.trigger("more", {}),
    });
    addEventListener("hashchange", () => {
      const id = chat.placeOf(location.hash);
      if (id && id !== part.value?.current) part.trigger("open", { id });
    });
    if (!floats()) tellButton();
    undo.hidden = true;
  };

  const onKey = (part, event) => {
    const entry = event.target.closest?.(".open");
    if (!entry) return;
    const all = [...part.slots.list.querySelectorAll(".open")];
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step) {
      event.preventDefault();
      (all[all.indexOf(entry) + step] || (step < 0 ? part.slots.query : entry)).focus();
    } else if (event.key === "Delete") {
      entry.closest("li").querySelector(".remove").click();
    } else if (event.key === "F2") {
      event.preventDefault();
      rename(part, entry);
    }
  };

  /** The title becomes a box in place; Enter keeps it, Escape leaves it as it was. */
  const rename = (part, node) => {
    const item = node.closest("li");
    const title = item.querySelector(".title");
    if (item.querySelector("input")) return;
    const box = Object.assign(document.createElement("input"), { value: title.textContent, maxLength: 120, className: "title-box" });
    box.setAttribute("aria-label", "title; Enter keeps it, Escape leaves it as it was");
    let done = false;
    const close = (keep) => {
      if (done) return;
      done = true;
      const text = box.value.trim();
      box.remove();
      item.classList.remove("renaming");
      item.querySelector(".open").focus();
      if (keep && text && text !== title.textContent) {
        title.textContent = text;
        part.trigger("rename", { id: item.dataset.id, title: text });
        chat.say("renamed");
      }
    };
    box.addEventListener("keydown", (event) => {
      event.stopPropagation();
      if (event.key === "Enter" && !event.isComposing) { event.preventDefault(); close(true); }
      if (event.key === "Escape") close(false);
    });
    box.addEventListener("blur", () => close(true));
    item.classList.add("renaming");
    item.append(box);
    box.focus();
    box.select();
  };

  const show = (part, value) => {
    const { list, query, undo } = part.slots;
    if (chat.fill(list, value.html || "")) dress(part, list);
    part.element.querySelector(".grouped").setAttribute("aria-pressed", String(Boolean(value.grouped)));
    if (document.activeElement !== query && !part.isTyping && query.value !== (value.query || "")) query.value = value.query || "";
    undo.hidden = !value.undo;
    if (chat.fill(undo, value.undo || "") && value.undo) {
      chat.say(undo.innerText);
      if (part.deleting) undo.querySelector("button")?.focus();
      part.deleting = false; // not before: another list may come in between
    }
    if (typeof value.current === "string" && chat.placeOf(location.hash) !== value.current) {
      const place = value.current ? `#c=${value.current}` : location.pathname + location.search;
      history.replaceState(null, "", place);
    }
    if (query.value && document.activeElement === query) {
      clearTimeout(part.telling);
      const n = list.querySelectorAll(".entry").length;
      part.telling = setTimeout(() => chat.say(`${n} found`), 600);
    }
  };

  /** Times as this browser writes them, and pictures for what is in view. */
  const dress = (part, list) => {
    const today = new Date().toDateString();
    list.querySelectorAll("time").forEach((node) => {
      const moment = new Date(Number(node.dataset.time) * 1000);
      const form = moment.toDateString() === today
        ? { hour: "2-digit", minute: "2-digit" } : { day: "numeric", month: "short" };
      node.dateTime = moment.toISOString();
      node.textContent = moment.toLocaleString([], form);
    });
    list.querySelectorAll(".thumb[data-smiles]").forEach((node) => thumbs.see(node));
  };

  // -- thumbnails ---------------------------------------------------------------------------
  const thumbs = (() => {
    const known = new Map();
    const wanted = new Set();
    let part = null;
    let asked = 0;
    let sent = [];
    const put = (node) => { node.innerHTML = known.get(node.dataset.smiles); };
    const ask = () => {
      if (!part || asked || !wanted.size) return;
      sent = [...wanted].slice(0, AT_ONCE);
      asked = setTimeout(() => { asked = 0; ask(); }, 8000); // an answer was lost: ask again
      part.trigger("wanted", { smiles: sent });
    };
    const watcher = new IntersectionObserver((entries) => {
      entries.filter((entry) => entry.isIntersecting).forEach(({ target }) => {
        watcher.unobserve(target);
        if (known.has(target.dataset.smiles)) return put(target);
        wanted.add(target.dataset.smiles);
      });
      ask();
    }, { rootMargin: "120px" });
    const see = (node) => (known.has(node.dataset.smiles) ? put(node) : watcher.observe(node));
    const arrived = (pictures) => {
      clearTimeout(asked);
      asked = 0;
      Object.entries(pictures).forEach(([smiles, svg]) => { known.set(smiles, svg); });
      sent.forEach((smiles) => wanted.delete(smiles));
      document.querySelectorAll("#chats .thumb[data-smiles]:empty").forEach((node) => {
        if (known.has(node.dataset.smiles)) put(node);
      });
      ask();
    };
    chat.define("thumbs", {
      setup: (link) => { part = link; ask(); },
      show: (link, value) => { if (value.thumbs) arrived(value.thumbs); },
    });
    return { see };
  })();

  chat.placeOf = (hash) => (hash.startsWith("#c=") ? hash.slice(3) : "");
  chat.define("chats", { setup, show });
})();
