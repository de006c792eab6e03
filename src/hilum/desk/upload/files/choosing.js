/** Files that somebody chose or dropped, with their names in the folder they came from. */

/** What was chosen in an input of type `file`. */
export const chosen = (input) =>
  [...input.files].map((file) => ({ file, name: file.webkitRelativePath || file.name }));

/** What was dropped, folders walked through; to be called while the event is handled. */
export function dropped(transfer) {
  const entries = [...transfer.items]
    .filter((item) => item.kind === "file")
    .map((item) => item.webkitGetAsEntry?.() ?? item.getAsFile());
  return collected(entries);
}

async function collected(entries) {
  const found = [];
  const left = [...entries].reverse();
  while (left.length > 0) {
    const entry = left.pop();
    if (entry instanceof File) {
      found.push({ file: entry, name: entry.name });
    } else if (entry?.isFile) {
      const file = await new Promise((resolve, reject) => entry.file(resolve, reject));
      found.push({ file, name: entry.fullPath.replace(/^\/+/, "") });
    } else if (entry?.isDirectory) {
      left.push(...(await inside(entry)).reverse());
    }
  }
  return found;
}

/** All entries of a folder, which a browser tells a hundred at a time. */
async function inside(folder) {
  const reader = folder.createReader();
  const all = [];
  for (;;) {
    const some = await new Promise((resolve, reject) => reader.readEntries(resolve, reject));
    if (some.length === 0) return all;
    all.push(...some);
  }
}
