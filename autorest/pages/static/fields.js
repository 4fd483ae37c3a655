// The form of a body: one line for each column or argument, or the JSON itself.

import { choice, fresh, h, icon, onValue } from "./dom.js";
import { parse, print } from "./json.js";

const NUMBER = /^-?(0|[1-9]\d*)(\.\d+)?([eE][+-]?\d+)?$/;

/** What a fresh form holds: fields by name as { used, isNull, text }. */
export function emptyValues(fields) {
  const values = new Map();
  for (const field of fields) values.set(field.name, { used: field.required, isNull: false, text: "" });
  return values;
}

/** The text a value has in the form's input. */
export function inputText(field, value) {
  if (typeof value === "string" && field.input !== "json") return value;
  return value === null ? "" : print(value);
}

/** One field as JSON text. Throws an Error that says what is wrong with it. */
function jsonOf(field, { isNull, text }) {
  if (isNull || (!text.trim() && NEVER_EMPTY.has(field.input))) return "null";
  switch (field.input) {
    case "text":
    case "choice":
      return JSON.stringify(text);
    case "boolean":
      return text;
    case "number":
      // Infinity and NaN have no number in JSON: PostgreSQL reads them from strings.
      return NUMBER.test(text.trim()) ? text.trim() : JSON.stringify(text.trim());
    default:
      try {
        JSON.parse(text);
        return text.trim();
      } catch {
        throw new Error(`${field.name} is no JSON. A text needs quotes: "like this".`);
      }
  }
}

const NEVER_EMPTY = new Set(["number", "boolean", "choice", "json"]);

/** Says which field still lacks its value; null where none does. */
export function unfilled(fields, values) {
  const empty = fields.find((field) => {
    const { used, isNull, text } = values.get(field.name);
    return NEVER_EMPTY.has(field.input) && used && !isNull && !text.trim();
  });
  return empty ? `${empty.name} has no value yet.` : null;
}

/** The body as JSON text, with every digit as it was typed. */
export function bodyOf(fields, values) {
  const members = fields
    .filter((field) => values.get(field.name)?.used)
    .map((field) => `${JSON.stringify(field.name)}: ${jsonOf(field, values.get(field.name))}`);
  return members.length ? `{ ${members.join(", ")} }` : "{}";
}

/** The arguments for a query string: arrays as PostgreSQL writes them, the values of variadic ones repeated. */
export function argumentsOf(fields, values) {
  return fields
    .filter((field) => values.get(field.name)?.used)
    .flatMap((field) => {
      const { isNull, text } = values.get(field.name);
      if (isNull) throw new Error(`${field.name} cannot be null in a query string. Choose POST.`);
      if (!field.pgType.endsWith("[]") || !text.trim().startsWith("[")) return [[field.name, text]];
      const items = parse(jsonOf(field, { isNull, text }));
      return field.variadic ? items.map((item) => [field.name, plain(item)]) : [[field.name, arrayLiteral(items)]];
    });
}

function plain(item) {
  return typeof item === "string" ? item : print(item);
}

/** `{1,"two",NULL}`: an array as PostgreSQL's input of arrays takes it (documentation, 8.15.6). */
function arrayLiteral(items) {
  const element = (item) => {
    if (item === null) return "NULL";
    if (Array.isArray(item)) return arrayLiteral(item);
    const text = plain(item);
    return /^[\w.+-]+$/.test(text) && text.toUpperCase() !== "NULL"
      ? text
      : `"${text.replaceAll("\\", "\\\\").replaceAll('"', '\\"')}"`;
  };
  return `{${items.map(element).join(",")}}`;
}

/** Draws the fields; `changed` is called after every change. */
export function drawFields(fields, values, changed) {
  return h("div", { class: "fields" }, fields.map((field) => drawField(field, values.get(field.name), changed)));
}

function drawField(field, value, changed) {
  const id = fresh("field");
  const row = h("div", { class: "field" });
  const used = h("input", { type: "checkbox", checked: value.used, "aria-label": `Send ${field.name}` });
  const input = drawInput(field, value, id);
  const nullButton =
    field.nullable &&
    h("button", { type: "button", class: "mini", "aria-pressed": String(value.isNull), title: "Send null" }, "null");
  const show = () => {
    row.classList.toggle("unused", !value.used);
    used.checked = value.used;
    input.disabled = value.isNull;
    if (nullButton) nullButton.setAttribute("aria-pressed", String(value.isNull));
    changed();
  };
  used.addEventListener("change", () => {
    value.used = used.checked;
    show();
  });
  onValue(input, (text) => {
    value.text = text;
    value.used = Boolean(text) || !NEVER_EMPTY.has(field.input) || field.required;
    show();
  });
  if (nullButton) {
    nullButton.addEventListener("click", () => {
      value.isNull = !value.isNull;
      value.used = value.used || value.isNull;
      show();
    });
  }
  row.classList.toggle("unused", !value.used);
  input.disabled = value.isNull;
  row.append(
    used,
    h(
      "label",
      { htmlFor: id },
      h("span", { class: "name" }, field.name, field.required && h("span", { class: "required", title: "required" }, "*")),
      h("span", { class: "type" }, field.primary && icon("key"), field.pgType),
    ),
    h("div", { class: "value" }, input, nullButton || null),
  );
  if (field.description) row.append(h("p", { class: "hint" }, field.description));
  return row;
}

/** A `<select>` that starts with nothing chosen, so that choosing anything is a change. */
function drawChoice(choices, value, placeholder, attributes) {
  const options = choices.map((each) => [each, each]);
  return choice([["", placeholder || "—"], ...options], value.text, attributes);
}

function drawInput(field, value, id) {
  const placeholder = field.defaultText ? `default ${field.defaultText}` : "";
  const common = { id, "aria-required": field.required ? "true" : null, "data-field": field.name };
  switch (field.input) {
    case "boolean":
      return drawChoice(["true", "false"], value, placeholder, common);
    case "choice":
      return drawChoice(field.choices, value, placeholder, common);
    case "json":
      return h("textarea", { ...common, rows: "2", value: value.text, placeholder: placeholder || "JSON", spellcheck: "false" });
    case "number":
      return h("input", { ...common, type: "text", inputmode: "decimal", value: value.text, placeholder });
    default: {
      const long = ["text", "character varying", "xml"].includes(field.pgType);
      return long
        ? h("textarea", { ...common, rows: "1", value: value.text, placeholder, maxlength: field.maxLength })
        : h("input", { ...common, type: "text", value: value.text, placeholder, maxlength: field.maxLength });
    }
  }
}
