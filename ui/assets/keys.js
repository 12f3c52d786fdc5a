// Short-cuts that need no part of the page, and the sheet that lists all of them.
(() => {
  const chat = window.moleculeChat;
  const SHEET = [
    ["Write and ask", [
      ["Enter", "send the question"], ["Shift+Enter", "a new line"], ["Esc", "stop the answer; close what is open"],
      ["/", "tasks: describe, name, compare …"], ["Ctrl+Shift+E", "edit the last question"], ["Ctrl+Shift+O", "new chat"],
    ]],
    ["Molecules", [
      ["Alt+1 … 9", "attach molecule 1 … 9 to the question, or take it off"], ["Ctrl+Shift+C", "copy the isomeric SMILES of the current molecule"],
      ["Shift+F10", "on any drawing, as a right click: copy it, put it into Pair, compare it with another"],
      ["Paste", "anywhere: SMILES, InChI, name, molfile, one on each line"], ["Drop", "a file anywhere: MOL, SDF, SMI, CSV, CDXML, RXN, an exported chat"],
    ]],
    ["Look around", [
      ["Alt+← / →", "the other variants of an answer or a question"], ["Ctrl+K", "search earlier chats by words or structure"], ["Ctrl+B", "show or hide the chats"],
      ["Ctrl+J", "show or hide drawing, facts, 3D and list"], ["Tab", "from one control to the next"], ["?", "this sheet"],
    ]],
  ];

  const { make } = chat;
  /** “Ctrl+Shift+C” as keys; what is no key (Paste, Drop) stays a word. */
  const keysOf = (text) => text.split(/(?<=\S)\+(?=\S)/).map((name) => make(/^(Paste|Drop)$/.test(name) ? "span" : "kbd", { textContent: name }));
  const section = ([title, rows]) => make("section", {}, make("h3", { textContent: title }), make("dl", {}, ...rows.flatMap(([keys, what]) =>
    [make("dt", {}, ...keysOf(keys)), make("dd", { textContent: what })])));

  let sheet;
  const help = () => {
    if (!sheet) {
      const close = make("button", { type: "button", className: "tool close", textContent: "×", ariaLabel: "close" });
      sheet = make("dialog", { className: "key-sheet part", ariaLabel: "keyboard and other habits" }, close, make("h2", { textContent: "Keyboard" }), ...SHEET.map(section));
      close.addEventListener("click", () => sheet.close());
      sheet.addEventListener("click", (event) => { if (event.target === sheet) sheet.close(); });
      document.body.append(sheet);
    }
    if (sheet.open) sheet.close(); else sheet.showModal(); // the browser gives the focus back
  };

  /** What the current molecule is, whether it was typed, drawn or loaded. */
  const copySmiles = () => {
    const smiles = chat.parts.bench?.value?.structure;
    if (smiles) chat.copy(smiles, null, `copied ${smiles}`);
    else chat.say("there is no molecule to copy yet");
  };

  const isTyping = (target) => Boolean(target.closest?.("input:not([type=checkbox]), textarea, select, [contenteditable=true], [role=menu]"));
  document.addEventListener("keydown", (event) => {
    const key = event.key.toLowerCase();
    const plain = !event.ctrlKey && !event.metaKey && !event.altKey && !isTyping(event.target);
    if ((event.ctrlKey || event.metaKey) && event.shiftKey && key === "c") copySmiles();
    else if (plain && key === "?") help();
    else if (plain && key === "/" && !sheet?.open) chat.parts.composer?.tasks();
    else return;
    event.preventDefault();
  });
  document.addEventListener("click", (event) => { if (event.target.closest?.(".help-button")) help(); });
})();
