/** An exported model in the browser: ONNX Runtime's WebAssembly, on one thread. */

import { env, InferenceSession, Tensor } from "onnxruntime-web/wasm";

import { infer, type Answer, type Description } from "../../node/src/inference.js";
import type { Pixels } from "../../node/src/resize.js";

env.wasm.numThreads = 1; // more take a page that is isolated from other origins

/** Decode a picture upright, transparency on white, 8 bits a channel, in sRGB. */
export async function decode(picture: Blob): Promise<Pixels> {
  const bitmap = await createImageBitmap(picture, { imageOrientation: "from-image" });
  const { width, height } = bitmap;
  const canvas = new OffscreenCanvas(width, height);
  const context = canvas.getContext("2d", { alpha: false, willReadFrequently: true });
  if (context === null) throw new Error("this browser has no canvas");
  context.fillStyle = "white";
  context.fillRect(0, 0, width, height);
  context.drawImage(bitmap, 0, 0);
  bitmap.close();
  const rgba = context.getImageData(0, 0, width, height).data;
  const data = new Uint8Array(width * height * 3);
  for (let from = 0, to = 0; from < rgba.length; from += 4) {
    data[to++] = rgba[from];
    data[to++] = rgba[from + 1];
    data[to++] = rgba[from + 2];
  }
  return { width, height, channels: 3, data };
}

async function sha256Of(bytes: ArrayBuffer): Promise<string> {
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
  return Array.from(digest, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

async function read(url: URL): Promise<Response> {
  const response = await fetch(url);
  if (!response.ok) throw new Error(`${url.pathname}: HTTP status ${response.status}`);
  return response;
}

export class Model {
  private constructor(
    readonly description: Description,
    private readonly session: InferenceSession,
  ) {}

  /**
   * Open a folder that `lookalike model export --out` wrote, and check the graph's SHA-256.
   *
   * @param folder URL, with a slash at its end
   */
  static async open(folder: URL): Promise<Model> {
    const description: Description = await (await read(new URL("model.json", folder))).json();
    const graph = await (await read(new URL(description.graph, folder))).arrayBuffer();
    const sha256 = await sha256Of(graph);
    if (sha256 !== description.sha256) {
      throw new Error(`${description.graph} has SHA-256 ${sha256}, not ${description.sha256}`);
    }
    return new Model(description, await InferenceSession.create(new Uint8Array(graph)));
  }

  /** Classify and embed pictures in one forward pass. */
  async ask(pictures: Blob[]): Promise<Answer[]> {
    const { input } = this.description;
    const pixels = await Promise.all(pictures.map(decode));
    return infer(pixels, this.description, (values, shape) =>
      this.session.run({ [input]: new Tensor("float32", values, shape) }),
    );
  }
}
