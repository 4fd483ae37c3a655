"use strict";

const SECONDS_BETWEEN_QUESTIONS = 3;

const SENTENCES = {
  up: "Everything runs.",
  partly: "Something is not as it should be.",
  down: "Something is down.",
};

function show(element, state, detail) {
  element.dataset.state = state;
  const text = element.querySelector(".detail");
  if (text.textContent !== detail) text.textContent = detail;
}

function worst(states) {
  return ["down", "partly"].find((state) => states.includes(state)) ?? "up";
}

async function ask() {
  const overall = document.getElementById("overall");
  try {
    const response = await fetch("/health.json", { cache: "no-store", signal: AbortSignal.timeout(8000) });
    if (!response.ok) throw new Error(String(response.status));
    const health = await response.json();
    for (const card of document.querySelectorAll("[data-service]")) {
      const { state, detail, milliseconds } = health[card.dataset.service];
      show(card, state, milliseconds === null ? detail : `${detail} · ${Math.max(1, Math.round(milliseconds))} ms`);
    }
    const state = worst(Object.values(health).map((service) => service.state));
    show(overall, state, SENTENCES[state]);
  } catch {
    for (const card of document.querySelectorAll("[data-service]")) show(card, "unknown", "not known");
    show(overall, "down", "This page's own server does not answer; asking again.");
  }
}

async function watch() {
  for (;;) {
    if (!document.hidden) await ask();
    await new Promise((resume) => setTimeout(resume, SECONDS_BETWEEN_QUESTIONS * 1000));
  }
}

function addCopyButton(block) {
  const button = document.createElement("button");
  button.type = "button";
  button.className = "copy";
  button.textContent = "Copy";
  button.addEventListener("click", async () => {
    const command = block.querySelector("code");
    try {
      await navigator.clipboard.writeText(command.textContent);
    } catch {
      // the clipboard's interface is there on https and localhost alone
      const selection = getSelection();
      selection.selectAllChildren(command);
      document.execCommand("copy");
      selection.removeAllRanges();
    }
    button.textContent = "Copied";
    setTimeout(() => (button.textContent = "Copy"), 1500);
  });
  block.append(button);
}

document.querySelectorAll("pre").forEach(addCopyButton);
watch();
