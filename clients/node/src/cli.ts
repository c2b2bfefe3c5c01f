#!/usr/bin/env node
/** `lookalike-client FOLDER IMAGE...`: prints a JSON object a line for each image. */

import { Model } from "./model.js";

const [folder, ...images] = process.argv.slice(2);
if (folder === undefined || images.length === 0) {
  process.stderr.write("Usage: lookalike-client FOLDER IMAGE...\n");
  process.exit(2);
}
try {
  const model = await Model.open(folder);
  for (const image of images) {
    try {
      const answer = await model.ask(image);
      process.stdout.write(`${JSON.stringify({ query: image, ...answer })}\n`);
    } catch (error) {
      process.stderr.write(`${image}: ${(error as Error).message}\n`);
      process.exitCode = 2;
    }
  }
} catch (error) {
  process.stderr.write(`${folder}: ${(error as Error).message}\n`);
  process.exitCode = 2;
}
