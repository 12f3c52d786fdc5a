// Pasting is the main door: into the question, into the molecule box, or anywhere else on the page.
(() => {
  const chat = window.moleculeChat;
  const LONGEST = 200000;

  const isBox = (node) => node.matches?.("input, textarea, [contenteditable=true]");
  const textOf = (event) => event.clipboardData?.getData("text/plain") || "";

  /** Outside of every box a paste goes where molecules are typed. */
  const intoMoleculeBox = (text) => {
    const bench = chat.parts.bench;
    if (!bench || !text.trim()) return;
    bench.slots.text.value = text.trim();
    bench.fit();
    bench.send("done");
    chat.say("pasted into the molecule box");
  };
  /** In the question, molecules become numbered ones as soon as they are pasted. */
  const intoQuestion = (question, text) => {
    if (!text.trim() || text.length > LONGEST) return;
    const from = question.selectionStart;
    const others = question.value.slice(0, from) + question.value.slice(question.selectionEnd);
    chat.parts.composer.trigger("pasted", { text, alone: !others.trim() });
  };
  document.addEventListener("paste", (event) => {
    const { files } = event.clipboardData || {};
    if (files?.length) {
      event.preventDefault();
      chat.parts.composer?.files(files);
    } else if (event.target === chat.parts.composer?.slots.question) intoQuestion(event.target, textOf(event));
    else if (!isBox(event.target)) { event.preventDefault(); intoMoleculeBox(textOf(event)); }
  });

  /** Puts a few words in the place of the pasted text, as typing would: the browser's undo takes it back. */
  chat.replacePasted = (question, { text, words }) => {
    const value = question.value;
    const pasted = [text, text.replace(/\r\n?/g, "\n")].find((form) => value.includes(form));
    if (pasted === undefined) return; // edited meanwhile
    const at = value.indexOf(pasted);
    const focus = document.activeElement;
    question.focus({ preventScroll: true });
    question.setSelectionRange(at, at + pasted.length);
    document.execCommand(words ? "insertText" : "delete", false, words);
    if (focus !== question) focus?.focus?.({ preventScroll: true });
  };
})();
