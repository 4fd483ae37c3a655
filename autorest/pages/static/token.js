// The token: given, looked into, kept for this tab, forgotten.

import { base, claims, keepToken, token } from "./api.js";
import { fill, h, icon, onValue } from "./dom.js";

const SENDABLE = /^[\x21-\x7e]+$/;

/** Who the token says one is: { label, state }, the state `none`, `expired` or `valid`. */
export function identity() {
  if (!token()) return { label: "anonymous", state: "none" };
  const found = claims(token()) ?? {};
  const label = String(found.role ?? found.email ?? found.sub ?? "token");
  return { label, state: typeof found.exp === "number" && found.exp * 1000 < Date.now() ? "expired" : "valid" };
}

/** Opens the dialog; `changed` is called when the token became another. */
export function openTokenDialog({ login, changed }) {
  const area = h("textarea", {
    id: "token",
    rows: "5",
    value: token(),
    placeholder: "eyJhbGciOi…",
    spellcheck: "false",
    autocomplete: "off",
    "aria-describedby": "token-claims",
  });
  const about = h("div", { id: "token-claims", class: "claims" });
  const problem = h("p", { class: "problem", role: "alert" });
  const clean = () => area.value.trim().replace(/^bearer\s+/i, "").replaceAll(/\s+/g, "");
  const look = () => fill(about, drawClaims(clean()));
  onValue(area, () => {
    problem.textContent = "";
    look();
  });
  area.addEventListener("keydown", (event) => {
    if (event.key !== "Enter") return;
    event.preventDefault();
    use(clean());
  });
  look();
  const use = (text) => {
    if (text && !SENDABLE.test(text)) {
      problem.textContent = "This cannot be a token: it has characters that no header may have.";
      return;
    }
    keepToken(text);
    dialog.close();
    changed();
  };
  const dialog = h(
    "dialog",
    { class: "dialog", "aria-labelledby": "token-title" },
    h("h2", { id: "token-title" }, "Token"),
    h("p", { class: "hint" }, "A JSON Web Token. It stays in this tab until the tab is closed, and is sent to this API only."),
    login ? drawLogin(use) : null,
    h("label", { htmlFor: "token" }, "Token"),
    area,
    problem,
    about,
    h(
      "div",
      { class: "dialog-actions" },
      h("button", { type: "button", class: "quiet danger", onclick: () => use(""), disabled: !token() }, "Forget it"),
      h("span", { class: "grow" }),
      h("button", { type: "button", class: "quiet", onclick: () => dialog.close() }, "Cancel"),
      h("button", { type: "button", class: "primary", onclick: () => use(clean()), "data-act": "use-token" }, "Use token"),
    ),
  );
  dialog.addEventListener("close", () => dialog.remove());
  document.body.append(dialog);
  dialog.showModal();
  area.focus();
}

function drawClaims(text) {
  if (!text) return h("p", { class: "hint" }, "Without a token you are anonymous.");
  const found = claims(text);
  if (!found) return h("p", { class: "hint" }, icon("warning"), " No claims can be read from this.");
  return h(
    "dl",
    { class: "headers" },
    Object.entries(found).map(([name, value]) => {
      const time = ["exp", "iat", "nbf"].includes(name) && typeof value === "number" ? ` (${moment(value)})` : "";
      return [h("dt", {}, name), h("dd", {}, (typeof value === "string" ? value : JSON.stringify(value)) + time)];
    }),
  );
}

function moment(seconds) {
  const date = new Date(seconds * 1000);
  return Number.isNaN(date.getTime()) ? "no time" : date.toLocaleString();
}

function drawLogin(use) {
  const email = h("input", { id: "login-email", type: "email", autocomplete: "username" });
  const password = h("input", { id: "login-password", type: "password", autocomplete: "current-password" });
  const problem = h("p", { class: "problem", role: "alert" });
  const enter = async () => {
    problem.textContent = "";
    try {
      const response = await fetch(`${base}auth/login`, {
        method: "POST",
        headers: { "Content-Type": "application/json" },
        body: JSON.stringify({ email: email.value, password: password.value }),
      });
      const answer = await response.json();
      if (response.ok && answer.access_token) use(answer.access_token);
      else problem.textContent = answer.message ?? answer.error_description ?? `The answer was ${response.status}.`;
    } catch {
      problem.textContent = "The login cannot be reached.";
    }
  };
  password.addEventListener("keydown", (event) => event.key === "Enter" && enter());
  return h(
    "div",
    { class: "login" },
    h("label", { htmlFor: "login-email" }, "E-mail"),
    email,
    h("label", { htmlFor: "login-password" }, "Password"),
    password,
    problem,
    h("button", { type: "button", class: "quiet", onclick: enter }, "Log in"),
  );
}
