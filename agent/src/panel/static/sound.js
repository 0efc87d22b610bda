// Microphone, speaker and what rings: which, how loud, and whether anything is heard.

import { empty } from "./contacts.js";
import { h, icon, plain } from "./element.js";
import { changed, has, learnSound, note, state, want } from "./state.js";

const QUIETEST = -60;

/** The view. */
export function sound() {
  if (!has("/v1/devices")) {
    return [h("div", { class: "head" }, h("h2", {}, "Sound")), empty("sound", "Devices are set elsewhere", "This agent takes its devices from its configuration.")];
  }
  const devices = state.devices;
  const levels = has("/v1/levels");
  return [
    h("div", { class: "head" }, h("h2", {}, "Sound")),
    devices === null ? h("p", { class: "soft", role: "status" }, "Looking…") : h("div", { class: "sound" },
      part("input", "mic", "Microphone", devices, levels && "Speak, and the bar moves."),
      part("output", "sound", "Speaker", devices, levels && "The bar moves when something is played."),
      part("ring", "bell", "Ringing", devices, "Where incoming calls are heard.")),
    devices?.trouble && h("p", { class: "trouble" }, plain(devices.trouble)),
    h("p", { class: "soft" }, "A change takes effect at once, in a call too, and lasts until Carillon is started anew."),
  ];
}

function part(which, symbol, title, devices, hint) {
  const way = which === "input" ? "input" : "output";
  const all = devices.devices.filter((device) => device[way]);
  const chosen = devices[which] ?? "default";
  const known = ["default", ...all.map((device) => device.id)].includes(chosen) || all.some((device) => device.name === chosen);
  const volume = state.volume?.[which];
  return h("fieldset", { class: "card" },
    h("legend", {}, icon(symbol), title),
    h("label", { class: "field" }, "Device",
      h("select", { "data-change": "device", "data-which": which },
        option("default", "The system's choice", chosen),
        !known && option(chosen, plain(chosen), chosen),
        all.map((device) => option(device.id ?? device.name, plain(device.name), device.name === chosen ? device.id : chosen)))),
    volume !== undefined && h("label", { class: "field" }, h("span", { class: "split" }, "Volume", h("output", {}, `${volume} %`)),
      h("input", { type: "range", min: "0", max: "200", step: "5", value: String(volume), "data-change": "volume", "data-which": which })),
    which !== "ring" && has("/v1/levels") && h("div", { class: "meter", role: "meter", "aria-label": `Level of the ${title.toLowerCase()}`, "aria-valuemin": String(QUIETEST), "aria-valuemax": "0", "aria-valuenow": String(Math.round(Math.max(QUIETEST, state.level[which] ?? QUIETEST))), "data-level": which, "data-own": true }, h("span", {})),
    hint && h("p", { class: "soft" }, hint));
}

function option(value, label, chosen) {
  const made = h("option", { value }, label);
  made.selected = value === chosen;
  return made;
}

/** Levels came; they move a bar and nothing else. */
export function levels(_, level) {
  if (!level) return;
  Object.assign(state.level, level);
  for (const meter of document.querySelectorAll("[data-level]")) {
    const now = Math.min(0, Math.max(QUIETEST, state.level[meter.dataset.level] ?? QUIETEST));
    meter.style.setProperty("--level", String(1 - now / QUIETEST));
    meter.setAttribute("aria-valuenow", String(Math.round(now)));
  }
}

export const soundChanges = {
  device: async ({ which }, field) => {
    const label = field.selectedOptions[0].textContent;
    if (await want("POST", "/v1/devices", { [which]: field.value }) !== undefined) note(`${label} is in use`);
    learnSound();
  },
  volume: async ({ which }, field) => {
    if (state.volume) state.volume[which] = Number(field.value);
    changed();
    const volume = await want("POST", "/v1/volume", { [which]: Number(field.value) });
    if (volume?.[which] !== undefined) state.volume = volume;
    changed();
  },
};
