// The form of a body: one line for each column or argument, or the JSON itself.

import { choice, fresh, h, icon } from "./dom.js";

const NUMBER = /^-?(0|[1-9]\d*)(\.\d+)?([eE][+-]?\d+)?$/;

/** What a fresh form holds: fields by name as { used, isNull, text }. */
export function emptyValues(fields) {
  const values = new Map();
  for (const field of fields) values.set(field.name, { used: field.required, isNull: false, text: "" });
  return values;
}

/** The text a value has in the form's input. */
export function inputText(field, value, print) {
  if (typeof value === "string" && field.input !== "json") return value;
  return value === null ? "" : print(value);
}

/** One field as JSON text. Throws an Error that says what is wrong with it. */
function jsonOf(field, { isNull, text }) {
  if (isNull) return "null";
  switch (field.input) {
    case "text":
    case "choice":
      return JSON.stringify(text);
    case "boolean":
      return text === "true" ? "true" : "false";
    case "number":
      if (!text.trim()) return "null";
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

/** Says which number still lacks its value; null where none does. */
export function unfilled(fields, values) {
  const empty = fields.find((field) => {
    const { used, isNull, text } = values.get(field.name);
    return field.input === "number" && used && !isNull && !text.trim();
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

/** The arguments for a query string: arrays as PostgreSQL writes them. */
export function argumentsOf(fields, values) {
  return fields
    .filter((field) => values.get(field.name)?.used)
    .map((field) => {
      const { isNull, text } = values.get(field.name);
      if (isNull) throw new Error(`${field.name} cannot be null in a query string. Choose POST.`);
      return [field.name, field.input === "boolean" ? text || "false" : text];
    });
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
  input.addEventListener("input", () => {
    value.text = input.value;
    value.used = true;
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

/** The default as it is typed in; empty where it is computed. */
function literal(field) {
  return field.choices.find((choice) => JSON.stringify(choice) === field.defaultText) ?? "";
}

function drawInput(field, value, id) {
  const placeholder = field.defaultText ? `default ${field.defaultText}` : "";
  const common = { id, "aria-required": field.required ? "true" : null, "data-field": field.name };
  switch (field.input) {
    case "boolean": {
      value.text = value.text || (field.defaultText === "true" ? "true" : "false");
      return choice([["true", "true"], ["false", "false"]], value.text, common);
    }
    case "choice": {
      value.text = value.text || literal(field) || field.choices[0];
      return choice(field.choices.map((each) => [each, each]), value.text, common);
    }
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
