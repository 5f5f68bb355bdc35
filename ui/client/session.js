// Sésame: says before the end of a session that it ends, in a page of an
// application or of the gate itself, and extends it when somebody wishes so
// (WCAG 2.2.1, RGAA 13.1).
//
//	<script src="/.sesame/session.js" defer></script>
//
// It asks how long the session lasts, which is no use of it. It makes no element
// from text, uses no inline style and sends nothing anywhere else: a page's policy
// need only allow script-src 'self' and connect-src 'self'.
"use strict";

(() => {
  const texts = "{{texts}}";
  const address = "/.sesame/session";
  const mark = Symbol.for("sesame.session");

  // In frames of one application the outermost page warns, once.
  const present = (page) => {
    try {
      return Boolean(page.document[mark]);
    } catch {
      return false; // of another origin
    }
  };
  const outer = () => {
    for (let page = window; page !== page.parent;) {
      page = page.parent;
      if (present(page)) {
        return true;
      }
    }
    return false;
  };
  if (present(window)) {
    return;
  }
  document[mark] = true;

  const say = texts[/^en\b/i.test(document.documentElement.lang) ? "en" : "fr"];
  const css = `
    :host { all: initial; }
    dialog {
      box-sizing: border-box; width: min(34rem, calc(100vw - 2rem)); max-height: calc(100vh - 2rem); overflow: auto;
      margin: auto; padding: 1.5rem; border: 2px solid #0e5468; border-radius: 12px;
      color: #18242c; background: #fff; color-scheme: light;
      font: 1.0625rem/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", "Liberation Sans", Arial, sans-serif;
      overflow-wrap: anywhere;
    }
    dialog::backdrop { background: rgb(0 0 0 / 45%); }
    h2 { margin: 0; font-size: 1.25rem; line-height: 1.3; }
    p { margin: 0.75rem 0 0; }
    div { display: flex; flex-wrap: wrap; gap: 0.75rem; margin-top: 1.25rem; }
    button {
      min-height: 3rem; padding: 0.5rem 1.25rem; border: 2px solid #0e5468; border-radius: 6px;
      font: inherit; font-weight: 700; color: #fff; background: #0e5468; cursor: pointer;
    }
    button.second { color: #0e5468; background: #fff; }
    button:hover { border-color: #093c4b; color: #fff; background: #093c4b; }
    button:focus { outline: 3px solid #a94e08; outline-offset: 2px; }
    .unseen { position: absolute; width: 1px; height: 1px; margin: -1px; overflow: hidden; clip-path: inset(50%); }
    [hidden] { display: none; }
  `;

  const make = (name, parent, attributes = {}) => {
    const element = document.createElement(name);
    for (const [key, value] of Object.entries(attributes)) {
      element.setAttribute(key, value);
    }
    parent.append(element);
    return element;
  };

  let dismissed = false; // the warning was closed: it is not shown again for this end
  let hiding = false; // it is being closed, and not by anybody
  let warned = false; // the end is near, and the page has said so
  let failed = false; // the session was to be extended, and was not
  let kept = false; // a form that is sent behind the end is kept
  let told = ""; // what the screen reader was told last
  let timer = 0;

  // box is the dialog, made when it is first needed.
  let box = null;
  const open = () => {
    if (box) {
      return box;
    }
    const host = document.createElement("div");
    const root = host.attachShadow({ mode: "open" });
    try {
      const sheet = new CSSStyleSheet();
      sheet.replaceSync(css);
      root.adoptedStyleSheets = [sheet];
    } catch {
      // An older browser shows it as it shows any dialog.
    }
    const dialog = make("dialog", root, { role: "alertdialog", "aria-labelledby": "heading", "aria-describedby": "text", lang: say.lang });
    const heading = make("h2", dialog, { id: "heading" });
    const text = make("p", dialog, { id: "text" });
    const status = make("p", dialog, { class: "unseen", role: "status" });
    const buttons = make("div", dialog);
    const extend = make("button", buttons, { type: "button" });
    const close = make("button", buttons, { type: "button", class: "second" });
    extend.textContent = say.extend;
    extend.addEventListener("click", prolong);
    close.addEventListener("click", () => dialog.close());
    dialog.addEventListener("close", () => {
      dismissed = !hiding;
      hiding = false;
    });
    document.body.append(host);
    box = { dialog, heading, text, status, extend, close };
    return box;
  };

  // show puts words into the dialog, and opens it unless it was closed before. An
  // open dialog is not read anew by itself, and should not be each time that a
  // minute has passed: only what matters is told.
  const show = (heading, text, extendable, matters) => {
    if (!window.HTMLDialogElement || dismissed && !(box && box.dialog.open)) {
      return;
    }
    const { dialog, ...parts } = open();
    const lost = dialog.open && !parts.extend.hidden && !extendable;
    parts.heading.textContent = heading;
    parts.text.textContent = text;
    parts.extend.hidden = !extendable;
    parts.close.textContent = extendable ? say.close : say.understood;
    const news = heading + ". " + text;
    if (!dialog.open) {
      parts.status.textContent = "";
      dialog.showModal();
    } else {
      if (lost) {
        parts.close.focus(); // the other button had it, and is gone
      }
      if ((lost || matters) && told !== news) {
        parts.status.textContent = news;
      }
    }
    told = news;
  };

  const hide = () => {
    if (box && box.dialog.open) {
      hiding = true;
      box.dialog.close();
    }
    dismissed = false;
  };

  const ask = async (method) => {
    try {
      const answer = await fetch(address, { method, cache: "no-store", credentials: "same-origin", redirect: "error", headers: { Accept: "application/json" } });
      if (answer.status === 401) {
        return { over: true };
      }
      return answer.ok ? await answer.json() : null;
    } catch {
      return null; // no network, or the page's policy forbids it
    }
  };

  const again = (seconds) => {
    clearTimeout(timer);
    timer = setTimeout(look, Math.max(1, Math.min(seconds, 3600)) * 1000);
  };

  const remaining = (seconds) => {
    const minutes = Math.ceil(seconds / 60);
    return minutes > 1 ? say.minutes.replace("{minutes}", minutes) : say.minute;
  };

  // follow shows what the server says of the session.
  const follow = (session) => {
    if (!session) {
      again(60);
      return;
    }
    if (session.over) {
      if (warned) {
        warned = dismissed = false;
        show(say.over, kept ? say.overKept : say.overText, false, true);
      }
      return; // without a session there is nothing to watch: the next page will
    }
    const { seconds_left: left, warning_seconds: warning, extendable } = session;
    kept = session.keeps_forms;
    if (left > warning) {
      hide();
      warned = failed = false;
      again(left - warning + 1);
      return;
    }
    warned = true;
    const text = !extendable ? say.absolute : failed ? say.failed : say.text;
    show(say.heading.replace("{time}", remaining(left)), text, extendable, left <= 60);
    again(Math.min(15, left + 1));
  };

  const look = async () => {
    if (!outer()) {
      follow(await ask("GET"));
    }
  };

  const prolong = async () => {
    box.status.textContent = told = ""; // what is said again is told again
    const session = await ask("POST");
    failed = !session;
    if (session) {
      follow(session);
      return;
    }
    show(box.heading.textContent, say.failed, true, true);
    again(15);
  };

  // A computer that slept has not counted.
  document.addEventListener("visibilitychange", () => {
    if (document.visibilityState === "visible") {
      look();
    }
  });
  look();
})();
