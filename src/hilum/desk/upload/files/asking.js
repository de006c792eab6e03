/** Questions before something is done. */

import { element, refill } from "./building.js";

/**
 * Ask; resolves to `{ reason, coercions? }`, the body of a decision, or to null when it is not to
 * be done. `choices` are `{ value, text, checked }`; without `action` there is nothing to do.
 */
export function ask({ title, text, choices = [], action }) {
  const dialog = document.getElementById("question");
  const reason = element("input", { name: "reason", autocomplete: "off", maxlength: "200" });
  const boxes = choices.map(({ value, checked }) =>
    element("input", { type: "checkbox", value, checked }),
  );
  const form = element(
    "form",
    { method: "dialog" },
    element("h2", { id: "question-title" }, title),
    element("p", {}, text),
    choices.length
      ? element(
          "fieldset",
          {},
          element("legend", {}, "What is done"),
          choices.map((choice, place) =>
            element(
              "label",
              { class: "choice" },
              boxes[place],
              ` ${choice.text} `,
              element("code", {}, choice.value),
            ),
          ),
        )
      : null,
    action ? element("label", {}, "Reason (may be left out) ", reason) : null,
    element(
      "p",
      {},
      action ? element("button", { value: "yes" }, action) : null,
      element("button", { value: "no", formnovalidate: true }, action ? "Leave it" : "Close"),
    ),
  );
  refill(dialog, form);
  dialog.returnValue = "";
  dialog.showModal();
  return new Promise((resolve) => {
    dialog.addEventListener(
      "close",
      () => {
        if (dialog.returnValue !== "yes") return resolve(null);
        const answer = reason.value.trim() ? { reason: reason.value.trim() } : {};
        if (choices.length)
          answer.coercions = boxes.filter((box) => box.checked).map((box) => box.value);
        resolve(answer);
      },
      { once: true },
    );
  });
}
