// The review page: keys and clicks set verdicts on fields. The elements of the page store the verdicts
// (data-verdict, data-text, data-choice), the server stores everything else. This module stores the undo history.

const page = document.body.dataset;
const csrf = document.querySelector("meta[name=csrf]").content;
const status = document.getElementById("status");
const sheet = document.getElementById("sheet");
const reviewer = document.querySelector("input[name=who]");
const fields = [...document.querySelectorAll(".field")];
const WORDS = { accepted: "✓ accepted", edited: "✎ edited", rejected: "✗ rejected", "": "undecided" };
const undone = [];
let current = 0;
let busy = false;

// The key map is read from the list of keys on the page, so the two cannot differ.
const actionOf = new Map();
for (const row of document.querySelectorAll("#keys tr")) {
  for (const key of row.dataset.keys.split(" ")) actionOf.set(key, row.dataset.do);
}

function say(text, trouble = false) {
  status.textContent = text;
  status.classList.toggle("trouble", trouble);
}

// As on the server: show characters that reorder or hide text as escapes.
function visible(text) {
  const hidden = /[\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]/g;
  return text.replace(hidden, (found) => `\\u${found.charCodeAt(0).toString(16).padStart(4, "0")}`);
}

// Verdicts

function draw(field) {
  const { verdict, text } = field.dataset;
  field.querySelector(".verdict").textContent = WORDS[verdict];
  const after = field.querySelector(".after");
  after.hidden = verdict !== "edited";
  if (verdict === "edited" && text !== undefined) after.querySelector("bdi").textContent = visible(text) || "nothing";
  for (const button of field.querySelectorAll(".choices button")) {
    const chosen = verdict === "edited" ? button.dataset.choice === field.dataset.choice
      : verdict === "accepted" && button.dataset.current !== undefined;
    button.setAttribute("aria-pressed", chosen);
  }
  for (const [action, word] of [["accept", "accepted"], ["edit", "edited"], ["reject", "rejected"]]) {
    field.querySelector(`[data-do=${action}]`).setAttribute("aria-pressed", verdict === word);
  }
}

function snapshot(field) {
  const { verdict, text, choice } = field.dataset;
  return { field, verdict, text, choice };
}

function put(field, { verdict, text, choice }) {
  field.dataset.verdict = verdict;
  for (const [name, value] of Object.entries({ text, choice })) {
    if (value === undefined) delete field.dataset[name];
    else field.dataset[name] = value;
  }
  draw(field);
}

function decide(field, verdict) {
  undone.push([snapshot(field)]);
  put(field, verdict);
  onward(field);
}

function onward(field) {
  const open = (one) => one.dataset.verdict === "";
  const next = fields.slice(fields.indexOf(field) + 1).find(open) ?? fields.find(open);
  if (next) select(fields.indexOf(next));
  else focusOn(field);
  count();
}

function count() {
  const left = fields.filter((field) => field.dataset.verdict === "").length;
  if (fields.length === 0) return;
  say(left ? `${left} of ${fields.length} ${fields.length === 1 ? "field" : "fields"} undecided` : "All decided. Ctrl/⌘ Enter saves.");
}

// Selection

function select(place) {
  current = Math.max(0, Math.min(fields.length - 1, place));
  fields.forEach((field, index) => {
    field.toggleAttribute("data-current", index === current);
    field.tabIndex = index === current ? 0 : -1;
  });
  let first = null;
  for (const mark of document.querySelectorAll("#source mark")) {
    const here = mark.dataset.fields.split(" ").includes(String(current));
    mark.toggleAttribute("data-current", here);
    if (here) first ??= mark;
  }
  if (first) {
    const source = document.getElementById("source");
    const box = first.getBoundingClientRect(), room = source.getBoundingClientRect();
    if (box.top < room.top || box.bottom > room.bottom) source.scrollTop += box.top - room.top - room.height / 3;
  }
  focusOn(fields[current]);
}

function focusOn(field) {
  field?.focus({ preventScroll: true });
  field?.scrollIntoView({ block: "nearest" });
}

// Editing

function edit(field) {
  const editor = field.querySelector(".editor");
  const input = editor.querySelector("input, textarea");
  editor.hidden = false;
  input.focus();
  input.select();
  field.scrollIntoView({ block: "nearest" });
}

function leave(field) {
  field.querySelector(".editor").hidden = true;
  focusOn(field);
}

function keep(field) {
  const input = field.querySelector(".editor input, .editor textarea");
  const same = input.value === input.defaultValue && field.dataset.verdict !== "edited";
  field.querySelector(".editor").hidden = true;
  decide(field, same ? { verdict: "accepted" } : { verdict: "edited", text: input.value });
}

