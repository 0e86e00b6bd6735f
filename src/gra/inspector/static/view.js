// What pages can do more with a script than without: keys, and parts that follow a run at work. Everything else is HTML.
"use strict";

const KEYS = "gra-keys";
const POLL_MS = 2000;

// --- keys ----------------------------------------------------------------------------------------------------------

const box = document.getElementById("keys-on");
if (box) {
  box.checked = localStorage.getItem(KEYS) !== "off";
  box.addEventListener("change", () => localStorage.setItem(KEYS, box.checked ? "on" : "off"));
}

function follow(selector) {
  const link = document.querySelector(selector);
  if (link) link.click();
}

function step(by) {
  const rows = [...document.querySelectorAll("#list .row")];
  if (!rows.length) return follow(by > 0 ? '.crumbs a[rel="next"]' : '.crumbs a[rel="prev"]');
  const at = rows.indexOf(document.activeElement);
  const next = at < 0 ? (by > 0 ? 0 : rows.length - 1) : at + by;
  if (next >= rows.length) return follow('.pager a[rel="next"]');
  if (next < 0) return follow('.pager a[rel="prev"]');
  rows[next].focus();
}

const ACTIONS = {
  j: () => step(1),
  k: () => step(-1),
  u: () => follow("#up"),
  "/": () => {
    const search = document.getElementById("q");
    if (search) search.focus();
    else follow('.top nav a[href$="/samples"]');
  },
  v: () => {
    const note = document.getElementById("note");
    if (note) note.focus();
  },
};

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
  if (event.target.closest("input, textarea, select, [contenteditable]")) {
    if (event.key === "Escape") event.target.blur();
    return;
  }
  if (box && !box.checked) return;
  const action = ACTIONS[event.key];
  if (!action) return;
  event.preventDefault();
  action();
});

// --- forms ---------------------------------------------------------------------------------------------------------

for (const field of document.querySelectorAll("[data-submit]")) {
  field.addEventListener("change", () => field.form.requestSubmit());
}

// --- a run at work ---------------------------------------------------------------------------------------------------

const { run } = document.body.dataset;
let known = null;

async function look() {
  try {
    const answer = await fetch(`/${run}/state.json`, { headers: { Accept: "application/json" } });
    if (!answer.ok) return;
    const text = await answer.text();
    if (known !== null && text !== known) await renew();
    known = text;
  } catch {
    // The inspector has ended; the page stays as it was.
  }
}

async function renew() {
  if (document.querySelector("[data-live] :focus, [data-live]:focus-within")) return;
  const answer = await fetch(location.href);
  if (!answer.ok) return;
  const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
  for (const part of document.querySelectorAll("[data-live]")) {
    const now = fresh.querySelector(`[data-live="${part.dataset.live}"]`);
    if (now && now.innerHTML !== part.innerHTML) part.replaceWith(document.adoptNode(now));
  }
  if (document.querySelectorAll("[data-live]").length < fresh.querySelectorAll("[data-live]").length) location.reload();
}

if (run && document.querySelector("[data-live]")) {
  setInterval(() => document.hidden || look(), POLL_MS);
  look();
}
