/** The last uploads of this browser: their ids and nothing else. */

const PLACE = "hilum.uploads";
const MOST = 10;
const ID = /^[0-9a-f-]{36}$/;

/** Newest first. */
export function remembered() {
  try {
    const ids = JSON.parse(localStorage.getItem(PLACE) ?? "[]");
    return Array.isArray(ids) ? ids.filter((id) => ID.test(id)).slice(0, MOST) : [];
  } catch {
    return [];
  }
}

export const remember = (id) => keep([id, ...remembered().filter((other) => other !== id)]);
export const forget = (id) => keep(remembered().filter((other) => other !== id));

function keep(ids) {
  try {
    localStorage.setItem(PLACE, JSON.stringify(ids.slice(0, MOST)));
  } catch {
    // A browser that keeps nothing shows this visit's uploads only.
  }
}
