/** How an upload goes on: server-sent events, read by `fetch`, since `EventSource` sends no key. */

import { Problem, call } from "./api.js";

const SETTLED = new Set(["archived", "validation_failed", "failed"]);
const FIRST_PAUSE_MS = 500;
const LONGEST_PAUSE_MS = 10_000;
const BUSY = new Set([408, 429, 502, 503, 504]);

export const isSettled = (status) => SETTLED.has(status);

/** Call `onStatus` with each state until the upload is settled, through outages of the network. */
export async function watch(id, { onStatus, onOutage, signal }) {
  let last = "";
  let settled = false;
  let pause = FIRST_PAUSE_MS;
  while (!settled && !signal.aborted) {
    try {
      const headers = last === "" ? {} : { "Last-Event-ID": last };
      const answer = await call(`status/${id}/events`, {
        accept: "text/event-stream",
        headers,
        signal,
      });
      if (answer.status === 204) return;
      for await (const message of messages(answer.body)) {
        last = message.id || last;
        if (message.event !== "status") continue;
        const status = JSON.parse(message.data);
        settled = isSettled(status.status);
        pause = FIRST_PAUSE_MS;
        onStatus(status);
      }
    } catch (error) {
      if (signal.aborted) return;
      if (error instanceof Problem && !BUSY.has(error.status)) throw error;
      onOutage(error);
    }
    if (!settled) await new Promise((resolve) => setTimeout(resolve, pause));
    pause = Math.min(2 * pause, LONGEST_PAUSE_MS);
  }
}

/** The messages of an event stream (HTML Living Standard, 9.2.6), whose lines end with LF. */
async function* messages(body) {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    text += value;
    const blocks = text.split("\n\n");
    text = blocks.pop();
    yield* blocks.map(message);
  }
}

function message(block) {
  const found = { event: "message", data: "", id: "" };
  for (const line of block.split("\n")) {
    const [, name, value] = /^([a-z]+): ?(.*)$/.exec(line) ?? [];
    if (name === "data") found.data += (found.data && "\n") + value;
    else if (name === "event" || name === "id") found[name] = value;
  }
  return found;
}
