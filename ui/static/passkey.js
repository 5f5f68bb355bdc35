// The ceremony of a passkey: the one thing on these pages that only JavaScript can
// do. It asks the portal for the options, the browser for the authenticator's
// response, and the portal what comes of it. It makes no element from text.
"use strict";

(() => {
  const base = "/.sesame/passkey/";

  const bytes = (text) =>
    Uint8Array.from(atob(text.replaceAll("-", "+").replaceAll("_", "/")), (c) => c.charCodeAt(0));
  const text = (buffer) =>
    btoa(String.fromCharCode(...new Uint8Array(buffer))).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");

  // What the portal says and what it takes is JSON, of WebAuthn's own forms
  // (sections 5.1.8 to 5.1.10); older browsers cannot translate those themselves.
  const named = (list) => (list || []).map((c) => ({ ...c, id: bytes(c.id) }));
  const creation = (o) => ({
    ...o, challenge: bytes(o.challenge), user: { ...o.user, id: bytes(o.user.id) }, excludeCredentials: named(o.excludeCredentials),
  });
  const request = (o) => ({ ...o, challenge: bytes(o.challenge), allowCredentials: named(o.allowCredentials) });
  const written = (credential) => {
    const from = credential.response;
    const response = { clientDataJSON: text(from.clientDataJSON) };
    for (const part of ["attestationObject", "authenticatorData", "signature", "userHandle"]) {
      if (from[part]) {
        response[part] = text(from[part]);
      }
    }
    if (from.getTransports) {
      response.transports = from.getTransports();
    }
    return { id: credential.id, rawId: text(credential.rawId), type: credential.type, response, clientExtensionResults: {} };
  };

  // A refusal has a code, and of the portal's a reference.
  const refusal = (code, reference) => Object.assign(new Error(code), { code, reference });

  const ask = async (path, body) => {
    const answer = await fetch(base + path, {
      method: "POST", body: JSON.stringify(body), cache: "no-store", redirect: "error",
      headers: { "Content-Type": "application/json", Accept: "application/json" },
    });
    const said = await answer.json();
    if (!answer.ok) {
      throw refusal(said.code || "failed", said.reference);
    }
    return said;
  };

  const passkey = (box) => {
    const button = box.querySelector("button");
    const said = box.querySelector("#passkey-said");
    const title = document.title;
    const csrf = box.dataset.csrf;
    let waiting = null; // the ceremony that autofill waits for

    const tell = (error) => {
      const code = { NotAllowedError: "cancelled", InvalidStateError: "exists", NotSupportedError: "unsupported" }[error.name] || error.code;
      const sentence = box.dataset[code] || box.dataset.failed;
      const reference = said.querySelector("[data-reference]");
      said.querySelector("[data-said]").textContent = sentence;
      reference.hidden = !error.reference;
      reference.querySelector(".reference-code").textContent = error.reference || "";
      said.hidden = false;
      said.focus();
      document.title = sentence + " – " + title;
    };

    // One at a time: a second click while the first is under way is dropped.
    const once = (act) => async (event) => {
      event.preventDefault();
      if (button.getAttribute("aria-disabled")) {
        return;
      }
      button.setAttribute("aria-disabled", "true");
      said.hidden = true;
      document.title = title;
      try {
        location.assign((await act()).location);
      } catch (error) {
        tell(error);
      } finally {
        button.removeAttribute("aria-disabled");
      }
    };

    const target = () => document.querySelector("input[name=target]").value;
    const identifier = () => document.querySelector("input[name=identifier]")?.value.trim() || "";

    const choose = async (who, more) => {
      const begun = await ask("login/options", { csrf, identifier: who });
      const credential = await navigator.credentials.get({ publicKey: request(begun.options), ...more });
      return { csrf, ceremony: begun.ceremony, target: target(), response: written(credential) };
    };
    const login = async () => ask("login", await choose(identifier(), {}));

    const add = async () => {
      const begun = await ask("add/options", { csrf, name: box.querySelector("input[name=name]").value });
      const credential = await navigator.credentials.create({ publicKey: creation(begun.options) });
      return ask("add", { csrf, ceremony: begun.ceremony, response: written(credential) });
    };

    // Browsers offer the passkeys they know where the identifier is typed. A
    // ceremony lasts five minutes: one that is older begins anew when somebody
    // comes back to the field.
    const offer = async () => {
      if (waiting && Date.now() - waiting.since < 240000) {
        return;
      }
      waiting?.controller.abort();
      const mine = { controller: new AbortController(), since: Date.now() };
      waiting = mine;
      let chosen;
      try {
        chosen = await choose("", { mediation: "conditional", signal: mine.controller.signal });
      } catch {
        return; // nobody has asked for anything
      }
      waiting = null;
      await once(() => ask("login", chosen))(new Event("chosen"));
    };

    // What stands there says that there is no script, and there is one.
    const missing = box.querySelector("[data-script]");
    if (!window.PublicKeyCredential) {
      missing.textContent = box.dataset.unsupported;
      return;
    }
    missing.hidden = true;
    if (box.dataset.passkey === "add") {
      box.addEventListener("submit", once(add));
      return;
    }
    button.addEventListener("click", once(() => {
      waiting?.controller.abort();
      waiting = null;
      return login();
    }));
    button.hidden = false;
    const field = document.querySelector("input[autocomplete~=webauthn]");
    const can = PublicKeyCredential.isConditionalMediationAvailable;
    if (field && can) {
      can.call(PublicKeyCredential).then((available) => {
        if (available) {
          offer();
          field.addEventListener("focus", offer);
        }
      });
    }
  };

  document.querySelectorAll("[data-passkey]").forEach(passkey);
})();
