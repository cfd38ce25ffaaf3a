// Fetches the document, asks for a key where one is wanted, and hands both to Swagger UI. The key is kept nowhere.
"use strict";

const ask = document.getElementById("ask");
const field = document.getElementById("key");
const problem = document.getElementById("problem");

async function show(key) {
  problem.hidden = true;
  let answer;
  try {
    answer = await fetch("openapi.json", key ? { headers: { Authorization: `Bearer ${key}` } } : {});
  } catch {
    return complain("The service can't be reached.");
  }
  if (answer.status === 401) {
    ask.hidden = false;
    field.focus();
    return key && complain("The service does not know this key.");
  }
  if (!answer.ok) return complain(`The document can't be had: HTTP ${answer.status}.`);
  ask.hidden = true;
  draw(await answer.json(), key);
}

function draw(spec, key) {
  const viewer = SwaggerUIBundle({
    spec,
    dom_id: "#viewer",
    deepLinking: true,
    displayRequestDuration: true,
    defaultModelsExpandDepth: 0,
    validatorUrl: null,
    onComplete: () => key && viewer.preauthorizeApiKey("bearer", key),
  });
}

function complain(sentence) {
  problem.textContent = sentence;
  problem.hidden = false;
}

function follow(dark) {
  document.documentElement.classList.toggle("dark-mode", dark.matches);
}

const dark = window.matchMedia("(prefers-color-scheme: dark)");
dark.addEventListener("change", follow);
follow(dark);
ask.addEventListener("submit", (event) => {
  event.preventDefault();
  show(field.value.trim());
});
show("");
