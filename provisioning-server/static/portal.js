// Makes the portal live. Every page works without it, by links, forms and reloading.
"use strict";

const RETRY_FIRST = 2000;
const RETRY_MOST = 60000;
const TYPING_PAUSE = 200;
const CLOCK_STEP = 5000;

const main = document.querySelector("main");
const skew = (Number(main.dataset.now) || Date.now() / 1000) - Date.now() / 1000;

// One stream of swaps for the page that is seen; a hidden tab holds none, so that many tabs share few connections.
let stream = null;
let retry = null;
let pause = RETRY_FIRST;

function listen() {
  clearTimeout(retry);
  if (stream) stream.close();
  stream = null;
  const address = document.querySelector("[data-events]")?.dataset.events;
  if (!address || document.hidden) return;
  stream = new EventSource(address);
  stream.addEventListener("open", () => { pause = RETRY_FIRST; tell("on", "Live"); });
  stream.addEventListener("swap", (event) => swap(event.data));
  stream.addEventListener("ended", () => location.replace(location.href));
  stream.addEventListener("error", () => {
    tell("lost", "Connection lost, trying again");
    stream.close();
    stream = null;
    retry = setTimeout(listen, pause * (0.75 + Math.random() / 2));
    pause = Math.min(pause * 2, RETRY_MOST);
  });
}

function tell(state, text) {
  const live = document.getElementById("live");
  if (live && live.textContent !== text) {
    live.classList.remove("on", "lost");
    live.classList.add(state);
    live.textContent = text;
  }
}

// An update: the id of an element on its first line, then the element that takes its place.
function swap(update) {
  const cut = update.indexOf("\n");
  const old = document.getElementById(update.slice(0, cut));
  if (!old) return;
  const parsed = document.createElement("template");
  parsed.innerHTML = update.slice(cut + 1);
  const next = parsed.content.firstElementChild;
  if (!next || old.outerHTML === next.outerHTML) return;
  const held = old.contains(document.activeElement) ? document.activeElement.getAttribute("href") : null;
  next.classList.add("fresh");
  old.replaceWith(next);
  if (held) [...next.querySelectorAll("a[href]")].find((a) => a.getAttribute("href") === held)?.focus();
  tick();
}

// Keeps "3 min ago" true.
function ago(seconds) {
  if (seconds < 10) return "just now";
  if (seconds < 60) return Math.floor(seconds) + " s ago";
  if (seconds < 3600) return Math.floor(seconds / 60) + " min ago";
  if (seconds < 172800) return Math.floor(seconds / 3600) + " h ago";
  return Math.floor(seconds / 86400) + " days ago";
}

function tick() {
  if (document.hidden) return;
  for (const time of document.querySelectorAll("time[data-ago]")) {
    const text = ago(Math.max(0, Date.now() / 1000 + skew - Number(time.dataset.ago)));
    if (time.textContent !== text) time.textContent = text;
  }
}

// Filters while typing: the form's own answer, its list put in place of the one shown.
const search = document.querySelector("form[data-filter]");
let typing = null;
let asked = null;

async function filter() {
  const address = search.action.split("?")[0] + "?" + new URLSearchParams(new FormData(search));
  asked?.abort();
  asked = new AbortController();
  try {
    const answer = await fetch(address, { signal: asked.signal, headers: { Accept: "text/html" } });
    if (!answer.ok || answer.redirected) { location.assign(address); return; }
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    for (const id of ["counts", "list"]) document.getElementById(id).replaceWith(page.getElementById(id));
    history.replaceState(null, "", address);
    tick();
    listen();
  } catch (error) {
    if (error.name !== "AbortError") tell("lost", "Connection lost, trying again");
  }
}

if (search) {
  document.getElementById("search-hint").hidden = false;
  search.addEventListener("input", () => { clearTimeout(typing); typing = setTimeout(filter, TYPING_PAUSE); });
  search.addEventListener("submit", (event) => { event.preventDefault(); clearTimeout(typing); filter(); });
}

document.addEventListener("keydown", (event) => {
  if (event.key !== "/" || event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.target.closest("input, select, textarea")) return;
  const field = document.querySelector("input[type=search]");
  if (field) { event.preventDefault(); field.focus(); field.select(); }
});

document.addEventListener("visibilitychange", () => { tick(); listen(); });
addEventListener("pagehide", () => stream?.close());
addEventListener("pageshow", (event) => { if (event.persisted) listen(); });
setInterval(tick, CLOCK_STEP);
tick();
listen();
