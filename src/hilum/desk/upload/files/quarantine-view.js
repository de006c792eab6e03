/** What lies in quarantine: its details, and the decisions there are about it. */

import { document as fetched, problemText } from "./api.js";
import { ask } from "./asking.js";
import { announce, element, refill } from "./building.js";

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
    const record = await fetched(path);
    const answer = await ask(question(record));
    if (answer === null) return;
    const decided = await fetched(`${path}/${action}`, { method: "POST", json: answer });
    announce(`${file.name}: ${decided.state}.`);
    await onChanged();
  }

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
          button("repair", "Repair…", () => decide("repair", repairing)),
          button("release", "Release…", () => decide("release", releasing)),
          button("discard", "Discard…", () => decide("discard", discarding)),
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
  const choices = (record.repairs ?? []).map((each) => ({
    value: each.name,
    text: each.text,
    checked: each.default !== false,
  }));
  return {
    title: "Repair this file?",
    text: choices.length
      ? "A mended copy is archived, which says what was changed in it. The file stays as it came " +
        "until its time is over."
      : "Nothing that is known here would mend this file.",
    choices,
    action: choices.length ? "Repair" : "",
  };
}

const releasing = () => ({
  title: "Release this file as it is?",
  text: "It is archived with what is wrong in it.",
  action: "Release",
});

const discarding = () => ({
  title: "Discard this file?",
  text: "It is taken out of quarantine for good, and cannot be had back.",
  action: "Discard",
});
