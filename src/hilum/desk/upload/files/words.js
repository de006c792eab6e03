/** How states, counts and sizes are said. */

const STATES = {
  uploaded: "Received",
  validating: "Being validated",
  validated: "Validated",
  processing: "Being archived",
  archived: "Archived",
  validation_failed: "Nothing could be kept",
  failed: "Given up",
};
const FILES = {
  archived: "archived",
  already_held: "held before",
  quarantined: "in quarantine",
  valid: "valid",
  received: "not looked at yet",
  ignored: "left out",
  unpacked: "unpacked",
  discarded: "discarded",
  failed: "failed",
};

export const stateText = (status) => STATES[status] ?? status;
export const fileText = (state) => FILES[state] ?? state;
export const counted = (number, one, many = `${one}s`) =>
  `${number.toLocaleString("en")} ${number === 1 ? one : many}`;

/** `3 archived, 1 in quarantine`: what became of the files of an upload. */
export const countsText = (files) =>
  Object.keys(FILES)
    .filter((state) => files?.[state] > 0)
    .map((state) => `${files[state].toLocaleString("en")} ${fileText(state)}`)
    .join(", ");

export function sizeText(bytes) {
  let size = bytes;
  let unit = "bytes";
  for (const next of ["KiB", "MiB", "GiB", "TiB"]) {
    if (size < 1024) break;
    size /= 1024;
    unit = next;
  }
  return unit === "bytes" ? counted(bytes, "byte") : `${size.toFixed(1)} ${unit}`;
}

export const timeText = (iso) => new Date(iso).toLocaleTimeString();
