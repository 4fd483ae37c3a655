// What is shown in the middle: the start, a table or view, a function.

import { base, commonHeaders, loadDocument } from "./api.js";
import { requestConsole } from "./console.js";
import { choice, copy, fill, fresh, h, icon, onValue, prose, toast } from "./dom.js";
import { argumentsOf, bodyOf, drawFields, emptyValues, inputText, unfilled } from "./fields.js";
import { print } from "./json.js";
import { fieldsOf } from "./model.js";
import { drawColumns, drawFilters, drawOrders, drawRange, emptyNarrowing, narrowingParameters } from "./narrowing.js";
import { shell } from "./query.js";

const JSON_TYPE = "application/json";
const FORMAT_NAMES = new Map([
  [JSON_TYPE, "JSON"],
  ["application/vnd.pgrst.object+json", "one JSON object"],
  ["application/vnd.pgrst.array+json;nulls=stripped", "JSON without nulls"],
  ["application/vnd.pgrst.object+json;nulls=stripped", "one object without nulls"],
  ["text/csv", "CSV"],
  ["application/x-ndjson", "lines of JSON"],
]);

export function linkTo(source, tab = "") {
  const start = source.kind === "function" ? "#/rpc/" : "#/t/";
  return start + encodeURIComponent(source.name) + (tab ? `/${tab}` : "");
}

const drafts = new Map();

/** Forgets what was typed and answered: the document has changed. */
export function forgetDrafts() {
  drafts.clear();
}

function draftOf(source, tab, make) {
  const key = `${source.kind} ${source.name} ${tab}`;
  if (!drafts.has(key)) drafts.set(key, make());
  return drafts.get(key);
}

// --- the start ------------------------------------------------------------------------------------

export function drawHome(model) {
  const first = model.relations[0];
  const command = `curl ${shell(base + (first ? encodeURIComponent(first.name) : ""))}`;
  return [
    h("header", { class: "hero" }, h("h1", {}, model.title), prose(model.description)),
    h(
      "section",
      { class: "card" },
      h("div", { class: "row" }, h("h2", {}, "Address"), h("span", { class: "grow" }), documentButton("3.1"), documentButton("2.0")),
      h("div", { class: "address" }, h("code", {}, base), copyButton(base, "Copy the address")),
      h("div", { class: "address" }, h("code", {}, command), copyButton(command, "Copy the command")),
    ),
    cards("Tables and views", model.relations),
    cards("Functions", model.functions),
  ];
}

function copyButton(text, label) {
  return h("button", { type: "button", class: "bare", "aria-label": label, onclick: () => copy(text) }, icon("copy"));
}

function documentButton(version) {
  return h(
    "button",
    {
      type: "button",
      class: "quiet",
      onclick: async () => {
        try {
          const content = print(await loadDocument(version));
          const link = h("a", { href: URL.createObjectURL(new Blob([content], { type: JSON_TYPE })), download: `openapi-${version}.json` });
          link.click();
          setTimeout(() => URL.revokeObjectURL(link.href), 1000);
        } catch (error) {
          toast(error.message);
        }
      },
    },
    icon("download"),
    `OpenAPI ${version}`,
  );
}

function cards(title, sources) {
  if (!sources.length) return null;
  return h(
    "section",
    {},
    h("h2", { class: "section-title" }, title),
    h(
      "div",
      { class: "cards" },
      sources.map((source) =>
        h(
          "a",
          { class: "card tile", href: linkTo(source) },
          h("span", { class: "tile-name" }, icon(source.kind), source.name),
          source.summary ? h("span", { class: "tile-text" }, source.summary) : null,
          h("span", { class: "tile-foot" }, source.kind === "function" ? `returns ${source.returns}` : `${source.columns.length} columns`),
        ),
      ),
    ),
  );
}

// --- tables and views -----------------------------------------------------------------------------

const TABS = [
  ["read", "Read", "get"],
  ["insert", "Insert", "post"],
  ["update", "Update", "patch"],
  ["delete", "Delete", "delete"],
  ["columns", "Columns", null],
];

export function tabsOf(relation) {
  return TABS.filter(([, , method]) => method === null || relation.operations.has(method));
}

