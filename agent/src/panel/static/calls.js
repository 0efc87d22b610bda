// The calls that stand: who it is, and everything one can do about it.

import { button, h, icon, name, plain } from "./element.js";
import { clock, initials, nameOf, short, tint } from "./people.js";
import { callOf, changed, current, has, incoming, note, place, remove, say, state, want } from "./state.js";

const KEYS = ["1", "2", "3", "4", "5", "6", "7", "8", "9", "*", "0", "#"];
const LETTERS = { 2: "ABC", 3: "DEF", 4: "GHI", 5: "JKL", 6: "MNO", 7: "PQRS", 8: "TUV", 9: "WXYZ", 0: "+" };
const SPOKEN = { "*": "star", "#": "hash" };
/** How soon a key may answer a call: one that was being typed when it began to ring is none. */
const GRACE = 800;

const rangAt = new Map();
const pressed = new Map();

/** All calls, the ones that ring first. */
export function calls() {
  const ringing = incoming();
  const others = state.status.calls.filter((call) => !ringing.includes(call));
  const joinable = others.filter((call) => call.state === "established");
  return h("div", { class: "calls" },
    ringing.map(ringingCard),
    joinable.length > 1 && has("/v1/conference") && conference(joinable),
    others.map(callCard));
}

function person(call) {
  const who = nameOf(call.peer, call.peer_name);
  return h("div", { class: "person" },
    h("span", { class: `face tint-${tint(who)}`, "aria-hidden": "true" }, initials(who)),
    h("div", { class: "names" },
      h("h3", {}, name(who)),
      who !== short(call.peer) && h("p", { class: "number" }, name(short(call.peer))),
      facts(call)));
}

// What is known of a caller, and what is not.
function facts(call) {
  const caller = call.caller;
  if (!caller) return null;
  const said = [
    caller.anonymous && "Caller hides the number",
    caller.verification === "passed" && "Number verified",
    caller.verification === "failed" && "Number could not be verified",
    caller.diverted_by?.length && ["via ", name(caller.diverted_by[0])],
  ].filter(Boolean);
  return said.length > 0 && h("p", { class: caller.verification === "failed" ? "soft warn" : "soft" },
    said.map((text, n) => [n > 0 && " · ", text]));
}

function accountOf(call) {
  const account = state.status.accounts.find((known) => known.id === call.account);
  return state.status.accounts.length > 1 && h("p", { class: "soft" }, "on ", name(account?.label || short(account?.address ?? call.account)));
}

function ringingCard(call) {
  return h("article", { class: "card call ringing", "data-key": `call-${call.id}`, "aria-label": `Incoming call from ${nameOf(call.peer, call.peer_name)}` },
    h("p", { class: "eyebrow" }, icon("bell"), "Incoming call"),
    person(call), accountOf(call),
    h("div", { class: "answer" },
      button("answer", "Answer", { symbol: "phone", class: "good big", about: { call: call.id } }),
      button("hangup", "Decline", { symbol: "end", class: "bad big", about: { call: call.id } })));
}

function standingOf(call) {
  if (call.state !== "established") return call.state === "ringing" ? "Ringing" : "Calling";
  if (call.on_hold) return "On hold";
  if (call.held) return "Held by the other side";
  return call.conference ? "In conference" : "Connected";
}

function callCard(call) {
  const established = call.state === "established";
  const open = state.open?.call === call.id ? state.open.what : null;
  const standing = standingOf(call);
  const about = { call: call.id };
  return h("article", { class: `card call ${established ? "on" : ""} ${call.on_hold ? "held" : ""}`, "data-key": `call-${call.id}`, "aria-label": `Call with ${nameOf(call.peer, call.peer_name)}` },
    h("div", { class: "top" },
      person(call),
      h("p", { class: "standing" },
        h("span", { class: `dot ${established && !call.on_hold && !call.held ? "good" : "busy"}` }), standing,
        established && h("time", { class: "clock", "data-since": call.since }, clock(Date.now() / 1000 - call.since)))),
    accountOf(call),
    (call.muted || call.recording) && h("p", { class: "flags" },
      call.muted && h("span", { class: "flag warn" }, icon("muted"), "Microphone muted"),
      call.recording && h("span", { class: "flag bad" }, icon("record"), "Recording")),
    h("div", { class: "controls", role: "group", "aria-label": "What to do with this call" },
      established && [
        control("mute", call.muted ? "muted" : "mic", "Mute", { pressed: Boolean(call.muted), about, missing: !has("/v1/calls/mute") }),
        control("hold", call.on_hold ? "play" : "pause", call.on_hold ? "Resume" : "Hold", { pressed: call.on_hold, about }),
        control("open", "keys", "Keypad", { expanded: open === "keypad", about: { ...about, what: "keypad" } }),
        control("open", "transfer", "Transfer", { expanded: open === "transfer", about: { ...about, what: "transfer" } }),
        control("record", "record", "Record", { pressed: Boolean(call.recording), about, missing: !has("/v1/calls/record") }),
        control("open", "sound", "Sound", { expanded: open === "sound", about: { ...about, what: "sound" } }),
      ],
      button("hangup", "Hang up", { symbol: "end", class: "control bad", about })),
    open === "keypad" && established && keypad(call),
    open === "transfer" && established && transfer(call),
    open === "sound" && established && sound(call));
}

