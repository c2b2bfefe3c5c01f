/** Inference: from pixels to answers in one forward pass, on any build of ONNX Runtime. */

import { preprocess, type Preprocessing } from "./preprocessing.js";
import type { Pixels } from "./resize.js";

/** What `lookalike model export` writes beside the graph. */
export interface Description {
  graph: string;
  sha256: string;
  fingerprint: string; // of the embedding space, 64 hex digits
  labels: string[];
  preprocessing: Preprocessing;
  input: string;
  probabilities: string | null;
  embeddings: Record<string, { output: string; dimension: number; fingerprint: string }>;
}

export interface Answer {
  probabilities: Record<string, number>; // by label
  embeddings: Record<string, number[]>; // by name, of unit length
  model: string; // fingerprint of the embedding space
}

/** Runs the graph on pixels of shape (pictures, 3, height, width); outputs by name. */
export type Run = (pixels: Float32Array, shape: number[]) => Promise<Record<string, { data: unknown }>>;

/** Classify and embed RGB pictures, all in one pass. */
export async function infer(pictures: Pixels[], how: Description, run: Run): Promise<Answer[]> {
  const { labels, fingerprint, preprocessing, probabilities, embeddings } = how;
  const [channels, height, width] = preprocessing.input_size;
  const values = new Float32Array(pictures.length * channels * height * width);
  pictures.forEach((rgb, at) =>
    values.set(preprocess(rgb, preprocessing), at * channels * height * width),
  );
  const found = await run(values, [pictures.length, channels, height, width]);
  const rows = (output: string, length: number, at: number) =>
    Array.from((found[output].data as Float32Array).subarray(at * length, (at + 1) * length));
  return pictures.map((_, at) => {
    const shares = probabilities === null ? [] : rows(probabilities, labels.length, at);
    return {
      probabilities: Object.fromEntries(labels.map((label, of) => [label, shares[of]])),
      embeddings: Object.fromEntries(
        Object.entries(embeddings).map(([name, { output, dimension }]) => [
          name,
          rows(output, dimension, at),
        ]),
      ),
      model: fingerprint,
    };
  });
}
