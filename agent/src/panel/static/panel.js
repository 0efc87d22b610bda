// The page: what is where, which key and which click does what, and what an event changes.

import { enter, hasKey } from "./api.js";
import { callActs, callChanged, callEnded, callKey, calls } from "./calls.js";
import { contactActs, contactTyped, contacts, lampChanged } from "./contacts.js";
import { asks, desk, deskActs, deskChanges, quiet, summary } from "./desk.js";
import { dial, dialActs, digit, numberKey, numberTyped } from "./dial.js";
import { button, h, icon, name, patch, plain } from "./element.js";
import { history, historyActs, historyTyped } from "./history.js";
import { messageActs, messages, textReceived } from "./messages.js";
import { clock, nameOf, short } from "./people.js";
import { changed, current, dismiss, drawnBy, incoming, learn, learnContacts, learnHistory, learnLinks, learnMessages, learnSound, note, state } from "./state.js";
import { levels, sound, soundChanges } from "./sound.js";
import { follow, whileShown } from "./stream.js";

const VIEWS = [
  ["phone", "phone", "Phone"], ["history", "clock", "Recent"], ["contacts", "people", "Contacts"],
  ["messages", "chat", "Messages"], ["sound", "sound", "Sound"], ["desk", "desk", "Desk"],
];
const KEYS = [
  ["/", "Go to the number box"], ["0–9 * #", "Dial, or send tones while the keypad is open"], ["a", "Answer"], ["d", "Decline"], ["x", "Hang up"],
  ["m", "Mute"], ["h", "Hold or resume"], ["t", "Transfer"], ["k", "Keypad"], ["r", "Record"], ["q", "Do not disturb"],
  ["g, then p r c m s d", "Go to phone, recent, contacts, messages, sound, desk"], ["?", "This help"],
];
const GO = { p: "phone", r: "history", c: "contacts", m: "messages", s: "sound", d: "desk" };
const wide = matchMedia("(min-width: 50rem)");
const KEYS_OFF = "carillon-keys-off";

const acts = {
  ...callActs, ...contactActs, ...deskActs, ...dialActs, ...historyActs, ...messageActs,
  dismiss: ({ id }) => dismiss(Number(id)),
  help: () => helpDialog()?.showModal(),
  closeHelp: () => helpDialog()?.close(),
};
const changes = { ...soundChanges, ...deskChanges, keys: (_, field) => localStorage.setItem(KEYS_OFF, field.checked ? "" : "yes") };
const inputs = { number: numberTyped, contacts: contactTyped, history: historyTyped };
const helpDialog = () => document.getElementById("help");

function page() {
  if (state.standing === "out") return h("div", { id: "app" }, gate());
  // Where there is room, the phone stands beside a view, and that is what was last.
  const shown = state.view === "phone" && wide.matches ? "history" : state.view;
  const view = { history, contacts, messages, sound, desk }[shown] ?? history;
  const [kind, word] = summary();
  return h("div", { id: "app", class: "app", "data-view": state.view },
    h("header", { class: "bar" },
      h("a", { class: "brand", href: "#phone" }, icon("bell"), h("h1", {}, "Carillon")),
      h("a", { class: "chip", href: "#desk", title: reason() }, h("span", { class: `dot ${kind}` }), h("span", {}, word)),
      button("quiet", null, { symbol: "quiet", class: "round quiet", "aria-pressed": String(quiet()), "aria-label": "Do not disturb", title: "Do not disturb (q)" }),
      button("help", null, { symbol: "help", class: "round quiet", "aria-label": "Keys and help", title: "Keys and help (?)" })),
    h("nav", { class: "views", "aria-label": "Views" }, VIEWS.map(([id, symbol, label]) =>
      h("a", { href: `#${id}`, class: id, "aria-current": shown === id ? "page" : null },
        icon(symbol), h("span", {}, label), id === "messages" && state.unread.size > 0 && h("span", { class: "count" }, state.unread.size, h("span", { class: "unseen" }, " unread"))))),
    h("main", {},
      h("section", { class: "phone", "aria-label": "Phone" }, h("h2", { class: "unseen" }, "Phone"), banner(), asks(), calls(), dial()),
      h("div", { class: "page", "data-key": `page-${shown}` }, view())),
    h("div", { class: "notes" }, state.notes.map((entry) => h("div", { class: `note ${entry.kind}`, "data-key": `note-${entry.id}` },
      h("p", {}, plain(entry.text)), button("dismiss", null, { symbol: "close", class: "bare", about: { id: entry.id }, "aria-label": "Dismiss" })))),
    h("datalist", { id: "people" }, (state.contacts ?? []).slice(0, 50).map((contact) => h("option", { value: contact.number }, plain(contact.name)))),
    help());
}

