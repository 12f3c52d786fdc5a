// The picture of a sweep: a dot per partner with its error, in the order of the table.
(() => {
  const chat = window.moleculeChat;
  const { make } = chat;
  const SVG = "http://www.w3.org/2000/svg";
  const draw = (tag, attributes, text) => {
    const node = document.createElementNS(SVG, tag);
    Object.entries(attributes).forEach(([key, value]) => node.setAttribute(key, value));
    if (text !== undefined) node.textContent = text;
    return node;
  };
  const ticksOf = (low, high) => {
    const rough = (high - low) / 5 || 1;
    const power = 10 ** Math.floor(Math.log10(rough));
    const step = [1, 2, 5, 10].map((k) => k * power).find((k) => k >= rough);
    const first = Math.ceil(low / step) * step;
    const digits = Math.max(0, -Math.floor(Math.log10(step)));
    const found = [];
    for (let i = 0; first + i * step <= high + step * 1e-6; i += 1) found.push((first + i * step).toFixed(digits).replace("-", "−"));
    return found;
  };
  /** The picture and its key, of the rows in their order; nothing where no partner has a value. */
  const plotOf = (all, state) => {
    const rows = all.filter((row) => !row.problem);
    if (!rows.length) return [];
    const [wide, row, left, right, top, foot] = [540, 17, 178, 16, 8, 46];
    const spread = rows.flatMap((one) => [one.value - (one.around || 0), one.value + (one.around || 0), one.measured ?? one.value]);
    let [low, high] = [Math.min(...spread), Math.max(...spread)];
    const margin = (high - low || Math.abs(high) || 1) * 0.04;
    [low, high] = [low - margin, high + margin];
    const height = top + rows.length * row + foot;
    const x = (value) => left + ((value - low) / (high - low)) * (wide - left - right);
    const svg = draw("svg", { viewBox: `0 0 ${wide} ${height}`, role: "img", "aria-label": `${state.axis} of ${state.fixed} with ${rows.length} partners; the table below has the values` });
    const bottom = top + rows.length * row;
    ticksOf(low, high).forEach((tick) => {
      const at = x(Number(tick.replace("−", "-")));
      svg.append(draw("line", { x1: at, x2: at, y1: top, y2: bottom, class: "grid" }), draw("text", { x: at, y: bottom + 15, "text-anchor": "middle", class: "tick" }, tick));
    });
    if (state.base >= low && state.base <= high) {
      svg.append(draw("line", { x1: x(state.base), x2: x(state.base), y1: top, y2: bottom, class: "base" }));
    }
    rows.forEach((one, i) => {
      const y = top + (i + 0.5) * row;
      const name = one.name.length > 24 ? `${one.name.slice(0, 23)}…` : one.name;
      svg.append(draw("text", { x: left - 8, y: y + 4, "text-anchor": "end", class: "name" }, `${one.warnings.length ? "⚠ " : ""}${name}`));
      if (one.around) svg.append(draw("line", { x1: x(one.value - one.around), x2: x(one.value + one.around), y1: y, y2: y, class: "whisker" }));
      const dot = draw("circle", { cx: x(one.value), cy: y, r: 4, class: one.warnings.length ? "dot outside" : "dot" });
      dot.append(draw("title", {}, `${one.name}: ≈ ${one.text} ${one.around ? `${one.off} ` : ""}${state.unit}`));
      svg.append(dot);
      if (one.measured !== null) {
        const at = x(one.measured);
        svg.append(draw("path", { d: `M${at} ${y - 5}L${at + 5} ${y}L${at} ${y + 5}L${at - 5} ${y}Z`, class: "measured" }));
      }
    });
    svg.append(draw("line", { x1: left, x2: wide - right, y1: bottom, y2: bottom, class: "axis" }), draw("text", { x: (left + wide - right) / 2, y: bottom + 36, "text-anchor": "middle", class: "label" }, state.axis));
    const key = [`● predicted${rows.some((one) => one.around) ? " ± test MAE of pairs as similar" : ""}`];
    if (rows.some((one) => one.measured !== null)) key.push("◇ measured, a training pair");
    if (state.base >= low && state.base <= high) key.push(`┆ ${state.baseName}`);
    if (rows.some((one) => one.warnings.length)) key.push("○ ⚠ outside of training");
    return [svg, make("figcaption", { textContent: key.join("   ") })];
  };

  chat.pairPlot = plotOf;
})();
