// The page's frame: mounts the parts, and what they share (copy, tips, announcements, keys, tabs, sheet).
window.moleculeChat = (() => {
  const kinds = {};
  const parts = {};

  /** Registers how a part works: `setup(part)` once, `show(part, value)` for each new value. */
  const define = (kind, behaviour) => { kinds[kind] = behaviour; };

  /** Called by each Gradio HTML component with its element and its link to the server. */
  const mount = (kind, link) => {
    const trigger = (name, data) => { window.moleculeChat.progress?.asked(kind, name); link.trigger(name, data); };
    const part = { kind, ...link, trigger, slots: {} };
    link.element.querySelectorAll("[data-slot]").forEach((node) => { part.slots[node.dataset.slot] = node; });
    parts[kind] = part;
    // Quick answers may arrive out of order. What is only a piece of a part counts by itself:
    // neither the piece nor the rest makes the other one old.
    const revs = {};
    part.isNewer = (rev = 0, piece = "") => {
      if (rev <= (revs[piece] ?? -1)) return false;
      revs[piece] = rev;
      return true;
    };
    let last = null; // the same value may be given again
    const show = () => {
      const value = link.props.value || {};
      const again = value.rev === last;
      last = value.rev;
      if (!part.isNewer(value.rev, value.only)) {
        if (!again) kinds[kind].late?.(part, value);
        return;
      }
      if (!value.only) part.value = value;
      kinds[kind].show(part, value);
      window.moleculeChat.progress?.shown(kind);
    };
    kinds[kind].setup?.(part);
    link.watch("value", show);
    show();
  };

  /** A new element with its properties and children. */
  const make = (tag, properties = {}, ...children) => {
    const made = Object.assign(document.createElement(tag), properties);
    made.append(...children);
    return made;
  };

  /** Replaces markup only where it changed, so that focus and scrolling stay. */
  const filled = new WeakMap(); // node → the markup it was given last
  const fill = (node, html) => {
    if (filled.get(node) === html) return false;
    const focus = node.contains(document.activeElement) ? keyOf(document.activeElement) : null;
    node.innerHTML = html;
    filled.set(node, html);
    if (focus) [...node.querySelectorAll("button")].find((b) => keyOf(b) === focus)?.focus();
    return true;
  };
  const keyOf = (node) => {
    const chip = node.closest("[data-number]")?.dataset.number ?? "";
    const { act = "", turn = "", atoms = "" } = node.dataset;
    const entry = node.closest("[data-id]")?.dataset.id ?? "";
    return [chip, entry, ["attach", "detach"].includes(act) ? "toggle" : act, turn, atoms, node.dataset.copy || "", node.className].join("|");
  };

  /** Clicks inside a part by the `data-act` of what was clicked. */
  const onAct = (part, actions) => {
    part.element.addEventListener("click", (event) => {
      const node = event.target.closest("[data-act]");
      if (node && actions[node.dataset.act]) actions[node.dataset.act](node, event);
    });
  };

  const SAID_MS = 8000; // a line of the voice stays for readers that come back to it

  // -- copying and saying -------------------------------------------------------------------
  let voice;
  const say = (text) => {
    if (!voice) {
      voice = Object.assign(document.createElement("div"), { className: "voice", id: "voice" });
      voice.setAttribute("role", "status");
      voice.setAttribute("aria-live", "polite");
      voice.setAttribute("aria-atomic", "false"); // each line by itself: a later one takes none back
      document.body.append(voice);
    }
    const line = Object.assign(document.createElement("p"), { textContent: text });
    setTimeout(() => voice.append(line), 30);
    setTimeout(() => line.remove(), SAID_MS);
  };
  const copy = async (text, node, said = "copied") => {
    try {
      await navigator.clipboard.writeText(text);
    } catch {
      const area = Object.assign(document.createElement("textarea"), { value: text });
      document.body.append(area);
      area.select();
      document.execCommand("copy");
      area.remove();
      node?.focus();
    }
    if (node) {
      node.classList.add("done");
      setTimeout(() => node.classList.remove("done"), 1200);
    }
    say(said);
  };

  // -- one tip for the whole page, so that nothing clips it ---------------------------------
  const tip = Object.assign(document.createElement("div"), { className: "tip", hidden: true });
  tip.setAttribute("role", "tooltip");
  const showTip = (node) => {
    tip.textContent = node.dataset.tip;
    tip.hidden = false;
    const box = node.getBoundingClientRect();
    const wide = tip.offsetWidth;
    const left = Math.min(Math.max(8, box.left + box.width / 2 - wide / 2), innerWidth - wide - 8);
    const above = box.top - tip.offsetHeight - 6;
    tip.style.left = `${left}px`;
    tip.style.top = `${above > 4 ? above : box.bottom + 6}px`;
  };
  const hideTip = () => { tip.hidden = true; };
  document.addEventListener("mouseover", (event) => {
    const node = event.target.closest?.("[data-tip]");
    if (node) showTip(node); else hideTip();
  });
  document.addEventListener("focusin", (event) => {
    const node = event.target.closest?.("[data-tip]");
    if (node && node.matches(":focus-visible")) showTip(node); else hideTip();
  });
  document.addEventListener("scroll", hideTip, true);
  document.addEventListener("click", (event) => {
    const node = event.target.closest?.("[data-copy]");
    if (node) copy(node.dataset.copy, node);
    const mark = event.target.closest?.(".mark");
    if (mark) showTip(mark); // touch has no hover
  });

  /** A text of this tab that outlives its being loaded again; a browser may forbid that it is kept. */
  const kept = (name) => ({
    keep: (text) => { try { sessionStorage.setItem(name, text); } catch { /* then it is not */ } },
    get: () => { try { return sessionStorage.getItem(name) || ""; } catch { return ""; } },
  });

  // -- tabs and the phone's sheet -----------------------------------------------------------
  const root = document.documentElement;
  const lastTab = kept("tab");
  const showTab = (name, focus = false) => {
    root.dataset.tab = name;
    lastTab.keep(name);
    document.querySelectorAll("#bench [role=tab]").forEach((tab) => {
      const on = tab.dataset.tab === name;
      tab.setAttribute("aria-selected", String(on));
      tab.tabIndex = on ? 0 : -1;
      if (on && focus) tab.focus();
    });
    parts.bench?.onTab?.(name);
  };
  const onPhone = () => matchMedia("(max-width: 860px)").matches;
  /** Shows a tab to somebody who asked for it elsewhere. */
  const bring = (name) => {
    showTab(name);
    if (onPhone()) sheet(true);
  };
  const sheet = (open) => {
    root.classList.toggle("sheet-open", open);
    if (!open) parts.composer?.slots.question.focus();
  };
  root.dataset.tab = "draw";

  // -- keys that work everywhere ------------------------------------------------------------
  document.addEventListener("keydown", (event) => {
    const key = event.key.toLowerCase();
    if (event.key === "Escape") {
      if (!tip.hidden) hideTip();
      if (document.querySelector("dialog:modal")) return; // it closes what lies on top
      if (parts.composer?.onEscape?.()) event.preventDefault();
      else if (root.classList.contains("sheet-open")) sheet(false);
    } else if (event.ctrlKey && !event.shiftKey && key === "j") {
      event.preventDefault();
      if (onPhone()) return sheet(!root.classList.contains("sheet-open"));
      say(root.classList.toggle("bench-folded") ? "workbench hidden" : "workbench shown");
    } else if (event.ctrlKey && event.shiftKey && key === "o") {
      event.preventDefault();
      parts.composer?.trigger("fresh", {});
      parts.composer?.slots.question.focus();
      say("new chat");
    } else if (event.ctrlKey && event.shiftKey && key === "e") {
      event.preventDefault();
      [...document.querySelectorAll("#transcript .action.edit")].pop()?.click();
    } else if (event.altKey && ["ArrowLeft", "ArrowRight"].includes(event.key)) {
      // on a Mac these go by words in a text; elsewhere they would leave the page
      const editing = /Mac/.test(navigator.platform) && document.activeElement?.value;
      if (!editing && parts.transcript?.step(event.key === "ArrowLeft" ? "previous" : "next")) event.preventDefault();
    } else if (event.altKey && /^Digit[1-9]$/.test(event.code)) { // with Alt some keyboards write another sign
      const toggle = document.querySelector(`#composer .chip[data-key="${event.code.slice(5)}"] .toggle`);
      if (toggle) { event.preventDefault(); toggle.click(); }
    }
  });

  addEventListener("DOMContentLoaded", () => document.body.append(tip));
  if (document.body) document.body.append(tip);

  define("header", {
    show: (part, value) => {
      fill(part.slots.items, value.html || "");
      root.dataset.model = value.state || "loading";
      if (value.figures) showFigures(value.figures);
    },
  });
  /** Figures come with the growing answer, so that they cost no request of their own. */
  const showFigures = (html) => {
    const slot = parts.header?.slots.figures;
    if (!slot || slot.dataset.html === html) return;
    const fresh = Object.assign(document.createElement("div"), { innerHTML: html });
    if (fresh.children.length !== slot.children.length) slot.replaceChildren(...fresh.children);
    else [...fresh.children].forEach((node, i) => { // in place, so that the focus stays
      slot.children[i].textContent = node.textContent;
      slot.children[i].dataset.tip = node.dataset.tip;
    });
    slot.dataset.html = html;
  };

  return { define, mount, parts, make, fill, onAct, copy, say, showTab, lastTab, bring, sheet, onPhone, showFigures, kept };
})();
