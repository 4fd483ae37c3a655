// Requests as values, and what they look like on the wire, in a shell and in JavaScript.
//
// A request is { method, path, parameters: [[name, value]], headers: [[name, value]], body: string or null }.

const PLAIN_FIELD = /^[\p{L}\p{N}_$]+(?:[ -]+[\p{L}\p{N}_$]+)*$/u;
const RESERVED = new Set(["select", "columns", "on_conflict", "order", "limit", "offset", "and", "or", "not"]);

/** A column's name as the query string writes it, quoted where need be. */
export function fieldName(name) {
  if (PLAIN_FIELD.test(name) && !RESERVED.has(name)) return name;
  return `"${name.replaceAll("\\", "\\\\").replaceAll('"', '\\"')}"`;
}

export const OPERATORS = [
  ["eq", "= equals"],
  ["neq", "≠ differs from"],
  ["gt", "> greater than"],
  ["gte", "≥ at least"],
  ["lt", "< less than"],
  ["lte", "≤ at most"],
  ["like", "like (* any text)"],
  ["ilike", "like, any case"],
  ["in", "in list (a,b,c)"],
  ["is", "is"],
  ["match", "~ regular expression"],
  ["imatch", "~* regexp, any case"],
  ["isdistinct", "is distinct from"],
  ["cs", "@> contains"],
  ["cd", "<@ contained in"],
  ["ov", "&& overlaps"],
  ["fts", "@@ text search"],
  ["plfts", "@@ plain words"],
  ["phfts", "@@ phrase"],
  ["wfts", "@@ web search"],
  ["sl", "<< left of"],
  ["sr", ">> right of"],
  ["nxr", "&< not right of"],
  ["nxl", "&> not left of"],
  ["adj", "-|- adjacent to"],
];

export const IS_VALUES = ["null", "not_null", "true", "false", "unknown"];

/** The parameter of one filter { column, operator, value, negated }. */
export function filterParameter({ column, operator, value, negated }) {
  const test = operator === "in" ? `in.(${value})` : `${operator}.${value}`;
  return [fieldName(column), negated ? `not.${test}` : test];
}

/** The value of `select`; null where it would be `*`. */
export function selectValue(columns, chosen, embeds) {
  const own = columns.length === chosen.length ? ["*"] : chosen.map(fieldName);
  const parts = [...own, ...embeds.map(({ name, hint }) => `${fieldName(name)}${hint ? `!${fieldName(hint)}` : ""}(*)`)];
  return parts.length === 1 && parts[0] === "*" ? null : parts.join(",");
}

export function orderValue(orders) {
  return orders
    .map(({ column, direction, nulls }) => [fieldName(column), direction, nulls && `nulls${nulls}`].filter(Boolean).join("."))
    .join(",");
}

function encode(text) {
  return encodeURIComponent(text).replaceAll("%2C", ",").replaceAll("%3A", ":").replaceAll("'", "%27");
}

/** The path with its query string. */
export function target(request) {
  const query = request.parameters.map(([name, value]) => `${encode(name)}=${encode(value)}`).join("&");
  return request.path + (query ? `?${query}` : "");
}

/** The whole address; `base` ends with a slash. */
export function address(base, request) {
  return base + target(request).slice(1);
}

/** A text as one word of a shell. */
export function shell(text) {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}

/** The request as a command for a shell. */
export function curl(base, request) {
  const parts = [`curl ${shell(address(base, request))}`];
  if (request.method !== "GET") parts[0] = `curl -X ${request.method} ${shell(address(base, request))}`;
  for (const [name, value] of request.headers) parts.push(`-H ${shell(`${name}: ${value}`)}`);
  if (request.body !== null) parts.push(`--data-raw ${shell(request.body)}`);
  return parts.join(" \\\n  ");
}

/** The request as JavaScript. */
export function javascript(base, request) {
  const options = [];
  if (request.method !== "GET") options.push(`  method: ${JSON.stringify(request.method)},`);
  if (request.headers.length) {
    const lines = request.headers.map(([name, value]) => `    ${JSON.stringify(name)}: ${JSON.stringify(value)},`);
    options.push("  headers: {", ...lines, "  },");
  }
  if (request.body !== null) options.push(`  body: ${JSON.stringify(request.body)},`);
  const url = JSON.stringify(address(base, request));
  return `const response = await fetch(${options.length ? `${url}, {\n${options.join("\n")}\n}` : url});`;
}
