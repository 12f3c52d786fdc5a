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
    ["i", "#", "number in the file"], ["", "drawing", ""], ["name", "name", ""], ["answer", "answer", "sorted by claims that contradict the structure, then by words"],
    ["formula", "formula", ""], ...NUMBERS, ["stereo", "stereo", "stereocentres set / all"], ["nAlerts", "alerts", "PAINS and Brenk"],
  ];
  const ALIASES = { mw: "mass", mol: "mass", logp: "clogp", psa: "tpsa", donors: "hbd", acceptors: "hba", alert: "alerts", ring: "rings", rotatable: "rot" };

  const valueOf = (part, row, by) => {
    if (by === "name") return (row.name || row.smiles || "").toLowerCase();
    if (by === "answer") return answerOf(part, row) ? `${1e6 - answerOf(part, row).wrong}`.padStart(8, "0") + answerOf(part, row).text.toLowerCase() : null;
    if (by === "stereo") return row.stereo === undefined ? null : row.stereo;
    return row[by] ?? null;
  };
  const answerOf = (part, row) => (row.answers?.question === part.number ? row.answers : null);
  const compare = (a, b) => (typeof a === "number" ? a - b : a.localeCompare(b, undefined, { numeric: true }));

  /** Words to look for, and comparisons such as mass<300 or alerts=0; all of them have to hold. */
  const testsOf = (text) => text.trim().toLowerCase().split(/\s+/).filter(Boolean).map((word) => {
    const found = word.match(/^([a-z]+)(<=|>=|=|<|>)(-?[\d.]+)$/);
    const key = found && (ALIASES[found[1]] || found[1]);
    if (found && [...NUMBERS.map(([k]) => k), "alerts"].includes(key)) {
      const limit = Number(found[3]);
      const holds = { "<": (v) => v < limit, ">": (v) => v > limit, "<=": (v) => v <= limit, ">=": (v) => v >= limit, "=": (v) => v === limit }[found[2]];
      return (part, row) => { const v = row[key === "alerts" ? "nAlerts" : key]; return typeof v === "number" && holds(v); };
    }
    return (part, row) => [row.name, row.smiles, row.formula, row.groups, ...(row.alerts || []), answerOf(part, row)?.text].some((field) => field?.toLowerCase().includes(word));
  });

  /** Rows by a value of each; what is not known stays below, what is equal stays in the order of the file. */
  const ordered = (rows, valueOfRow, down) => rows.map((row) => [valueOfRow(row), row]).sort(([a, x], [b, y]) => {
    if (a === null || b === null) return (a === null) - (b === null) || x.i - y.i;
    return (down ? -compare(a, b) : compare(a, b)) || x.i - y.i;
  }).map(([, row]) => row);

  chat.listOrder = { NUMBERS, COLUMNS, testsOf, valueOf, answerOf, ordered };
})();