export function drawRelation(relation, wanted, byName) {
  const tabs = tabsOf(relation);
  const tab = tabs.some(([name]) => name === wanted) ? wanted : tabs[0][0];
  const panels = { read: drawRead, insert: drawInsert, update: drawUpdate, delete: drawDelete, columns: drawStructure };
  return [
    heading(relation),
    h(
      "nav",
      { class: "tabs", "aria-label": `What to do with ${relation.name}` },
      tabs.map(([name, label]) =>
        h("a", { class: "tab", href: linkTo(relation, name), "aria-current": name === tab ? "page" : null }, label),
      ),
    ),
    panels[tab](relation, byName),
  ];
}

function heading(source) {
  const kinds = { table: "table", view: "view", function: "function" };
  return h(
    "header",
    { class: "heading" },
    h("div", { class: "row" }, icon(source.kind), h("h1", {}, source.name), h("span", { class: "badge" }, kinds[source.kind])),
    source.summary ? h("p", { class: "summary" }, source.summary) : null,
    source.description ? prose(source.description) : null,
  );
}

function group(label, ...content) {
  return h("div", { class: "group", role: "group", "aria-label": label }, h("span", { class: "group-label" }, label), h("div", { class: "group-body" }, content));
}

function labelled(label, control) {
  control.id ||= fresh("control");
  return h("label", { class: "short", htmlFor: control.id }, label, control);
}

function bound(options, draft, key, changed) {
  return onValue(choice(options, draft[key], { "data-option": key }), (value) => {
    draft[key] = value;
    changed();
  });
}

function prefer(...preferences) {
  const chosen = preferences.filter(Boolean);
  return chosen.length ? [["Prefer", chosen.join(", ")]] : [];
}

function formats(source) {
  return source.media.filter((type) => type !== "*/*").map((type) => [type, FORMAT_NAMES.get(type) ?? type]);
}

function drawRead(relation, byName) {
  const draft = draftOf(relation, "read", () => ({ ...emptyNarrowing(), limit: "25", count: "", format: JSON_TYPE, fresh: true }));
  const panel = requestConsole({
    label: "Send",
    draft,
    build: () => ({
      method: "GET",
      path: relation.path,
      parameters: narrowingParameters(relation, draft),
      headers: [
        ...(draft.format === JSON_TYPE ? [] : [["Accept", draft.format]]),
        ...prefer(draft.count && `count=${draft.count}`),
        ...commonHeaders("GET"),
      ],
      body: null,
    }),
    describeAnswer: (given) => ({
      columns: relation.columns.map((column) => column.name),
      rowActions: rowActionsOf(relation),
      paging: pagingOf(draft, given, () => {
        draw();
        panel.run();
      }),
    }),
  });
  const form = h("section", { class: "card form", "aria-label": "Query" });
  const draw = () =>
    fill(
      form,
      group("Columns", drawColumns(relation, draft, panel.update)),
      group("Where", drawFilters(relation, draft, panel.update)),
      group("Order", drawOrders(relation, draft, panel.update)),
      group(
        "Answer",
        h(
          "div",
          { class: "row wrap" },
          drawRange(draft, panel.update),
          labelled("Count", bound([["", "do not count"], ["exact", "exact"], ["planned", "planned"], ["estimated", "estimated"]], draft, "count", panel.update)),
          labelled("Format", bound(formats(relation), draft, "format", panel.update)),
        ),
      ),
    );
  draw();
  if (draft.fresh && relation.kind === "table") queueMicrotask(panel.run);
  draft.fresh = false;
  return h("div", { class: "panel" }, form, panel.element);
}

function pagingOf(draft, { answer, sent }, again) {
  const parameter = (name) => Number(sent.parameters.find(([key]) => key === name)?.[1] ?? 0);
  const limit = parameter("limit");
  const offset = parameter("offset");
  if (sent.method !== "GET" || !limit || !answer.ok) return {};
  const go = (to) => () => {
    draft.limit = String(limit);
    draft.offset = to > 0 ? String(to) : "";
    again();
  };
  let full = false;
  try {
    full = JSON.parse(answer.text).length === limit;
  } catch {
    full = false;
  }
  return { previous: offset > 0 ? go(Math.max(0, offset - limit)) : null, next: full ? go(offset + limit) : null };
}

