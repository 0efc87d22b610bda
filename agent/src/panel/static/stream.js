// One stream of events for all tabs: a browser opens six connections to one address, and no more.
// The tab that holds the lock listens and tells the others; when it closes, the next one takes over.

import { open, readEvents } from "./api.js";

const RETRY_FIRST = 500;
const RETRY_MOST = 15000;

/** Follows the agent's events. `each` gets every event, `stands` gets `on`, `lost` or `out`. */
export function follow(each, stands) {
  const channel = new BroadcastChannel("carillon-panel");
  let standing = null;
  const stand = (now) => {
    standing = now;
    stands(now);
    channel.postMessage({ standing });
  };
  channel.addEventListener("message", ({ data }) => {
    if (data.standing) stands(data.standing);
    else if (data.asks && standing) channel.postMessage({ standing });
    else if (data.name) each(data.name, data.data);
  });
  channel.postMessage({ asks: true });
  navigator.locks.request("carillon-events", async () => {
    let pause = RETRY_FIRST;
    for (;;) {
      try {
        await readEvents(await open("/v1/events"), (name, data) => {
          if (name === "message") {
            pause = RETRY_FIRST;
            stand("on");
            return;
          }
          each(name, data);
          channel.postMessage({ name, data });
        });
      } catch (error) {
        if (error.status === 401) {
          stand("out");
          return;
        }
      }
      stand("lost");
      await new Promise((wake) => setTimeout(wake, pause * (0.75 + Math.random() / 2)));
      pause = Math.min(pause * 2, RETRY_MOST);
    }
  });
}

/** Reads a stream for as long as something shows it: `show(true)` begins, `show(false)` ends. */
export function whileShown(path, each, ended = () => {}) {
  let running = null;
  return (shown) => {
    if (shown === Boolean(running)) return;
    running?.abort();
    running = null;
    if (!shown) return;
    const mine = new AbortController();
    running = mine;
    open(path, { signal: mine.signal })
      .then((answer) => readEvents(answer, each))
      .catch((error) => error)
      .then((error) => {
        // Kept as running after a refusal: it is tried again when it is shown again.
        if (running === mine) ended(error);
      });
  };
}
