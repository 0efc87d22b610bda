// Makes elements, and brings what is on the page in line with what it should be.
// Text is always text: nothing here, and nothing anywhere in the panel, reads HTML.

const SVG = "http://www.w3.org/2000/svg";

const PATHS = {
  phone: "M6.6 10.8a15 15 0 0 0 6.6 6.6l2.2-2.2c.3-.3.7-.4 1-.2 1.1.4 2.3.6 3.6.6.6 0 1 .4 1 1V20c0 .6-.4 1-1 1A17 17 0 0 1 3 4c0-.6.4-1 1-1h3.5c.6 0 1 .4 1 1 0 1.2.2 2.4.6 3.6.1.3 0 .7-.2 1z",
  end: "M12 9c-1.6 0-3.1.25-4.6.7v3.1c0 .4-.2.7-.6.9-1 .5-1.9 1.1-2.6 1.9-.2.2-.4.3-.7.3s-.5-.1-.7-.3L.3 13.1a1 1 0 0 1 0-1.4A16.9 16.9 0 0 1 12 7c4.5 0 8.7 1.8 11.7 4.7.4.4.4 1 0 1.4l-2.5 2.5c-.2.2-.4.3-.7.3s-.5-.1-.7-.3c-.8-.7-1.7-1.4-2.6-1.9-.3-.1-.6-.5-.6-.9V9.7C15.1 9.25 13.6 9 12 9z",
  pause: "M7 5h3.5v14H7zM13.5 5H17v14h-3.5z",
  play: "M8 5v14l11-7z",
  mic: "M12 14.5a3 3 0 0 0 3-3v-6a3 3 0 0 0-6 0v6a3 3 0 0 0 3 3zm5.3-3a5.3 5.3 0 0 1-10.6 0H5a7 7 0 0 0 6 6.9V21.5h2v-3.1a7 7 0 0 0 6-6.9z",
  muted: "M19 11.5h-1.7c0 .7-.2 1.4-.4 2l1.2 1.3c.6-1 .9-2.1.9-3.3zM15 11.7V5.5a3 3 0 0 0-6-.2v.2zM4.3 3 3 4.3l6 6v1.2a3 3 0 0 0 3.7 2.9l1.7 1.7a5.3 5.3 0 0 1-7.7-4.6H5a7 7 0 0 0 6 6.9V21.5h2v-3.1c.9-.1 1.8-.45 2.5-.9l4.2 4.2 1.3-1.3z",
  keys: "M5 4h3v3H5zm5.5 0h3v3h-3zM16 4h3v3h-3zM5 9.5h3v3H5zm5.5 0h3v3h-3zm5.5 0h3v3h-3zM5 15h3v3H5zm5.5 0h3v3h-3zm5.5 0h3v3h-3zM10.5 19.5h3v2.5h-3z",
  transfer: "M14 4v4.5C7 9.5 4 14.5 3 19.5c2.5-3.5 6-5.1 11-5.1V19l7.5-7.5z",
  record: "M12 5.5a6.5 6.5 0 1 1 0 13 6.5 6.5 0 0 1 0-13z",
  people: "M9 11.5a3.5 3.5 0 1 0 0-7 3.5 3.5 0 0 0 0 7zm7.5 0a3 3 0 1 0-.9-5.9 5 5 0 0 1 0 5.7c.3.13.6.2.9.2zM9 13.5c-3 0-7 1.5-7 4.5v1.5h14V18c0-3-4-4.5-7-4.5zm8 .1c1.3.9 2 2.3 2 4.4v1.5h3.5V18c0-2.5-2.9-4-5.5-4.4z",
  clock: "M12 3a9 9 0 1 0 0 18 9 9 0 0 0 0-18zm1 9.6 3.8 2.2-.9 1.5L11.3 13.6V7H13z",
  chat: "M4 4h16a1.5 1.5 0 0 1 1.5 1.5v10A1.5 1.5 0 0 1 20 17H8l-5.5 4V5.5A1.5 1.5 0 0 1 4 4z",
  sound: "M4 9v6h4l5 5V4L8 9zm12.5 3A4.5 4.5 0 0 0 14 8v8a4.5 4.5 0 0 0 2.5-4zM14 3.5v2a6.7 6.7 0 0 1 0 13v2a8.7 8.7 0 0 0 0-17z",
  desk: "M4 4h16a1 1 0 0 1 1 1v11a1 1 0 0 1-1 1h-6.5v2H17v2H7v-2h3.5v-2H4a1 1 0 0 1-1-1V5a1 1 0 0 1 1-1zm1 2v9h14V6z",
  bell: "M12 2.5a1.5 1.5 0 0 1 1.5 1.6A6.5 6.5 0 0 1 18.5 10.5V16l2 2.5h-17l2-2.5v-5.5A6.5 6.5 0 0 1 10.5 4.1 1.5 1.5 0 0 1 12 2.5zM9.5 20h5a2.5 2.5 0 0 1-5 0z",
  quiet: "M12 3a9 9 0 1 0 0 18 9 9 0 0 0 0-18zM7 11h10v2H7z",
  in: "M18.5 5.5 8 16v-5.5H6V19.5h9v-2H9.5L20 7z",
  out: "M5.5 18.5 16 8v5.5h2V4.5H9v2h5.5L4 17z",
  trash: "M6 8h12l-1 13H7zM9 3h6l1 1.5h4v2H4v-2h4z",
  add: "M11 5h2v6h6v2h-6v6h-2v-6H5v-2h6z",
  search: "M10 4a6 6 0 1 1 0 12 6 6 0 0 1 0-12zm0 2a4 4 0 1 0 0 8 4 4 0 0 0 0-8zm5.4 8 5 5-1.4 1.4-5-5z",
  send: "M3 20.5 21.5 12 3 3.5v6.6L15 12 3 13.9z",
  close: "M6.4 5 12 10.6 17.6 5 19 6.4 13.4 12l5.6 5.6-1.4 1.4-5.6-5.6L6.4 19 5 17.6 10.6 12 5 6.4z",
  back: "M20 11H7.8l5.6-5.6L12 4l-8 8 8 8 1.4-1.4L7.8 13H20z",
  erase: "M8 5h13v14H8l-6-7zm3.4 3L10 9.4l2.6 2.6L10 14.6l1.4 1.4 2.6-2.6 2.6 2.6 1.4-1.4-2.6-2.6L18 9.4 16.6 8 14 10.6z",
  help: "M12 2.5a9.5 9.5 0 1 0 0 19 9.5 9.5 0 0 0 0-19zm1 15.5h-2v-2h2zm1.9-7.2c-.9 1-1.8 1.5-1.9 3.2h-2c0-2.6 1.2-3.4 2.2-4.4a1.7 1.7 0 1 0-2.9-1.4H8.3a3.7 3.7 0 1 1 6.6 2.6z",
  join: "M7 4v5.2l4 4V20h2v-6.8l4-4V4h-2v4.4l-3 3-3-3V4z",
};

