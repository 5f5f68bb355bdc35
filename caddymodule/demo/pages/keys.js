// Counts the seconds down, and reads the keys' displays again when they change.
"use strict";
const items = new Map([...document.querySelectorAll("[data-key]")].map((li) => [li.dataset.key, li]));

async function read() {
  const answer = await fetch("/keys.json", { cache: "no-store" });
  for (const key of await answer.json()) {
    const li = items.get(key.identifier);
    if (!li) continue;
    li.querySelector(".code").textContent = key.code;
    li.querySelector(".seconds").textContent = key.left;
  }
}

setInterval(() => {
  read().catch(() => { /* the demonstration has ended */ });
}, 1000);