function rowActionsOf(relation) {
  if (!relation.primaryKey.length) return undefined;
  return (row) => {
    if (!relation.primaryKey.every((name) => Object.hasOwn(row, name) && row[name] !== null)) return [];
    const filters = () =>
      relation.primaryKey.map((column) => ({ column, operator: "eq", value: typeof row[column] === "string" ? row[column] : print(row[column]), negated: false }));
    const act = (tab, iconName, label, prepare) =>
      h(
        "button",
        {
          type: "button",
          class: "bare",
          "aria-label": label,
          title: label,
          onclick: () => {
            drafts.delete(`${relation.kind} ${relation.name} ${tab}`);
            const draft = draftOf(relation, tab, () => changeDraft(relation, tab));
            draft.filters = filters();
            prepare?.(draft);
            location.hash = linkTo(relation, tab);
          },
        },
        icon(iconName),
      );
    return [
      relation.operations.has("patch") &&
        act("update", "edit", "Edit this row", (draft) => {
          for (const field of fieldsOf(relation.update)) {
            const value = row[field.name];
            if (value === undefined) continue;
            Object.assign(draft.values.get(field.name), { used: false, isNull: value === null, text: inputText(field, value) });
          }
        }),
      relation.operations.has("delete") && act("delete", "trash", "Delete this row"),
    ].filter(Boolean);
  };
}

function changeDraft(relation, tab) {
  const schema = tab === "insert" ? relation.insert : relation.update;
  return {
    ...emptyNarrowing(),
    values: emptyValues(fieldsOf(schema)),
    mode: "form",
    text: "",
    answerWith: "representation",
    resolution: "",
    most: "",
    everyRow: false,
  };
}

const ANSWER_WITH = [
  ["representation", "the rows"],
  ["headers-only", "headers only"],
  ["minimal", "nothing"],
];

function textArea(draft, changed) {
  const area = h("textarea", { class: "code", rows: "8", value: draft.text, spellcheck: "false", "aria-label": "Body" });
  return onValue(area, (text) => {
    draft.text = text;
    changed();
  });
}

/** A form for a body, or the JSON itself. Gives [element, () => body, () => what it lacks]. */
function bodyForm(fields, draft, changed) {
  const box = h("div", { class: "body-form" });
  const build = () => {
    if (draft.mode === "form") return bodyOf(fields, draft.values);
    JSON.parse(draft.text);
    return draft.text;
  };
  const draw = () => {
    if (draft.mode === "form") return fill(box, drawFields(fields, draft.values, changed));
    return fill(box, textArea(draft, changed));
  };
  const modes = ["form", "JSON"].map((mode) => {
    const tab = h("button", { type: "button", class: "tab", "aria-pressed": String(draft.mode === mode) }, mode === "form" ? "Form" : "JSON");
    tab.addEventListener("click", () => {
      if (mode === "JSON" && draft.mode === "form") {
        try {
          draft.text = JSON.stringify(JSON.parse(bodyOf(fields, draft.values)), null, 2);
        } catch {
          draft.text = "{}";
        }
      }
      draft.mode = mode;
      for (const other of modes) other.setAttribute("aria-pressed", String(other === tab));
      draw();
      changed();
    });
    return tab;
  });
  draw();
  const element = [h("div", { class: "tabs small", role: "group", "aria-label": "Body as" }, modes), box];
  const lacks = () => (draft.mode === "form" ? unfilled(fields, draft.values) : null);
  return [element, build, lacks];
}

function bodyFields(relation, schema) {
  return fieldsOf(schema).map((field) => ({ ...field, primary: relation.primaryKey.includes(field.name) }));
}

function readableBody(build) {
  try {
    return build();
  } catch (error) {
    throw error instanceof SyntaxError ? new Error(`The body is no JSON: ${error.message}`) : error;
  }
}

function drawInsert(relation) {
  const draft = draftOf(relation, "insert", () => changeDraft(relation, "insert"));
  const fields = bodyFields(relation, relation.insert);
  let panel = null;
  const changed = () => panel?.update();
  const [form, build, lacks] = bodyForm(fields, draft, changed);
  panel = requestConsole({
    label: "Insert",
    draft,
    blocked: lacks,
    build: () => ({
      method: "POST",
      path: relation.path,
      parameters: [],
      headers: [
        ["Content-Type", JSON_TYPE],
        ...prefer(`return=${draft.answerWith}`, draft.resolution && `resolution=${draft.resolution}`),
        ...commonHeaders("POST"),
      ],
      body: readableBody(build),
    }),
    describeAnswer: () => ({ columns: relation.columns.map((column) => column.name), rowActions: rowActionsOf(relation) }),
  });
  return h(
    "div",
    { class: "panel" },
    h(
      "section",
      { class: "card form", "aria-label": "New row" },
      group("Row", form),
      group(
        "Answer",
        h(
          "div",
          { class: "row wrap" },
          labelled("Give back", bound(ANSWER_WITH, draft, "answerWith", changed)),
          relation.primaryKey.length
            ? labelled("If it exists", bound([["", "refuse"], ["merge-duplicates", "update it"], ["ignore-duplicates", "leave it"]], draft, "resolution", changed))
            : null,
        ),
      ),
    ),
    panel.element,
  );
}

