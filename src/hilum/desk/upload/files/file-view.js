/** Files of an upload: what is wrong with them, how it is mended, what can be done about it. */

import { element } from "./building.js";
import { quarantineEntry } from "./quarantine-view.js";
import { counted, fileText } from "./words.js";

const MOST_SHOWN = 20;
const MOST_NAMED = 5;
const KEPT = new Set(["archived", "already_held", "valid"]);

/** Files with findings: each that is or was set aside, then the others, alike ones together. */
export function fileEntries(files, { onChanged }) {
  const isKept = (file) => KEPT.has(file.state) && !wasSetAside(file);
  const kept = files.filter(isKept);
  const other = files.filter((file) => !isKept(file));
  return [
    other.length ? element("h4", {}, "Files that were set aside") : null,
    other.map((file) => fileEntry(file, { onChanged })),
    kept.length ? keptFiles(kept) : null,
  ];
}

const wasSetAside = ({ quarantine }) => quarantine !== null && quarantine !== undefined;

/** `onChanged` is called when something was done about it. */
function fileEntry(file, { onChanged }) {
  const known = `${file.name} (${fileText(file.state)})`;
  const all = file.findings ?? [];
  return element(
    "section",
    { class: "file", "aria-label": known, "data-state": file.state },
    element("h5", {}, element("code", {}, file.name), ` ${fileText(file.state)}`),
    all.length === 0 && file.code ? element("p", {}, file.code) : null,
    findingsTable(all),
    wasSetAside(file) ? quarantineEntry(file.quarantine, file, { onChanged }) : null,
  );
}

function keptFiles(files) {
  const alike = new Map();
  for (const file of files) {
    const key = JSON.stringify(file.findings);
    alike.set(key, [...(alike.get(key) ?? []), file]);
  }
  return element(
    "details",
    { "data-name": "kept" },
    element("summary", {}, `${counted(files.length, "kept file")} with findings`),
    [...alike.values()].map(sameFindings),
  );
}

function sameFindings(files) {
  const names = files.slice(0, MOST_NAMED).map((file) => element("code", {}, `${file.name} `));
  const more = files.length - MOST_NAMED;
  return element(
    "section",
    { class: "file", "aria-label": counted(files.length, "kept file"), "data-state": "archived" },
    element("h5", {}, ...names, more > 0 ? `and ${more} more` : null),
    findingsTable(files[0].findings),
  );
}

/** Findings as a table, the first of them. */
function findingsTable(findings) {
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
