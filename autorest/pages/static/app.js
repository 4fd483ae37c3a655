// The page: what is where, which address shows what, and when the API is read anew.

import { keepProfile, loadDocument, profile, token } from "./api.js";
import { choice, fill, h, icon, onValue } from "./dom.js";
import { readDocument } from "./model.js";
import { identity, openTokenDialog } from "./token.js";
import { drawFunction, drawHome, drawRelation, forgetDrafts, linkTo } from "./views.js";

const places = Object.fromEntries(["bar", "side", "main", "shade"].map((id) => [id, document.getElementById(id)]));
const state = { model: null, problem: null, wanted: "" };

// --- reading the API ------------------------------------------------------------------------------

async function load() {
  state.problem = null;
  try {
    state.model = readDocument(await loadDocument());
  } catch (error) {
    if (error.status === 406 && profile()) {
      keepProfile("");
      return load();
    }
    state.model = null;
    state.problem = error.message;
  }
  forgetDrafts();
  draw();
  return undefined;
}

// --- drawing --------------------------------------------------------------------------------------

function draw() {
  drawBar();
  drawSide();
  drawMain();
}

function drawBar() {
  const { label, state: standing } = identity();
  const profiles = state.model?.profiles ?? [];
  const schema = profiles.length > 1 ? drawSchemas(profiles) : null;
  fill(
    places.bar,
    h("button", { type: "button", class: "bare menu", "aria-label": "Tables, views and functions", onclick: toggleSide }, icon("menu")),
    h("a", { class: "brand", href: "#/" }, h("img", { src: "./-/icon.svg", alt: "", width: "26", height: "26" }), h("span", {}, state.model?.title ?? "API")),
    h("span", { class: "grow" }),
    schema,
    h(
      "button",
      {
        type: "button",
        class: `identity ${standing}`,
        "data-act": "token",
        "aria-label": `Token: ${label}${standing === "expired" ? ", expired" : ""}`,
        title: standing === "expired" ? "The token has expired" : "The token requests are sent with",
        onclick: () => openTokenDialog({ login: state.model?.login, changed: load }),
      },
      icon("lock"),
      h("span", {}, standing === "expired" ? `${label} (expired)` : label),
    ),
    h("button", { type: "button", class: "bare", "aria-label": "Light or dark", "data-act": "theme", onclick: toggleTheme }, icon(isDark() ? "sun" : "moon")),
  );
}

function drawSchemas(profiles) {
  const names = profiles.map((name) => [name, name]);
  return onValue(choice(names, profile() || profiles[0], { "aria-label": "Schema", class: "schema" }), (name) => {
    keepProfile(name === profiles[0] ? "" : name);
    location.hash = "#/";
    load();
  });
}

function isDark() {
  const chosen = document.documentElement.dataset.theme;
  return chosen ? chosen === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
}

function toggleTheme() {
  const theme = isDark() ? "light" : "dark";
  document.documentElement.dataset.theme = theme;
  localStorage.setItem("autorest.theme", theme);
  drawBar();
  places.bar.querySelector('[data-act="theme"]').focus();
}

function toggleSide(event) {
  const open = document.body.classList.toggle("side-open");
  event?.currentTarget?.setAttribute?.("aria-expanded", String(open));
}

function closeSide() {
  document.body.classList.remove("side-open");
}

function drawSide() {
  if (!state.model) return fill(places.side);
  const search = h("input", {
    type: "search",
    placeholder: "Search",
    "aria-label": "Search tables, views and functions",
    "aria-keyshortcuts": "/",
    value: state.wanted,
    id: "search",
  });
  const lists = h("div", { class: "lists" });
  const drawLists = () => {
    const wanted = state.wanted.trim().toLowerCase();
    const fits = (source) => `${source.name} ${source.summary}`.toLowerCase().includes(wanted);
    const relations = state.model.relations.filter(fits);
    const functions = state.model.functions.filter(fits);
    fill(
      lists,
      list("Tables and views", relations),
      list("Functions", functions),
      relations.length + functions.length ? null : h("p", { class: "hint" }, wanted ? "Nothing has this name." : "Nothing may be used with this token."),
    );
  };
  onValue(search, (text) => {
    state.wanted = text;
    drawLists();
  });
  search.addEventListener("keydown", (event) => {
    if (event.key === "Enter") lists.querySelector("a")?.click();
  });
  drawLists();
  return fill(places.side, h("div", { class: "search" }, icon("search"), search, h("kbd", { "aria-hidden": "true" }, "/")), lists);
}

