// Filters, order and range: what narrows the rows of a table, a view or a function.

import { choice, h, icon, onValue } from "./dom.js";
import { IS_VALUES, OPERATORS, filterParameter, orderValue, selectValue } from "./query.js";

/** What a fresh narrowing holds. `columns` null stands for all. */
export function emptyNarrowing() {
  return { columns: null, embeds: [], filters: [], orders: [], limit: "", offset: "" };
}

/** The parameters of the query string. */
export function narrowingParameters(source, narrowing) {
  const chosen = narrowing.columns ?? source.columns.map((column) => column.name);
  const all = source.columns.map((column) => column.name);
  const embeds = source.embeds.filter((_, index) => narrowing.embeds.includes(index));
  const select = selectValue(all, chosen, embeds);
  const order = orderValue(narrowing.orders);
  return [
    ...(select === null || select === "" ? [] : [["select", select]]),
    ...narrowing.filters.map(filterParameter),
    ...(order ? [["order", order]] : []),
    ...(narrowing.limit.trim() ? [["limit", narrowing.limit.trim()]] : []),
    ...(narrowing.offset.trim() ? [["offset", narrowing.offset.trim()]] : []),
  ];
}

/** Draws the choice of columns and of related rows. */
export function drawColumns(source, narrowing, changed) {
  const box = h("div", { class: "chips", role: "group", "aria-label": "Columns" });
  const toggle = (pressed, label, title, act) => {
    const button = h("button", { type: "button", class: "chip", "aria-pressed": String(pressed), title }, label);
    button.addEventListener("click", () => {
      const now = button.getAttribute("aria-pressed") !== "true";
      button.setAttribute("aria-pressed", String(now));
      act(now);
      changed();
    });
    return button;
  };
  for (const column of source.columns) {
    const pressed = narrowing.columns === null || narrowing.columns.includes(column.name);
    box.append(
      toggle(pressed, column.name, column.pgType, (now) => {
        const chosen = new Set(narrowing.columns ?? source.columns.map((each) => each.name));
        if (now) chosen.add(column.name);
        else chosen.delete(column.name);
        narrowing.columns = source.columns.map((each) => each.name).filter((name) => chosen.has(name));
      }),
    );
  }
  source.embeds.forEach((embed, index) => {
    const label = [icon("link"), embed.name, embed.hint ? ` !${embed.hint}` : "", embed.toOne ? "" : " …"];
    const title = `Embed ${embed.toOne ? "the row" : "the rows"} of ${embed.relation}`;
    const button = toggle(narrowing.embeds.includes(index), "", title, (now) => {
      narrowing.embeds = now ? [...narrowing.embeds, index] : narrowing.embeds.filter((each) => each !== index);
    });
    button.classList.add("related");
    button.append(...label);
    box.append(button);
  });
  return box;
}

/** Draws the filters and a button for another. */
export function drawFilters(source, narrowing, changed) {
  const list = h("div", { class: "lines" });
  const addButton = h("button", { type: "button", class: "quiet" }, icon("plus"), "Filter");
  const redraw = () => list.replaceChildren(...narrowing.filters.map((filter) => line(filter)));
  const line = (filter) => {
    const column = source.columns.find((each) => each.name === filter.column);
    const value = h("span", { class: "grow" });
    const drawValue = () => {
      const input = onValue(valueInput(filter, source), (text) => {
        filter.value = text;
        changed();
      });
      value.replaceChildren(input);
    };
    drawValue();
    const columnChoice = onValue(choice(names(source), filter.column, { "aria-label": "Column" }), (name) => {
      filter.column = name;
      drawValue();
      changed();
    });
    const operatorChoice = onValue(choice(OPERATORS, filter.operator, { "aria-label": "Operator" }), (operator) => {
      const wasIs = filter.operator === "is";
      filter.operator = operator;
      if (filter.operator === "is") filter.value = "null";
      else if (wasIs) filter.value = "";
      drawValue();
      changed();
    });
    const negate = h("button", { type: "button", class: "mini", "aria-pressed": String(filter.negated) }, "not");
    negate.addEventListener("click", () => {
      filter.negated = !filter.negated;
      negate.setAttribute("aria-pressed", String(filter.negated));
      changed();
    });
    return h(
      "div",
      { class: "line", title: column?.pgType },
      columnChoice,
      negate,
      operatorChoice,
      value,
      remover("filter", () => {
        narrowing.filters.splice(narrowing.filters.indexOf(filter), 1);
        redraw();
        changed();
        addButton.focus();
      }),
    );
  };
  addButton.addEventListener("click", () => {
    const column = source.columns[0];
    narrowing.filters.push({ column: column?.name ?? "", operator: "eq", value: "", negated: false });
    redraw();
    changed();
    list.lastElementChild?.querySelector("select")?.focus();
  });
  redraw();
  return h("div", {}, list, source.columns.length ? addButton : null);
}

