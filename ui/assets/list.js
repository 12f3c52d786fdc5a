// The List tab: rows follow the server's log, only those in view are in the page.
(() => {
  const chat = window.moleculeChat;
  const ROW = 92; // px, as in list.css
  const SPARE = 5; // rows kept above and below the view
  const MAX_MB = 5;
  const CATCH_MS = 1500;
  const SETTLE_MS = 70; // without scrolling, before drawings are put into new rows

  const { NUMBERS, COLUMNS, valueOf, answerOf, ordered } = chat.listOrder;
  const { listFilter: filtering, listOwn: own } = chat;

  const shownLast = chat.kept("list"); // the table of a tab that is loaded again

  const setup = (part) => {
    const { paste, file, filter, table, head, form, question, dialog } = part.slots;
    Object.assign(part, { key: "", seen: 0, rows: [], shown: [], sort: { by: "i", down: false }, nodes: new Map(), number: -1 });
    head.replaceChildren(...COLUMNS.map((column) => headCell(part, column)));
    table.addEventListener("scroll", () => { part.scrolled = performance.now(); draw(part); }, { passive: true });
    new ResizeObserver(() => draw(part)).observe(table);
    let waiting;
    filter.addEventListener("input", () => { clearTimeout(waiting); waiting = setTimeout(() => arrange(part, true), 120); });
    form.addEventListener("submit", (event) => { event.preventDefault(); ask(part); });
    file.addEventListener("change", () => { if (file.files[0]) part.open(file.files[0]); file.value = ""; });
    paste.addEventListener("keydown", (event) => { if (event.key === "Enter" && event.ctrlKey) make(part); });
    part.open = (chosen) => open(part, chosen);
    part.openText = (text) => openText(part, text);
    part.left = new Set(); // lists that were replaced and not brought back
    dialog.addEventListener("click", (event) => { if (event.target === dialog) dialog.close(); });
    chat.onAct(part, {
      make: () => make(part),
      browse: () => file.click(),
      new: () => { fresh(part, true); paste.focus(); },
      keep: () => fresh(part, false),
      back: () => { wait(part, "bringing it back"); part.left.clear(); part.trigger("back", {}); },
      cancel: () => { part.slots.cancel.disabled = true; part.trigger("cancel", {}); },
      csv: () => save(part, "csv"),
      sdf: () => save(part, "sdf"),
      wide: () => wide(part, !document.documentElement.classList.contains("list-wide")),
      use: (node) => {
        const { smiles, name } = part.rows[Number(node.dataset.i)];
        part.trigger("use", { smiles, name });
        chat.say("added to the conversation");
        tell(part, `${name || "The molecule"} is attached to your next question.`);
      },
      answer: (node) => openAnswer(part, Number(node.dataset.i)),
      sort: (node) => sortBy(part, node.dataset.by, node.dataset.title),
      own: () => own.reveal(part),
      whole: (node) => own.openCell(part, node.dataset),
    });
    part.restoring = shownLast.get();
    if (part.restoring) part.trigger("catch", { from: 0, table: part.restoring });
  };

  // -- a new list ---------------------------------------------------------------------------
  const make = (part) => {
    const text = part.slots.paste.value;
    if (!text.trim()) return tell(part, "Paste molecules first, one on each line.", true);
    part.openText(text);
  };
  const openText = (part, text) => {
    wait(part, "reading the molecules");
    part.trigger("paste", { text });
  };
  const open = async (part, chosen) => {
    if (chosen.size > MAX_MB * 2 ** 20) {
      return tell(part, `“${chosen.name}” is ${Math.round(chosen.size / 2 ** 20)} MB; at most ${MAX_MB} MB are read. Split it.`, true);
    }
    wait(part, `reading ${chosen.name}`);
    try {
      const { path } = await part.upload(chosen);
      part.trigger("file", { path, name: chosen.name });
    } catch {
      tell(part, `“${chosen.name}” could not be sent. Try again.`, true);
    }
  };
  const fresh = (part, on) => {
    part.slots.fresh.hidden = !on;
    part.slots.full.hidden = on;
    part.slots.keep.hidden = !part.key;
    part.slots.back.hidden = !part.hasBefore;
    tell(part, "");
    draw(part);
  };
  const wait = (part, words) => { tell(part, `${words} …`); part.element.classList.add("waiting"); };
  const tell = (part, words, bad = false) => {
    part.element.classList.remove("waiting");
    part.slots.notice.textContent = words;
    part.slots.notice.classList.toggle("bad", bad);
  };
  const wide = (part, on) => {
    document.documentElement.classList.toggle("list-wide", on);
    part.slots.wide.setAttribute("aria-pressed", String(on));
  };

  // -- following the server -----------------------------------------------------------------
  const show = (part, value) => {
    if (part.left.has(value.table)) return; // late news of a list that another replaced
    clearTimeout(part.catching);
    if (value.problem && part.restoring && !part.key) { part.restoring = ""; return shownLast.keep(""); } // too long ago
    if (value.problem) return tell(part, value.problem, true);
    if (!value.table) return;
    if (value.file) chat.download(value.file);
    if (value.told) tell(part, value.told, true);
    if (value.table !== part.key) begin(part, value);
    const gap = value.start > part.seen;
    if (!gap) {
      if (value.end > part.seen) JSON.parse(value.updates).slice(part.seen - value.start).forEach((update) => apply(part, update));
      part.seen = Math.max(part.seen, value.end);
    }
    state(part, value.state);
    arrange(part);
    const working = value.state.computing || value.state.asked?.running;
    if (part.seen < value.length || working) chase(part, gap ? 0 : CATCH_MS);
  };
  /** Asks for what is missing until something comes: the last value of a stream can be lost, and so can an answer to this. */
  const chase = (part, wait) => {
    part.catching = setTimeout(() => { part.trigger("catch", { from: part.seen, table: part.key }); chase(part, CATCH_MS); }, wait);
  };
  const begin = (part, value) => {
    part.hasBefore = Boolean(part.key);
    if (part.key) part.left.add(part.key);
    shownLast.keep(value.table);
    Object.assign(part, { key: value.table, seen: 0, rows: [], shown: [], number: -1, wasRunning: false, sort: { by: "i", down: false } });
    part.nodes.forEach((node) => node.remove());
    part.nodes.clear();
    own.begin(part, value.state);
    part.slots.filter.value = "";
    part.slots.question.value = value.state.asked?.text || "";
    part.slots.table.scrollTo(0, 0);
    document.documentElement.classList.add("list-open");
    fresh(part, false);
    chat.say(`${value.state.total} molecules`);
  };
  const apply = (part, update) => {
    const row = (part.rows[update.i] ||= { i: update.i, nAlerts: null });
    if (update.smiles) Object.assign(row, { smiles: update.smiles, name: update.name, ...own.ofUpdate(update) });
    if (update.problem) row.problem = update.problem;
    if (update.facts) {
      row.formula = update.facts[0];
      NUMBERS.forEach(([key], k) => { row[key] = update.facts[k + 1]; });
      Object.assign(row, { stereo: update.stereo, alerts: update.alerts, nAlerts: update.alerts.length, groups: update.groups, svg: update.svg });
    }
    if (update.question >= part.number) {
      part.number = update.question;
      row.answers = { question: update.question, text: update.text, html: update.html, checked: update.checked, wrong: update.wrong, failed: update.failed };
    }
    row.stale = true;
  };
  const state = (part, now) => {
    const { title, problems, progress, ask: button, cancel, question } = part.slots;
    title.textContent = now.title;
    own.state(part, now);
    const n = now.problems.length;
    problems.hidden = !n;
    problems.querySelector("summary").textContent = n === 1 ? "✗ 1 record could not be read" : `✗ ${n} remarks on records that could not be read`;
    const listed = problems.querySelector("ul");
    if (listed.childElementCount !== n) listed.replaceChildren(...now.problems.map((text) => Object.assign(document.createElement("li"), { textContent: text })));
    const asked = now.asked;
    part.number = asked ? asked.number : -1;
    const running = Boolean(asked?.running);
    cancel.hidden = !running;
    button.hidden = running;
    if (!running) cancel.disabled = false;
    part.asked = asked;
    part.slots.table.classList.toggle("asked", Boolean(asked));
    const computing = now.computing;
    progress.hidden = !(computing || running);
    const [bar, words] = progress.children;
    const [done, total, what] = running ? [asked.done, asked.total, "answered"] : [now.facts, now.total, "computed"];
    bar.max = total;
    bar.value = done;
    const text = `${done.toLocaleString()} of ${total.toLocaleString()} ${what}${remaining(part, `${part.key}${what}`, done, total)}`;
    if (words.textContent !== text) words.textContent = text;
    if (part.wasRunning && !running) {
      tell(part, asked.done < asked.total ? `Stopped: ${asked.done} of ${asked.total} answered. Ask again to go on.` : `All ${asked.total} answered.`);
    }
    part.wasRunning = running;
    button.textContent = label(part);
    if (running) question.value = asked.text;
  };
  const remaining = (part, what, done, total) => {
    const now = performance.now();
    if (part.pace?.what !== what) part.pace = { what, from: done, at: now };
    const seconds = (now - part.pace.at) / 1000;
    if (done - part.pace.from < 3 || seconds < 3) return "";
    const left = ((total - done) * seconds) / (done - part.pace.from);
    return left < 90 ? ` · about ${Math.ceil(left)} s` : ` · about ${Math.ceil(left / 60)} min`;
  };
  const label = (part) => {
    const { asked } = part;
    const same = asked && asked.text === part.slots.question.value.trim();
    if (same && asked.done && asked.done < asked.total) return `Go on (${asked.total - asked.done} left)`;
    return part.shown.length === 1 ? "Ask of 1" : `Ask of ${part.shown.length.toLocaleString()}`;
  };
  const ask = (part) => {
    const text = part.slots.question.value.trim();
    if (!text) return tell(part, "Type the question first: it is asked of each molecule by itself.", true);
    if (part.asked?.running) return;
    tell(part, "");
    part.trigger("ask", { text, rows: part.shown.map((row) => row.i), from: part.seen });
  };
  const save = (part, format) => {
    if (!part.shown.length) return tell(part, "No row is shown; clear the filter first.", true);
    part.trigger("save", { format, rows: part.shown.map((row) => row.i) });
  };

  // -- sorting and filtering ----------------------------------------------------------------
  const sortBy = (part, by, title) => {
    part.sort = { by, down: part.sort.by === by ? !part.sort.down : false };
    arrange(part, true);
    chat.say(`sorted by ${title || by}, ${part.sort.down ? "descending" : "ascending"}`);
  };
  const arrange = (part, moved = false) => {
    const { tests, hints } = filtering.read(part, part.slots.filter.value);
    const { by, down } = part.sort;
    const found = part.rows.filter((row) => row && tests.every((test) => test(part, row)));
    part.shown = ordered(found, (row) => valueOf(part, row, by), down);
    const [n, all] = [part.shown.length, part.rows.length];
    part.slots.count.textContent = `${n === all ? `${all.toLocaleString()} molecules` : `${n.toLocaleString()} of ${all.toLocaleString()}`}${own.repeats(part)}`;
    if (!n && all && !hints.length) hints.push("No molecule fits all parts of the filter.");
    const hint = hints.join(" ");
    if (part.slots.hint.textContent !== hint) part.slots.hint.textContent = hint;
    part.slots.filter.setAttribute("aria-invalid", String(hints.length > 0));
    part.slots.table.setAttribute("aria-rowcount", String(n + 1));
    [...part.slots.head.children].forEach((cell) => {
      const mine = cell.dataset.by === by;
      cell.setAttribute("aria-sort", mine ? (down ? "descending" : "ascending") : "none");
      const sign = cell.querySelector(".sign");
      if (sign) sign.textContent = mine ? (down ? "▼" : "▲") : "";
    });
    part.slots.ask.textContent = label(part);
    if (moved) part.slots.table.scrollTop = 0;
    draw(part);
  };
  // -- drawing what is in view --------------------------------------------------------------
  const draw = (part) => {
    const { table, body } = part.slots;
    if (part.slots.full.hidden || !table.clientHeight) return;
    body.style.height = `${part.shown.length * ROW}px`;
    const first = Math.max(0, Math.floor(table.scrollTop / ROW) - SPARE);
    const behind = Math.min(part.shown.length, Math.ceil((table.scrollTop + table.clientHeight) / ROW) + SPARE);
    const wanted = new Set();
    const look = `${part.number} ${Boolean(part.asked?.running)}`; // what an empty answer looks like
    for (let at = first; at < behind; at += 1) {
      const row = part.shown[at];
      wanted.add(row.i);
      let node = part.nodes.get(row.i);
      if (!node) {
        node = Object.assign(document.createElement("div"), { className: "list-line" });
        node.setAttribute("role", "row");
        part.nodes.set(row.i, node);
        body.append(node);
        row.stale = true;
      }
      if (row.stale || node.look !== look) { fillRow(part, node, row); row.stale = false; node.look = look; }
      node.style.transform = `translateY(${at * ROW}px)`;
      node.setAttribute("aria-rowindex", String(at + 2));
    }
    part.nodes.forEach((node, i) => {
      if (wanted.has(i) || node.contains(document.activeElement)) return;
      node.remove();
      part.nodes.delete(i);
    });
    clearTimeout(part.settling);
    part.settling = setTimeout(() => part.nodes.forEach((node, i) => fillDrawing(node, part.rows[i])), SETTLE_MS);
  };
  /** Drawings cost most of a row, so a table that flies by has none until it rests. */
  const fillDrawing = (node, row) => {
    const picture = node.querySelector(".list-drawing");
    if (row?.svg && picture && !picture.firstChild) picture.innerHTML = row.svg; // made by the server's own drawing code
  };
  const cell = (className, ...content) => {
    const node = Object.assign(document.createElement("div"), { className });
    node.setAttribute("role", "cell");
    node.append(...content);
    return node;
  };
  const words = (tag, className, text) => Object.assign(document.createElement(tag), { className, textContent: text });
  const fillRow = (part, node, row) => {
    const focused = node.contains(document.activeElement) ? document.activeElement.dataset.act : "";
    const picture = Object.assign(document.createElement("button"), { type: "button", className: "list-drawing" });
    Object.assign(picture.dataset, { act: "use", i: row.i, smiles: row.smiles || "", tip: "attach to the next question" });
    picture.setAttribute("aria-label", `attach ${row.name || row.smiles} to the next question`);
    const known = row.formula !== undefined;
    const number = ([key, , , digits]) => (typeof row[key] === "number" ? row[key].toFixed(digits).replace(/^-(?=[0.]+$)/, "") : known ? "–" : "");
    node.replaceChildren(
      cell("count", String(row.i + 1)),
      cell("draw", picture),
      cell("name", words("strong", "", row.name || ""), ...(row.sameWords ? [words("span", "list-same", `≡ ${row.sameWords}`)] : []), words("code", "", row.smiles || "")),
      cell("said", ...said(part, row)),
      ...(row.problem ? [cell("problem", `✗ ${row.problem}`)] : [
        cell("fact", lowered(row.formula) || (known ? "" : "…")),
        ...NUMBERS.map((column) => cell("fact number", number(column))),
        cell("fact number", row.stereo || (known ? "–" : "")),
        cell("alerts", ...(row.alerts || []).map((alert) => words("span", "", `⚠ ${alert}`))),
      ]),
      ...own.cellsOf(part, row).map(({ className, content }) => cell(className, content)),
    );
    if (performance.now() - (part.scrolled || -SETTLE_MS) >= SETTLE_MS) fillDrawing(node, row);
    if (focused) node.querySelector(`[data-act=${focused}]`)?.focus();
  };
  /** A formula with its counts lowered; isotopes and the charge at the end stay as they are. */
  const lowered = (formula = "") => formula.replace(/(?<=[A-Za-z)\]])\d+/g, (count) => [...count].map((digit) => "₀₁₂₃₄₅₆₇₈₉"[digit]).join(""));
  const said = (part, row) => {
    const answer = answerOf(part, row);
    if (!answer) return part.asked?.running ? [words("span", "quiet", "…")] : [];
    const button = Object.assign(document.createElement("button"), { type: "button", className: answer.failed ? "bad" : "" });
    Object.assign(button.dataset, { act: "answer", i: row.i });
    button.setAttribute("translate", "no");
    const sign = answer.failed || answer.wrong ? "✗" : answer.checked ? "✓" : "?";
    const tone = answer.failed || answer.wrong ? "contradicted" : answer.checked ? "confirmed" : "unverifiable";
    if (answer.checked) button.append(words("span", `list-checked ${tone}`, `${sign} ${answer.checked}`));
    button.append(words("span", "text", answer.text.replace(/\*\*|`|^[-*•] /gm, "")));
    return [button];
  };
  const openAnswer = (part, i) => {
    const row = part.rows[i];
    const { dialog } = part.slots;
    dialog.lastElementChild.innerHTML = `${row.svg || ""}<div class="prose-answer">${answerOf(part, row)?.html || ""}</div>`;
    dialog.setAttribute("aria-label", `answer about ${row.name || row.smiles}`);
    dialog.showModal();
  };
  const headCell = (part, [by, title, tip]) => {
    const node = document.createElement("div");
    node.setAttribute("role", "columnheader");
    node.className = NUMBERS.some(([key]) => key === by) || by === "stereo" ? "number" : by === "answer" ? "said" : "";
    node.dataset.by = by;
    if (!["i", "", "name", "answer"].includes(by)) node.classList.add("of-facts");
    if (!by) { node.textContent = title; return node; }
    const button = Object.assign(document.createElement("button"), { type: "button" });
    Object.assign(button.dataset, { act: "sort", by });
    if (tip) button.dataset.tip = tip;
    button.append(title, words("span", "sign", ""));
    node.append(button);
    return node;
  };

  chat.define("list", { setup, show });
})();