function control(act, symbol, label, { pressed, expanded, about, missing }) {
  if (missing) return null;
  return button(act, label, { symbol, class: "control", about, "aria-pressed": pressed === undefined ? null : String(pressed), "aria-expanded": expanded === undefined ? null : String(expanded) });
}

/** Twelve keys; `act` says what one does. */
export function keys(act, about = {}) {
  return h("div", { class: "keys", role: "group", "aria-label": "Keypad" },
    KEYS.map((key) => h("button", { type: "button", "data-act": act, "data-digit": key, ...Object.fromEntries(Object.entries(about).map(([k, v]) => [`data-${k}`, v])) },
      h("b", {}, key), SPOKEN[key] && h("span", { class: "unseen" }, SPOKEN[key]), h("small", { "aria-hidden": "true" }, LETTERS[key] ?? "\u00a0"))));
}

function keypad(call) {
  return h("div", { class: "drawer", "data-key": "keypad" },
    h("output", { class: "pressed", "aria-label": "Keys pressed" }, pressed.get(call.id) || "\u00a0"),
    keys("dtmf", { call: call.id }));
}

function transfer(call) {
  const others = state.status.calls.filter((other) => other.id !== call.id && other.state === "established");
  return h("div", { class: "drawer", "data-key": "transfer" },
    h("form", { class: "row", "data-act": "transfer", "data-call": call.id, autocomplete: "off" },
      h("label", { class: "unseen", for: `to-${call.id}` }, "Transfer to"),
      h("input", { id: `to-${call.id}`, name: "target", placeholder: "Number or name", list: "people", spellcheck: "false" }),
      h("button", { type: "submit", class: "primary" }, "Transfer")),
    h("div", { class: "choices" },
      others.map((other) => button("attend", null, { class: "choice", about: { call: call.id, to: other.id } },
        icon("transfer"), h("span", {}, "Put through to ", name(nameOf(other.peer, other.peer_name))))),
      h("p", { class: "soft" }, others.length
        ? "Putting through joins your two callers and leaves."
        : "To speak to somebody first: hold this call, dial them, then come back here.")));
}

function sound(call) {
  const media = state.quality.get(call.id);
  const rows = media ? [
    ["Lost", `${(100 * Math.max(0, media.packets_lost) / Math.max(1, media.packets_received + Math.max(0, media.packets_lost))).toFixed(1)} %`],
    ["Jitter", `${media.jitter_ms.toFixed(0)} ms`],
    ["Buffer", `${media.delay_ms.toFixed(0)} ms`],
    ["Round trip", media.round_trip_ms === null ? "not known yet" : `${media.round_trip_ms.toFixed(0)} ms`],
    ["Codec", call.codec ?? "none"],
  ] : [];
  return h("div", { class: "drawer", "data-key": "sound" },
    media && h("p", { class: "verdict" }, h("span", { class: `dot ${verdict(media)[0]}` }), verdict(media)[1]),
    h("dl", { class: "facts" }, rows.map(([what, value]) => h("div", {}, h("dt", {}, what), h("dd", {}, value)))),
    !media && h("p", { class: "soft" }, "No sound flows in this call now."),
    h("p", {}, h("a", { href: "#sound" }, "Change microphone or speaker")));
}

