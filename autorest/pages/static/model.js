// What the page knows of the API, out of its OpenAPI 3.1 document.

import { print } from "./json.js";

const REFERENCE = "#/components/";

/** Reads a document into { title, description, version, profiles, anonymous, login, relations, functions }. */
export function readDocument(document) {
  const resolve = (node) => dereference(document, node);
  const relations = [];
  const functions = [];
  for (const [path, item] of Object.entries(document.paths ?? {})) {
    if (path === "/" || path.startsWith("/auth/")) continue;
    if (path.startsWith("/rpc/")) functions.push(readFunction(path, item, resolve));
    else relations.push(readRelation(path, item, resolve));
  }
  const profile = document.components?.parameters?.["Accept-Profile"];
  return {
    title: document.info?.title ?? "API",
    description: document.info?.description ?? "",
    version: document.info?.version ?? "",
    profiles: profile?.schema?.enum ?? [],
    login: Boolean(document.paths?.["/auth/login"]?.post),
    relations,
    functions,
  };
}

function dereference(document, node) {
  let found = node;
  for (let step = 0; found?.$ref && step < 8; step += 1) {
    const [section, ...key] = found.$ref.slice(REFERENCE.length).split("/");
    found = document.components?.[section]?.[key.join("/")];
  }
  return found;
}

function lastSegment(path) {
  return decodeURIComponent(path.slice(path.lastIndexOf("/") + 1));
}

function splitComment(comment) {
  const [summary, ...rest] = (comment ?? "").split("\n");
  return { summary, description: rest.join("\n").trim() };
}

// --- tables and views -----------------------------------------------------------------------------

function readRelation(path, item, resolve) {
  const name = lastSegment(path);
  const row = resolve(rowOf(item, resolve)) ?? {};
  const marks = row["x-pg-relation"] ?? {};
  return {
    kind: marks.view ? "view" : "table",
    name,
    path,
    summary: item.summary ?? "",
    description: item.description ?? "",
    primaryKey: marks.primaryKey ?? [],
    columns: columnsOf(row),
    embeds: embedsOf(row),
    operations: new Set(Object.keys(item)),
    insert: resolve(bodySchema(item.post)?.oneOf?.[0]),
    update: resolve(bodySchema(item.patch)),
    media: Object.keys(answerOf(item.get, resolve)),
  };
}

/** The schema of a row: every operation answers with rows of it. */
function rowOf(item, resolve) {
  for (const operation of [item.get, item.post, item.patch, item.delete]) {
    const rows = answerOf(operation, resolve)["application/json"]?.schema;
    if (rows) return rows.items ?? rows;
  }
  return undefined;
}

/** What an operation answers with on success: media types and their schemas. */
function answerOf(operation, resolve) {
  return resolve(operation?.responses?.["200"])?.content ?? {};
}

function bodySchema(operation) {
  return operation?.requestBody?.content?.["application/json"]?.schema;
}

function columnsOf(schema) {
  return Object.entries(schema?.properties ?? {}).map(([name, property]) => readField(name, property));
}

/** A column or an argument. `input` is how it is typed in: text, number, boolean, choice or json. */
export function readField(name, property, required = false) {
  const types = [property.type ?? []].flat();
  return {
    name,
    pgType: property["x-pg-type"] ?? types.filter((type) => type !== "null").join(" or ") ?? "",
    description: property.description ?? "",
    nullable: property["x-pg-nullable"] ?? (types.length === 0 || types.includes("null")),
    choices: (property.enum ?? []).filter((value) => value !== null),
    maxLength: property.maxLength,
    readOnly: Boolean(property.readOnly),
    primary: Boolean(property["x-pg-primary-key"]),
    references: property["x-pg-references"],
    defaultText: Object.hasOwn(property, "default") ? print(property.default) : property["x-pg-default"],
    required,
    input: inputOf(types, property),
  };
}

function inputOf(types, property) {
  if (property.enum) return "choice";
  if (types.includes("boolean")) return "boolean";
  if (types.includes("integer") || types.includes("number")) return "number";
  return types.includes("string") ? "text" : "json";
}

/** The fields of a body, from its schema. */
export function fieldsOf(schema) {
  const required = new Set(schema?.required ?? []);
  return Object.entries(schema?.properties ?? {}).map(([name, property]) => readField(name, property, required.has(name)));
}

function embedsOf(row) {
  const all = row["x-pg-relationships"] ?? [];
  return all.map((embed) => {
    const ambiguous = all.filter((other) => other.name === embed.name).length > 1 && embed.hint;
    return { ...embed, hint: ambiguous ? embed.hint : undefined };
  });
}

// --- functions ------------------------------------------------------------------------------------

function readFunction(path, item, resolve) {
  const operation = item.post ?? item.get;
  const content = item.post?.requestBody?.content ?? {};
  const { summary, description } = splitComment(
    [operation.summary, operation.description].filter(Boolean).join("\n"),
  );
  const answer = answerOf(operation, resolve);
  const returned = answer["application/json"]?.schema;
  const row = resolve(returned?.items ?? returned);
  return {
    kind: "function",
    name: lastSegment(path),
    path,
    summary: summary === `Call ${lastSegment(path)}` ? "" : summary,
    description,
    reads: Boolean(item.get),
    overloads: overloadsOf(content, repeated(item.get), resolve),
    raw: Object.keys(content).filter((type) => isRaw(type, content[type])),
    returnsRows: Boolean(row?.["x-pg-relation"]),
    returns: describeReturn(operation, returned, answer),
    columns: row?.["x-pg-relation"] ? columnsOf(row) : [],
    embeds: row?.["x-pg-relation"] ? embedsOf(row) : [],
    primaryKey: [],
    operations: new Set(),
    media: Object.keys(answer),
  };
}

/** The names of arguments that a query string repeats. */
function repeated(operation) {
  const parameters = operation?.parameters ?? [];
  return new Set(parameters.filter((each) => each.schema?.type === "array").map((each) => each.name));
}

function overloadsOf(content, variadic, resolve) {
  const schema = content["application/json"]?.schema;
  if (!schema) return [];
  const schemas = (schema.anyOf ?? [schema]).map(resolve).filter((each) => each?.properties);
  const marked = (field) => ({ ...field, variadic: variadic.has(field.name) });
  return schemas.map((each) => fieldsOf(each).map(marked));
}

/** Whether a body is a single argument: what takes several by name describes them. */
function isRaw(type, media) {
  return type !== "application/json" || Object.keys(media.schema).length === 0;
}

function describeReturn(operation, schema, answer) {
  if (!operation.responses?.["200"]) return "nothing";
  if (!schema) return Object.keys(answer).join(", ");
  const one = schema.items ?? schema;
  const name = one.$ref ? lastSegment(one.$ref) : [one.type ?? "JSON"].flat().filter((type) => type !== "null").join(" or ");
  return schema.items ? `rows of ${name}` : name;
}
