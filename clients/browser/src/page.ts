/** The page: prints a JSON object a line for each picture that is chosen. */

import { Model } from "./model.js";

const pictures = document.querySelector<HTMLInputElement>("#pictures")!;
const state = document.querySelector("#state")!;
const answers = document.querySelector("#answers")!;

function say(error: unknown): void {
  state.textContent = `Error: ${(error as Error).message}`;
}

try {
  const model = await Model.open(new URL("exported/", document.baseURI));
  pictures.addEventListener("change", async () => {
    const files = [...(pictures.files ?? [])];
    state.textContent = "Working";
    try {
      const given = await model.ask(files);
      answers.textContent = given
        .map((answer, at) => JSON.stringify({ query: files[at].name, ...answer }))
        .join("\n");
      state.textContent = "Done";
    } catch (error) {
      say(error);
    }
  });
  pictures.disabled = false;
  state.textContent = "Ready";
} catch (error) {
  say(error);
}