function drawChange(relation, tab, { method, label, danger, body }) {
  const draft = draftOf(relation, tab, () => changeDraft(relation, tab));
  let panel = null;
  const every = h("p", { class: "caution" });
  const everyRow = h("input", { type: "checkbox", checked: draft.everyRow, id: fresh("every") });
  everyRow.addEventListener("change", () => {
    draft.everyRow = everyRow.checked;
    panel.update();
  });
  fill(every, icon("warning"), h("span", {}, `Without a filter every row is ${tab}d. `), h("label", { htmlFor: everyRow.id }, everyRow, " I mean every row"));
  const changed = () => {
    every.hidden = draft.filters.length > 0;
    panel?.update();
  };
  const [form, build, lacks] = body ? bodyForm(bodyFields(relation, relation.update), draft, changed) : [null, null, () => null];
  const most = onValue(h("input", { type: "number", min: "0", value: draft.most, placeholder: "any number" }), (text) => {
    draft.most = text;
    changed();
  });
  panel = requestConsole({
    label,
    danger,
    draft,
    build: () => ({
      method,
      path: relation.path,
      parameters: narrowingParameters(relation, { ...emptyNarrowing(), filters: draft.filters }),
      headers: [
        ...(body ? [["Content-Type", JSON_TYPE]] : []),
        ...prefer(`return=${draft.answerWith}`, draft.most && "handling=strict", draft.most && `max-affected=${draft.most}`),
        ...commonHeaders(method),
      ],
      body: body ? readableBody(build) : null,
    }),
    blocked: () => (draft.filters.length || draft.everyRow ? lacks() : "Add a filter, or say that you mean every row."),
    describeAnswer: () => ({ columns: relation.columns.map((column) => column.name), rowActions: tab === "delete" ? undefined : rowActionsOf(relation) }),
  });
  changed();
  return h(
    "div",
    { class: "panel" },
    h(
      "section",
      { class: "card form", "aria-label": label },
      group("Where", drawFilters(relation, draft, changed), every),
      body ? group("Change", form) : null,
      group(
        "Answer",
        h(
          "div",
          { class: "row wrap" },
          labelled("Give back", bound(ANSWER_WITH, draft, "answerWith", changed)),
          labelled("At most", most),
        ),
      ),
    ),
    panel.element,
  );
}

function drawUpdate(relation) {
  return drawChange(relation, "update", { method: "PATCH", label: "Update", danger: false, body: true });
}

function drawDelete(relation) {
  return drawChange(relation, "delete", { method: "DELETE", label: "Delete", danger: true, body: false });
}

function drawStructure(relation, byName) {
  return h(
    "section",
    { class: "card", "aria-label": "Columns" },
    h(
      "div",
      { class: "scroll", tabindex: "0", role: "region", "aria-label": "Columns" },
      h(
        "table",
        { class: "structure" },
        h("thead", {}, h("tr", {}, ["Column", "Type", "Null", "Default", "About"].map((name) => h("th", { scope: "col" }, name)))),
        h("tbody", {}, relation.columns.map((column) => structureRow(column, byName))),
      ),
    ),
    relation.embeds.length
      ? h(
          "div",
          { class: "related-list" },
          h("h3", {}, "Related"),
          relation.embeds.map((embed) => {
            const target = byName.get(embed.relation);
            const name = target ? h("a", { href: linkTo(target) }, embed.name) : embed.name;
            return h("p", {}, icon("link"), " ", name, embed.toOne ? " (one row)" : " (rows)", embed.hint ? h("code", {}, ` !${embed.hint}`) : null);
          }),
        )
      : null,
  );
}

