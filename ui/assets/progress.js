// Whatever takes longer than half a second says so where its result will be.
(() => {
  const PATIENCE_MS = 500;
  const chat = window.moleculeChat;
  // event of a part → where its result appears, and what is being done
  const WAITS = {
    "bench typed": ["bench", "reading the molecule"], "bench shape": ["viewer3d", "computing a 3D shape"],
    "composer file": ["composer", "reading the file"], "composer pasted": ["composer", "looking for molecules"],
    "transcript loaded": ["bench", "opening the molecule"], "transcript example": ["composer", "opening the example"],
    "chats search": ["chats", "searching"], "chats open": ["transcript", "opening the chat"], "chats more": ["chats", "reading the list"],
    "exporter save": ["exporter", "writing the file"], "exporter restore": ["exporter", "importing"],
    "list save": ["list", "writing the file"], "copier copied": ["composer", "copying"],
  };
  const waiting = new Map(); // place → { timer, note }

  const begin = (place, words) => {
    end(place);
    const timer = setTimeout(() => {
      const region = document.getElementById(place);
      if (!region) return;
      const note = Object.assign(document.createElement("div"), { className: "slow-note", textContent: `${words} …` });
      note.setAttribute("aria-hidden", "true"); // the page's voice says it
      region.append(note);
      region.setAttribute("aria-busy", "true");
      waiting.get(place).note = note;
      chat.say(words);
    }, PATIENCE_MS);
    waiting.set(place, { timer });
  };
  const end = (place) => {
    const entry = waiting.get(place);
    if (!entry) return;
    clearTimeout(entry.timer);
    entry.note?.remove();
    if (entry.note) document.getElementById(place)?.removeAttribute("aria-busy");
    waiting.delete(place);
  };

  /** Called by the page's frame for every event that a part sends, and every value that it gets. */
  chat.progress = {
    asked: (kind, name) => { const wait = WAITS[`${kind} ${name}`]; if (wait) begin(...wait); },
    shown: (kind) => { end(kind); if (kind === "copier") end("composer"); },
  };
  // the 3D viewer is a component of its own: its note or picture says that it is done
  const viewer = () => {
    const region = document.querySelector("#viewer3d .viewer3d");
    if (!region) return void setTimeout(viewer, 300);
    new MutationObserver(() => end("viewer3d")).observe(region, { attributes: true, subtree: true, childList: true, characterData: true });
  };
  viewer();
})();
