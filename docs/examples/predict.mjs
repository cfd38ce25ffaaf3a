// node docs/examples/predict.mjs [URL]
const url = process.argv[2] ?? "http://127.0.0.1:8000";

async function predict(model, instances, { tries = 4, timeout = 10 } = {}) {
  for (let attempt = 1; ; attempt++) {
    const answer = await fetch(`${url}/predict/${model}`, {
      method: "POST",
      headers: { "Content-Type": "application/json", "X-Request-Timeout": String(timeout) },
      body: JSON.stringify({ instances }),
      signal: AbortSignal.timeout(1000 * (timeout + 0.5)),
    });
    const document = await answer.json();
    if (answer.ok) return document.predictions;
    if (![429, 503].includes(answer.status) || attempt === tries) throw new Error(`${document.code}: ${document.error}`);
    // As long as the service asks for, and a little more, so that callers do not all come back at once.
    const wait = Number(answer.headers.get("Retry-After") ?? 0) + Math.random() * 0.1 * 2 ** attempt;
    await new Promise((resolve) => setTimeout(resolve, 1000 * wait));
  }
}

try {
  console.log(await predict("house-price", [{ area: 32, rooms: 3, distance: 0.3 }, [33, 3, 0.5]]));
} catch (problem) {
  console.error(problem.message);
  process.exitCode = 1;
}
