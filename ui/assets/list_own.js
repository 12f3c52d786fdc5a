// The columns of a person's own file in the List tab, after the computed ones and marked as theirs.
(() => {
  const chat = window.moleculeChat;
  const FITS = 60; // characters of a cell
  const GAP = 8; // px between columns, as in list.css
  const { ownKey, commaColumns, numericColumns } = chat.listOrder;

  const headCell = (head, k) => {
    const node = chat.make("div", { className: "own" });
    node.setAttribute("role", "columnheader");
    node.dataset.by = ownKey(k);
    const button = chat.make("button", { type: "button" }, chat.make("span", { className: "title", textContent: head }), chat.make("span", { className: "sign" }));
    button.setAttribute("translate", "no");
    Object.assign(button.dataset, { act: "sort", by: ownKey(k), title: head, tip: `${head}: from your file, as it is written there` });
    node.append(button, chat.make("small", { textContent: "from your file" }));
    return node;
  };

  /** A new list: its own columns behind the computed ones. */
  const begin = (part, { columns = [] }) => {
    const { head, table, own } = part.slots;
    Object.assign(part, { columns, numeric: columns.map(() => false), commas: columns.map(() => false), counted: 0 });
    head.querySelectorAll(".own").forEach((node) => node.remove());
    head.append(...columns.map(headCell));
    table.style.setProperty("--n-own", String(columns.length));
    table.classList.toggle("has-own", columns.length > 0);
    own.hidden = !columns.length;
    own.textContent = `${columns.length} ${columns.length === 1 ? "column" : "columns"} of your file →`;
    own.dataset.tip = columns.join(", ");
  };

  /** What caps cut is told, and which columns are numbers is looked at again while rows arrive. */
  const state = (part, { notices = [], same = 0 }) => {
    const { remarks, head } = part.slots;
    part.same = same;
    remarks.hidden = !notices.length;
    remarks.textContent = notices.length ? `! ${notices.join(" ")}` : "";
    if (part.counted === part.rows.length) return;
    part.counted = part.rows.length;
    part.commas = commaColumns(part.columns, part.rows);
    part.numeric = numericColumns(part.columns, part.rows, part.commas);
    part.numeric.forEach((is, k) => head.querySelector(`[data-by=${ownKey(k)}]`).classList.toggle("number", is));
    part.rows.forEach((row) => { if (row) row.stale = true; }); // numbers stand to the right
  };

  const ofUpdate = ({ own = [], same }) => ({ own, sameWords: same === undefined ? "" : `same as row ${same + 1}` });
  /** What a long cell has no room for is a click away. */
  const contentOf = (row, k) => {
    const text = row.own?.[k] ?? "";
    if (text.length <= FITS) return text;
    const button = chat.make("button", { type: "button", className: "whole", textContent: text });
    Object.assign(button.dataset, { act: "whole", i: row.i, column: k, tip: "read it whole" });
    return button;
  };
  const cellsOf = (part, row) => part.columns.map((_, k) => ({ className: part.numeric[k] ? "own number" : "own", content: contentOf(row, k) }));
  const openCell = (part, { i, column }) => {
    const row = part.rows[Number(i)];
    const head = part.columns[Number(column)];
    const { dialog } = part.slots;
    dialog.lastElementChild.replaceChildren(
      chat.make("strong", { textContent: `${head} · ${row.name || row.smiles}` }), chat.make("p", { className: "own-text", textContent: row.own[Number(column)] }),
    );
    dialog.setAttribute("aria-label", `${head} of ${row.name || row.smiles}, from your file`);
    dialog.showModal();
  };
  const repeats = ({ same }) => (same ? ` · ${same.toLocaleString()} ${same === 1 ? "duplicate" : "duplicates"}` : "");

  /** Scrolls until the first column of the file stands beside the drawings, and gives its head the focus. */
  const reveal = (part) => {
    const { table, head } = part.slots;
    const first = head.querySelector(".own");
    const drawing = head.querySelector('[data-by=""]');
    table.scrollLeft += first.getBoundingClientRect().left - table.getBoundingClientRect().left - drawing.offsetWidth - GAP;
    first.querySelector("button").focus({ preventScroll: true });
  };

  chat.listOwn = { begin, state, ofUpdate, cellsOf, openCell, repeats, reveal };
})();
