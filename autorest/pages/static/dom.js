// Elements, made without ever reading HTML: text stays text, whatever it holds.

const SVG = "http://www.w3.org/2000/svg";
const PROPERTIES = new Set(["value", "checked", "disabled", "selected", "hidden", "open", "htmlFor"]);

/** Makes an element; `on…` are listeners, null, undefined and false are left out. */
export function h(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (PROPERTIES.has(name)) element[name] = value;
    else element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...present(children));
  return element;
}

/** Puts `children` in place of what `element` held. */
export function fill(element, ...children) {
  element.replaceChildren(...present(children));
  return element;
}

function present(children) {
  return children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false);
}

const SHAPES = {
  table: "M3 5.500h18v13H3zM3 10h18M9 10v8.500",
  view: "M2 12s3.600-6.500 10-6.500S22 12 22 12s-3.600 6.500-10 6.500S2 12 2 12zM12 9.200a2.800 2.800 0 1 0 0 5.600 2.800 2.800 0 0 0 0-5.600",
  function: "M15.500 5.500c-3-1-4 .5-4.400 3L9.500 18c-.4 2.500-1.500 3.500-4 3M8 11h6.500M15 13l5 6M20 13l-5 6",
  key: "M15 9.500a5 5 0 1 0-4.600 5L12 16h2v2h2v2h4v-3.500l-5.300-5.300c.2-.5.300-1.100.3-1.700zM8.500 8.500h.01",
  link: "M10 14a4 4 0 0 0 6 .4l3-3a4 4 0 0 0-5.600-5.600l-1.200 1.200M14 10a4 4 0 0 0-6-.4l-3 3a4 4 0 0 0 5.600 5.600l1.200-1.200",
  lock: "M6 11h12v9H6zM8.500 11V8a3.500 3.500 0 0 1 7 0v3",
  sun: "M12 8a4 4 0 1 0 0 8 4 4 0 0 0 0-8M12 2.500v2M12 19.500v2M2.500 12h2M19.500 12h2M5.300 5.300l1.400 1.400M17.300 17.300l1.400 1.400M5.300 18.700l1.400-1.400M17.300 6.700l1.400-1.400",
  moon: "M20 14.500A8.500 8.500 0 0 1 9.500 4a8.500 8.500 0 1 0 10.500 10.500z",
  menu: "M4 6.500h16M4 12h16M4 17.500h16",
  plus: "M12 5v14M5 12h14",
  close: "M6 6l12 12M18 6L6 18",
  copy: "M9 9h11v11H9zM5 15H4V4h11v1",
  send: "M4 12l16-8-5 16-3.500-6.500z",
  edit: "M4 20h4L19 9l-4-4L4 16zM13 7l4 4",
  trash: "M4 7h16M9 7V4h6v3M6.500 7l1 13h9l1-13",
  home: "M4 11l8-7 8 7v9h-5.500v-6h-5v6H4z",
  search: "M10.500 4a6.500 6.500 0 1 0 0 13 6.500 6.500 0 0 0 0-13M15.500 15.500L20 20",
  download: "M12 4v11M7.500 10.500L12 15l4.500-4.500M4.500 20h15",
  warning: "M12 4L2.500 20h19zM12 10v4.500M12 17.300h.01",
};

/** Makes a drawn sign, which screen readers pass over. */
export function icon(name) {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("viewBox", "0 0 24 24");
  svg.setAttribute("class", "icon");
  svg.setAttribute("aria-hidden", "true");
  const path = document.createElementNS(SVG, "path");
  path.setAttribute("d", SHAPES[name]);
  svg.append(path);
  return svg;
}

let toastTimer = 0;

/** Says something for a moment, at the bottom of the page. */
export function toast(message) {
  const place = document.getElementById("toast");
  place.textContent = message;
  place.classList.add("shown");
  clearTimeout(toastTimer);
  toastTimer = setTimeout(() => place.classList.remove("shown"), 2200);
}

/** Copies a text to the clipboard, also where the page is not served over TLS. */
export async function copy(text) {
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    const area = h("textarea", { value: text, class: "offscreen", "aria-hidden": "true" });
    document.body.append(area);
    area.select();
    document.execCommand("copy");
    area.remove();
  }
  toast("Copied");
}

/** A comment as paragraphs; single line breaks stay. */
export function prose(text) {
  return text
    .split(/\n{2,}/)
    .filter((part) => part.trim())
    .map((part) => h("p", { class: "prose" }, part.trim()));
}

/** A `<select>` over `[value, label]` pairs. */
export function choice(options, value, attributes) {
  const element = h(
    "select",
    attributes,
    options.map(([key, label]) => h("option", { value: key, selected: key === value }, label)),
  );
  element.value = value;
  return element;
}

/** Calls `act` with the value whenever it changes; selects tell of it by `change` in every browser. */
export function onValue(control, act) {
  control.addEventListener(control.tagName === "SELECT" ? "change" : "input", () => act(control.value));
  return control;
}

let identifiers = 0;

/** A new id for an element, for labels to refer to. */
export function fresh(prefix) {
  identifiers += 1;
  return `${prefix}-${identifiers}`;
}
