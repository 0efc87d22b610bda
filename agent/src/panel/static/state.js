// What the page knows, and how it learns it: one look at the start, then events.

import { Refused, ask } from "./api.js";

/** What is known. Views read it, events and answers change it. */
export const state = {
  standing: "starting",
  view: "phone",
  status: { accounts: [], calls: [], link: {}, name: null },
  features: [],
  links: [],
  contacts: null,
  contactSearch: "",
  history: null,
  historyKind: "call",
  historySearch: "",
  found: [],
  messages: null,
  thread: null,
  unread: new Set(),
  devices: null,
  volume: null,
  level: { input: -96, output: -96 },
  quality: new Map(),
  waiting: new Map(),
  open: null,
  notes: [],
  help: false,
  // Routes that this agent does not have.
  missing: new Set(),
};

let draw = () => {};
let drawing = false;
/** Says who draws the page. */
export const drawnBy = (how) => { draw = how; };

/** The page is drawn anew, once, before the next picture. */
export function changed() {
  if (drawing) return;
  drawing = true;
  const now = () => { drawing = false; draw(); };
  // A hidden page gets no picture, and its title still tells.
  if (document.hidden) setTimeout(now); else requestAnimationFrame(now);
}

/** Asks; a route that is not there is remembered, and what is refused is shown. */
export async function want(method, path, body) {
  try {
    return await ask(method, path, body);
  } catch (error) {
    fail(error, path);
    return undefined;
  }
}

/** Asks and stays silent when it is refused. */
export async function look(path) {
  try {
    return await ask("GET", path);
  } catch (error) {
    if (error.status === 401) fail(error, path);
    if (error.word === "no-such-route") { state.missing.add(path.split("?")[0]); changed(); }
    return undefined;
  }
}

function fail(error, path) {
  if (!(error instanceof Refused)) throw error;
  if (error.status === 401) {
    state.standing = "out";
    changed();
  } else if (error.word === "no-such-route") {
    state.missing.add(path.replace(/\/\d+\//, "/"));
    note("This agent is older than the panel and cannot do that yet.", "warn");
  } else {
    note(error.message, "bad");
  }
}

let notes = 0;
/** Tells something in passing. */
export function note(text, kind = "good") {
  const entry = { id: ++notes, text, kind };
  state.notes = [...state.notes.slice(-2), entry];
  say(text);
  changed();
  setTimeout(() => dismiss(entry.id), kind === "good" ? 5000 : 12000);
}

/** Takes a note away. */
export function dismiss(id) {
  state.notes = state.notes.filter((entry) => entry.id !== id);
  changed();
}

/** Says something to who listens to the page instead of looking at it. */
export function say(text) {
  document.getElementById("announce").textContent = text;
}

/** Learns everything anew. */
export async function learn() {
  await Promise.all([learnStatus(), learnFeatures()]);
  await Promise.all([learnLinks(), learnContacts(), learnHistory(), learnMessages()]);
  if (state.view === "sound") await learnSound();
}

// An event that came by while it was asked may be newer than the answer: then it is asked again, and in the end calls stay
// as events told them.
async function learnStatus(tries = 3) {
  const before = told;
  const status = await look("/v1/status");
  if (!status) return;
  if (told !== before && tries > 1) return learnStatus(tries - 1);
  state.status = told === before ? status : { ...status, calls: state.status.calls };
  for (const [id] of state.quality) if (!callOf(id)) state.quality.delete(id);
  changed();
}

async function learnFeatures() {
  const features = await want("POST", "/v1/features", {});
  if (features) state.features = features;
  changed();
}

/** The links that ask to be called. */
export async function learnLinks() {
  const links = await look("/v1/links");
  state.links = list(links, "links");
  changed();
}

/** The contacts that fit the search: those known here first, then with those of directories, which may take their time. */
export async function learnContacts() {
  const text = state.contactSearch;
  for (const directories of text.length < 2 ? [false] : [false, true]) {
    const answer = await look(`/v1/contacts?search=${encodeURIComponent(text)}&limit=200&directories=${directories}`);
    if (text !== state.contactSearch) return;
    if (answer) state.contacts = list(answer, "contacts");
    changed();
  }
}

/** The calls of the past that fit the search. */
export async function learnHistory() {
  const search = encodeURIComponent(state.historySearch);
  const answer = await look(`/v1/history?kind=call&search=${search}&limit=100`);
  if (answer) state.history = list(answer, "entries");
  changed();
}

/** The messages of the past. */
export async function learnMessages() {
  const answer = await look("/v1/history?kind=message&limit=200");
  if (answer) state.messages = list(answer, "entries").toReversed();
  else state.messages ??= [];
  changed();
}

/** The devices and how loud they are. */
export async function learnSound() {
  const [devices, volume] = await Promise.all([look("/v1/devices"), look("/v1/volume")]);
  if (devices) state.devices = devices;
  if (volume) state.volume = volume;
  changed();
}

/** Whom a search finds, for the box one dials in; directories are asked or not. */
export async function find(text, directories) {
  const answer = await look(`/v1/contacts?search=${encodeURIComponent(text)}&limit=6&directories=${directories}`);
  return list(answer, "contacts");
}

const list = (answer, key) => Array.isArray(answer) ? answer : answer?.[key] ?? [];

/** The call of a number, the first that waits to be answered, the one that is talked in. */
export const callOf = (id) => state.status.calls.find((call) => call.id === Number(id));
export const incoming = () => state.status.calls.filter((call) => call.direction === "incoming" && call.state === "ringing");
export const current = () => {
  const standing = state.status.calls.filter((call) => call.state === "established");
  return standing.find((call) => !call.on_hold) ?? standing[0] ?? state.status.calls.find((call) => call.direction === "outgoing");
};

/** Calls that are over, lest an answer that was overtaken brings one back. */
const over = new Set();
const MANY = 64;
/** How often events told of calls. */
let told = 0;

/** Puts a call's newest view in its place, as an event tells it. */
export function place(call) {
  told += 1;
  const calls = state.status.calls;
  const at = calls.findIndex((known) => known.id === call.id);
  if (at < 0) state.status.calls = [...calls, call];
  else calls[at] = { ...call, media: call.media ?? calls[at].media };
  changed();
}

/** Shows a call that an answer tells of, unless events have told more of it. */
export function begin(call) {
  if (!callOf(call.id) && !over.has(call.id)) place(call);
}

/** Takes a call away that is over. */
export function remove(call) {
  told += 1;
  over.add(call.id);
  if (over.size > MANY) over.delete(over.values().next().value);
  state.status.calls = state.status.calls.filter((known) => known.id !== call.id);
}

/** Whether a route is there, as far as is known. */
export const has = (path) => !state.missing.has(path);
