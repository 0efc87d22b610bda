// The calls of the past.

import { empty } from "./contacts.js";
import { button, h, icon, name, plain } from "./element.js";
import { clock, contactOf, nameOf, short, when } from "./people.js";
import { has, learnHistory, note, state, want } from "./state.js";

const OUTCOMES = {
  answered: "", transferred: "Put through", missed: "Missed", answered_elsewhere: "Answered elsewhere", declined: "Declined",
  turned_away: "Turned away", cancelled: "Gave up", busy: "Busy", refused: "Refused", no_answer: "No answer", failed: "Failed",
};
const BAD = ["missed", "failed", "refused"];

let typing = null;
let sure = false;

/** The view. */
export function history() {
  const entries = state.history ?? [];
  const here = has("/v1/history");
  return [
    h("div", { class: "head" },
      h("h2", {}, "Recent calls"),
      here && h("div", { class: "box small" }, icon("search"),
        h("input", { id: "history-search", type: "search", "aria-label": "Search recent calls", placeholder: "Search", "data-input": "history", spellcheck: "false" }))),
    !here ? empty("clock", "No history here", "This agent remembers no calls.")
      : state.history === null ? h("p", { class: "soft", role: "status" }, "Looking…")
      : entries.length === 0 ? (state.historySearch
        ? empty("search", "No such call", "Try a part of the name or the number.")
        : empty("clock", "No calls yet", "Calls you make and receive appear here. Dial a number to begin."))
      : [
        h("ul", { class: "list" }, entries.map(row)),
        h("div", { class: "foot" },
          button("export", "Export as CSV", { class: "link" }),
          sure ? [h("span", {}, "Delete all calls and messages?"), button("clear", "Delete", { class: "link bad" }), button("spare", "Keep", { class: "link" })]
            : button("unsure", "Delete history", { class: "link" })),
      ],
  ];
}

function row(entry) {
  const who = nameOf(entry.peer, entry.name);
  const bad = BAD.includes(entry.outcome);
  const incoming = entry.direction === "incoming";
  const told = [incoming ? "Incoming" : "Outgoing", OUTCOMES[entry.outcome] ?? plain(entry.outcome), entry.seconds > 0 && clock(entry.seconds)].filter(Boolean);
  const about = { number: entry.peer };
  return h("li", { class: "row", "data-key": `entry-${entry.id}` },
    h("span", { class: `way ${bad ? "bad" : incoming ? "in" : "out"}` }, icon(incoming ? "in" : "out")),
    h("div", { class: "names" },
      h("p", { class: bad ? "name missed" : "name" }, name(who)),
      h("p", { class: "soft" }, told.join(" · "), who !== short(entry.peer) && [" · ", name(short(entry.peer))])),
    h("time", { class: "soft at", datetime: new Date(entry.at * 1000).toISOString() }, when(entry.at)),
    h("div", { class: "acts" },
      !contactOf(entry.peer) && has("/v1/contacts") && button("keep", null, { symbol: "add", class: "round quiet wide-only", about: { ...about, name: who }, "aria-label": `Add ${who} to the contacts` }),
      button("call", null, { symbol: "phone", class: "round good", about, "aria-label": `Call ${who}` })));
}

/** What typing into the search does. */
export function historyTyped(field) {
  state.historySearch = field.value.trim();
  clearTimeout(typing);
  typing = setTimeout(learnHistory, 150);
}

export const historyActs = {
  unsure: () => { sure = true; learnHistory(); },
  spare: () => { sure = false; learnHistory(); },
  clear: async () => {
    sure = false;
    if (await want("DELETE", "/v1/history") !== undefined) note("The history is empty now");
    learnHistory();
  },
  keep: async ({ number, name: who }) => {
    if (await want("POST", "/v1/contacts", { name: who, number: short(number) })) note(`${who} is a contact now`);
  },
  // Made here of what is shown: the browser keeps the key of the session out of a link.
  export: () => {
    const cell = (value) => `"${String(value ?? "").replace(/^[=+@-]/, "'$&").replaceAll('"', '""')}"`;
    const lines = [["when", "direction", "name", "address", "outcome", "seconds"], ...state.history.map((entry) =>
      [new Date(entry.at * 1000).toISOString(), entry.direction, entry.name, entry.peer, entry.outcome, entry.seconds])];
    const text = lines.map((line) => line.map(cell).join(",")).join("\r\n");
    const link = h("a", { href: URL.createObjectURL(new Blob([text], { type: "text/csv" })), download: "calls.csv" });
    link.click();
    URL.revokeObjectURL(link.href);
  },
};
