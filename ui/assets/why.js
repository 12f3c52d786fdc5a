// Why: the panel that says what of a molecule a sentence depends on, and atoms to ask about.
(() => {
  const chat = window.moleculeChat;
  const SLOTS = ["sentence", "choices", "progress", "totals", "pictures", "table", "legend"];
  const ABOUT = /^Atoms? [\d, ]+ of molecule \d+: ?/;

  const setup = (part) => {
    part.panel = part.element.querySelector(".why-panel");
    part.chosen = new Set();
    document.addEventListener("click", (event) => {
      const opener = event.target.closest?.("[data-why]");
      const claim = opener ? null : event.target.closest?.(".sentence .claim");
      if (opener) open(part, opener, { measure: true });
      else if (claim && !event.target.closest(".mark")) openClaim(part, claim);
    });
    document.addEventListener("click", (event) => { // somebody wants to see what lies under the panel
      if (!part.panel.hidden && event.target.closest?.("[data-act=load], #composer [data-act=open], [role=tab]")) close(part, false);
    });
    const answers = document.getElementById("transcript");
    if (answers) new MutationObserver(() => leftBehind(part)).observe(answers, { childList: true, subtree: true });
    part.element.addEventListener("click", (event) => {
      const atom = event.target.closest(".why-atom");
      const phrase = event.target.closest(".why-phrase");
      if (atom) toggle(part, Number(atom.dataset.atom));
      if (phrase) hold(part, phrase);
    });
    for (const name of ["mouseover", "focusin"]) {
      part.element.addEventListener(name, (event) => light(part, event.target.closest(".why-phrase")));
    }
    part.element.addEventListener("change", (event) => {
      if (event.target.matches("[data-told]")) choose(part, { told: !event.target.checked });
    });
    part.element.addEventListener("keydown", (event) => onKey(part, event));
    chat.onAct(part, {
      close: () => close(part),
      sentence: (node) => choose(part, { sentence: Number(node.dataset.to) }),
      choose: (node) => choose(part, { [node.dataset.what]: node.dataset.what === "number" ? Number(node.dataset.value) : node.dataset.value }),
      measure: () => part.trigger("measure", {}),
      cancel: () => part.trigger("cancel", {}),
      ask: () => { about(part); chat.parts.composer?.slots.question.focus(); if (chat.onPhone()) close(part, false); },
      none: () => { part.chosen.clear(); mark(part); about(part); },
    });
  };

  const open = (part, opener, { measure, words = "" }) => {
    part.opener = opener;
    part.wants = measure;
    part.words = words;
    part.held = null;
    part.trigger("open", { turn: Number(opener.dataset.why), ...sentenceOf(opener) });
    part.panel.hidden = false;
    document.documentElement.classList.add("why-open");
    document.documentElement.classList.remove("bench-folded"); // it lies over the workbench
    if (chat.onPhone()) chat.sheet(true);
    part.slots.title.focus({ preventScroll: true });
  };
  const sentenceOf = (node) =>
    node.dataset.sentence === undefined ? {} : { sentence: Number(node.dataset.sentence) };

  /** A phrase of the answer: its sentence with the atoms that the words point at, nothing measured. */
  const openClaim = (part, claim) => {
    const opener = claim.closest(".sentence").querySelector("[data-why]");
    const copy = claim.cloneNode(true);
    copy.querySelectorAll(".mark").forEach((node) => node.remove());
    open(part, opener, { measure: false, words: copy.textContent });
  };

  const close = (part, back = true) => {
    part.panel.hidden = true;
    document.documentElement.classList.remove("why-open");
    if (chat.onPhone()) chat.sheet(false);
    part.trigger("cancel", {});
    if (back) focusOpener(part);
  };
  /** Another conversation or another branch is shown: the answer asked about is not there any more. */
  const leftBehind = (part) => {
    const node = part.value?.node;
    if (part.panel.hidden || node === undefined) return;
    if (!document.querySelector(`#transcript .action.why[data-node="${node}"]`)) close(part, false);
  };
  const focusOpener = (part) => {
    const turn = part.opener?.dataset.why;
    document.querySelector(`#transcript .action.why[data-why="${turn}"]`)?.focus();
  };

  /** Another choice; one that needs other scores is measured when these were asked for too. */
  const choose = (part, change) => {
    part.wants = "number" in change || "told" in change;
    part.held = null;
    part.trigger("choose", change);
  };

  const show = (part, value) => {
    const { problem } = part.slots;
    problem.hidden = !value.problem;
    problem.textContent = value.problem || "";
    if (value.turn === undefined) { // closed yet, or an answer that is not there
      if (value.problem) SLOTS.forEach((name) => chat.fill(part.slots[name], ""));
      return;
    }
    if (part.shown !== `${value.turn} ${value.number}`) part.chosen.clear();
    part.shown = `${value.turn} ${value.number}`;
    const focus = focused(part);
    SLOTS.forEach((name) => chat.fill(part.slots[name], value[name] || ""));
    if (focus) part.element.querySelector(focus)?.focus({ preventScroll: true });
    if (part.words) holdWords(part);
    mark(part);
    light(part, null);
    leftBehind(part); // the conversation may have changed while this was on its way
    if (part.panel.hidden) return;
    if (part.wants && value.ready) { part.wants = false; part.trigger("measure", {}); }
    if (part.wasBusy && !value.busy) chat.say(part.slots.totals.innerText || part.slots.progress.innerText);
    part.wasBusy = value.busy;
  };

  /** Drawings are new with every value: the atom or part that had the focus gets it again. */
  const focused = (part) => {
    const node = document.activeElement;
    if (!part.panel.contains(node)) return null;
    if (node.dataset.atom) return `.why-atom[data-atom="${node.dataset.atom}"]`;
    if (node.matches("[data-told]")) return "[data-told]";
    const { act, what, value } = node.dataset;
    if (what) return `[data-what="${what}"][data-value="${value}"]`;
    if (act === "sentence") return `.${node.classList.contains("next") ? "next" : "previous"}`;
    return null;
  };

  // -- words → atoms --------------------------------------------------------------------------
  const numbersOf = (node) => (node?.dataset.atoms || "").split(",").filter(Boolean).map(Number);
  const light = (part, phrase) => {
    const lit = new Set(numbersOf(phrase).length ? numbersOf(phrase) : part.held || []);
    part.element.querySelectorAll(".why-atom").forEach((node) => node.classList.toggle("lit", lit.has(Number(node.dataset.atom))));
    part.element.querySelectorAll(".why-phrase").forEach((node) =>
      node.setAttribute("aria-pressed", String(Boolean(part.held) && node.dataset.atoms === part.held.join(","))));
  };
  const hold = (part, phrase) => {
    const numbers = numbersOf(phrase);
    part.held = part.held?.join() === numbers.join() ? null : numbers;
    light(part, null);
    if (part.held) chat.say(`atoms ${numbers.join(", ")}`);
  };
  const holdWords = (part) => {
    const phrase = [...part.slots.sentence.querySelectorAll(".why-phrase")]
      .find((node) => part.words.includes(node.textContent) || node.textContent.includes(part.words));
    part.words = "";
    if (phrase) part.held = numbersOf(phrase);
  };

  // -- atoms → question -----------------------------------------------------------------------
  const toggle = (part, atom) => {
    if (!part.chosen.delete(atom)) part.chosen.add(atom);
    mark(part);
    about(part);
  };
  const listed = (part) => [...part.chosen].sort((a, b) => a - b);
  const mark = (part) => {
    part.element.querySelectorAll(".why-atom").forEach((node) =>
      node.setAttribute("aria-pressed", String(part.chosen.has(Number(node.dataset.atom)))));
    const atoms = listed(part);
    part.slots.chosen.hidden = !atoms.length;
    part.slots.words.textContent = atoms.length ? `${atoms.length > 1 ? "Atoms" : "Atom"} ${atoms.join(", ")}` : "";
  };
  /** What is typed stays; only the atoms in front of it change. */
  const about = (part) => {
    const composer = chat.parts.composer;
    if (!composer) return;
    const { question } = composer.slots;
    const atoms = listed(part);
    const rest = question.value.replace(ABOUT, "");
    const front = atoms.length ? `${atoms.length > 1 ? "Atoms" : "Atom"} ${atoms.join(", ")} of molecule ${part.value.number}: ` : "";
    question.value = front + rest;
    composer.fit();
  };

  const onKey = (part, event) => {
    const atom = event.target.closest(".why-atom");
    if (event.key === "Escape") {
      event.preventDefault();
      event.stopPropagation();
      close(part);
    } else if (atom && [" ", "Enter"].includes(event.key)) {
      event.preventDefault();
      toggle(part, Number(atom.dataset.atom));
    } else if (atom && event.key.startsWith("Arrow")) {
      event.preventDefault();
      const all = [...part.element.querySelectorAll(".why-atom")].sort((a, b) => a.dataset.atom - b.dataset.atom);
      const step = ["ArrowRight", "ArrowDown"].includes(event.key) ? 1 : -1;
      const next = all[(all.indexOf(atom) + step + all.length) % all.length];
      all.forEach((node) => node.setAttribute("tabindex", node === next ? "0" : "-1"));
      next.focus();
    }
  };

  chat.define("why", { setup, show });
})();
