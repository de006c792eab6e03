/** What lies in quarantine: its details, and the decisions there are about it. */

import { document as fetched, problemText } from "./api.js";
import { ask } from "./asking.js";
import { announce, element, refill } from "./building.js";

const MOST_CHANGES = 5;
const NOTHING_KNOWN = "Nothing that is known here would mend it. Have its sender mend it.";
const WOULD_PASS = "The archive would take it when it is repaired as chosen here.";
const WOULD_NOT_PASS = "The archive would refuse it even when it is repaired as chosen here.";
const HOW =
  "A mended copy is archived, which says what was changed in it; the file stays as it came until " +
  "its time is over.";
const RELEASING = {
  title: "Release this file as it is?",
  text: "It is archived with what is wrong in it.",
  action: "Release",
};
const DISCARDING = {
  title: "Discard this file?",
  text: "It is taken out of quarantine for good, and cannot be had back.",
  action: "Discard",
};

/** Buttons for what has the number `key` in quarantine. */
export function quarantineEntry(key, file, { onChanged }) {
  const path = `api/v1/quarantine/${key}`;
  const place = element("div", { id: `details-${key}`, hidden: true });
  const problem = element("p", { class: "bad", role: "alert", hidden: true });

  async function attempt(work) {
    problem.hidden = true;
    try {
      await work();
    } catch (error) {
      problem.textContent = problemText(error);
      problem.hidden = false;
    }
  }

  async function details(button) {
    place.hidden = !place.hidden;
    button.setAttribute("aria-expanded", String(!place.hidden));
    if (!place.hidden) refill(place, ...detailsOf(await fetched(path)));
  }

  async function decide(action, question) {
    const answer = await ask(question);
    if (answer === null) return;
    const decided = await fetched(`${path}/${action}`, { method: "POST", json: answer });
    announce(`${file.name} is ${decided.state}.`);
    await onChanged();
  }

  const repair = async () => decide("repair", repairing(await fetched(path)));

  const button = (name, text, work) =>
    element(
      "button",
      {
        type: "button",
        "data-name": `${name}-${key}`,
        click: (event) => attempt(() => work(event.currentTarget)),
      },
      text,
    );
  const more = button("details", "Details", details);
  more.setAttribute("aria-expanded", "false");
  more.setAttribute("aria-controls", place.id);
  const decisions =
    file.state === "quarantined"
      ? [
          button("repair", "Repair…", repair),
          button("release", "Release…", () => decide("release", RELEASING)),
          button("discard", "Discard…", () => decide("discard", DISCARDING)),
        ]
      : [];
  return element("div", { class: "quarantine" }, more, decisions, problem, place);
}

function* detailsOf(record) {
  const rows = [
    ["State", record.state],
    ["Why", record.code],
    ["Received", new Date(record.received).toLocaleString()],
    ["Kept until", new Date(record.expires).toLocaleString()],
    ["SOP Instance UID", record.sop_instance_uid],
    ["Number in quarantine", String(record.key)],
  ];
  yield element(
    "dl",
    {},
    rows
      .filter(([, value]) => value)
      .flatMap(([name, value]) => [element("dt", {}, name), element("dd", {}, value)]),
  );
  const steps = record.history ?? [];
  if (steps.length === 0) return;
  yield element(
    "ul",
    {},
    steps.map(({ time, state, by, text }) => {
      const who = by ? ` by ${by}` : "";
      const why = text ? `: ${text}` : "";
      return element("li", {}, `${new Date(time).toLocaleString()}: ${state}${who}${why}`);
    }),
  );
}

function repairing(record) {
  const { state, repairs = [], remaining = [], would_pass, not_repairable } = record;
  if (state !== "held") return { title: "There is nothing to repair", text: `It is ${state}.` };
  if (repairs.length === 0)
    return { title: "There is no repair for this file", text: not_repairable ?? NOTHING_KNOWN };
  const left = remaining.length
    ? ` What would still be wrong: ${[...new Set(remaining.map(({ code }) => code))].join(", ")}.`
    : "";
  return {
    title: "Repair this file?",
    text: `${would_pass ? WOULD_PASS : WOULD_NOT_PASS}${left} ${HOW}`,
    choices: repairs.map((each) => ({
      value: each.name,
      text: each.text,
      checked: each.default,
      parameter: each.parameter,
      details: detailsOfRepair(each),
    })),
    action: "Repair",
  };
}

/** What a repair would change, and which findings would be gone. */
function detailsOfRepair({ changes = [], mends = [] }) {
  const told = changes
    .slice(0, MOST_CHANGES)
    .map(({ path, text }) => (path ? `${path} ${text}` : text));
  if (changes.length > MOST_CHANGES) told.push(`and ${changes.length - MOST_CHANGES} more`);
  const gone = [...new Set(mends.map(({ code }) => code))];
  if (gone.length) told.push(`mends ${gone.join(", ")}`);
  return told.join("; ");
}
