/** An exported model: class probabilities and embeddings of images, in one forward pass. */

import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { join } from "node:path";

import { InferenceSession, Tensor } from "onnxruntime-node";
import sharp from "sharp";

import { infer, type Answer, type Description } from "./inference.js";
import type { Pixels } from "./resize.js";

export type { Answer, Description };

/** Decode an image as the index does: upright, transparency on white, 8 bits a channel. */
export async function decode(file: string | Buffer): Promise<Pixels> {
  const { data, info } = await sharp(file, { pages: 1 })
    .rotate()
    .toColourspace("srgb")
    .raw()
    .toBuffer({ resolveWithObject: true });
  const { width, height, channels } = info;
  if (channels === 3) return { width, height, channels, data: new Uint8Array(data) };
  if (channels !== 4) throw new Error(`unexpected number of channels: ${channels}`);
  return { width, height, channels: 3, data: onWhite(data) };
}

/** Lay RGBA pixels on white, rounded as Pillow's paste() does. */
function onWhite(rgba: Uint8Array): Uint8Array {
  const rgb = new Uint8Array((rgba.length / 4) * 3);
  for (let from = 0, to = 0; from < rgba.length; from += 4) {
    const alpha = rgba[from + 3];
    for (let c = 0; c < 3; c++) {
      const sum = 255 * (255 - alpha) + rgba[from + c] * alpha + 128;
      rgb[to++] = ((sum >> 8) + sum) >> 8;
    }
  }
  return rgb;
}

export class Model {
  private constructor(
    readonly description: Description,
    private readonly session: InferenceSession,
  ) {}

  /** Open a folder that `lookalike model export --out` wrote, and check the graph's SHA-256. */
  static async open(folder: string): Promise<Model> {
    const description: Description = JSON.parse(await readFile(join(folder, "model.json"), "utf8"));
    const graph = await readFile(join(folder, description.graph));
    const sha256 = createHash("sha256").update(graph).digest("hex");
    if (sha256 !== description.sha256) {
      throw new Error(`${description.graph} has SHA-256 ${sha256}, not ${description.sha256}`);
    }
    return new Model(description, await InferenceSession.create(graph));
  }

  /** Classify and embed an image, given as a path or as the bytes of a file. */
  async ask(file: string | Buffer): Promise<Answer> {
    const { input } = this.description;
    const [answer] = await infer([await decode(file)], this.description, (values, shape) =>
      this.session.run({ [input]: new Tensor("float32", values, shape) }),
    );
    return answer;
  }
}
