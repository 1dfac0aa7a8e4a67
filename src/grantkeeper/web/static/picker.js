// The page works without this file. It adds: results while one types, boxes for whole managers, a count that follows.
// It acts only where the page holds every account; where it does not, the buttons ask the server.
"use strict";

const form = document.getElementById("picker");
if (form && "whole" in form.dataset) {
  const search = document.getElementById("q");
  const found = document.getElementById("found");
  const count = document.getElementById("count").firstElementChild;
  const lines = [...form.querySelectorAll(".tree li")];
  const box = new Map(lines.map((line) => [line, line.querySelector("input")]));
  const folds = [...form.querySelectorAll("details")];
  const bare = (text) => text.toLowerCase().trim();
  const words = new Map(lines.map((line) => [line, textOf(line)]));
  const children = new Map();
  for (const line of lines) {
    for (const manager of managersOf(line)) {
      if (!children.has(manager)) children.set(manager, []);
      children.get(manager).push(line);
    }
  }
  const managers = lines.filter((line) => children.has(line));
  const below = new Map(managers.map((line) => [line, allBelow(line)]));
  const sets = [...form.querySelectorAll("[data-every]")].map((every) => {
    const line = every.dataset.every ? every.closest("li") : null;
    const members = line ? below.get(line) : [...every.closest("fieldset").querySelectorAll(".tree li")];
    return { every, label: every.nextElementSibling, members: members.filter((each) => !box.get(each).disabled), line };
  });
  const counts = new Map(sets.filter((set) => set.line).map((set) => [set, set.line.querySelector("[data-count]")]));

  function textOf(line) {
    const [, number] = box.get(line).value.match(/^[^/]*\/(.*)$/s);
    return { name: bare(line.querySelector("bdi").textContent), number: bare(number) };
  }

  function managersOf(line) {
    const near = line.parentElement.closest("li");
    const also = (line.dataset.also || "").split(" ").filter(Boolean);
    const group = line.closest("fieldset");
    const others = also.map((number) => group.querySelector(`li[data-n="${number}"]`)).filter(Boolean);
    return near ? [near, ...others] : others;
  }

  function allBelow(line) {
    const seen = new Set();
    const waiting = [...(children.get(line) || [])];
    while (waiting.length) {
      const next = waiting.pop();
      if (next !== line && !seen.has(next)) {
        seen.add(next);
        waiting.push(...(children.get(next) || []));
      }
    }
    return [...seen];
  }

  // What matches or stands below a match; managers that only lead there are in sight, but "all found" leaves them out.
  let hits = new Set(lines);

  // The sentences of the page's language come with the form.
  function allOf(line, searched) {
    const said = form.dataset;
    return line ? (searched ? said.foundBelow : said.below) : searched ? said.found : said.all;
  }

  function recount() {
    for (const set of sets) {
      const shown = set.members.filter((line) => hits.has(line));
      const ticked = shown.filter((line) => box.get(line).checked).length;
      set.every.checked = shown.length > 0 && ticked === shown.length;
      set.every.indeterminate = ticked > 0 && ticked < shown.length;
      set.every.closest(".bulk").hidden = shown.length === 0;
      say(set.label, allOf(set.line, search.value.trim()).replace("{count}", String(shown.length)));
      if (set.line) {
        const all = set.members.filter((line) => box.get(line).checked).length;
        say(counts.get(set), String(all));
      }
    }
    say(count, String(lines.filter((line) => box.get(line).checked).length));
  }

  // The same rule as the server's: `grantkeeper.accounts.drift.matches`.
  function matches(line, wanted, digits) {
    const text = words.get(line);
    return text.name.includes(wanted) || text.number.includes(wanted) || (digits && text.number.includes(digits));
  }

  // While one searches everything is unfolded; afterwards it is as it was.
  let before = null;
  function unfold(searching) {
    if (searching && !before) before = folds.map((each) => each.open);
    folds.forEach((each, number) => {
      if (searching) each.open = true;
      else if (before) each.open = before[number];
    });
    if (!searching) before = null;
  }

  // A text that is written again although it is the same would be read out again.
  function say(element, text) {
    if (element.textContent !== text) element.textContent = text;
  }

  function filter() {
    const wanted = bare(search.value);
    hits = new Set(wanted ? lines.filter((line) => matches(line, wanted, wanted.replaceAll("-", ""))) : lines);
    if (wanted) for (const hit of [...hits]) (below.get(hit) || []).forEach((line) => hits.add(line));
    const shown = new Set(hits);
    if (wanted) {
      for (const hit of hits) {
        for (let up = hit.parentElement.closest("li"); up; up = up.parentElement.closest("li")) shown.add(up);
      }
    }
    for (const line of lines) line.hidden = !shown.has(line);
    for (const group of form.querySelectorAll("fieldset")) group.hidden = !group.querySelector(".tree li:not([hidden])");
    unfold(Boolean(wanted));
    const result = form.dataset.result.replace("{found}", String(hits.size)).replace("{all}", String(lines.length));
    say(found, wanted ? result : "");
    recount();
  }

  for (const each of form.querySelectorAll(".hand, #go")) each.hidden = true;
  for (const each of form.querySelectorAll(".every")) each.hidden = false;

  form.addEventListener("change", (event) => {
    const set = sets.find((each) => each.every === event.target);
    if (set) {
      for (const line of set.members) if (hits.has(line)) box.get(line).checked = set.every.checked;
    }
    recount();
  });

  // Enter in the search field, or on a box, would press the hidden button "Search".
  form.addEventListener("submit", (event) => {
    if (event.submitter && event.submitter.id === "go") event.preventDefault();
  });

  let timer = 0;
  search.addEventListener("input", () => {
    clearTimeout(timer);
    timer = setTimeout(filter, 80);
  });

  filter();
}
