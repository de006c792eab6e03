/** A file of an upload: what is wrong with it, how it is mended, and what can be done about it. */

import { element } from "./building.js";
import { quarantineEntry } from "./quarantine-view.js";
import { fileText } from "./words.js";

const MOST_SHOWN = 20;

/** `onChanged` is called when something was done about it. */
export function fileEntry(file, { onChanged }) {
  const known = `${file.name} (${fileText(file.state)})`;
  const all = file.findings ?? [];
  const open = file.quarantine !== null && file.quarantine !== undefined;
  return element(
    "section",
    { class: "file", "aria-label": known, "data-state": file.state },
    element("h5", {}, element("code", {}, file.name), ` ${fileText(file.state)}`),
    all.length === 0 && file.code ? element("p", {}, file.code) : null,
    findingsTable(all),
    open ? quarantineEntry(file.quarantine, file, { onChanged }) : null,
  );
}

/** Findings as a table, the first of them. */
export function findingsTable(findings) {
  if (findings.length === 0) return null;
  const more = findings.length - MOST_SHOWN;
  return element(
    "div",
    {},
    element(
      "table",
      {},
      element(
        "thead",
        {},
        element(
          "tr",
          {},
          ["Severity", "What is wrong", "Where", "How to mend it"].map((head) =>
            element("th", { scope: "col" }, head),
          ),
        ),
      ),
      element("tbody", {}, findings.slice(0, MOST_SHOWN).map(findingRow)),
    ),
    more > 0 ? element("p", {}, `And ${more} more.`) : null,
  );
}

function findingRow(finding) {
  return element(
    "tr",
    { class: finding.severity },
    element("td", {}, finding.severity),
    element(
      "td",
      {},
      sentence(finding),
      element("small", {}, [finding.code, finding.section].filter(Boolean).join(", ")),
    ),
    element("td", {}, element("code", {}, finding.path ?? finding.tag ?? "")),
    element("td", {}, finding.mend ?? ""),
  );
}

function sentence({ text, expected, found }) {
  if (text) return text;
  return expected ? `Expected ${expected}; found ${found}.` : (found ?? "");
}
