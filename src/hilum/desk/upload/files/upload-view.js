/** One upload on the page: its transfer, its states, its files with findings. */

import { document as fetched, problemText } from "./api.js";
import { announce, element, refill } from "./building.js";
import { fileEntries } from "./file-view.js";
import { isSettled, watch } from "./watching.js";
import { countsText, sizeText, stateText, timeText } from "./words.js";

let numbers = 0;

export class UploadView {
  #id = "";
  #shown = "";
  #watching = new AbortController();

  /** `about` says what is sent; `onCancel` ends the transfer, `onForget` gets the id. */
  constructor(about, { onCancel, onForget }) {
    const heading = `upload-${++numbers}`;
    this.about = about;
    this.heading = element("h3", { id: heading }, about ? `Upload of ${about}` : "Upload");
    this.progress = element("progress", { "aria-labelledby": heading });
    this.state = element("p", { class: "state" }, "Being sent");
    this.problem = element("p", { class: "bad", role: "alert", hidden: true });
    this.steps = element("ol", { class: "steps", "aria-label": "States" });
    this.files = element("div");
    this.cancel = element("button", { type: "button", click: onCancel }, "Cancel");
    this.cancel.hidden = onCancel === undefined;
    const forget = () => {
      this.#watching.abort();
      if (this.#id) onForget(this.#id);
      this.article.remove();
    };
    this.forget = element(
      "button",
      { type: "button", class: "plain", hidden: true, click: forget },
      "Take off this list",
    );
    this.article = element(
      "article",
      { "aria-labelledby": heading },
      this.heading,
      this.state,
      this.progress,
      this.problem,
      this.steps,
      this.files,
      element("p", {}, this.cancel, this.forget),
    );
  }

  sent(bytes, all) {
    this.progress.max = all;
    this.progress.value = bytes;
    this.state.textContent =
      bytes < all ? `Being sent: ${sizeText(bytes)} of ${sizeText(all)}` : "Sent; being received";
  }

  refused(text) {
    this.#transferred();
    this.state.textContent = "";
    this.#tell(text);
  }

  /** Show how the upload `id` goes on, until nothing more happens. Throws `Problem`. */
  async follow(id) {
    this.#id = id;
    this.#transferred();
    this.article.dataset.study = id;
    await watch(id, {
      onStatus: (status) => this.#show(status),
      onOutage: () => this.#tell("The server does not answer just now; this page goes on asking."),
      signal: this.#watching.signal,
    });
    if (!this.#watching.signal.aborted) await this.#showFindings();
  }

  #transferred() {
    this.progress.hidden = true;
    this.cancel.hidden = true;
    this.forget.hidden = false;
  }

  #tell(text) {
    this.problem.textContent = text;
    this.problem.hidden = text === "";
  }

  #show(status) {
    this.#tell("");
    const { total = 0, bytes = 0 } = status.files ?? {};
    const size = `${total === 1 ? "1 file" : `${total} files`}, ${sizeText(bytes)}`;
    this.heading.textContent = `Upload of ${size}, ${new Date(status.created).toLocaleString()}`;
    const counts = countsText(status.files);
    const said = `${stateText(status.status)}${status.partial ? " in part" : ""}`;
    this.state.textContent = counts ? `${said}: ${counts}` : said;
    this.state.dataset.status = status.status;
    const steps = status.history ?? [];
    refill(
      this.steps,
      steps.map((step, place) =>
        element(
          "li",
          { "aria-current": place === steps.length - 1 ? "step" : null },
          element("b", {}, stateText(step.status)),
          ` ${timeText(step.time)}`,
          step.text ? element("small", {}, ` ${step.text}`) : null,
        ),
      ),
    );
    if (this.state.textContent !== this.#shown) announce(`Upload: ${this.state.textContent}`);
    this.#shown = this.state.textContent;
    const failed = status.details?.error;
    if (isSettled(status.status) && failed) this.#tell(String(failed));
  }

  async #showFindings() {
    const status = await fetched(`status/${this.#id}`);
    this.#show(status);
    const again = () => this.follow(this.#id).catch((error) => this.#tell(problemText(error)));
    const found = status.findings ?? [];
    refill(
      this.files,
      fileEntries(found, { onChanged: again }),
      status.findings_complete === false
        ? element("p", {}, "Not all files with findings are shown: those with errors come first.")
        : null,
    );
  }
}
