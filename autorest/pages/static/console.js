// The request that a form makes: shown as it will be sent, as a command, and sent.

import { base, send } from "./api.js";
import { copy, fill, h, icon } from "./dom.js";
import { address, curl, javascript, target } from "./query.js";
import { drawAnswer } from "./result.js";

const LANGUAGES = { curl, JavaScript: javascript };
let language = "curl";

/**
 * Draws the request line, its command and the answer.
 *
 * `build()` gives the request or throws an Error for the reader. `blocked()` says why it must not be sent
 * yet, or gives null. `draft.answer` keeps the last answer. Gives { element, update, run }.
 */
export function requestConsole({ build, blocked = () => null, label, danger, draft, describeAnswer }) {
  const line = h("div", { class: "request-line" });
  const command = h("pre", { class: "code wrap command", tabindex: "0" });
  const problem = h("p", { class: "problem", role: "alert" });
  const answers = h("div", { "aria-live": "polite" });
  const button = h("button", { type: "button", class: danger ? "primary danger" : "primary", "data-act": "send" }, icon("send"), label);
  const method = h("span", { class: "method" });
  const url = h("code", { class: "url" });
  line.append(method, url, button);
  const tabs = Object.keys(LANGUAGES).map((name) => {
    const tab = h("button", { type: "button", class: "tab", "aria-pressed": String(name === language) }, name);
    tab.addEventListener("click", () => {
      language = name;
      for (const other of tabs) other.setAttribute("aria-pressed", String(other === tab));
      update();
    });
    return tab;
  });
  let request = null;
  let sending = null;

  const masked = (original) => ({
    ...original,
    headers: original.headers.map(([name, value]) =>
      name === "Authorization" && value.length > 30 ? [name, `${value.slice(0, 22)}…`] : [name, value],
    ),
  });

  function update() {
    problem.textContent = "";
    try {
      request = build();
    } catch (error) {
      request = null;
      problem.textContent = error.message;
    }
    const reason = request && blocked();
    if (reason) problem.textContent = reason;
    problem.classList.toggle("waits", Boolean(reason));
    button.disabled = !request || Boolean(reason);
    button.title = reason ?? "Ctrl+Enter";
    if (!request) return;
    method.textContent = request.method;
    method.className = `method m-${request.method.toLowerCase()}`;
    url.textContent = target(request);
    url.title = address(base, request);
    command.textContent = LANGUAGES[language](base, masked(request));
  }

  async function run() {
    update();
    if (!request || button.disabled) return;
    sending?.abort();
    sending = new AbortController();
    const sent = request;
    const { signal } = sending;
    answers.classList.add("busy");
    const answer = await send(sent, signal);
    if (signal.aborted) return;
    answers.classList.remove("busy");
    draft.answer = { answer, sent };
    showAnswer();
  }

  function showAnswer() {
    if (draft.answer) fill(answers, drawAnswer(draft.answer.answer, describeAnswer(draft.answer)));
  }

  button.addEventListener("click", run);
  update();
  showAnswer();
  const element = h(
    "div",
    { class: "console" },
    h(
      "section",
      { class: "card request", "aria-label": "Request" },
      line,
      problem,
      h(
        "div",
        { class: "tabs small", role: "group", "aria-label": "The request as" },
        tabs,
        h("span", { class: "grow" }),
        h(
          "button",
          { type: "button", class: "quiet", "data-act": "copy", onclick: () => request && copy(LANGUAGES[language](base, request)) },
          icon("copy"),
          "Copy",
        ),
      ),
      command,
    ),
    answers,
  );
  return { element, update, run };
}
