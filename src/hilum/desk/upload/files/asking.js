/** Questions before something is done. */

import { element, refill } from "./building.js";

/**
 * Ask; resolves to `{ reason?, coercions? }`, the body of a decision, or to null when it is not to
 * be done. `choices` are `{ value, text, checked, parameter, details }`; without `action` there is
 * nothing to do.
 */
export function ask({ title, text, choices = [], action = "" }) {
  const dialog = document.getElementById("question");
  const offered = choices.map(choiceOf);
  const reason = element("input", { name: "reason", autocomplete: "off", maxlength: "200" });
  const form = element(
    "form",
    { method: "dialog" },
    element("h2", { id: "question-title" }, title),
    element("p", {}, text),
    offered.length
      ? element(
          "fieldset",
          {},
          element("legend", {}, "What is done"),
          offered.map((each) => each.shown),
        )
      : null,
    action ? element("label", {}, "Reason (may be left out) ", reason) : null,
    element(
      "p",
      {},
      action ? element("button", { value: "yes" }, action) : null,
      element("button", { value: "no" }, action ? "Leave it" : "Close"),
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
        if (offered.length) answer.coercions = offered.flatMap((each) => each.wanted());
        resolve(answer);
      },
      { once: true },
    );
  });
}

/** A box to tick, with a field for what may be given along with it. */
function choiceOf({ value, text, checked, parameter, details }) {
  const box = element("input", { type: "checkbox", value, checked });
  const given = element("input", { autocomplete: "off", maxlength: "100" });
  const shown = element(
    "div",
    { class: "choice" },
    element("label", {}, box, ` ${text} `, element("code", {}, value)),
    details ? element("small", {}, details) : null,
    parameter ? element("label", { class: "given" }, `With (${parameter}) `, given) : null,
  );
  const wanted = () => {
    if (!box.checked) return [];
    return [parameter && given.value.trim() ? `${value}=${given.value.trim()}` : value];
  };
  return { shown, wanted };
}
