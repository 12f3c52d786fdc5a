// The filter of the List tab: words to look for and comparisons such as mass<300, read with forgiveness.
(() => {
  const chat = window.moleculeChat;
  const { NUMBERS, answerOf, numberOf, ownKey } = chat.listOrder;

  const HEADS = { ...Object.fromEntries(NUMBERS.map(([key, head]) => [key, head])), nAlerts: "alerts", name: "name", formula: "formula", stereo: "stereo" };
  const WORDS_ONLY = ["name", "formula", "stereo"];
  // what chemists call them elsewhere, and the heads of the saved CSV
  const ALIASES = {
    mass: "mass", mw: "mass", molwt: "mass", molweight: "mass", mol: "mass", average_mass: "mass", logp: "clogp", alogp: "clogp", psa: "tpsa", donors: "hbd",
    acceptors: "hba", rot: "rot", rotb: "rot", nrot: "rot", rotatable: "rot", rotatable_bonds: "rot", ring: "rings", alert: "nAlerts", alerts: "nAlerts",
  };
  const SHOWN = 12; // own columns that a hint spells out
  const OPERATORS = "<=|>=|≤|≥|==|=|<|>";
  const START = "(?<=^|\\s)";

  /** Every name a column goes by, in lower case; a column of the file goes before another name of a computed one. */
  const namesOf = (part) => ({
    ...ALIASES,
    ...Object.fromEntries((part.columns || []).map((head, k) => [head.toLowerCase(), ownKey(k)])),
    ...Object.fromEntries(Object.entries(HEADS).map(([key, head]) => [head.toLowerCase(), key])),
  });
  const escaped = (name) => name.replace(/[.*+?^${}()|[\]\\]/g, "\\$&").replace(/ /g, "\\s+");

  /** A value as a number with the sign before it (">1000" is at least that), or null. */
  const cellOf = (part, row, key) => {
    const k = key.startsWith("own") ? Number(key.slice(3)) : -1;
    const value = k < 0 ? row[key] : row.own?.[k];
    return typeof value === "number" ? { sign: "", value } : numberOf(value, part.commas?.[k]);
  };
  const LOW = ["<", "≤"];
  const HIGH = [">", "≥"];
  /** Whether a value holds for certain: of "<5" nobody knows whether it is above 3. */
  const holds = ({ sign, value }, operator, limit) => {
    if (operator === "=") return value === limit && !LOW.includes(sign) && !HIGH.includes(sign);
    const below = operator[0] === "<" || operator === "≤";
    const strict = operator === "<" || operator === ">";
    if ((below ? HIGH : LOW).includes(sign)) return false;
    if ((below ? LOW : HIGH).includes(sign)) return below ? value <= limit : value >= limit;
    if (value === limit) return !strict;
    return below ? value < limit : value > limit;
  };
  const textOf = (row, key) => String((key.startsWith("own") ? row.own?.[Number(key.slice(3))] : row[key]) ?? "");

  const comparison = (part, name, key, operator, value) => {
    const sign = operator === "==" ? "=" : operator;
    const limit = numberOf(value)?.value;
    const hasNumbers = !WORDS_ONLY.includes(key) && (!key.startsWith("own") || part.rows.some((row) => row && cellOf(part, row, key)));
    if (sign === "=") {
      const text = value.toLowerCase();
      return { test: (_, row) => (limit !== undefined && hasNumbers && cellOf(part, row, key) ? holds(cellOf(part, row, key), "=", limit) : textOf(row, key).toLowerCase() === text) };
    }
    if (!hasNumbers) return { hint: `“${name}” holds words, not numbers: ${name}=… finds the rows where it is the same.` };
    if (limit === undefined) return { hint: `“${value}” is not a number, so ${name}${operator}${value} does not filter.` };
    return { test: (_, row) => { const cell = cellOf(part, row, key); return Boolean(cell) && holds(cell, sign, limit); } };
  };

  const FLIPPED = { "<": ">", ">": "<", "<=": ">=", ">=": "<=", "≤": "≥", "≥": "≤", "=": "=", "==": "=" };
  const JOINING = ["and", "&", "&&", ",", ";"]; // all parts have to hold anyway
  /** Other ways to write it: parts divided by commas, the number first, a range as in 2<logp<4. */
  const plain = (text, known) => text
    .replace(new RegExp(`[,;&]\\s*(?=(${known})\\s*(${OPERATORS}))`, "gi"), " ")
    .replace(new RegExp(`${START}(-?[\\d.]+)\\s*(${OPERATORS})\\s*(${known})(?=\\s|$|[<>=≤≥])`, "gi"), (whole, number, operator, name, ...at) => {
      const [offset, all] = at.slice(-2);
      const goesOn = new RegExp(`^\\s*(${OPERATORS})`).test(all.slice(offset + whole.length));
      return `${name}${FLIPPED[operator]}${number}${goesOn ? ` ${name}` : ""}`;
    });

  const columnsInWords = (part) => {
    const own = part.columns || [];
    const more = own.length > SHOWN ? ` and ${own.length - SHOWN} more` : "";
    return `Columns: ${Object.values(HEADS).join(", ")}${own.length ? `; of your file: ${own.slice(0, SHOWN).join(", ")}${more}` : ""}.`;
  };
  const has = (part, row, word) =>
    [row.name, row.smiles, row.formula, row.groups, ...(row.alerts || []), ...(row.own || []), row.sameWords, answerOf(part, row)?.text].some((field) => field?.toLowerCase().includes(word));

  /**
   * What a filter means: all of its tests have to hold. What it does not understand filters nothing and has a hint.
   * @returns {{tests: ((part, row) => boolean)[], hints: string[]}}
   */
  const read = (part, text) => {
    const names = namesOf(part);
    const tests = [];
    const hints = [];
    const known = Object.keys(names).sort((a, b) => b.length - a.length).map(escaped).join("|");
    const found = ({ test, hint }) => { if (test) tests.push(test); if (hint) hints.push(hint); return " "; };
    let rest = plain(text, known).replace(new RegExp(`${START}(${known})\\s*(${OPERATORS})\\s*("[^"]*"|[^\\s"<>=≤≥]\\S*)?(?=\\s|$)`, "gi"), (_, name, operator, value) => {
      const wanted = (value || "").replace(/^"|"$/g, "");
      return wanted ? found(comparison(part, name, names[name.toLowerCase().replace(/\s+/g, " ")], operator, wanted)) : " "; // still being typed
    });
    rest = rest.replace(new RegExp(`${START}([^\\s<>=≤≥]*\\p{L}[^\\s<>=≤≥]*)\\s*(${OPERATORS})\\s*(\\S+)`, "giu"), (whole, name, operator, value) => {
      const isStructure = operator[0] === "=" && !numberOf(value); // C=O
      return isStructure || part.rows.some((row) => row && has(part, row, whole.toLowerCase())) ? whole : found({ hint: `There is no column “${name}”, so it does not filter. ${columnsInWords(part)}` });
    });
    rest.toLowerCase().split(/\s+/).filter((word) => word && !JOINING.includes(word)).forEach((word) => {
      if (word === "or") return hints.push("“or” is not understood: all parts of a filter have to hold.");
      const isThere = part.rows.some((row) => row && has(part, row, word));
      if (!isThere && Object.hasOwn(names, word)) return hints.push(`“${word}” is a column: compare it, as in ${word}<3.`);
      tests.push((_, row) => has(part, row, word));
      if (!isThere) hints.push(`“${word}” is in no name, SMILES, group, alert, cell or answer.`);
    });
    return { tests, hints };
  };

  chat.listFilter = { read };
})();
