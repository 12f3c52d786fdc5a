// Many molecules of a file or a pasted text: the page asks in place whether they are a list or part of the chat.
(() => {
  const chat = window.moleculeChat;
  const sent = new Map(); // id → what was sent: { file } or { text, alone }; box and otherwise for one of the molecule box
  const KEPT = 30; // texts and files whose answer is still awaited
  let count = 0;

  /** Remembers what is sent until it is decided; gives the id that the server's answer names. */
  const keep = (what) => {
    count += 1;
    sent.set(`s${count}`, what);
    if (sent.size > KEPT) sent.delete(sent.keys().next().value);
    return `s${count}`;
  };

  /** What a value of the question box says about something that was sent. */
  const take = (part, { offer, declined }) => {
    const left = sent.get(declined);
    if (left) { sent.delete(declined); left.otherwise?.(); }
    if (offer && sent.has(offer.id) && !part.slots.offers.querySelector(`[data-id=${offer.id}]`)) ask(part, offer);
  };

  const inWords = (n) => `${n.toLocaleString()} molecules`;
  const button = (className, textContent, onclick) => chat.make("button", { type: "button", className, textContent, onclick });
  const ask = (part, offer) => {
    const what = sent.get(offer.id);
    const name = what.file ? offer.name : "the pasted text";
    const unread = offer.unreadable ? ` (${offer.unreadable.toLocaleString()} ${offer.unreadable === 1 ? "row" : "rows"} could not be read)` : "";
    const node = chat.make("div", { className: "offer" });
    node.dataset.id = offer.id;
    node.setAttribute("role", "group");
    const label = chat.make("p", { id: `offer-${offer.id}` }, chat.make("strong", { textContent: inWords(offer.total) }), ` in ${name}${unread}.`);
    node.setAttribute("aria-labelledby", label.id);
    const first = button("send", "Open them as a list", () => openList(part, node, what));
    const all = button("tool", offer.room < offer.total ? `add the first ${offer.room} to the chat` : "add all to the chat", () => attach(part, node, what));
    all.dataset.tip = "numbered in this chat; a question is about up to 4 of them at a time";
    all.disabled = !offer.room;
    const neither = button("tool neither", "×", () => leave(part, node, what));
    neither.setAttribute("aria-label", `leave ${name} out`);
    neither.dataset.tip = what.file ? "leave the file out" : "leave the text as it is";
    node.append(label, first, all, neither);
    node.addEventListener("keydown", (event) => { if (event.key === "Escape") { event.preventDefault(); event.stopPropagation(); leave(part, node, what); } });
    part.slots.offers.append(node);
    if (document.documentElement.classList.contains("sheet-open")) chat.sheet(false); // it would hide the question
    if (part.slots.offers.children.length === 1) first.focus();
    chat.say(`${label.textContent} Open them as a list, or add them to the chat?`);
  };

  /** Decided: the next one is asked, or the question box has the focus again. */
  const done = (part, node, focus = part.slots.question) => {
    sent.delete(node.dataset.id);
    node.remove();
    (part.slots.offers.querySelector("button") || focus)?.focus();
  };
  const openList = (part, node, { file, text, box }) => {
    document.documentElement.classList.remove("bench-folded");
    chat.bring("list");
    if (file) chat.parts.list.open(file); else chat.parts.list.openText(text);
    if (text && !box) chat.replacePasted(part.slots.question, { text, words: "" });
    done(part, node, document.getElementById("tab-list"));
  };
  const attach = async (part, node, what) => {
    const { file, text, alone = true } = what;
    if (!file) {
      part.trigger("pasted", { text, alone, all: true });
      return done(part, node);
    }
    try {
      const { path } = await part.upload(file);
      part.trigger("file", { path, name: file.name, all: true });
      done(part, node);
    } catch {
      part.tell({ tone: "error", text: `“${file.name}” could not be sent. Try again.` });
    }
  };
  const leave = (part, node, { file, text, box }) => {
    done(part, node);
    if (file) part.tell({ tone: "info", text: `“${file.name}” was left out. Drop it again to use it.` });
    else if (box) part.tell({ tone: "info", text: "The pasted text was left out. Paste it again to use it." });
    else chat.say(`the pasted text of ${text.length} characters stays in the question`);
  };

  chat.offers = { keep, take };
})();
