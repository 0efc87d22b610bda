// The desk itself: its accounts, what becomes of calls that nobody takes, and the way to its server.

import { leave } from "./api.js";
import { button, h, name, plain } from "./element.js";
import { short, when } from "./people.js";
import { changed, learn, learnLinks, note, state, want } from "./state.js";

const STATES = {
  registered: ["good", "Registered"], local: ["good", "Ready, without a registrar"], registering: ["busy", "Registering"],
  failed: ["bad", "Not registered"], restarting: ["busy", "Starting anew"], given_up: ["bad", "Given up"],
  disabled: ["off", "Off"], stopped: ["off", "Stopped"],
};
const FORWARDS = [["always", "forward_always", "All calls"], ["busy", "forward_busy", "When busy"], ["no_answer", "forward_no_answer", "When nobody answers"]];

/** Whether anyone rings here. */
export const quiet = () => state.features.length > 0 && state.features.every((features) => features.do_not_disturb);

/** How the accounts stand, in one word and shape. */
export function summary() {
  const accounts = state.status.accounts.filter((account) => account.state !== "disabled");
  if (state.standing === "starting") return ["busy", "Connecting"];
  if (state.standing === "lost") return ["bad", "Agent not reached"];
  if (accounts.length === 0) return ["off", "No account"];
  const worst = ["given_up", "failed", "restarting", "registering", "stopped"].map((bad) => accounts.find((account) => account.state === bad)).find(Boolean);
  if (!worst) return ["good", accounts.length > 1 ? `${accounts.length} accounts registered` : STATES[accounts[0].state]?.[1] ?? plain(accounts[0].state)];
  return STATES[worst.state] ?? ["busy", plain(worst.state)];
}

/** The view. */
export function desk() {
  const { accounts, link } = state.status;
  return [
    h("div", { class: "head" }, h("h2", {}, state.status.name ? ["Desk ", name(state.status.name)] : "This desk")),
    accounts.length === 0
      ? h("div", { class: "card" }, h("h3", {}, "No account yet"), h("p", { class: "soft" }, "Your administrator gives this desk a ticket: ", h("code", {}, "carillon enrol TICKET"), ". Or write an account into ", h("code", {}, "agent.yaml"), "."))
      : accounts.map(account),
    accounts.length > 0 && forwards(),
    h("section", { class: "card", "aria-label": "Server" },
      h("h3", {}, "Server"),
      h("dl", { class: "facts" },
        fact("Provisioned by", link.server ? name(link.server.replace(/^[a-z]+:\/\//, "")) : "nobody; this desk runs on its own"),
        link.last_contact && fact("Last contact", when(link.last_contact)),
        state.status.generation && fact("Configuration", `Generation ${state.status.generation}`),
        fact("Version", plain(state.status.version)),
        state.status.notifications && fact("Notifications", state.status.notifications.on ? "On" : `Off: ${plain(state.status.notifications.why)}`)),
      [link.trouble, link.agent_file_error, link.refused?.reason].filter(Boolean).map((text) => h("p", { class: "trouble" }, plain(text)))),
    h("p", {}, button("leave", "Sign out of this panel", { class: "link" })),
  ];
}

const fact = (what, value) => h("div", {}, h("dt", {}, what), h("dd", {}, value));

function account(account) {
  const [kind, word] = STATES[account.state] ?? ["busy", plain(account.state)];
  const waiting = state.waiting.get(account.id);
  return h("section", { class: "card account", "data-key": `account-${account.id}`, "aria-label": `Account ${plain(account.label || account.address)}` },
    h("div", { class: "top" },
      h("div", { class: "names" },
        h("h3", {}, name(account.label || short(account.address))),
        h("p", { class: "soft" }, name(account.address.replace(/^sips?:/, "")))),
      h("p", { class: "standing" }, h("span", { class: `dot ${kind}` }), word)),
    account.reason && h("p", { class: "trouble" }, plain(account.reason)),
    waiting?.waiting && h("p", { class: "soft" }, waiting.new ? `${waiting.new} new voice messages` : "Voice messages wait"),
    h("div", { class: "acts" },
      state.status.accounts.length > 1 && account.preferred !== undefined && (account.preferred
        ? h("span", { class: "badge" }, "Used for calls")
        : button("use", "Use for calls", { class: "quiet", about: { account: account.id } })),
      ["failed", "given_up", "restarting"].includes(account.state) && button("restart", "Try again now", { class: "quiet", about: { account: account.id } })));
}

function forwards() {
  const now = state.features[0] ?? {};
  return h("section", { class: "card", "aria-label": "Incoming calls" },
    h("h3", {}, "Incoming calls"),
    h("label", { class: "switch" }, h("span", {}, "Do not disturb", h("small", { class: "soft" }, "No call rings here")),
      check(quiet(), { "data-change": "disturb" })),
    h("form", { class: "forwards", "data-act": "forward", autocomplete: "off" },
      h("h4", {}, "Forward"),
      FORWARDS.map(([kind, key, label]) => h("label", { class: "field" }, label,
        h("input", { name: kind, value: now[key] ?? "", placeholder: "Not forwarded", list: "people", maxlength: "255", spellcheck: "false" }))),
      h("button", { type: "submit", class: "primary" }, "Save")));
}

function check(on, attributes) {
  const box = h("input", { type: "checkbox", role: "switch", ...attributes });
  box.checked = on;
  return box;
}

/** The links that web pages want called. */
export function asks() {
  return state.links.map((ask) => h("article", { class: "card ask", "data-key": `ask-${ask.id}`, "aria-label": "A link wants to place a call" },
    h("p", { class: "eyebrow" }, "A link asks"),
    h("p", {}, "Call ", h("strong", {}, name(ask.target ?? ask.link)), "?"),
    h("p", { class: "soft" }, "A page or program on this computer opened it."),
    h("div", { class: "answer" },
      button("settle", "Call", { symbol: "phone", class: "good", about: { id: ask.id, allow: "yes" } }),
      button("settle", "Ignore", { class: "quiet", about: { id: ask.id, allow: "no" } }))));
}

async function disturb(on) {
  const features = await want("POST", "/v1/features", { do_not_disturb: on });
  if (features) state.features = features;
  if (features) note(on ? "Calls do not ring here" : "Calls ring again");
  changed();
}

export const deskActs = {
  quiet: () => disturb(!quiet()),
  forward: async (_, form) => {
    for (const [kind, key] of FORWARDS) {
      const target = form.elements[kind].value.trim();
      if (target === (state.features[0]?.[key] ?? "")) continue;
      const features = await want("POST", "/v1/features", { forward: [kind, target] });
      if (!features) return;
      state.features = features;
      note(target ? `${FORWARDS.find(([known]) => known === kind)[2]}: forwarded to ${target}` : "Not forwarded any more");
    }
    changed();
  },
  use: async ({ account }) => { await want("POST", `/v1/accounts/${encodeURIComponent(account)}/use`); learn(); },
  restart: ({ account }) => want("POST", `/v1/accounts/${encodeURIComponent(account)}/restart`),
  settle: async ({ id, allow }) => { await want("POST", `/v1/links/${id}`, { allow: allow === "yes" }); learnLinks(); },
  leave: async () => { await leave(); state.standing = "out"; changed(); },
};

export const deskChanges = { disturb: (_, field) => disturb(field.checked) };
