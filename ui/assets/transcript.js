// The dialogue: finished turns as the server wrote them, and the answer that is growing.
(() => {
  const chat = window.moleculeChat;

  const setup = (part) => {
    const scroller = part.element.querySelector(".scroller");
    const toEnd = part.element.querySelector(".to-end");
    part.scroller = scroller;
    part.follows = true; // until the person scrolls up
    scroller.addEventListener("scroll", () => {
      part.follows = scroller.scrollHeight - scroller.scrollTop - scroller.clientHeight < 60;
      toEnd.hidden = part.follows;
    });
    // chips and a growing question box take room from the dialogue: its end stays in view
    new ResizeObserver(() => part.follow()).observe(scroller);
    document.addEventListener("visibilitychange", () => seen(part));
    part.step = (which) => step(part, which);
    part.follow = (always = false) => {
      if (always || (part.follows && part.turns?.length)) scroller.scrollTop = scroller.scrollHeight;
    };
    chat.onAct(part, {
      end: () => part.follow(true),
      load: (node) => {
        part.trigger("loaded", { smiles: node.dataset.smiles });
        chat.bring("draw");
      },
      example: (node) => part.trigger("example", { key: node.dataset.key }),
      retry: (node) => ask(part, "retry", node),
      again: (node) => ask(part, "again", node),
      left: (node) => ask(part, "ask", node, node.dataset.text),
      vote: (node) => part.trigger("vote", { turn: Number(node.dataset.turn), vote: node.dataset.vote }),
      anew: (node) => chat.parts.composer.trigger("fresh", { turn: Number(node.dataset.turn) }),
      undo: () => part.trigger("undo", {}),
      branch: (node) => branch(part, node),
      edit: (node) => edit(part, node),
    });
  };

  const ask = (part, kind, node, text = "") => {
    if (part.value?.live) return chat.say("An answer is being written. Press Escape to stop it first.");
    part.follows = true;
    part.trigger("turn", { kind, turn: Number(node.dataset.turn), text, second_thoughts: chat.secondThoughts?.() });
  };

  /** Another variant; the arrow that was pressed keeps the focus, or the other one at an end. */
  const branch = (part, node) => {
    if (part.value?.live) return chat.say("An answer is being written. Press Escape to stop it first.");
    part.arrow = [...node.classList].find((name) => /^(previous|next)-/.test(name));
    part.arrowTurn = [...part.slots.turns.children].indexOf(node.closest(".turn"));
    part.follows = false;
    part.trigger("branch", { node: Number(node.dataset.node) });
  };
  const afterBranch = (part) => {
    const turn = part.slots.turns.children[part.arrowTurn];
    const what = part.arrow.split("-")[1];
    part.arrow = null;
    const group = turn?.querySelector(`.next-${what}`)?.closest(".variants");
    if (!group) return;
    chat.say(group.getAttribute("aria-label"));
    const [back, on] = [group.querySelector(`.previous-${what}`), group.querySelector(`.next-${what}`)];
    (on.disabled ? back : on).focus({ preventScroll: true });
  };

  /** Alt+arrow: the variants of the turn that has the focus, else of the last one that has some. */
  const step = (part, which) => {
    const here = document.activeElement?.closest?.(".turn");
    const turns = here?.querySelector(".variants") ? [here] : [...part.slots.turns.children].reverse();
    const group = turns.map((turn) => [...turn.querySelectorAll(".variants")].pop()).find(Boolean);
    const button = group?.querySelector(`[class*="${which}-"]`);
    if (!button) return false;
    if (!button.disabled) button.click(); else chat.say(group.getAttribute("aria-label"));
    return true;
  };

  /** Turns a question into a box in place; Enter asks again, Escape gives up. */
  const edit = (part, node) => {
    const question = node.closest(".question");
    const words = question.querySelector(".words");
    if (question.querySelector("textarea")) return;
    const area = document.createElement("textarea");
    area.value = words.innerText;
    area.rows = Math.min(8, area.value.split("\n").length + 1);
    area.setAttribute("aria-label", "edit the question; Enter asks again, Escape leaves it");
    const close = () => { area.remove(); words.hidden = false; node.focus(); };
    area.addEventListener("keydown", (event) => {
      if (event.key === "Enter" && !event.shiftKey && !event.isComposing) {
        event.preventDefault();
        const text = area.value.trim();
        close();
        if (text) ask(part, "edit", node, text);
      } else if (event.key === "Escape") {
        event.stopPropagation();
        close();
      }
    });
    words.hidden = true;
    words.after(area);
    area.focus();
  };

  const show = (part, value) => {
    const list = part.slots.turns;
    const isWhole = Boolean(value.turns); // a growing answer comes without the turns before it
    const turns = part.turns = value.turns || part.turns || [];
    const before = part.live;
    if (!turns.length && !value.live) {
      list.querySelectorAll(".turn").forEach((node) => node.remove());
      welcome(list, value.welcome || "");
    } else {
      list.querySelector(".welcome-slot")?.remove();
      const nodes = list.querySelectorAll(":scope > .turn");
      if (isWhole) turns.forEach((html, i) => chat.fill(nodes[i] || turnAt(list, i), html));
      if (isWhole) [...list.querySelectorAll(".turn")].slice(turns.length).forEach((node) => node.remove());
    }
    part.live = value.live || null;
    if (part.arrow) afterBranch(part);
    if (value.follow) part.trigger("follow", {});
    if (value.live) {
      if (value.live.figures) chat.showFigures(value.live.figures);
      if (!before) part.follows = true;
      grow(list, value.live);
    } else if (before) {
      chat.say(announcement(list));
      part.isNews = true;
      seen(part);
    }
    part.follow();
    chat.parts.composer?.onBusy?.(Boolean(value.live));
  };

  /** Tells that a finished answer was in view; one that came to a hidden tab is news until then. */
  const seen = (part) => {
    if (!part.isNews || document.visibilityState !== "visible") return;
    part.isNews = false;
    part.trigger("seen", {});
  };

  const welcome = (list, html) => {
    let slot = list.querySelector(".welcome-slot");
    if (!slot) {
      slot = Object.assign(document.createElement("div"), { className: "welcome-slot" });
      list.append(slot);
    }
    chat.fill(slot, html);
  };

  const turnAt = (list, i) => {
    const nodes = list.querySelectorAll(":scope > .turn");
    if (nodes[i]) return nodes[i];
    const node = Object.assign(document.createElement("article"), { className: "turn" });
    list.append(node);
    return node;
  };

  /** The growing answer: finished blocks as HTML, the tail as plain text. */
  const grow = (list, live) => {
    const turn = turnAt(list, live.turn);
    let answer = turn.querySelector(".answer.live");
    if (!answer) {
      answer = Object.assign(document.createElement("div"), { className: "answer live" });
      answer.setAttribute("translate", "no");
      answer.innerHTML =
        '<div class="status"></div><div class="notices"></div><div class="prose-answer">' +
        '<div class="blocks"></div><p class="tail"></p></div>';
      turn.append(answer);
    }
    const [status, notices] = [answer.querySelector(".status"), answer.querySelector(".notices")];
    if (status.textContent !== live.status) {
      status.textContent = live.status;
      if (live.status) chat.say(live.status);
    }
    notices.textContent = live.notices.join(" ");
    chat.fill(answer.querySelector(".blocks"), live.blocks.join(""));
    const tail = answer.querySelector(".tail");
    if (tail.textContent !== live.tail) tail.textContent = live.tail;
    answer.classList.toggle("doubted", Boolean(live.doubted));
    answer.classList.toggle("waiting", !live.tail && !live.blocks.length);
  };

  const announcement = (list) => {
    const last = [...list.querySelectorAll(".answer")].pop();
    const checked = last?.querySelector(".checked")?.innerText || "";
    const body = last?.querySelector(".prose-answer")?.innerText || last?.innerText || "";
    return `Answer complete. ${checked} ${body.slice(0, 600)}`;
  };

  chat.define("transcript", { setup, show });
})();
