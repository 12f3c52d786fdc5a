// Pasting is the main door: into the question, into the molecule box, or anywhere else on the page.
(() => {
  const chat = window.moleculeChat;
  const LONGEST = 200000;
  const MANY = 9; // as ui/arrivals.py OFFER_FROM

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
  /** So many molecules that the person is asked what they are; a single drawing has many lines, too. */
  const isMany = (text) => {
    const records = /^M {2}END|V[23]000\s*$|^\$RXN/m.test(text) ? text.split(/^M {2}END/m).length - 1 : text.split(/\r\n?|\n/).filter((line) => line.trim()).length;
    return records >= MANY && text.length <= LONGEST;
  };
  const askFirst = (text) => chat.parts.composer.trigger("pasted", { text, alone: true, box: true, id: chat.offers.keep({ text, box: true, otherwise: () => intoMoleculeBox(text) }) });

  /** In the question, molecules become numbered ones as soon as they are pasted. */
  const intoQuestion = (question, text) => {
    if (!text.trim() || text.length > LONGEST) return;
    const from = question.selectionStart;
    const others = question.value.slice(0, from) + question.value.slice(question.selectionEnd);
    const alone = !others.trim();
    chat.parts.composer.trigger("pasted", { text, alone, id: chat.offers.keep({ text, alone }) });
  };
  document.addEventListener("paste", (event) => {
    const { files } = event.clipboardData || {};
    if (files?.length) {
      event.preventDefault();
      chat.parts.composer?.files(files);
    } else if (event.target === chat.parts.composer?.slots.question) intoQuestion(event.target, textOf(event));
    else if (!isBox(event.target) || event.target === chat.parts.bench?.slots.text) {
      const text = textOf(event);
      if (isMany(text)) { event.preventDefault(); askFirst(text); }
      else if (!isBox(event.target)) { event.preventDefault(); intoMoleculeBox(text); }
    }
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