/** An element; falsy children and attributes are left out. */
export function h(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === false || value === null || value === undefined) continue;
    element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.flat(3).filter((child) => child || child === 0));
  return element;
}

/** A drawing that says nothing by itself. */
export function icon(name) {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("viewBox", "0 0 24 24");
  svg.setAttribute("class", "icon");
  svg.setAttribute("aria-hidden", "true");
  const path = document.createElementNS(SVG, "path");
  path.setAttribute("d", PATHS[name]);
  svg.append(path);
  return svg;
}

/** A name or address from elsewhere: its direction of writing touches nothing around it. */
export function name(text, attributes = {}) {
  return h("bdi", attributes, plain(text));
}

/** Text without control and direction marks that would disguise it. */
export function plain(text) {
  return String(text ?? "").replace(/[\u0000-\u001f\u007f-\u009f\u200e\u200f\u061c\u202a-\u202e\u2066-\u2069]/g, "");
}

/** A button that does something: `act` names it, `about` goes with it. */
export function button(act, label, { symbol, about = {}, ...attributes } = {}, ...more) {
  const data = Object.fromEntries(Object.entries(about).map(([key, value]) => [`data-${key}`, value]));
  return h("button", { type: "button", "data-act": act, ...data, ...attributes },
    symbol && icon(symbol), label && h("span", {}, label), ...more);
}

const keyOf = (node) => node.nodeType === Node.ELEMENT_NODE ? node.dataset?.key ?? (node.id || null) : null;

/** What a person opens and shuts. */
const OPENED = new Set(["DIALOG", "DETAILS"]);

/** Makes `old` like `next`, keeping every element, field and focus that stays. */
export function patch(old, next) {
  if (old.nodeType !== next.nodeType || old.nodeName !== next.nodeName) return old.replaceWith(next);
  if (old.nodeType !== Node.ELEMENT_NODE) {
    if (old.data !== next.data) old.data = next.data;
    return;
  }
  for (const { name } of [...old.attributes]) {
    if (!next.hasAttribute(name) && name !== "style" && !(name === "open" && OPENED.has(old.nodeName))) old.removeAttribute(name);
  }
  for (const { name, value } of next.attributes) {
    if (old.getAttribute(name) !== value) old.setAttribute(name, value);
  }
  patchField(old, next);
  if (!next.hasAttribute("data-own")) patchChildren(old, next);
}

// What a field holds follows the page only where the page says so, and never under the user's hands.
function patchField(old, next) {
  if (old === document.activeElement && old.nodeName !== "SELECT" && old.type !== "checkbox") return;
  if (old.nodeName === "INPUT" && next.hasAttribute("value") && old.value !== next.value) old.value = next.value;
  if (old.type === "checkbox" && old.checked !== next.checked) old.checked = next.checked;
  if (old.nodeName === "OPTION" && old.selected !== next.selected) old.selected = next.selected;
}

function patchChildren(old, next) {
  const wanted = new Set([...next.childNodes].map(keyOf).filter(Boolean));
  const kept = new Map();
  for (const child of [...old.childNodes]) {
    const key = keyOf(child);
    if (!key) continue;
    if (wanted.has(key)) kept.set(key, child);
    else child.remove();
  }
  let at = old.firstChild;
  for (const child of [...next.childNodes]) {
    const key = keyOf(child);
    let match = key ? kept.get(key) : at && !keyOf(at) && at.nodeName === child.nodeName ? at : null;
    if (match) {
      if (match === at) at = at.nextSibling;
      else old.insertBefore(match, at);
      patch(match, child);
    } else {
      old.insertBefore(child, at);
    }
  }
  while (at) {
    const gone = at;
    at = at.nextSibling;
    gone.remove();
  }
}
