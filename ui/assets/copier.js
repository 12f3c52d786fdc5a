// What any drawing can be copied as and used for: by its copy button, a right click, a long press, or Shift+F10.
(() => {
  const chat = window.moleculeChat;
  const DRAWINGS = ".figure, .card, .chip, .facts .depiction, .list-drawing, .entry .thumb, .molecule .thumb";
  const SCALE = 3; // PNG pixels for one of the drawing's

  /** The structure that a node of the page draws, or an empty text. */
  const smilesOf = (node) => {
    if (node.closest(".facts")) return chat.parts.bench?.value?.structure || "";
    const own = node.matches("[data-smiles]") ? node : node.querySelector("[data-smiles]");
    return own?.dataset.smiles || "";
  };

  const setup = (part) => {
    const { menu } = part.slots;
    const items = [...menu.querySelectorAll("[role=menuitem]")];
    part.open = (smiles, x, y, opener) => {
      Object.assign(part, { smiles, opener });
      menu.hidden = false;
      menu.style.left = `${Math.max(8, Math.min(x, innerWidth - menu.offsetWidth - 8))}px`;
      menu.style.top = `${Math.max(8, Math.min(y, innerHeight - menu.offsetHeight - 8))}px`;
      items[0].focus();
    };
    part.close = () => {
      if (menu.hidden) return;
      menu.hidden = true;
      part.opener?.focus?.({ preventScroll: true });
    };
    menu.addEventListener("keydown", (event) => {
      const at = items.indexOf(document.activeElement);
      const to = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: -1 }[event.key];
      if (to !== undefined) items.at(to % items.length).focus();
      else if (event.key === "Escape" || event.key === "Tab") part.close();
      else return;
      event.preventDefault();
      event.stopPropagation();
    });
    document.addEventListener("pointerdown", (event) => { if (!menu.contains(event.target)) menu.hidden = true; });
    addEventListener("resize", () => { menu.hidden = true; });
    chat.onAct(part, {
      copy: (node) => { part.close(); begin(part, node.dataset.kind); },
      pair: () => { part.close(); chat.parts.pair.take(part.smiles); },
      compare: () => compare(part),
    });
    document.addEventListener("contextmenu", (event) => {
      const drawing = event.target.closest?.(DRAWINGS);
      const smiles = drawing && smilesOf(drawing);
      if (!smiles) return;
      event.preventDefault();
      const box = drawing.getBoundingClientRect();
      const by = event.clientX || event.clientY ? [event.clientX, event.clientY] : [box.left, box.bottom];
      part.open(smiles, ...by, document.activeElement);
    });
    document.addEventListener("click", (event) => {
      const button = event.target.closest?.(".copy-structure");
      if (!button) return;
      const box = button.getBoundingClientRect();
      part.open(smilesOf(button.closest(DRAWINGS)), box.left, box.bottom + 4, button);
    });
  };

  const begin = (part, kind) => {
    if (kind === "smiles") return chat.copy(part.smiles, null, "copied the SMILES"); // it is here already
    chat.say("copying");
    part.trigger("copied", { kind, smiles: part.smiles });
  };

  /** A question about this molecule and another one; words that are typed already stay. */
  const compare = (part) => {
    part.close();
    const { composer } = chat.parts;
    part.trigger("compared", { smiles: part.smiles, typed: composer.isTyped() });
    if (chat.onPhone()) chat.sheet(false);
    composer.slots.question.focus();
  };

  const show = async (part, value) => {
    if (value.problem) return chat.parts.composer?.tell({ tone: "error", text: value.problem });
    if (value.kind === "molfile") chat.copy(value.molfile, null, "copied the molfile");
    else if (value.kind === "svg") chat.copy(value.svg, null, "copied the SVG");
    else if (value.kind === "png") copyPicture(await picture(value.svg));
  };

  /** An SVG as a PNG on white. */
  const picture = async (svg) => {
    const image = new Image();
    image.src = URL.createObjectURL(new Blob([svg], { type: "image/svg+xml" }));
    await image.decode();
    const canvas = Object.assign(document.createElement("canvas"), { width: image.width * SCALE, height: image.height * SCALE });
    const pen = canvas.getContext("2d");
    pen.fillStyle = "#fff";
    pen.fillRect(0, 0, canvas.width, canvas.height);
    pen.drawImage(image, 0, 0, canvas.width, canvas.height);
    URL.revokeObjectURL(image.src);
    return new Promise((done) => canvas.toBlob(done, "image/png"));
  };
  const copyPicture = async (blob) => {
    try {
      await navigator.clipboard.write([new ClipboardItem({ "image/png": blob })]);
      chat.say("copied the picture");
    } catch { // a browser that lets no page write pictures: a file instead
      chat.download({ name: "structure.png", mime: "image/png", content: blob });
    }
  };

  chat.define("copier", { setup, show });
})();
