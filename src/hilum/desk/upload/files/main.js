/** The page: takes files, sends them, and shows what becomes of this browser's uploads. */

import { Problem, introduce, problemText } from "./api.js";
import { announce } from "./building.js";
import { chosen, dropped } from "./choosing.js";
import { forget, remember, remembered } from "./remembering.js";
import { send } from "./sending.js";
import { UploadView } from "./upload-view.js";
import { counted, sizeText } from "./words.js";

const form = document.getElementById("upload-form");
const area = document.getElementById("drop");
const list = document.getElementById("uploads");

async function upload(files) {
  if (files.length === 0) return announce("There is no file in this.");
  const bytes = files.reduce((sum, { file }) => sum + file.size, 0);
  const sending = new AbortController();
  const view = new UploadView(`${counted(files.length, "file")}, ${sizeText(bytes)}`, {
    onCancel: () => sending.abort(),
    onForget: forget,
  });
  list.prepend(view.article);
  const tooMuch = beyondLimits(files, bytes);
  if (tooMuch !== "") return view.refused(tooMuch);
  try {
    await introduce();
    const accepted = await send(files, {
      onProgress: (sent, all) => view.sent(sent, all),
      signal: sending.signal,
    });
    remember(accepted.study_id);
    await view.follow(accepted.study_id);
  } catch (error) {
    view.refused(error.name === "AbortError" ? "Cancelled." : problemText(error));
  }
}

/** Why the server would refuse this, as far as it said so beforehand. */
function beyondLimits(files, bytes) {
  const { files: most, fileBytes, requestBytes } = form.dataset;
  if (files.length > Number(most))
    return `At most ${most} files are taken at a time (setting upload.files).`;
  if (files.some(({ file }) => file.size > Number(fileBytes)))
    return `A file is larger than ${sizeText(Number(fileBytes))} (setting upload.file_bytes).`;
  if (bytes > Number(requestBytes))
    return (
      `Together they are larger than ${sizeText(Number(requestBytes))}; send them in parts ` +
      "(setting upload.request_bytes)."
    );
  return "";
}

function take(files) {
  Promise.resolve(files).then(upload, () => announce("A file or folder could not be read."));
}

for (const input of form.querySelectorAll("input[type=file]"))
  input.addEventListener("change", () => {
    take(chosen(input));
    input.value = "";
  });
form.addEventListener("submit", (event) => event.preventDefault());
area.addEventListener("dragover", (event) => {
  event.preventDefault();
  area.classList.add("over");
});
area.addEventListener("dragleave", () => area.classList.remove("over"));
area.addEventListener("drop", (event) => {
  event.preventDefault();
  area.classList.remove("over");
  take(dropped(event.dataTransfer));
});

document.documentElement.classList.add("scripted");
for (const id of remembered()) {
  const view = new UploadView("", { onForget: forget });
  list.append(view.article);
  view.follow(id).catch((error) => {
    if (error instanceof Problem && error.status === 404) {
      forget(id);
      view.article.remove();
    } else {
      view.refused(problemText(error));
    }
  });
}
