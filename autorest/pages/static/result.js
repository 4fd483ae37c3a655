// The answer to a request: what it was, how long it took, its rows, its text and its headers.

import { copy, fill, h, icon } from "./dom.js";
import { Exact, draw, parse, print } from "./json.js";

const MOST_ROWS = 500;
const MOST_TEXT = 400000;

/** Draws an answer. `rowActions(row)` gives the buttons of a row, `paging` { previous, next } its neighbours. */
export function drawAnswer(answer, { rowActions, paging, columns }) {
  if (answer.failure) {
    return h("section", { class: "card answer", "aria-label": "Answer" }, h("p", { class: "problem" }, icon("warning"), answer.failure));
  }
  const parsed = parsedBody(answer);
  const isError = !answer.ok && parsed.found && parsed.value && typeof parsed.value === "object" && "message" in parsed.value;
  const rows = rowsOf(parsed);
  const views = [
    ...(isError ? [["Error", () => drawError(parsed.value)]] : []),
    ...(rows ? [["Table", () => drawTable(rows, rowActions, columns)]] : []),
    ...(parsed.found ? [["JSON", () => drawJson(parsed.value, answer.text)]] : []),
    ...(answer.text ? [[parsed.found ? "Raw" : "Text", () => drawText(answer.text)]] : []),
    ["Headers", () => drawHeaders(answer.headers)],
  ];
  const body = h("div", { class: "view" });
  const tabs = views.map(([label, make], index) => {
    const tab = h("button", { type: "button", class: "tab", "aria-pressed": String(index === 0) }, label);
    tab.addEventListener("click", () => {
      for (const other of tabs) other.setAttribute("aria-pressed", String(other === tab));
      fill(body, make());
    });
    return tab;
  });
  fill(body, views[0][1]());
  const range = answer.headers.find(([name]) => name === "content-range")?.[1];
  return h(
    "section",
    { class: "card answer", "aria-label": "Answer" },
    h(
      "div",
      { class: "answer-head" },
      h("span", { class: `status s${String(answer.status)[0]}` }, `${answer.status} ${answer.reason}`.trim()),
      h("span", { class: "fact" }, `${answer.milliseconds < 10 ? answer.milliseconds.toFixed(1) : Math.round(answer.milliseconds)} ms`),
      h("span", { class: "fact" }, size(answer.bytes)),
      range || rows ? h("span", { class: "fact" }, counted(range, rows)) : null,
      h("span", { class: "grow" }),
      paging?.previous && h("button", { type: "button", class: "quiet", onclick: paging.previous }, "← Previous"),
      paging?.next && h("button", { type: "button", class: "quiet", onclick: paging.next }, "Next →"),
      answer.text && h("button", { type: "button", class: "bare", "aria-label": "Copy the answer", onclick: () => copy(answer.text) }, icon("copy")),
    ),
    h("div", { class: "tabs small", role: "group", "aria-label": "Views of the answer" }, tabs),
    body,
  );
}

/** How many rows there are, from Content-Range where it tells more than the rows do. */
function counted(range, rows) {
  const [, first, last, total] = /^(?:(\d+)-(\d+)|\*)\/(\d+|\*)$/.exec(range ?? "") ?? [];
  const of = total && total !== "*" ? ` of ${total}` : "";
  if (first !== undefined) return `rows ${Number(first) + 1} to ${Number(last) + 1}${of}`;
  const count = rows?.length ?? 0;
  return `${count} ${count === 1 ? "row" : "rows"}${of}`;
}

function size(bytes) {
  if (bytes < 1024) return `${bytes} B`;
  return bytes < 1048576 ? `${(bytes / 1024).toFixed(1)} kB` : `${(bytes / 1048576).toFixed(1)} MB`;
}

function parsedBody({ text, headers }) {
  const type = headers.find(([name]) => name === "content-type")?.[1] ?? "";
  if (!text || !/json/.test(type)) return { found: false };
  try {
    return { found: true, value: parse(text) };
  } catch {
    return { found: false };
  }
}

function rowsOf({ found, value }) {
  if (!found || !Array.isArray(value)) return null;
  return value.every((row) => row !== null && typeof row === "object" && !Array.isArray(row)) ? value : null;
}

function drawError({ code, message, details, hint }) {
  const text = (value) => (typeof value === "string" ? value : print(value));
  return h(
    "div",
    { class: "error" },
    h("p", { class: "error-message" }, h("code", {}, code ?? ""), " ", text(message ?? "")),
    details ? h("p", {}, text(details)) : null,
    hint ? h("p", { class: "hint" }, text(hint)) : null,
  );
}

function drawTable(rows, rowActions, columns) {
  if (!rows.length) return h("p", { class: "empty" }, "No rows.");
  const known = columns.filter((name) => Object.hasOwn(rows[0], name));
  const names = [...new Set([...known, ...rows.slice(0, 50).flatMap((row) => Object.keys(row))])];
  const shown = rows.slice(0, MOST_ROWS);
  const actions = shown.map((row) => rowActions?.(row) ?? []);
  const withActions = actions.some((buttons) => buttons.length);
  const table = h(
    "table",
    {},
    h("thead", {}, h("tr", {}, names.map((name) => h("th", { scope: "col", class: isNumber(rows[0][name]) ? "number" : null }, name)), withActions && h("th", { class: "acts" }, h("span", { class: "offscreen" }, "Actions")))),
    h(
      "tbody",
      {},
      shown.map((row, index) =>
        h("tr", {}, names.map((name) => drawCell(row[name])), withActions && h("td", { class: "acts" }, actions[index])),
      ),
    ),
  );
  return [
    h("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": "Rows" }, table),
    rows.length > MOST_ROWS ? h("p", { class: "hint" }, `The first ${MOST_ROWS} of ${rows.length} rows; the rest is in the JSON.`) : null,
  ];
}

function isNumber(value) {
  return typeof value === "number" || value instanceof Exact;
}

function drawCell(value) {
  if (value === undefined) return h("td", { class: "absent" });
  if (value === null) return h("td", { class: "null" }, "null");
  const kind = isNumber(value) ? "number" : typeof value;
  const text = typeof value === "string" ? value : print(value);
  const cut = text.length > 300 ? `${text.slice(0, 300)}…` : text;
  return h("td", { class: kind, title: text.length > 60 ? text.slice(0, 2000) : null }, cut);
}

function drawJson(value, text) {
  const drawn = text.length <= MOST_TEXT ? draw(value) : null;
  return drawn ?? drawText(text);
}

function drawText(text) {
  const cut = text.length > MOST_TEXT;
  return [
    h("pre", { class: "code wrap", tabindex: "0" }, cut ? text.slice(0, MOST_TEXT) : text),
    cut ? h("p", { class: "hint" }, "Cut here; the button above copies all of it.") : null,
  ];
}

function drawHeaders(headers) {
  return h("dl", { class: "headers" }, headers.map(([name, value]) => [h("dt", {}, name), h("dd", {}, value)]));
}
