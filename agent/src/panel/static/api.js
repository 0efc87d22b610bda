// The local API, spoken with the session of this browser: the cookie goes by itself, the key goes with us.

const KEY = "carillon-panel-key";

/** An answer that is no success: `status` of HTTP, `word` to tell it by, `message` for a person. */
export class Refused extends Error {
  constructor(status, problem) {
    super([problem.detail, problem.advice].filter(Boolean).join(". ") || problem.title || "The agent did not say why.");
    this.status = status;
    this.word = String(problem.type ?? "").split(/[:/]/).pop();
  }
}

/** Whether this browser was ever let in. */
export const hasKey = () => localStorage.getItem(KEY) !== null;

/** Trades the code of the address for a session. */
export async function enter(code) {
  const answer = await fetch("/panel/session", { method: "POST", body: JSON.stringify({ code }) });
  const body = await answer.json().catch(() => ({}));
  if (!answer.ok) throw new Refused(answer.status, body);
  localStorage.setItem(KEY, body.key);
}

/** Ends the session. */
export async function leave() {
  await fetch("/panel/session", { method: "DELETE" }).catch(() => {});
  localStorage.removeItem(KEY);
}

/** Asks for something and gives the answer; `null` when there is none. */
export async function ask(method, path, body) {
  const answer = await open(path, { method, body: body === undefined ? undefined : JSON.stringify(body) });
  const text = await answer.text();
  return text ? JSON.parse(text) : null;
}

/** Opens an answer that goes on. */
export async function open(path, options = {}) {
  const headers = { "carillon-panel": localStorage.getItem(KEY) ?? "" };
  let answer;
  try {
    answer = await fetch(path, { ...options, headers, cache: "no-store" });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Refused(0, { detail: "The agent does not answer; is it running?" });
  }
  if (!answer.ok) throw new Refused(answer.status, await answer.json().catch(() => ({})));
  return answer;
}

/** Reads server-sent events (WHATWG HTML §9.2) and hands each on; ends with the answer. */
export async function readEvents(answer, each) {
  const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    const blocks = (rest + value).split("\n\n");
    rest = blocks.pop();
    for (const block of blocks) {
      const event = { name: "message", data: "" };
      for (const line of block.split("\n")) {
        if (line.startsWith("event: ")) event.name = line.slice(7);
        if (line.startsWith("data: ")) event.data += line.slice(6);
      }
      each(event.name, event.data ? JSON.parse(event.data) : null);
    }
  }
}