function list(title, sources) {
  if (!sources.length) return null;
  const { name, kind } = route();
  return h(
    "section",
    {},
    h("h2", {}, title, h("span", { class: "count" }, sources.length)),
    h(
      "ul",
      {},
      sources.map((source) => {
        const current = source.name === name && (source.kind === "function") === (kind === "rpc");
        return h(
          "li",
          {},
          h("a", { href: linkTo(source), "aria-current": current ? "page" : null, title: source.summary || null }, icon(source.kind), h("span", {}, source.name)),
        );
      }),
    ),
  );
}

/** What the address asks for: { kind: "", "t" or "rpc", name, tab }. */
function route() {
  const [, kind = "", name = "", tab = ""] = location.hash.split("/");
  try {
    return { kind, name: decodeURIComponent(name), tab };
  } catch {
    return { kind: "", name: "", tab: "" };
  }
}

function drawMain() {
  if (!state.model) return fill(places.main, drawProblem());
  const { kind, name, tab } = route();
  const sources = kind === "rpc" ? state.model.functions : state.model.relations;
  const source = kind ? sources.find((each) => each.name === name) : null;
  document.title = source ? `${source.name} · ${state.model.title}` : state.model.title;
  if (kind && !source) return fill(places.main, drawMissing(name));
  if (!source) return fill(places.main, drawHome(state.model));
  if (kind === "rpc") return fill(places.main, drawFunction(source));
  const byName = new Map(state.model.relations.map((relation) => [relation.name, relation]));
  return fill(places.main, drawRelation(source, tab, byName));
}

function drawProblem() {
  return h(
    "section",
    { class: "card notice", role: "alert" },
    h("h1", {}, "The API does not tell what it offers"),
    h("p", { class: "problem" }, icon("warning"), state.problem ?? ""),
    h(
      "div",
      { class: "row" },
      h("button", { type: "button", class: "primary", onclick: load }, "Try again"),
      h("button", { type: "button", class: "quiet", onclick: () => openTokenDialog({ login: !token(), changed: load }) }, "Change the token"),
    ),
  );
}

function drawMissing(name) {
  return h(
    "section",
    { class: "card notice" },
    h("h1", {}, name),
    h("p", {}, `There is nothing of this name, or it takes ${token() ? "another" : "a"} token to use it.`),
    h("a", { href: "#/" }, "What there is"),
  );
}

// --- what happens ---------------------------------------------------------------------------------

addEventListener("hashchange", () => {
  closeSide();
  if (!state.model) return;
  drawSide();
  drawMain();
  places.main.focus({ preventScroll: true });
  scrollTo(0, 0);
});

addEventListener("keydown", (event) => {
  const typing = event.target.closest?.("input, textarea, select");
  if (event.key === "/" && !typing && !event.ctrlKey && !event.metaKey && !event.altKey) {
    event.preventDefault();
    document.getElementById("search")?.focus();
  } else if (event.key === "Enter" && (event.ctrlKey || event.metaKey || readsOnEnter(event.target))) {
    places.main.querySelector('[data-act="send"]')?.click();
  } else if (event.key === "Escape") {
    closeSide();
  }
});

/** Enter alone sends only what changes nothing. */
function readsOnEnter(element) {
  return element.matches?.("main input") && places.main.querySelector(".method")?.textContent === "GET";
}

places.shade.addEventListener("click", closeSide);
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", drawBar);

drawBar();
await load();
