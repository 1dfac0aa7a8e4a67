// The pages work without this file. It adds: parts that follow what happens, and buttons that copy.
"use strict";

const EVERY = 5000; // milliseconds; only while somebody can see the page

// --- copying: the address is in a field that can be selected in any case ---------------------------------------------

for (const button of document.querySelectorAll("[data-copies]")) {
  const field = document.getElementById(button.dataset.copies);
  button.hidden = !navigator.clipboard;
  field.addEventListener("focus", () => field.select());
  button.addEventListener("click", async () => {
    try {
      await navigator.clipboard.writeText(field.value);
      button.textContent = "Copied";
    } catch {
      field.focus();
    }
  });
}

// --- what follows: the same page is fetched again, and its parts with `data-live` are replaced when they differ ------

const parts = () => [...document.querySelectorAll("[data-live][id]")];
const fresh = document.getElementById("fresh");
let waiting = 0;

function replace(page) {
  let changed = false;
  for (const part of parts()) {
    const next = page.getElementById(part.id);
    if (!next || next.innerHTML === part.innerHTML) continue;
    if (part.contains(document.activeElement)) continue; // nothing moves under somebody's hands
    const adopted = document.importNode(next, true);
    if (told(part) !== told(adopted)) {
      adopted.classList.add("changed");
      changed = true;
    }
    part.replaceWith(adopted);
  }
  if (changed && fresh) fresh.textContent = "The page has changed.";
}

// "5 min ago" becomes "6 min ago" without that anything happened: that is shown, and not read out.
function told(part) {
  const copy = part.cloneNode(true);
  for (const time of copy.querySelectorAll("time")) time.textContent = time.dateTime;
  return copy.textContent;
}

async function look() {
  waiting = 0;
  try {
    const answer = await fetch(location.href, {
      headers: { "x-grantkeeper-live": "1", accept: "text/html" },
      redirect: "error",
    });
    if (answer.status === 401) return; // signed out: the next click says so
    if (answer.ok) replace(new DOMParser().parseFromString(await answer.text(), "text/html"));
  } catch {
    // The network is away: what is shown stays.
  }
  plan();
}

function plan() {
  if (!waiting && document.visibilityState === "visible") waiting = setTimeout(look, EVERY);
}

// What a form has answered is not fetched again: it may show something that is shown once.
if (parts().length) {
  document.addEventListener("visibilitychange", plan);
  plan();
}
