// What the pages gain from JavaScript: a countdown to the next code, a button
// that shows what was typed, one post for a double click, and the way back to a
// place inside a page. Every page works
// without it. It submits nothing, refreshes nothing, and makes no element from
// text (the pages forbid that: require-trusted-types-for 'script').
"use strict";

(() => {
  const svg = "http://www.w3.org/2000/svg";

  // say has the screen reader say a sentence when it has finished its own.
  const say = (text) => {
    document.getElementById("status").textContent = text;
  };

  const draw = (name, attributes, parent) => {
    const element = document.createElementNS(svg, name);
    for (const [key, value] of Object.entries(attributes)) {
      element.setAttribute(key, value);
    }
    parent.append(element);
    return element;
  };

  // The countdown is not a live region: it may be read at any time, and only
  // its end is said.
  const countDown = (box) => {
    const text = box.querySelector(".wait-text");
    const period = Number(box.dataset.period);
    const end = Date.now() + Number(box.dataset.remaining) * 1000;
    const length = 2 * Math.PI * 22;

    const ring = draw("svg", {
      class: "wait-ring", viewBox: "0 0 52 52", "aria-hidden": "true", focusable: "false",
    }, box);
    box.prepend(ring);
    draw("circle", { class: "wait-track", cx: 26, cy: 26, r: 22 }, ring);
    const left = draw("circle", {
      class: "wait-left", cx: 26, cy: 26, r: 22,
      transform: "rotate(-90 26 26)", "stroke-dasharray": length,
    }, ring);
    const number = draw("text", { class: "wait-number", x: 26, y: 32.5 }, ring);
    text.setAttribute("role", "timer");

    const finish = () => {
      box.classList.add("wait-over");
      number.remove();
      left.setAttribute("stroke-dashoffset", 0);
      draw("path", { class: "wait-check", d: "m17 27 6 6 12-13" }, ring);
      text.removeAttribute("role");
      text.textContent = box.dataset.done;
      say(box.dataset.done);
    };

    const tick = () => {
      const seconds = Math.ceil((end - Date.now()) / 1000);
      if (seconds <= 0) {
        finish();
        return;
      }
      number.textContent = seconds;
      left.setAttribute("stroke-dashoffset", length * (1 - Math.min(seconds / period, 1)));
      text.textContent = box.dataset.left.replace("{seconds}", seconds);
      setTimeout(tick, (end - Date.now() - 1) % 1000 + 1);
    };
    tick();
  };

  const reveal = (button) => {
    const fields = button.dataset.reveal.split(" ").map((id) => document.getElementById(id));
    const verb = button.querySelector("[data-verb]");
    const show = (shown) => {
      for (const field of fields) {
        field.type = shown ? "text" : "password";
      }
      verb.textContent = shown ? verb.dataset.hide : verb.dataset.show;
    };
    button.addEventListener("click", () => show(fields[0].type === "password"));
    // A browser may keep what a text field held: nothing leaves this page in one.
    button.form.addEventListener("submit", () => show(false));
    addEventListener("pagehide", () => show(false));
    button.hidden = false;
  };

  // A second click while the first is under way is dropped. The button stays
  // usable by name and by key, and comes back with the page, or after a while
  // if nothing has come of the first.
  const once = (form) => {
    const button = form.querySelector("button[type=submit]");
    let timer = 0;
    const release = () => {
      clearTimeout(timer);
      timer = 0;
      button.removeAttribute("aria-disabled");
    };
    form.addEventListener("submit", (event) => {
      if (timer) {
        event.preventDefault();
        return;
      }
      button.setAttribute("aria-disabled", "true");
      timer = setTimeout(release, 10000);
    });
    addEventListener("pageshow", release);
  };

  // What stands behind "#" in an address is never sent to a server, but browsers
  // carry it along on the way from the application to the login. It goes on with
  // the target, if the gate takes such characters, and with the language.
  const keepFragment = (target) => {
    const fragment = location.hash;
    if (!/^#[!#-;=?-[\]-~]+$/.test(fragment)) {
      return;
    }
    if (target.value && !target.value.includes("#") && target.value.length + fragment.length <= 2048) {
      target.value += fragment;
    }
    for (const link of document.querySelectorAll("a[hreflang]")) {
      link.hash = fragment;
    }
  };

  document.querySelectorAll("input[name=target]").forEach(keepFragment);
  document.querySelectorAll("[data-wait]").forEach(countDown);
  document.querySelectorAll("[data-reveal]").forEach(reveal);
  document.querySelectorAll("form:not([data-passkey])").forEach(once);
})();