function names(source) {
  return source.columns.map((column) => [column.name, column.name]);
}

function valueInput(filter, source) {
  const column = source.columns.find((each) => each.name === filter.column);
  const label = { "aria-label": "Value" };
  if (filter.operator === "is") return choice(IS_VALUES.map((value) => [value, value.replace("_", " ")]), filter.value, label);
  if (["eq", "neq"].includes(filter.operator) && column?.choices.length) {
    filter.value = filter.value || column.choices[0];
    return choice(column.choices.map((value) => [value, value]), filter.value, label);
  }
  if (["eq", "neq"].includes(filter.operator) && column?.input === "boolean") {
    filter.value = filter.value || "true";
    return choice([["true", "true"], ["false", "false"]], filter.value, label);
  }
  const hints = { in: 'a,b,"c,d"', like: "*text*", ilike: "*text*", cs: "{a,b}", cd: "{a,b}", ov: "{a,b}" };
  return h("input", { ...label, type: "text", value: filter.value, placeholder: hints[filter.operator] ?? "value" });
}

/** Draws the order and a button for another column of it. */
export function drawOrders(source, narrowing, changed) {
  const list = h("div", { class: "lines" });
  const addButton = h("button", { type: "button", class: "quiet" }, icon("plus"), "Order");
  const redraw = () => list.replaceChildren(...narrowing.orders.map(line));
  const line = (order) => {
    const bind = (element, key) =>
      onValue(element, (text) => {
        order[key] = text;
        changed();
      });
    return h(
      "div",
      { class: "line" },
      bind(choice(names(source), order.column, { "aria-label": "Order by" }), "column"),
      bind(choice([["asc", "ascending"], ["desc", "descending"]], order.direction, { "aria-label": "Direction" }), "direction"),
      bind(
        choice([["", "nulls as usual"], ["first", "nulls first"], ["last", "nulls last"]], order.nulls, { "aria-label": "Nulls" }),
        "nulls",
      ),
      remover("order", () => {
        narrowing.orders.splice(narrowing.orders.indexOf(order), 1);
        redraw();
        changed();
        addButton.focus();
      }),
    );
  };
  addButton.addEventListener("click", () => {
    narrowing.orders.push({ column: source.columns[0]?.name ?? "", direction: "asc", nulls: "" });
    redraw();
    changed();
    list.lastElementChild?.querySelector("select")?.focus();
  });
  redraw();
  return h("div", {}, list, source.columns.length ? addButton : null);
}

function remover(what, act) {
  return h("button", { type: "button", class: "bare", "aria-label": `Remove ${what}`, onclick: act }, icon("close"));
}

/** Draws limit and offset. */
export function drawRange(narrowing, changed) {
  const number = (key, label) => {
    const input = onValue(h("input", { type: "number", min: "0", value: narrowing[key], "data-range": key }), (text) => {
      narrowing[key] = text;
      changed();
    });
    return h("label", { class: "short" }, label, input);
  };
  return [number("limit", "Limit"), number("offset", "Offset")];
}
