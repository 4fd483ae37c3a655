// JSON that keeps every digit, and JSON that can be read.

import { h } from "./dom.js";

/** A number whose text says more than JavaScript's numbers can hold. */
export class Exact {
  constructor(source) {
    this.source = source;
  }

  toString() {
    return this.source;
  }
}

/** Parses JSON; a number that would print otherwise becomes `Exact`, where the browser tells its text. */
export function parse(text) {
  return JSON.parse(text, (key, value, context) => {
    const source = context?.source;
    return typeof value === "number" && source !== undefined && String(value) !== source ? new Exact(source) : value;
  });
}

/** Prints what `parse` gave, on one line. */
export function print(value) {
  if (value instanceof Exact) return value.source;
  if (Array.isArray(value)) return `[${value.map(print).join(",")}]`;
  if (value !== null && typeof value === "object") {
    const members = Object.entries(value).map(([key, member]) => `${JSON.stringify(key)}:${print(member)}`);
    return `{${members.join(",")}}`;
  }
  return JSON.stringify(value);
}

const MOST_NODES = 30000;

/** Draws a value indented and coloured; null where it is too large to draw. */
export function draw(value) {
  const pieces = [];
  let nodes = 0;
  const token = (kind, text) => pieces.push(h("span", { class: `json-${kind}` }, text));
  const walk = (node, indent) => {
    nodes += 1;
    if (nodes > MOST_NODES) return;
    const deeper = `${indent}  `;
    if (Array.isArray(node)) {
      if (!node.length) return void pieces.push("[]");
      pieces.push("[\n");
      node.forEach((item, index) => {
        pieces.push(deeper);
        walk(item, deeper);
        pieces.push(index < node.length - 1 ? ",\n" : "\n");
      });
      pieces.push(`${indent}]`);
    } else if (node !== null && typeof node === "object" && !(node instanceof Exact)) {
      const entries = Object.entries(node);
      if (!entries.length) return void pieces.push("{}");
      pieces.push("{\n");
      entries.forEach(([key, member], index) => {
        pieces.push(deeper);
        token("key", JSON.stringify(key));
        pieces.push(": ");
        walk(member, deeper);
        pieces.push(index < entries.length - 1 ? ",\n" : "\n");
      });
      pieces.push(`${indent}}`);
    } else {
      token(node === null ? "null" : node instanceof Exact ? "number" : typeof node, print(node));
    }
  };
  walk(value, "");
  return nodes > MOST_NODES ? null : h("pre", { class: "code", tabindex: "0" }, pieces);
}
