/** Elements of the page. Text is always text: nothing that came from a file is read as markup. */

/** An element with properties, `on...` listeners and children. */
export function element(name, properties = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(properties)) {
    if (value === undefined || value === null || value === false) continue;
    if (typeof value === "function") made.addEventListener(key, value);
    else if (key in made && typeof value !== "string") made[key] = value;
    else made.setAttribute(key, value === true ? "" : value);
  }
  made.append(...children.flat(2).filter((child) => child !== null && child !== undefined));
  return made;
}

/** Replace what is in `place`; the focus stays on the element of the same `data-name`. */
export function refill(place, ...children) {
  const focused = place.contains(document.activeElement)
    ? document.activeElement.dataset.name
    : undefined;
  const open = new Set(
    [...place.querySelectorAll("details[open]")].map((details) => details.dataset.name),
  );
  place.replaceChildren(...children.flat(2).filter(Boolean));
  for (const details of place.querySelectorAll("details"))
    if (open.has(details.dataset.name)) details.open = true;
  if (focused !== undefined)
    place.querySelector(`[data-name="${CSS.escape(focused)}"]`)?.focus({ preventScroll: true });
}

/** Tell those who do not see the page what happened on it. */
export function announce(text) {
  document.getElementById("said").textContent = text;
}
