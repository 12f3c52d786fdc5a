// The Pair tab: two slots with roles, the number of a pair model head, a sweep as table and plot.
(() => {
  const chat = window.moleculeChat;
  const { make } = chat;
  const BLANK = { by: "i", down: false };
  const COLUMNS = [
    ["name", "molecule", false],
    ["value", "predicted", true],
    ["error", "error", true],
    ["measured", "measured", true],
    ["similarity", "similarity", true],
    ["warnings", "outside", false],
  ];

  const setup = (part) => {
    const { sweep, list, pasted, tasks, vary } = part.slots;
    Object.assign(part, { sort: BLANK, rows: [], state: null });
    part.places = [...part.element.querySelectorAll(".pair-slot")].map((form) => placeOf(part, form));
    sweep.addEventListener("submit", (event) => { event.preventDefault(); start(part); });
    list.addEventListener("change", () => { pasted.hidden = list.value !== "pasted"; if (!pasted.hidden) pasted.focus(); });
    vary.addEventListener("change", () => suggest(part));
    tasks.addEventListener("keydown", (event) => {
      const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
      const all = [...tasks.querySelectorAll("button")];
      if (!step || !all.length) return;
      event.preventDefault();
      all[(all.indexOf(document.activeElement) + step + all.length) % all.length].click();
    });
    chat.onAct(part, {
      task: (node) => { part.focusTask = true; part.trigger("choose", { task: node.dataset.task }); },
      empty: (node) => { const place = part.places[placeNumber(node)]; place.input.value = place.sent = ""; part.trigger("clear", { slot: place.slot }); place.input.focus(); },
      number: (node) => { wait(part, "reading the molecule"); part.trigger("fill", { slot: placeNumber(node), number: Number(node.dataset.n) }); },
      swap: () => part.trigger("swap", {}),
      talk: () => { part.trigger("talk", {}); chat.say("both molecules are attached to the question"); chat.sheet(false); },
      cancel: () => { part.slots.cancel.disabled = true; part.trigger("cancel", {}); },
      csv: () => part.trigger("save", { rows: part.rows.map((row) => row.i) }),
      sort: (node) => sortBy(part, node.dataset.by),
      take: (node) => { wait(part, "reading the molecule"); part.trigger("fill", { slot: part.state.vary, text: node.dataset.smiles }); part.places[part.state.vary].form.scrollIntoView({ block: "nearest" }); },
    });
    part.take = (smiles) => { // from anywhere on the page
      part.taking = true; // what answers shows the whole tab: it is not opened besides
      chat.bring("pair");
      queueMicrotask(() => { part.taking = false; }); // after the observer below
      document.getElementById("tab-pair").focus({ preventScroll: true });
      wait(part, "reading the molecule");
      part.trigger("take", { text: smiles });
    };
    // The heads are read, and the conversation's molecules listed, when the tab is shown. An error
    // that was read is gone then.
    const shown = () => {
      if (part.taking) return;
      if (document.documentElement.dataset.tab === "pair") part.trigger("open", {});
      else if (part.slots.notice.classList.contains("bad")) tell(part, "");
    };
    new MutationObserver(shown).observe(document.documentElement, { attributeFilter: ["data-tab"] });
    shown(); // the page was loaded again on it
  };

  const placeNumber = (node) => Number(node.closest(".pair-slot").dataset.place);
  const placeOf = (part, form) => {
    const slot = Number(form.dataset.place);
    const input = form.querySelector("input");
    const read = () => {
      if (!input.value.trim()) return;
      part.places[slot].sent = input.value;
      wait(part, "reading the molecule");
      part.trigger("fill", { slot, text: input.value });
    };
    form.addEventListener("submit", (event) => { event.preventDefault(); read(); });
    input.addEventListener("paste", () => setTimeout(read, 0));
    input.addEventListener("input", () => showStale(part));
    input.addEventListener("blur", () => showStale(part));
    return { slot, sent: "", shown: "", form, input, label: form.querySelector("label"), numbers: form.querySelector(".pair-numbers"), molecule: form.querySelector(".pair-molecule") };
  };
  const wait = (part, words) => { tell(part, `${words} …`); };
  const tell = (part, words, bad = false, at = null) => {
    part.loading = false;
    part.slots.notice.textContent = words;
    part.slots.notice.classList.toggle("bad", bad);
    part.places.forEach(({ input, slot }) => input.setAttribute("aria-invalid", String(bad && at === slot)));
    showStale(part);
  };
  /** What is typed into a slot but is not the molecule that is shown below it. */
  const isUnread = ({ input, shown }) => Boolean(input.value.trim()) && input.value !== shown;
  /** A number stays only as that of the pair before, dimmed, while a slot holds something else. */
  const showStale = (part) => {
    const { answer, stale, talking } = part.slots;
    const unread = answer.childElementCount ? part.places.filter(isUnread) : [];
    part.places.forEach((place) => place.form.classList.toggle("stale", unread.includes(place)));
    answer.classList.toggle("stale", unread.length > 0);
    talking.hidden = !part.canTalk || unread.length > 0;
    const told = unread.filter(({ input }) => input !== document.activeElement || input.getAttribute("aria-invalid") === "true");
    stale.hidden = !told.length;
    stale.textContent = told.map(({ input, label }) => `⚠ “${input.value.trim()}” was not read as the ${label.textContent.toLowerCase()}: what stands below is of the pair before.`)[0] ?? "";
  };

  // -- what the server says -----------------------------------------------------------------
  const show = (part, value) => {
    if (value.loading) {
      tell(part, "reading the pair models …");
      part.loading = true;
      return;
    }
    if (value.file) return chat.download(value.file);
    if (value.only === "sweep") return showSweep(part, value.sweep); // how far it is
    showWords(part, value);
    if (!value.tasks) return;
    showTasks(part, value);
    part.slots.off.hidden = !value.off;
    chat.fill(part.slots.off, value.off);
    part.places.forEach((place) => showPlace(part, place, value));
    if (chat.fill(part.slots.answer, value.answer) && value.answer) {
      chat.say(part.slots.answer.querySelector(".pair-value")?.textContent || "answered");
    }
    part.canTalk = Boolean(value.talk && value.names[0] && value.names[1]);
    showStale(part);
    showSweepForm(part, value);
    if (value.sweep && part.isNewer(value.rev, "sweep")) showSweep(part, value.sweep);
  };

  /**
   * What is said of the last event; none ends only words that are older. A tab that was opened says
   * nothing of an event: it ends only its own waiting.
   */
  const showWords = (part, { rev = 0, problem, said, at }) => {
    if (problem === undefined) {
      if (part.loading) tell(part, "");
      return;
    }
    if (rev <= (part.worded ?? -1)) return;
    if (problem || said) part.worded = rev;
    tell(part, problem || said || "", Boolean(problem), at);
  };

  const showTasks = (part, value) => {
    const { tasks } = part.slots;
    tasks.replaceChildren(...value.tasks.map(({ name, title, on }) => {
      const mine = name === value.task;
      const button = make("button", { type: "button", className: on ? "on" : "off", tabIndex: mine ? 0 : -1 }, title);
      if (!on) button.append(make("small", {}, " ○ off"));
      button.dataset.act = "task";
      button.dataset.task = name;
      button.setAttribute("role", "radio");
      button.setAttribute("aria-checked", String(mine));
      return button;
    }));
    if (part.focusTask) tasks.querySelector("[aria-checked=true]")?.focus();
    part.focusTask = false;
  };

  const showPlace = (part, place, value) => {
    const { slot, label, input, numbers, molecule } = place;
    const role = value.roles[slot];
    label.textContent = value.symmetric ? `${role} ${slot + 1}` : role;
    chat.fill(molecule, value.slots[slot]);
    if (value.names[slot] && document.activeElement !== input) input.value = value.names[slot].includes("…") ? molecule.querySelector("code").title : value.names[slot];
    if (!value.names[slot] && document.activeElement !== input && !value.problem) input.value = "";
    // a box that is written in keeps its words: they are those of the molecule where they were read
    if (document.activeElement !== input || (value.problem === "" && place.sent === input.value)) place.shown = input.value;
    const buttons = value.numbers.map(({ n, name }) => {
      const button = make("button", { type: "button" });
      button.dataset.act = "number";
      button.dataset.n = n;
      button.dataset.tip = name;
      button.setAttribute("aria-label", n ? `molecule ${n}, ${name}, as ${label.textContent.toLowerCase()}` : `the drawing as ${label.textContent.toLowerCase()}`);
      button.append(n ? make("span", { className: `num num-${((n - 1) % 8) + 1}` }, String(n)) : "drawing");
      return button;
    });
    numbers.replaceChildren(...(buttons.length ? [make("span", {}, "from the chat:"), ...buttons] : []));
  };

  // -- the sweep ----------------------------------------------------------------------------
  const showSweepForm = (part, value) => {
    const { sweep, vary } = part.slots;
    sweep.hidden = Boolean(value.off);
    const labels = [1, 0].map((slot) => [slot, value.symmetric ? `${value.roles[slot].toLowerCase()} ${slot + 1}` : value.roles[slot].toLowerCase()]);
    const before = vary.value;
    vary.replaceChildren(...labels.map(([slot, words]) => make("option", { value: slot, textContent: words })));
    if (part.task === value.task && before !== "") vary.value = before;
    else { part.task = value.task; part.roles = value.roles; suggest(part); }
    showTable(part);
  };
  /** The list that goes with the role that changes. */
  const suggest = (part) => {
    const role = part.roles?.[Number(part.slots.vary.value)];
    const fitting = { Solvent: "solvents", Drug: "drugs" }[role];
    part.slots.list.value = fitting || "pasted";
    part.slots.pasted.hidden = Boolean(fitting);
  };
  const start = (part) => {
    const { vary, list, pasted } = part.slots;
    part.sort = BLANK;
    part.announced = false;
    part.trigger("sweep", { vary: Number(vary.value), list: list.value, text: pasted.value });
  };

  /** Table, plot and CSV, where the sweep was of the task that is shown. */
  const showTable = (part) => {
    const { scroll, plot, csv, problems } = part.slots;
    const state = part.state?.task === part.task ? part.state : null;
    [scroll, plot, csv].forEach((node) => { node.hidden = !state?.done; });
    problems.hidden = !state?.problems.length;
  };

  const showSweep = (part, state) => {
    const { progress, run, cancel, problems } = part.slots;
    part.state = state;
    run.hidden = state.running;
    cancel.hidden = !state.running;
    if (!state.running) cancel.disabled = false;
    progress.hidden = !state.running;
    const [bar, words] = progress.children;
    bar.max = state.total;
    bar.value = state.done;
    words.textContent = `${state.done} of ${state.total}`;
    showTable(part);
    problems.querySelector("summary").textContent = `✗ ${state.problems.length} ${state.problems.length === 1 ? "line" : "lines"} could not be read`;
    problems.querySelector("ul").replaceChildren(...state.problems.map((text) => make("li", { textContent: text })));
    if (!state.running && !part.announced) {
      part.announced = true;
      tell(part, state.stopped ? `Stopped: ${state.done} of ${state.total} are there.` : `All ${state.total} are there.`);
    }
    arrange(part);
  };

  const sortBy = (part, by) => {
    part.sort = { by, down: part.sort.by === by ? !part.sort.down : false };
    arrange(part);
    part.slots.scroll.querySelector(`[data-by=${by}]`)?.focus();
    chat.say(`sorted by ${by}, ${part.sort.down ? "descending" : "ascending"}`);
  };
  const valueOf = (row, by) => {
    const value = by === "warnings" ? row.warnings?.length : row[by];
    return value ?? null;
  };
  const arrange = (part) => {
    const { by, down } = part.sort;
    part.rows = chat.listOrder.ordered(part.state.rows, (row) => valueOf(row, by), down);
    drawTable(part);
    part.slots.plot.replaceChildren(...chat.pairPlot(part.rows, part.state));
  };

  /** Why a row is outside of training: folded, as it is longer than all that stands beside it. */
  const reasons = (warnings) => {
    if (!warnings.length) return [];
    const summary = make("summary", {}, `⚠ ${warnings.length}`, make("span", { className: "pair-hidden", textContent: ` ${warnings.length === 1 ? "reason" : "reasons"}` }));
    const folded = make("details", {}, summary, make("p", { textContent: `${warnings.join("; ")}.` }));
    folded.name = "pair-reasons"; // one at a time
    return [folded];
  };
  const drawTable = (part) => {
    const { state, sort } = part;
    const table = part.slots.scroll.querySelector("table");
    const unit = state.unit ? `, ${state.unit}` : "";
    table.tHead.rows[0].replaceChildren(...COLUMNS.map(([key, words, isNumber]) => {
      const mine = sort.by === key;
      const heading = { value: words + unit, measured: words + unit, error: state.errorName }[key] ?? words;
      const button = make("button", { type: "button" }, heading, make("span", { className: "sign", textContent: mine ? (sort.down ? "▼" : "▲") : "" }));
      Object.assign(button.dataset, { act: "sort", by: key });
      const cell = make("th", { scope: "col", className: isNumber ? "num-cell" : "" }, button);
      cell.setAttribute("aria-sort", mine ? (sort.down ? "descending" : "ascending") : "none");
      return cell;
    }));
    table.tBodies[0].replaceChildren(...part.rows.map((row) => {
      const take = make("button", { type: "button", className: "link", textContent: row.name });
      Object.assign(take.dataset, { act: "take", smiles: row.smiles, tip: `${row.smiles} — put it into the slot` });
      const name = make("td", {}, take);
      name.translate = false;
      if (row.problem) return make("tr", {}, name, make("td", { colSpan: 5, className: "bad", textContent: `✗ ${row.problem}` }));
      return make("tr", {}, name,
        make("td", { className: row.warnings.length ? "num-cell outside" : "num-cell", textContent: `≈ ${row.text}` }),
        make("td", { className: "num-cell", textContent: row.off }),
        make("td", { className: "num-cell", textContent: row.known || "–" }),
        make("td", { className: "num-cell", textContent: row.similarity === null ? "–" : row.similarity.toFixed(2) }),
        make("td", { className: "pair-warned" }, ...reasons(row.warnings)));
    }));
  };

  // A molecule's words count where a later value, which shows the molecule too, came before them.
  chat.define("pair", { setup, show, late: showWords });
})();
