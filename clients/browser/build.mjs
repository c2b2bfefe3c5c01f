// Bundles src/ into dist/page.js, and lays the page and ONNX Runtime's WebAssembly beside it.
import { copyFileSync } from "node:fs";
import { build } from "esbuild";

await build({
  entryPoints: ["src/page.ts"],
  outfile: "dist/page.js",
  bundle: true,
  minify: true,
  format: "esm",
  target: "es2022",
});
const wasm = "ort-wasm-simd-threaded.wasm";
copyFileSync(`node_modules/onnxruntime-web/dist/${wasm}`, `dist/${wasm}`);
copyFileSync("src/index.html", "dist/index.html");
