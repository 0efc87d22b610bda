// How people, numbers and times are written.

import { plain } from "./element.js";
import { state } from "./state.js";

/** An address as people write it: no scheme, and no domain that is our own. */
export function short(address) {
  const bare = plain(address).replace(/^.*<([^>]*)>.*$/, "$1").replace(/^(sips?|tel):/i, "").split(/[;?]/)[0];
  const [user, host] = [bare.slice(0, bare.lastIndexOf("@")), bare.slice(bare.lastIndexOf("@") + 1)];
  if (!user) return bare;
  return state.status.accounts.some((account) => domain(account.address) === domain(host)) ? user : bare;
}

const domain = (address) => address.split("@").pop().replace(/:\d+$/, "").toLowerCase();
const digits = (text) => text.replace(/[^0-9*#]/g, "");

/** The contact of an address. */
export function contactOf(address) {
  const wanted = short(address);
  return (state.contacts ?? []).find((contact) => {
    const known = short(contact.number);
    return known === wanted || (digits(wanted).length > 5 && digits(known) === digits(wanted));
  });
}

/** The name of the far side: the contact's, else the one it gives itself, else its number. */
export function nameOf(address, given) {
  return plain(contactOf(address)?.name ?? given ?? "").trim() || short(address);
}

/** Two letters for the picture that nobody has. */
export function initials(name) {
  const words = plain(name).replace(/[^\p{L}\p{N} ]/gu, " ").trim().split(/\s+/);
  const letters = words.filter((word) => /^\p{L}/u.test(word));
  return (letters.length ? letters.slice(0, 2).map((word) => [...word][0]).join("") : "#").toUpperCase();
}

/** A colour for the picture, one of six, the same for the same name. */
export const tint = (name) => [...plain(name)].reduce((sum, letter) => (sum * 31 + letter.codePointAt(0)) % 6, 0);

/** A span of seconds as a clock. */
export function clock(seconds) {
  const whole = Math.max(0, Math.floor(seconds));
  const two = (n) => String(n).padStart(2, "0");
  const hours = Math.floor(whole / 3600);
  return (hours ? `${hours}:${two(Math.floor(whole / 60) % 60)}` : Math.floor(whole / 60)) + ":" + two(whole % 60);
}

/** When something was, as short as it is clear. */
export function when(seconds) {
  const at = new Date(seconds * 1000);
  const time = at.toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" });
  const days = Math.round((new Date().setHours(0, 0, 0, 0) - new Date(at).setHours(0, 0, 0, 0)) / 86400000);
  if (days === 0) return time;
  if (days === 1) return `Yesterday ${time}`;
  if (days < 7) return `${at.toLocaleDateString([], { weekday: "short" })} ${time}`;
  return at.toLocaleDateString([], { day: "numeric", month: "short", year: "numeric" });
}