// Requests

// A decision is saved only under the reviewer's name that the page shows.
function anotherName() {
  const name = reviewer.value.trim();
  if (name === page.who) return false;
  say(`The reviewer box contains “${visible(name)}”, but this is the page of ${visible(page.who)}. In the box, press Enter to open the other page, or Escape to restore the name.`, true);
  reviewer.focus();
  return true;
}

async function send(where, body) {
  if (busy) return;
  busy = true;
  try {
    const answer = await fetch(where, {
      method: "POST",
      headers: { "Content-Type": "application/json", "X-CSRF-Token": csrf },
      body: JSON.stringify({ queue: page.queue, who: page.who, ...body }),
    });
    // A refusal contains a message for the reviewer.
    const found = answer.headers.get("content-type")?.includes("json") ? await answer.json() : { error: await answer.text() };
    if (found.next) return location.assign(found.next);
    say(found.error, true);
  } catch {
    say("The server does not respond. Check that the command is still running.", true);
  }
  busy = false;
}

function verdictOf({ dataset: { pointer, verdict, text, choice } }) {
  if (verdict !== "edited") return { field: pointer, verdict };
  return choice === undefined ? { field: pointer, verdict, text: text ?? "" } : { field: pointer, verdict, choice: Number(choice) };
}

const actions = {
  "next-field": () => select(current + 1),
  "previous-field": () => select(current - 1),
  accept: (field) => decide(field, { verdict: "accepted" }),
  reject: (field) => decide(field, { verdict: "rejected" }),
  edit,
  choose(field, key) {
    const button = typeof key === "string" ? field.querySelectorAll(".choices button")[Number(key) - 1] : key;
    if (!button) return say("This field has no choice with this number.", true);
    if (button.dataset.current !== undefined) return decide(field, { verdict: "accepted" });
    const text = button.querySelector("bdi").textContent;
    decide(field, { verdict: "edited", text, choice: button.dataset.choice });
  },
  "accept-rest"() {
    const open = fields.filter((field) => field.dataset.verdict === "");
    if (open.length === 0) return count();
    undone.push(open.map(snapshot));
    for (const field of open) put(field, { verdict: "accepted" });
    onward(fields[current]);
  },
  undo() {
    const last = undone.pop();
    if (!last) return anotherName() || send("undo", {});
    for (const one of last) put(one.field, one);
    select(fields.indexOf(last[0].field));
    count();
  },
  save() {
    if (anotherName()) return;
    const open = fields.find((field) => field.dataset.verdict === "");
    if (open) {
      select(fields.indexOf(open));
      return say("Decide this field first, or press A to accept the rest.", true);
    }
    send("review", { row: Number(page.row), fields: fields.map(verdictOf) });
  },
  next: () => location.assign(page.skip),
  help: () => (sheet.open ? sheet.close() : sheet.showModal()),
};

function act(action, field, argument) {
  const needsField = !["undo", "help"].includes(action);
  if (needsField && fields.length === 0) return;
  if (action) actions[action](field, argument);
}

document.addEventListener("keydown", (event) => {
  if (event.altKey || event.isComposing) return;
  const modified = event.ctrlKey || event.metaKey;
  const typing = event.target.closest("input, textarea, select");
  const editing = event.target.closest(".editor")?.closest(".field");
  if (editing && event.key === "Escape") return leave(editing);
  if (editing && event.key === "Enter" && !event.shiftKey) {
    event.preventDefault();
    keep(editing);
    return modified ? act("save") : undefined;
  }
  if (event.target === reviewer && event.key === "Escape") {
    reviewer.value = page.who;
    say("");
    focusOn(fields[current]);
    return count();
  }
  if ((typing && !modified) || (sheet.open && event.key !== "?")) return;
  const action = actionOf.get(modified ? `Mod+${event.key}` : event.key);
  if (!action) return;
  event.preventDefault();
  act(action, fields[current], event.key);
});

document.addEventListener("click", (event) => {
  const button = event.target.closest("button[data-do]");
  const field = event.target.closest(".field");
  if (field && !event.target.closest(".editor")) select(fields.indexOf(field));
  if (button) act(button.dataset.do, field, button);
  else if (event.target.matches("#source mark")) select(Number(event.target.dataset.fields.split(" ")[0]));
});

// At first, each field shows the verdict that was saved before.
fields.forEach(draw);
if (fields.length > 0) {
  const open = fields.findIndex((field) => field.dataset.verdict === "");
  select(Math.max(0, open));
  count();
}
