// The people one calls, and whether they are free.

import { button, h, icon, name } from "./element.js";
import { initials, short, tint } from "./people.js";
import { changed, has, learnContacts, note, state, want } from "./state.js";

const LAMPS = { idle: ["good", "Free"], ringing: ["busy", "Ringing"], busy: ["bad", "Talking"] };

let typing = null;

/** The view. */
export function contacts() {
  const known = state.contacts ?? [];
  const here = has("/v1/contacts");
  return [
    h("div", { class: "head" },
      h("h2", {}, "Contacts"),
      here && h("div", { class: "box small" }, icon("search"),
        h("input", { id: "contact-search", type: "search", "aria-label": "Search contacts", placeholder: "Search", "data-input": "contacts", spellcheck: "false" }))),
    here && adding(),
    !here ? empty("people", "No contacts here", "This agent keeps no contacts. Type a number to call somebody.")
      : state.contacts === null ? h("p", { class: "soft", role: "status" }, "Looking…")
      : known.length === 0 ? (state.contactSearch
        ? empty("search", "Nobody found", "Try a part of the name or the number.")
        : empty("people", "No contacts yet", "Add the first one above. Contacts and phonebooks of your company appear by themselves."))
      : h("ul", { class: "list" }, known.map(row)),
  ];
}

function row(contact) {
  const lamp = LAMPS[contact.lamp];
  const about = { number: contact.number };
  return h("li", { class: "row", "data-key": `contact-${contact.id}` },
    h("span", { class: `face tint-${tint(contact.name)}`, "aria-hidden": "true" }, initials(contact.name)),
    h("div", { class: "names" },
      h("p", { class: "name" }, name(contact.name), lamp && h("span", { class: "lamp" }, h("span", { class: `dot ${lamp[0]}` }), lamp[1])),
      h("p", { class: "soft" }, name(short(contact.number)), !["local", "config"].includes(contact.source) && [" · ", name(contact.source)])),
    h("div", { class: "acts" },
      button("write", null, { symbol: "chat", class: "round quiet", about, "aria-label": `Write to ${contact.name}` }),
      contact.id.startsWith("local-") && button("forget", null, { symbol: "trash", class: "round quiet", about: { id: contact.id }, "aria-label": `Remove ${contact.name}` }),
      button("call", null, { symbol: "phone", class: "round good", about, "aria-label": `Call ${contact.name}` })));
}

function adding() {
  return h("details", { class: "adding", "data-key": "adding" },
    h("summary", {}, icon("add"), "Add a contact"),
    h("form", { class: "row", "data-act": "add", autocomplete: "off" },
      h("label", { class: "field" }, "Name", h("input", { name: "name", required: true, maxlength: "255" })),
      h("label", { class: "field" }, "Number or address", h("input", { name: "number", required: true, maxlength: "255", spellcheck: "false" })),
      h("button", { type: "submit", class: "primary" }, "Add")));
}

/** A view with nothing in it, and what to do about that. */
export function empty(symbol, title, advice, ...more) {
  return h("div", { class: "empty" }, icon(symbol), h("h3", {}, title), h("p", { class: "soft" }, advice), more);
}

/** What typing into the search does. */
export function contactTyped(field) {
  state.contactSearch = field.value.trim();
  clearTimeout(typing);
  typing = setTimeout(learnContacts, 150);
}

/** A lamp changed. */
export function lampChanged({ line, state: lamp }) {
  for (const contact of state.contacts ?? []) {
    if (short(contact.number) === short(line)) contact.lamp = lamp;
  }
  changed();
}

export const contactActs = {
  add: async (_, form) => {
    const entry = { name: form.elements.name.value.trim(), number: form.elements.number.value.trim() };
    if (!await want("POST", "/v1/contacts", entry)) return;
    form.reset();
    note(`${entry.name} is a contact now`);
    learnContacts();
  },
  forget: async ({ id }) => {
    const who = state.contacts?.find((contact) => contact.id === id)?.name ?? "It";
    if (await want("DELETE", `/v1/contacts/${encodeURIComponent(id)}`) === undefined) return;
    note(`${who} is no contact any more`);
    learnContacts();
  },
};
