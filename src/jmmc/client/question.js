// @ts-check
/*
 * "How was the call?": a script of its own, which getClient loads when a call has ended and its
 * participant is to be asked. The answer goes to `window.jmmc.rate`, which getClient has made.
 *
 * It is no modal dialog: whoever does not care can go on with what they do.
 */

/** @param {any} page */
function askHowTheCallWas({ document: dom, jmmc }) {
  const ID = "jmmc-question";
  // Up to this grade, the reason is asked.
  const LOW = 3;
  // It goes by itself when nobody answers, and soon after an answer.
  const UNANSWERED_MS = 60000;
  const THANKED_MS = 3000;

  const french = /^fr/i.test(dom.documentElement.lang || navigator.language);
  /** @param {string} english @param {string} inFrench */
  const say = (english, inFrench) => (french ? inFrench : english);
  const GRADES = [
    say("very bad", "très mauvais"),
    say("bad", "mauvais"),
    say("fair", "moyen"),
    say("good", "bon"),
    say("very good", "très bon"),
  ];
  const REASONS = {
    audio: say("Sound", "Son"),
    video: say("Picture", "Image"),
    delay: say("Delay", "Décalage"),
    dropped: say("Call dropped", "Appel coupé"),
    share: say("Shared screen", "Partage d’écran"),
    other: say("Something else", "Autre chose"),
  };

  /** @type {any} */
  let timer;
  const focused = dom.activeElement;

  /** Add an element. Its style is set by the script, which needs no permission of the page's policy.
   * @param {any} parent @param {string} tag @param {string} content @param {object} style */
  function add(parent, tag, content, style) {
    const element = dom.createElement(tag);
    element.textContent = content;
    Object.assign(element.style, style);
    parent.appendChild(element);
    return element;
  }
  /** @param {any} parent @param {string} content @param {string} name @param {() => void} action
   * @param {object} [style] */
  function addButton(parent, content, name, action, style) {
    const button = add(parent, "button", content, {
      minWidth: "44px",
      minHeight: "44px",
      margin: "0 8px 8px 0",
      padding: "0 12px",
      background: "#fff",
      color: "#1b1b1b",
      font: "inherit",
      border: "1px solid #6b6b6b",
      borderRadius: "6px",
      cursor: "pointer",
      ...style,
    });
    button.type = "button";
    button.setAttribute("aria-label", name);
    button.addEventListener("click", action);
  }
  /** @param {number} ms */
  function closeAfter(ms) {
    clearTimeout(timer);
    timer = setTimeout(close, ms);
  }
  function close() {
    clearTimeout(timer);
    const hadFocus = box.contains(dom.activeElement);
    box.remove();
    if (hadFocus && focused) focused.focus();
  }

  /** @param {number} grade */
  function onGrade(grade) {
    jmmc.rate(grade);
    if (grade > LOW) return thank();
    closeAfter(UNANSWERED_MS);
    title.textContent = say("Thank you. What was wrong?", "Merci. Qu’est-ce qui n’allait pas\u00a0?");
    choices.textContent = scale.textContent = "";
    for (const [reason, name] of Object.entries(REASONS)) {
      addButton(choices, name, name, onReason.bind(undefined, grade, reason));
    }
    box.focus();
  }
  /** @param {number} grade @param {string} reason */
  function onReason(grade, reason) {
    jmmc.rate(grade, reason);
    thank();
  }
  function thank() {
    title.textContent = say("Thank you.", "Merci.");
    choices.textContent = scale.textContent = "";
    box.focus();
    closeAfter(THANKED_MS);
  }

  if (dom.getElementById(ID)) return;
  const box = add(dom.body, "div", "", {
    position: "fixed",
    right: "16px",
    bottom: "16px",
    maxWidth: "calc(100vw - 66px)",
    padding: "16px",
    background: "#fff",
    color: "#1b1b1b",
    font: "16px/1.4 sans-serif",
    border: "1px solid #6b6b6b",
    borderRadius: "8px",
    boxShadow: "0 4px 16px rgba(0,0,0,.4)",
    zIndex: "2147483647",
  });
  box.id = ID;
  box.lang = say("en", "fr");
  box.tabIndex = -1; // It gets the focus: a grade that has it would be given by the space bar.
  box.setAttribute("role", "dialog");
  box.setAttribute("aria-labelledby", ID + "-title");
  const title = add(box, "div", say("How was the call?", "Comment s’est passé l’appel\u00a0?"), {
    margin: "0 48px 12px 0",
    fontWeight: "bold",
  });
  title.id = ID + "-title";
  title.setAttribute("aria-live", "polite");
  const choices = add(box, "div", "", { display: "flex", flexWrap: "wrap" });
  GRADES.forEach((name, index) => {
    const grade = index + 1;
    const label = grade + say(" of 5: ", " sur 5\u00a0: ") + name;
    addButton(choices, String(grade), label, () => onGrade(grade));
  });
  const scale = add(box, "div", "1 = " + GRADES[0] + ", 5 = " + GRADES[4], { fontSize: "14px" });
  addButton(box, "×", say("Close", "Fermer"), close, {
    position: "absolute",
    top: 0,
    right: 0,
    margin: 0,
    border: 0,
  });
  box.addEventListener("keydown", (/** @type {KeyboardEvent} */ event) => {
    if (event.key !== "Escape") return;
    event.stopPropagation();
    close();
  });
  box.focus();
  closeAfter(UNANSWERED_MS);
}

try {
  askHowTheCallWas(globalThis);
} catch {
  // The page stays as it is.
}
