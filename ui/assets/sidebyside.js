// ⚖: one question in columns side by side, in a dialog over the page.
(() => {
  const chat = window.moleculeChat;
  const OTHER = "0"; // a molecule that is typed
  const NOTES = {
    adapters: "The same question with the same seed: the language model alone, with each adapter, with all of them. Earlier turns are part of it.",
    molecules: "The same question about each molecule by itself, without the earlier turns.",
    spellings: "The same question, the molecule's SMILES written in four other orders of its atoms, without the earlier turns. A sure answer does not depend on the spelling.",
  };

  const setup = (part) => {
    const { dialog, form, question, first, second } = part.slots;
    Object.assign(part, { turn: -1, starts: false, seed: 0 });
    part.open = (options) => open(part, options);
    form.addEventListener("submit", (event) => { event.preventDefault(); compare(part); });
    form.addEventListener("change", () => arrange(part));
    question.addEventListener("input", () => fit(question));
    question.addEventListener("keydown", (event) => {
      if (event.key === "Enter" && !event.shiftKey && !event.isComposing) { event.preventDefault(); compare(part); }
    });
    [first, second].forEach((select) => select.addEventListener("change", () => {
      if (select.value === OTHER) select.closest(".side-pick").querySelector("input").focus();
    }));
    dialog.addEventListener("keydown", (event) => event.stopPropagation()); // the page's keys rest meanwhile
    dialog.addEventListener("close", () => closed(part));
    dialog.addEventListener("cancel", (event) => event.stopPropagation());
    chat.onAct(part, {
      close: () => dialog.close(),
      halt: () => { part.trigger("halt", {}); part.slots.halt.disabled = true; tell(part, "stopping …"); },
      markdown: (node) => chat.copy(part.value.markdown, node),
      csv: () => chat.download({ name: `side-by-side-${part.value.kind}.csv`, mime: "text/csv", content: part.value.csv }),
      use: (node) => part.trigger("keep", { column: Number(node.dataset.column) }),
      load: (node) => { dialog.close(); chat.parts.transcript?.trigger("loaded", { smiles: node.dataset.smiles }); chat.bring("draw"); },
    });
    document.addEventListener("click", (event) => {
      const node = event.target.closest?.("#transcript [data-act=compare]");
      if (node) open(part, { turn: Number(node.dataset.turn), starts: true });
    });
  };

  const fit = (area) => { area.style.height = "auto"; area.style.height = `${Math.min(area.scrollHeight, 130)}px`; };

  // -- opening and closing ------------------------------------------------------------------
  /** Shows the panel; `starts` compares the adapters at once, `text` is a question not asked yet. */
  const open = (part, { turn = -1, starts = false, text = "" }) => {
    const { dialog, columns, claims, agree, markdown, csv } = part.slots;
    if (dialog.open) return;
    Object.assign(part, { turn, starts, text, shown: null });
    [columns, claims, agree].forEach((node) => chat.fill(node, ""));
    columns.replaceChildren();
    markdown.disabled = csv.disabled = true;
    part.element.querySelector("[value=adapters]").checked = true;
    running(part, false);
    tell(part, "");
    document.querySelector(".tip") && dialog.append(document.querySelector(".tip")); // above the backdrop
    dialog.showModal();
    if (matchMedia("(hover: hover)").matches) part.slots.question.focus(); // no keyboard on a phone
    part.trigger("show", { turn, typed: Boolean(text) });
  };
  const closed = (part) => {
    const tip = part.element.querySelector(".tip");
    if (tip) { tip.hidden = true; document.body.append(tip); }
    if (part.isRunning) part.trigger("halt", {});
    running(part, false);
  };

  const offered = (part, offer) => {
    const { question, first, second } = part.slots;
    part.turn = offer.turn;
    question.value = part.text || offer.question;
    fit(question);
    const options = [...offer.molecules.map(({ number, label }) => new Option(label, number)), new Option("another: type it", OTHER)];
    first.replaceChildren(...options.map((option) => option.cloneNode(true)));
    second.replaceChildren(...options);
    const [one, two] = offer.chosen;
    first.value = String(one ?? OTHER);
    second.value = String(two ?? OTHER);
    arrange(part);
    if (part.starts && question.value) compare(part);
    part.starts = false;
  };
  const kindOf = (part) => part.element.querySelector("[name=side-kind]:checked").value;
  const arrange = (part) => {
    const { firstBox, secondBox, first, second, otherFirst, otherSecond, note } = part.slots;
    const kind = kindOf(part);
    firstBox.hidden = kind === "adapters";
    secondBox.hidden = kind !== "molecules";
    otherFirst.hidden = first.value !== OTHER;
    otherSecond.hidden = second.value !== OTHER;
    note.textContent = NOTES[kind];
  };

  // -- running ------------------------------------------------------------------------------
  const compare = (part) => {
    const { question, first, second, otherFirst, otherSecond } = part.slots;
    const text = question.value.trim();
    if (part.isRunning) return;
    if (!text) { tell(part, "Type a question first.", true); return question.focus(); }
    const kind = kindOf(part);
    const same = part.asked && part.asked.kind === kind && part.asked.first === first.value;
    part.seed = kind === "spellings" && same && part.shown === "spellings" ? part.seed + 1 : 0; // again: other spellings
    part.asked = { kind, first: first.value };
    running(part, true);
    tell(part, "asking all columns …");
    part.trigger("run", {
      kind, text, turn: part.turn, first: Number(first.value), second: Number(second.value),
      other_first: otherFirst.value, other_second: otherSecond.value, seed: part.seed,
    });
  };
  const running = (part, on) => {
    part.isRunning = on;
    part.slots.send.hidden = on;
    part.slots.halt.hidden = !on;
    part.slots.halt.disabled = false;
    part.slots.dialog.classList.toggle("running", on);
    part.slots.columns.setAttribute("aria-busy", String(on));
  };
  const tell = (part, words, bad = false) => {
    part.slots.notice.textContent = words;
    part.slots.notice.classList.toggle("bad", bad);
  };

  const show = (part, value) => {
    const { dialog, agree, claims, markdown, csv } = part.slots;
    if (value.close) { dialog.close(); chat.say("The answer is in the conversation, as a branch."); return; }
    if (!dialog.open) return;
    if (value.problem) { running(part, false); return tell(part, value.problem, true); }
    if (value.offer) return offered(part, value.offer);
    if (!value.columns) return;
    if (value.running !== part.isRunning) running(part, value.running);
    part.shown = value.kind;
    part.slots.columns.style.gridTemplateColumns = value.columns
      .map(({ state }) => (state === "off" ? "minmax(130px, 160px)" : "minmax(252px, 1fr)")).join(" ");
    value.columns.forEach((column, i) => fillColumn(columnAt(part, i, value.columns.length), column));
    chat.fill(agree, value.agree);
    chat.fill(claims, value.claims);
    markdown.disabled = csv.disabled = !value.csv;
    const send = part.slots.send;
    send.textContent = value.kind === "spellings" && !value.running ? "Compare other spellings" : "Compare";
    if (value.running) return;
    const ended = value.columns.filter(({ state }) => state === "done").length;
    tell(part, `${ended === 1 ? "1 column is" : `${ended} columns are`} done. ${agree.textContent}`);
  };

  const columnAt = (part, i, total) => {
    const { columns } = part.slots;
    [...columns.children].slice(total).forEach((node) => node.remove());
    while (columns.children.length <= i) {
      const node = Object.assign(document.createElement("section"), { className: "side-column" });
      node.innerHTML = '<header></header><p class="side-status"></p><div class="prose-answer" translate="no"><div></div><p class="side-tail"></p></div><div class="side-foot"></div>';
      columns.append(node);
    }
    return columns.children[i];
  };
  const fillColumn = (node, column) => {
    const [head, status, prose, foot] = node.children;
    node.dataset.state = column.state;
    chat.fill(head, column.head);
    node.setAttribute("aria-label", head.querySelector("h3")?.textContent || "");
    if (status.textContent !== column.status) status.textContent = column.status;
    chat.fill(prose.firstElementChild, column.blocks);
    if (prose.lastElementChild.textContent !== column.tail) prose.lastElementChild.textContent = column.tail;
    chat.fill(foot, column.foot);
  };

  chat.define("sidebyside", { setup, show });
})();
