// The connection to the assistant: says when it is lost, looks for it, and comes back to the same place.
// Gradio notices only at the next event and then loads the page again; here an idle page notices too,
// and what is not sent yet (words, molecule) survives the loading.
(() => {
  const chat = window.moleculeChat;
  const root = document.documentElement;
  const FIRST_MS = 1000;
  const LONGEST_MS = 5000;
  const PATIENCE_MS = 4000;
  const IDLE_MS = 10000; // between two looks while nothing is wrong and the page is in view
  const realFetch = window.fetch.bind(window);
  let wait = 0; // until the next look; 0 while connected
  let timer = 0;
  let leaving = false;
  let isAnother = false; // the server that answered last did not make this page

  // -- the bar ------------------------------------------------------------------------------
  const bar = Object.assign(document.createElement("div"), { className: "connection part", hidden: true });
  bar.setAttribute("role", "alert");
  const words = document.createElement("span");
  const now = Object.assign(document.createElement("button"), { type: "button", className: "link", textContent: "try now" });
  now.addEventListener("click", () => look());
  bar.append(words, now);

  const show = () => {
    root.dataset.connection = "lost";
    words.textContent = "✗ Connection lost, reconnecting … What you typed is kept. If the assistant was stopped, start it again: this page then comes back by itself.";
    bar.hidden = false;
    document.body.append(bar);
  };

  // -- looking for it -----------------------------------------------------------------------
  const base = () => (window.gradio_config?.root || location.origin).replace(/\/$/, "");
  /** Whether the server answers: anything but a relay's own error will do (a closed door is a page of ours). */
  const answers = async () => {
    isAnother = false;
    try {
      const response = await realFetch(`${base()}/gradio_api/app_id`, { cache: "no-store", signal: AbortSignal.timeout(PATIENCE_MS) });
      if (response.ok) isAnother = await isRestarted(response);
      return response.status < 500;
    } catch {
      return false;
    }
  };
  /** Whether this is not the server that made the page: it was started again, and knows nothing of this tab. */
  const isRestarted = async (response) => {
    try {
      const { app_id: now } = await response.json();
      const before = window.gradio_config?.app_id;
      return Boolean(now && before && now !== before);
    } catch {
      return false; // something else than the server's own word
    }
  };
  /** Something broke: one look tells whether it is the connection. */
  const suspect = async () => {
    if (leaving || wait || timer) return;
    timer = -1; // one look at a time
    const isThere = await answers();
    timer = 0;
    if (leaving) return;
    if (isThere) return isAnother ? back() : undefined;
    wait = FIRST_MS;
    show();
    timer = setTimeout(look, wait);
  };
  const look = async () => {
    clearTimeout(timer);
    if (await answers()) return back();
    wait = Math.min(wait * 1.5, LONGEST_MS);
    clearTimeout(timer); // of another look at the same time
    timer = setTimeout(look, wait);
  };
  const back = () => {
    words.textContent = "Connected again, restoring …";
    now.hidden = true;
    chat.say("connected again");
    location.reload(); // what was running is followed again, what was not sent is in the boxes
  };

  // -- noticing -----------------------------------------------------------------------------
  const isOurs = (url) => new URL(url, location.href).origin === location.origin;
  window.fetch = async (resource, options) => {
    const url = String(resource?.url ?? resource);
    if (!isOurs(url)) return realFetch(resource, options);
    try {
      const response = await realFetch(resource, options);
      if (response.status === 429) tooMany();
      else if (response.status >= 502) suspect();
      return response;
    } catch (error) {
      if (error.name !== "AbortError") suspect();
      throw error;
    }
  };
  const tooMany = () => chat.parts.composer?.refused?.("Too many requests from this page at once. Wait a few seconds, then send it again.");
  addEventListener("pagehide", () => { leaving = true; });
  addEventListener("pageshow", () => { leaving = false; });
  addEventListener("offline", suspect);
  addEventListener("online", () => { if (wait) look(); });
  const isSeen = () => document.visibilityState === "visible";
  document.addEventListener("visibilitychange", () => { if (isSeen()) { if (wait) look(); else suspect(); } });
  setInterval(() => { if (isSeen()) suspect(); }, IDLE_MS);

  chat.isConnected = () => !wait;
})();
