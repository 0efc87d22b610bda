// Short messages, by the one they are with.

import { empty } from "./contacts.js";
import { button, h, icon, name, plain } from "./element.js";
import { initials, nameOf, short, tint, when } from "./people.js";
import { changed, note, state, want } from "./state.js";

let sent = 0;

/** The view. */
export function messages() {
  if (state.thread !== null) return thread();
  const threads = new Map();
  for (const message of state.messages ?? []) threads.set(short(message.peer), message);
  return [
    h("div", { class: "head" }, h("h2", {}, "Messages")),
    h("form", { class: "row to", "data-act": "begin", autocomplete: "off" },
      h("label", { class: "unseen", for: "to" }, "Write to"),
      h("input", { id: "to", name: "to", placeholder: "Number or name", list: "people", required: true, maxlength: "255", spellcheck: "false" }),
      h("button", { type: "submit", class: "primary" }, "Write")),
    threads.size === 0
      ? empty("chat", "No messages yet", "Write to somebody above. Messages go over your phone system, so the other side needs a phone that shows them.")
      : h("ul", { class: "list" }, [...threads].toReversed().map(([who, last]) => row(who, last))),
  ];
}

function row(who, last) {
  const title = nameOf(who, last.direction === "incoming" ? last.name : null);
  const unread = state.unread.has(who);
  return h("li", { "data-key": `thread-${who}` },
    h("button", { type: "button", class: "row plain", "data-act": "write", "data-number": who },
      h("span", { class: `face tint-${tint(title)}`, "aria-hidden": "true" }, initials(title)),
      h("span", { class: "names" },
        h("span", { class: "name" }, name(title), unread && h("span", { class: "badge" }, "New")),
        h("span", { class: "soft cut" }, last.direction === "outgoing" && "You: ", h("bdi", {}, plain(last.text)))),
      h("time", { class: "soft at" }, when(last.at))));
}

function thread() {
  const who = state.thread;
  const all = (state.messages ?? []).filter((message) => short(message.peer) === who);
  const title = nameOf(who, all.find((message) => message.direction === "incoming")?.name);
  return [
    h("div", { class: "head" },
      button("threads", null, { symbol: "back", class: "round quiet", "aria-label": "All messages" }),
      h("h2", {}, name(title)),
      button("call", null, { symbol: "phone", class: "round good push", about: { number: who }, "aria-label": `Call ${title}` })),
    h("ol", { class: "thread", tabindex: "0", "aria-label": `Messages with ${title}` },
      all.length === 0 && h("li", { class: "soft" }, "Nothing written yet."),
      all.map((message) => h("li", { class: message.direction === "incoming" ? "theirs" : "ours", "data-key": `message-${message.id}` },
        h("p", { dir: "auto" }, written(message.text)),
        h("small", { class: message.outcome === "not_delivered" ? "warn" : "soft" }, when(message.at), message.outcome === "not_delivered" && " · not delivered")))),
    h("form", { class: "compose", "data-act": "send", "data-to": who, autocomplete: "off" },
      h("label", { class: "unseen", for: "text" }, `Message to ${title}`),
      h("textarea", { id: "text", name: "text", rows: "2", required: true, maxlength: "1300", placeholder: "Write a message", "data-own": true }),
      h("button", { type: "submit", class: "primary", "aria-label": "Send" }, icon("send"))),
  ];
}

// Lines stay lines; marks that turn the direction of writing do not.
const written = (text) => String(text ?? "").split(/\r?\n/).map((line, n) => [n > 0 && h("br"), plain(line)]);

/** A message came. */
export function textReceived({ from, name: given, text }) {
  const who = short(from);
  state.messages = [...state.messages ?? [], { id: `live-${++sent}`, at: Date.now() / 1000, direction: "incoming", peer: from, name: given, text, outcome: "received" }].slice(-200);
  if (state.view !== "messages" || state.thread !== who || document.hidden) state.unread.add(who);
  note(`Message from ${nameOf(from, given)}`);
}

export const messageActs = {
  begin: (_, form) => messageActs.write({ number: form.elements.to.value.trim() }),
  write: ({ number }) => {
    state.thread = short(number);
    state.unread.delete(state.thread);
    location.hash = "#messages";
    changed();
    setTimeout(() => document.getElementById("text")?.focus(), 60);
  },
  threads: () => { state.thread = null; changed(); },
  send: async ({ to }, form) => {
    const text = form.elements.text.value.trim();
    if (!text) return;
    const answer = await want("POST", "/v1/messages", { target: to, text });
    if (!answer) return;
    form.elements.text.value = "";
    state.messages = [...state.messages ?? [], { id: `live-${++sent}`, at: Date.now() / 1000, direction: "outgoing", peer: to, text, outcome: "delivered" }].slice(-200);
    changed();
  },
};
