// The switch below the question box: whether what the structure contradicts is written again.
(() => {
  const chat = window.moleculeChat;
  const kept = (() => { // outlives the tab, unlike other texts of it; a browser may forbid that
    try { return localStorage.getItem("second-thoughts"); } catch { return null; }
  })();
  let on = kept !== "off";

  const show = (node) => {
    node.setAttribute("aria-checked", String(on));
    node.querySelector(".state").textContent = on ? "✓ on" : "○ off";
  };

  /** Whether the next answer may be written again. */
  chat.secondThoughts = () => on;

  /** Connects the switch of the question box. */
  chat.secondThoughtsSwitch = (node) => {
    show(node);
    node.addEventListener("click", () => {
      on = !on;
      try { localStorage.setItem("second-thoughts", on ? "on" : "off"); } catch { /* then it is not */ }
      show(node);
      chat.say(`second thoughts ${on ? "on" : "off"}`);
    });
  };
})();