function verdict(media) {
  const lost = Math.max(0, media.packets_lost) / Math.max(1, media.packets_received);
  if (media.packets_received === 0) return ["bad", "Nothing is heard from the other side"];
  if (lost > 0.05 || media.jitter_ms > 50) return ["bad", "The connection is poor"];
  if (lost > 0.02 || media.jitter_ms > 30) return ["busy", "The connection could be better"];
  return ["good", "The connection is good"];
}

function conference(calls) {
  const joined = calls.some((call) => call.conference);
  return h("div", { class: "join", "data-key": "conference" },
    joined
      ? button("part", "End conference, keep the calls", { symbol: "close", class: "quiet" })
      : button("join", `Join all ${calls.length} calls in a conference`, { symbol: "join", class: "quiet" }));
}

/** What an event says of a call. */
export function callChanged(call) {
  const before = callOf(call.id);
  if (!before && call.direction === "incoming") {
    rangAt.set(call.id, performance.now());
    const who = nameOf(call.peer, call.peer_name);
    say(`${who}${who === short(call.peer) ? "" : `, ${short(call.peer)},`} is calling`);
  } else if (before && before.state !== "established" && call.state === "established") {
    say(`Connected with ${nameOf(call.peer, call.peer_name)}`);
  }
  place(call);
}

/** A call is over. */
export function callEnded({ call, cause, text }) {
  remove(call);
  if (state.open?.call === call.id) state.open = null;
  for (const map of [state.quality, rangAt, pressed]) map.delete(call.id);
  const who = nameOf(call.peer, call.peer_name);
  if (["hung_up_here", "declined", "transferred"].includes(cause)) say(`Call with ${who} ended`);
  else note(cause === "missed" ? `Missed call from ${who}` : `${who}: ${plain(text)}`, ["hung_up_there", "answered_elsewhere"].includes(cause) ? "good" : "warn");
  changed();
}

// What comes of it, events tell.
const post = (id, verb, body) => want("POST", `/v1/calls/${id}/${verb}`, body);

/** What the buttons of a call do. */
export const callActs = {
  answer: ({ call }) => post(call, "answer"),
  hangup: ({ call }) => post(call, "hangup"),
  hold: ({ call }) => post(call, callOf(call)?.on_hold ? "resume" : "hold"),
  mute: ({ call }) => post(call, "mute", { muted: !callOf(call)?.muted }),
  record: ({ call }) => post(call, "record", { on: !callOf(call)?.recording }),
  open: ({ call, what }) => {
    const same = state.open?.call === Number(call) && state.open.what === what;
    state.open = same ? null : { call: Number(call), what };
    changed();
    if (!same && what === "transfer") setTimeout(() => document.getElementById(`to-${call}`)?.focus(), 50);
  },
  dtmf: ({ call, digit }) => {
    pressed.set(Number(call), ((pressed.get(Number(call)) ?? "") + digit).slice(-16));
    changed();
    return post(call, "dtmf", { digits: digit });
  },
  transfer: async ({ call }, form) => {
    const target = form.elements.target.value.trim();
    if (target && await post(call, "transfer", { target })) note(`Transferring to ${target}`);
  },
  attend: async ({ call, to }) => {
    if (await post(call, "transfer", { call: Number(to) })) note("Putting your callers through");
  },
  join: () => want("POST", "/v1/conference", { calls: [] }),
  part: () => want("DELETE", "/v1/conference"),
};

/** What a single key does to the call that matters now; whether it did anything. */
export function callKey(key) {
  const rings = incoming()[0];
  if (rings && (key === "a" || key === "d")) {
    if (performance.now() - (rangAt.get(rings.id) ?? 0) < GRACE) return false;
    callActs[key === "a" ? "answer" : "hangup"]({ call: rings.id });
    return true;
  }
  const call = current();
  if (!call) return false;
  const about = { call: call.id };
  if (key === "x") callActs.hangup(about);
  else if (call.state !== "established") return false;
  else if (key === "m") callActs.mute(about);
  else if (key === "h") callActs.hold(about);
  else if (key === "r") callActs.record(about);
  else if (key === "t") callActs.open({ ...about, what: "transfer" });
  else if (key === "k") callActs.open({ ...about, what: "keypad" });
  else if (state.open?.call === call.id && state.open.what === "keypad" && KEYS.includes(key)) callActs.dtmf({ ...about, digit: key });
  else return false;
  return true;
}
