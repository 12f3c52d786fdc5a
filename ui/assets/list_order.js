// The columns of the List tab, and how its rows are sorted and filtered; touches nothing of the page.
(() => {
  const chat = window.moleculeChat;

  // key in a row, head, tip, digits; the server sends the facts in this order
  const NUMBERS = [
    ["mass", "mass", "average mass, g/mol", 2], ["clogp", "cLogP", "Crippen estimate", 2], ["tpsa", "TPSA", "topological polar surface area, Å²", 1],
    ["hbd", "HBD", "hydrogen bond donors", 0], ["hba", "HBA", "hydrogen bond acceptors", 0], ["rot", "rot.", "rotatable bonds", 0],
    ["rings", "rings", "", 0], ["qed", "QED", "drug-likeness, 0 to 1", 2],
  ];
  const COLUMNS = [
    ["i", "#", "number of the molecule, in the order of the file; unreadable records have none"], ["", "drawing", ""], ["name", "name", ""], ["answer", "answer", "sorted by claims that contradict the structure, then by words"],
    ["formula", "formula", ""], ...NUMBERS, ["stereo", "stereo", "stereocentres set / all"], ["nAlerts", "alerts", "PAINS and Brenk"],
  ];
  const UNKNOWN = new Set(["", "-", "–", "n.d.", "nd", "na", "n/a", "nan", "none", "null", "?"]); // written where nothing was measured
  const ownKey = (k) => `own${k}`;

  const MAYBE_THOUSAND = /^[+-]?[1-9]\d{0,2},\d{3}$/; // 1,234
  /** A cell as a number, maybe with a sign before it as in ">1000" or a decimal comma, which `comma` says of 1,234 too; null where it is none. */
  const numberOf = (text, comma = false) => {
    const found = String(text ?? "").trim().replace("−", "-").match(/^(<=|>=|[<>≤≥~≈=])?\s*([+-]?(?:\d+(?:[.,]\d*)?|[.,]\d+)(?:e[+-]?\d+)?)$/i);
    if (!found || (!comma && MAYBE_THOUSAND.test(found[2]))) return null;
    return { sign: { "<=": "≤", ">=": "≥" }[found[1]] || found[1] || "", value: Number(found[2].replace(",", ".")) };
  };
  const cellsOf = (rows, k) => rows.map((row) => row?.own?.[k] ?? "").filter((cell) => !UNKNOWN.has(cell.toLowerCase()));
  /** For each column of the file whether its commas are decimal ones: some number in it cannot be read otherwise. */
  const commaColumns = (columns, rows) => columns.map((_, k) => {
    const cells = cellsOf(rows, k);
    return cells.some((cell) => cell.includes(",") && numberOf(cell)) && !cells.some((cell) => /,\d{3}[.,]/.test(cell));
  });
  /** For each column of the file whether every cell that says something is a number. */
  const numericColumns = (columns, rows, commas) => columns.map((_, k) => {
    const cells = cellsOf(rows, k);
    return cells.length > 0 && cells.every((cell) => numberOf(cell, commas[k]));
  });
  const ownValue = (part, row, k) => {
    const cell = row.own?.[k] ?? "";
    if (part.numeric?.[k]) return numberOf(cell, part.commas?.[k])?.value ?? null;
    return cell.toLowerCase() || null;
  };

  const valueOf = (part, row, by) => {
    if (by === "name") return (row.name || row.smiles || "").toLowerCase();
    if (by === "answer") return answerOf(part, row) ? `${1e6 - answerOf(part, row).wrong}`.padStart(8, "0") + answerOf(part, row).text.toLowerCase() : null;
    if (by.startsWith("own")) return ownValue(part, row, Number(by.slice(3)));
    if (by === "stereo") return row.stereo === undefined ? null : row.stereo;
    return row[by] ?? null;
  };
  const answerOf = (part, row) => (row.answers?.question === part.number ? row.answers : null);
  const compare = (a, b) => (typeof a === "number" ? a - b : a.localeCompare(b, undefined, { numeric: true }));

  /** Rows by a value of each; what is not known stays below, what is equal stays in the order of the file. */
  const ordered = (rows, valueOfRow, down) => rows.map((row) => [valueOfRow(row), row]).sort(([a, x], [b, y]) => {
    if (a === null || b === null) return (a === null) - (b === null) || x.i - y.i;
    return (down ? -compare(a, b) : compare(a, b)) || x.i - y.i;
  }).map(([, row]) => row);

  chat.listOrder = { NUMBERS, COLUMNS, ownKey, numberOf, commaColumns, numericColumns, valueOf, answerOf, ordered };
})();
