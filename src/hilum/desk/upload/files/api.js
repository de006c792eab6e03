/** Calls of the server; where it asks for a key, so does this page, once for all who wait. */

const ROOT = new URL("..", import.meta.url);
const PLACE_OF_KEY = "hilum.api-key";

/** What the server answered instead of what was asked for (RFC 9457). */
export class Problem extends Error {
  constructor(status, document) {
    const { title = `The server answered ${status}`, detail = "", errors = [] } = document;
    const more = errors.map((each) => each?.detail ?? each?.text ?? "").filter(Boolean);
    super([detail || `${title}.`, ...more].join(" "));
    this.status = status;
  }
}

/** What to tell a person about an error. */
export const problemText = (error) =>
  error instanceof TypeError ? "The server does not answer." : error.message;

/** The address of `path`, whatever prefix a proxy put before it. */
export const address = (path) => new URL(path, ROOT);

export const keyHeaders = () => {
  const key = sessionStorage.getItem(PLACE_OF_KEY);
  return key === null ? {} : { "X-API-Key": key };
};

/** What a body says about why it is no success; for answers of proxies, which may be anything. */
export const problemOf = (status, text) => {
  try {
    const document = JSON.parse(text);
    return new Problem(status, document !== null && typeof document === "object" ? document : {});
  } catch {
    return new Problem(status, {});
  }
};

/** Fetch, with a key once one is asked for. Throws `Problem`, or `TypeError` without a network. */
export async function call(path, { method = "GET", json, accept, headers = {}, signal } = {}) {
  for (;;) {
    const answer = await fetch(address(path), {
      method,
      cache: "no-store",
      credentials: "same-origin",
      headers: {
        Accept: accept ?? "application/json",
        ...(json === undefined ? {} : { "Content-Type": "application/json" }),
        ...headers,
        ...keyHeaders(),
      },
      body: json === undefined ? undefined : JSON.stringify(json),
      signal,
    });
    if (answer.ok) return answer;
    const problem = problemOf(answer.status, await answer.text());
    if (answer.status !== 401) throw problem;
    await keyFromUser(problem);
  }
}

/** As `call`, and the JSON of the answer. */
export const document = async (path, options) => (await call(path, options)).json();

/** Make sure that the server knows us before much is sent to it for nothing. */
export async function introduce() {
  try {
    await call("api/v1/uploads?limit=1");
  } catch (error) {
    if (!(error instanceof Problem)) throw error; // such as 403: this key may write only
  }
}

let asking = null;

function keyFromUser(problem) {
  asking ??= shownKeyForm(problem).finally(() => {
    asking = null;
  });
  return asking;
}

function shownKeyForm(problem) {
  const form = window.document.getElementById("key-form");
  const input = form.elements.namedItem("key");
  const had = sessionStorage.getItem(PLACE_OF_KEY) !== null;
  sessionStorage.removeItem(PLACE_OF_KEY);
  window.document.getElementById("key-why").textContent = had
    ? `This key is not taken: ${problem.message}`
    : "This server asks who you are.";
  form.hidden = false;
  input.focus();
  return new Promise((resolve) => {
    form.addEventListener(
      "submit",
      (event) => {
        event.preventDefault();
        sessionStorage.setItem(PLACE_OF_KEY, input.value.trim());
        input.value = "";
        form.hidden = true;
        resolve();
      },
      { once: true },
    );
  });
}