const reason = () => state.status.accounts.map((account) => [short(account.address), account.state, account.reason].filter(Boolean).map(plain).join(": ")).join("\n");

// What stands in the way of calls, where one looks first.
function banner() {
  if (state.standing === "lost") return h("p", { class: "trouble", role: "status" }, "The agent is not reached; the panel tries again by itself.");
  if (quiet()) return h("p", { class: "trouble soft" }, "Do not disturb is on. ", button("quiet", "Turn it off", { class: "link" }));
  const failed = state.status.accounts.find((account) => ["failed", "given_up"].includes(account.state));
  if (!failed) return null;
  return h("p", { class: "trouble", role: "status" }, name(failed.label || short(failed.address)), " is not registered", failed.reason && `: ${plain(failed.reason)}`, ". ", button("restart", "Try again now", { class: "link", about: { account: failed.id } }));
}

function gate() {
  return h("main", { class: "gate" }, icon("bell"), h("h1", {}, "Carillon"),
    h("p", {}, "This browser is not signed in, or the agent was started anew."),
    h("p", {}, "Open the panel from the desk:"), h("p", {}, h("code", {}, "carillon open")));
}

function help() {
  const box = h("input", { type: "checkbox", role: "switch", "data-change": "keys" });
  box.checked = keysOn();
  return h("dialog", { id: "help", "aria-labelledby": "help-title" },
    h("div", { class: "head" }, h("h2", { id: "help-title" }, "Keys"), button("closeHelp", null, { symbol: "close", class: "round quiet push", "aria-label": "Close" })),
    h("dl", { class: "shortcuts" }, KEYS.map(([key, what]) => h("div", {}, h("dt", {}, h("kbd", {}, key)), h("dd", {}, what)))),
    h("label", { class: "switch" }, h("span", {}, "Single keys work", h("small", { class: "soft" }, "Only while you are not typing")), box));
}

const keysOn = () => localStorage.getItem(KEYS_OFF) !== "yes";

function draw() {
  patch(document.getElementById("app"), page());
  const rings = incoming()[0];
  const call = current();
  document.title = rings ? `☎ ${nameOf(rings.peer, rings.peer_name)} is calling` : call ? `${nameOf(call.peer, call.peer_name)} · Carillon` : "Carillon";
  watchQuality(state.open?.what === "sound" && !document.hidden && state.standing === "on");
  watchLevels(state.view === "sound" && !document.hidden && state.standing === "on" && state.devices !== null);
}

const watchQuality = whileShown("/v1/quality", (event, list) => {
  if (event !== "quality") return;
  for (const { call, media } of list) if (media) state.quality.set(call, media); else state.quality.delete(call);
  changed();
});
const watchLevels = whileShown("/v1/levels", levels, (error) => {
  if (error?.word === "no-such-route") { state.missing.add("/v1/levels"); changed(); }
});

