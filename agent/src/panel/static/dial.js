// The box and the keys one dials with. The box finds people too.

import { keys } from "./calls.js";
import { button, h, icon, name, plain } from "./element.js";
import { short } from "./people.js";
import { begin, changed, find, state, want } from "./state.js";

const PAUSE = 120;

let picked = -1;
let typing = null;

const box = () => document.getElementById("number");

/** Box, keys, and what they do. */
export function dial() {
  const usable = state.status.accounts.filter((account) => account.state !== "disabled");
  const listed = state.found.length > 0;
  return h("div", { class: "dial" },
    h("form", { class: "number", "data-act": "dial", role: "search", autocomplete: "off" },
      h("label", { class: "unseen", for: "number" }, "Number, name or address to call"),
      h("div", { class: "box" },
        icon("search"),
        h("input", { id: "number", name: "target", placeholder: "Number or name", role: "combobox", "aria-autocomplete": "list", "aria-expanded": String(listed), "aria-controls": "found", "aria-activedescendant": picked >= 0 && listed ? `found-${picked}` : null, spellcheck: "false", enterkeyhint: "go", "data-input": "number", maxlength: "255" }),
        button("erase", null, { symbol: "erase", class: "bare", "aria-label": "Delete the last character" })),
      h("ul", { id: "found", class: "found", role: "listbox", "aria-label": "People found", hidden: !listed },
        state.found.map((contact, n) => h("li", { id: `found-${n}`, role: "option", "aria-selected": String(n === picked), "data-act": "choose", "data-n": n },
          h("span", {}, name(contact.name)), h("span", { class: "soft" }, name(short(contact.number)))))),
      keys("digit"),
      usable.length > 1 && h("div", { class: "from" },
        h("label", { for: "from" }, "Call from"),
        h("select", { id: "from", name: "account", "data-own": true },
          h("option", { value: "" }, "Automatic"),
          usable.map((account) => h("option", { value: account.id }, plain(account.label || short(account.address)))))),
      h("button", { type: "submit", class: "good big" }, icon("phone"), h("span", {}, "Call"))));
}

/** Calls somebody. */
export async function call(target, account) {
  const wanted = target.trim();
  if (!wanted) return box()?.focus();
  const placed = await want("POST", "/v1/calls", account ? { target: wanted, account } : { target: wanted });
  if (!placed) return;
  begin(placed);
  if (box()) box().value = "";
  show([]);
  location.hash = "#phone";
}

function show(found) {
  state.found = found;
  picked = -1;
  changed();
}

/** What typing into the box does. */
export function numberTyped() {
  clearTimeout(typing);
  const text = box().value.trim();
  if (text.length < 2) return show([]);
  typing = setTimeout(async () => {
    for (const directories of [false, true]) {
      const found = await find(text, directories);
      if (box().value.trim() !== text) return;
      if (!directories) show(found);
      else if (found.length > state.found.length) {
        // Behind those that are shown already: what is picked stays.
        state.found = found;
        changed();
      }
    }
  }, PAUSE);
}

/** What arrows and Escape do in the box; whether they did anything. */
export function numberKey(key) {
  if (key === "Escape") {
    if (!state.found.length && !box().value) return false;
    if (!state.found.length) box().value = "";
    show([]);
    return true;
  }
  const step = { ArrowDown: 1, ArrowUp: -1 }[key];
  if (!step || !state.found.length) return false;
  picked = (picked + step + state.found.length + (picked < 0 && step < 0 ? 1 : 0)) % state.found.length;
  changed();
  return true;
}

/** Puts a key into the box. */
export function digit(key) {
  box().value += key;
  numberTyped();
}

export const dialActs = {
  dial: (_, form) => {
    clearTimeout(typing);
    const chosen = state.found[picked];
    return call(chosen ? chosen.number : form.elements.target.value, form.elements.account?.value);
  },
  choose: ({ n }) => call(state.found[Number(n)].number),
  digit: ({ digit: key }) => digit(key),
  erase: () => {
    box().value = box().value.slice(0, -1);
    numberTyped();
  },
  call: ({ number }) => call(number),
};
