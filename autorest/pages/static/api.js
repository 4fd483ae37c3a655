// The API itself: the token, the document, and requests with their answers.

import { parse } from "./json.js";
import { address } from "./query.js";

const TOKEN = "autorest.token";
const PROFILE = "autorest.profile";

/** Where the API is: the folder of this page. */
export const base = new URL("./", location.href.split("#")[0]).href.split("?")[0];

export function token() {
  return sessionStorage.getItem(TOKEN) ?? "";
}

/** Keeps the token for this tab, until it is closed. */
export function keepToken(text) {
  if (text) sessionStorage.setItem(TOKEN, text);
  else sessionStorage.removeItem(TOKEN);
}

export function profile() {
  return sessionStorage.getItem(PROFILE) ?? "";
}

export function keepProfile(name) {
  if (name) sessionStorage.setItem(PROFILE, name);
  else sessionStorage.removeItem(PROFILE);
}

/** The claims of a token, unverified; null where it has none that can be read. */
export function claims(text) {
  const [, payload] = text.split(".");
  if (!payload) return null;
  try {
    const bytes = Uint8Array.from(atob(payload.replaceAll("-", "+").replaceAll("_", "/")), (char) => char.codePointAt(0));
    const found = JSON.parse(new TextDecoder().decode(bytes));
    return found && typeof found === "object" ? found : null;
  } catch {
    return null;
  }
}

/** The headers every request carries: the token, and the schema where there are several. */
export function commonHeaders(method) {
  const headers = [];
  if (token()) headers.push(["Authorization", `Bearer ${token()}`]);
  if (profile()) headers.push([method === "GET" || method === "HEAD" ? "Accept-Profile" : "Content-Profile", profile()]);
  return headers;
}

/** Reads the document that the token may see. Throws an Error that says what went wrong. */
export async function loadDocument(version = "3.1") {
  const headers = [["Accept", `application/openapi+json;version=${version}`], ...commonHeaders("GET")];
  let response;
  try {
    response = await fetch(base, { headers, cache: "no-store" });
  } catch {
    throw new Error("The API cannot be reached.");
  }
  const text = await response.text();
  if (!response.ok) throw Object.assign(new Error(explain(text, response)), { status: response.status });
  return parse(text);
}

function explain(text, response) {
  try {
    const { code, message, hint } = JSON.parse(text);
    return [`${message ?? "No success"} (${code ?? response.status})`, hint].filter(Boolean).join(" ");
  } catch {
    return `The answer was ${response.status} ${response.statusText}`;
  }
}

/** Sends a request. Gives { status, reason, ok, headers, text, milliseconds, bytes }, or { failure } without an answer. */
export async function send(request, signal) {
  const started = performance.now();
  try {
    const response = await fetch(address(base, request), {
      method: request.method,
      headers: request.headers,
      body: request.body ?? undefined,
      cache: "no-store",
      signal,
    });
    const buffer = await response.arrayBuffer();
    return {
      status: response.status,
      reason: response.statusText,
      ok: response.ok,
      headers: [...response.headers].sort(([one], [other]) => (one < other ? -1 : 1)),
      text: new TextDecoder().decode(buffer),
      bytes: buffer.byteLength,
      milliseconds: performance.now() - started,
    };
  } catch (error) {
    return { failure: error.name === "AbortError" ? "Given up." : "No answer: the API cannot be reached." };
  }
}