function structureRow(column, byName) {
  const target = column.references && byName.get(column.references.relation);
  return h(
    "tr",
    {},
    h("th", { scope: "row" }, h("code", {}, column.name), column.primary ? h("span", { class: "badge key", title: "Primary key" }, icon("key"), "key") : null),
    h("td", {}, h("code", {}, column.pgType)),
    h("td", {}, column.nullable ? "yes" : "no"),
    h("td", {}, column.readOnly ? "generated" : column.defaultText ? h("code", {}, column.defaultText) : ""),
    h(
      "td",
      { class: "about" },
      column.description ? h("div", {}, column.description) : null,
      column.references
        ? h("div", {}, icon("link"), " ", target ? h("a", { href: linkTo(target) }, target.name) : column.references.relation, `.${column.references.column}`)
        : null,
      column.choices.length ? h("div", { class: "hint" }, column.choices.join(" · ")) : null,
    ),
  );
}

// --- functions ------------------------------------------------------------------------------------

export function drawFunction(routine) {
  const forms = [
    ...routine.overloads.map((fields, index) => ({ key: `named ${index}`, label: `(${fields.map((field) => field.name).join(", ")})`, fields })),
    ...routine.raw.map((type) => ({ key: `raw ${type}`, label: `body as ${type}`, type })),
  ];
  if (!forms.length) forms.push({ key: "none", label: "()", fields: [] });
  const draft = draftOf(routine, "call", () => ({
    ...emptyNarrowing(),
    form: forms[0].key,
    method: routine.reads ? "GET" : "POST",
    values: new Map(forms.map((form) => [form.key, emptyValues(form.fields ?? [])])),
    text: "",
    format: routine.media.includes(JSON_TYPE) || !routine.media.length ? JSON_TYPE : routine.media[0],
  }));
  let panel = null;
  const changed = () => panel?.update();
  const inputs = h("div", {});
  const chosen = () => forms.find((form) => form.key === draft.form) ?? forms[0];
  const methodBox = h("span", {});
  const draw = () => {
    const form = chosen();
    if (form.type) {
      draft.method = "POST";
      fill(inputs, textArea(draft, changed));
    } else if (form.fields.length) {
      fill(inputs, drawFields(form.fields, draft.values.get(form.key), changed));
    } else {
      fill(inputs, h("p", { class: "hint" }, "Takes no arguments."));
    }
    fill(methodBox, routine.reads && !form.type ? labelled("Method", bound([["GET", "GET"], ["POST", "POST"]], draft, "method", changed)) : null);
    changed();
  };
  panel = requestConsole({
    label: "Call",
    draft,
    blocked: () => (chosen().type ? null : unfilled(chosen().fields, draft.values.get(chosen().key))),
    build: () => {
      const form = chosen();
      const byQuery = draft.method === "GET" && !form.type;
      const values = draft.values.get(form.key);
      const type = form.type ?? JSON_TYPE;
      return {
        method: byQuery ? "GET" : "POST",
        path: routine.path,
        parameters: [
          ...(byQuery ? argumentsOf(form.fields, values) : []),
          ...(routine.returnsRows ? narrowingParameters(routine, draft) : []),
        ],
        headers: [
          ...(byQuery ? [] : [["Content-Type", type]]),
          ...(draft.format === JSON_TYPE ? [] : [["Accept", draft.format]]),
          ...commonHeaders(byQuery ? "GET" : "POST"),
        ],
        body: byQuery ? null : form.type ? draft.text : bodyOf(form.fields, values),
      };
    },
    describeAnswer: () => ({ columns: routine.columns.map((column) => column.name) }),
  });
  draw();
  const formChoice = bound(forms.map((form) => [form.key, form.label]), draft, "form", draw);
  return [
    heading(routine),
    h("p", { class: "returns" }, "Returns ", h("code", {}, routine.returns)),
    h(
      "div",
      { class: "panel" },
      h(
        "section",
        { class: "card form", "aria-label": "Call" },
        forms.length > 1 ? group("Called with", formChoice) : null,
        group("Arguments", inputs),
        routine.returnsRows ? group("Columns", drawColumns(routine, draft, changed)) : null,
        routine.returnsRows ? group("Where", drawFilters(routine, draft, changed)) : null,
        routine.returnsRows ? group("Order", drawOrders(routine, draft, changed)) : null,
        group(
          "Answer",
          h(
            "div",
            { class: "row wrap" },
            routine.returnsRows ? drawRange(draft, changed) : null,
            methodBox,
            routine.media.length > 1 ? labelled("Format", bound(formats(routine), draft, "format", changed)) : null,
          ),
        ),
      ),
      panel.element,
    ),
  ];
}