function happened(event, data) {
  switch (event) {
    case "call_changed": return callChanged(data);
    case "call_ended": return callEnded(data);
    case "account_changed": {
      const account = state.status.accounts.find((known) => known.id === data.id);
      if (!account) return learn();
      Object.assign(account, { reason: undefined }, data);
      return changed();
    }
    case "features_changed":
      state.features = state.features.map((known) => known.account === data.account ? data : known);
      return changed();
    case "text_received": return textReceived(data);
    case "call_turned_away": return note(`${nameOf(data.peer, data.name)} called and was turned away: ${plain(data.why)}`, "warn");
    case "messages_waiting": state.waiting.set(data.account, data); return changed();
    case "lamp_changed": return lampChanged(data);
    case "transfer_ended": return note(`Transfer: ${plain(data.text)}`, data.completed === false ? "bad" : "good");
    case "transfer_requested": return note(`The other side asks to be called at ${short(data.target)}`, "warn");
    case "media_trouble": return note(plain(data.text), "bad");
    case "link_asked": case "link_settled": return learnLinks();
    case "contacts_changed": return learnContacts();
    case "history_changed": learnHistory(); return learnMessages();
    case "config_applied": case "account_removed": case "events_missed": return learn();
    case "devices_changed": if (state.view === "sound") learnSound(); return undefined;
    default: return undefined;
  }
}

function go() {
  const view = location.hash.slice(1);
  if (!VIEWS.some(([id]) => id === view)) return;
  if (view !== state.view) state.thread = view === "messages" ? state.thread : null;
  state.view = view;
  if (view === "sound") learnSound();
  changed();
}

let going = false;
function keyed(event) {
  if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
  const field = event.target.closest("input, select, textarea, dialog[open]");
  if (event.target.id === "number") return numberKey(event.key) ? event.preventDefault() : undefined;
  if (field) return;
  const key = event.key.toLowerCase();
  if (key === "escape" && state.open) { state.open = null; return changed(); }
  if (!keysOn()) return;
  let done = true;
  if (going && GO[key]) location.hash = `#${GO[key]}`;
  else if (key === "g") { going = true; setTimeout(() => { going = false; }, 1500); return; }
  else if (key === "?") acts.help();
  else if (key === "/") document.getElementById("number")?.focus();
  else if (key === "q") acts.quiet();
  else if (callKey(key)) done = true;
  else if (/^[0-9*#+]$/.test(key)) { document.getElementById("number")?.focus(); digit(key); }
  else done = false;
  going = false;
  if (done) event.preventDefault();
}

// One listener for each kind of event: what an element does is written on it.
function listen() {
  document.addEventListener("click", (event) => {
    const element = event.target.closest("[data-act]:not(form)");
    if (element) acts[element.dataset.act]?.({ ...element.dataset }, element);
  });
  document.addEventListener("submit", (event) => {
    event.preventDefault();
    acts[event.target.dataset.act]?.({ ...event.target.dataset }, event.target);
  });
  document.addEventListener("change", (event) => changes[event.target.dataset.change]?.({ ...event.target.dataset }, event.target));
  document.addEventListener("input", (event) => inputs[event.target.dataset.input]?.(event.target));
  document.addEventListener("keydown", keyed);
  document.addEventListener("visibilitychange", changed);
  addEventListener("hashchange", go);
  wide.addEventListener("change", changed);
  // Only the clocks of calls that stand move by themselves.
  setInterval(() => {
    for (const time of document.querySelectorAll("time[data-since]")) {
      const text = clock(Date.now() / 1000 - Number(time.dataset.since));
      if (time.textContent !== text) time.textContent = text;
    }
  }, 1000);
}

async function begin() {
  drawnBy(draw);
  listen();
  if (location.pathname === "/panel/enter" && location.hash.length > 1) {
    const code = location.hash.slice(1);
    // Out of the address and the history at once: it is spent in any case.
    window.history.replaceState(null, "", "/panel/");
    await enter(code).catch(() => {});
  }
  if (!hasKey()) { state.standing = "out"; return changed(); }
  go();
  changed();
  follow(happened, (standing) => {
    const before = state.standing;
    state.standing = standing;
    if (standing === "on" && before !== "on") learn();
    changed();
  });
}

begin();
