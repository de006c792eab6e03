/** The transfer of files: `XMLHttpRequest`, since `fetch` does not tell how far it is. */

import { address, keyHeaders, problemOf } from "./api.js";

/** Send `files` as one upload; resolves to what the server said. Rejects with `Problem`. */
export function send(files, { onProgress, signal }) {
  const form = new FormData();
  for (const { file, name } of files) form.append("file", file, name);
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open("POST", address("upload"));
    request.setRequestHeader("Accept", "application/json");
    for (const [name, value] of Object.entries(keyHeaders())) request.setRequestHeader(name, value);
    request.upload.addEventListener("progress", (event) => onProgress(event.loaded, event.total));
    request.addEventListener("load", () => {
      if (request.status === 202) resolve(JSON.parse(request.responseText));
      else reject(problemOf(request.status, request.responseText));
    });
    request.addEventListener("error", () => {
      reject(
        new Error(
          "The connection ended before the server had answered. Send it again: what arrived already " +
            "is not kept twice.",
        ),
      );
    });
    request.addEventListener("abort", () => reject(new DOMException("Cancelled", "AbortError")));
    signal.addEventListener("abort", () => request.abort(), { once: true });
    request.send(form);
  });
}
