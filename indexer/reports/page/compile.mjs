// Writes src/commands.js: the functions that regl compiles for the map, as a browser got them.
import { execFileSync } from "node:child_process";
import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { build } from "esbuild";

const BROWSER = process.env.CHROMIUM ?? "chromium";
const EMPTY = "// Written by compile.mjs.\nexport default {};\n";

writeFileSync("src/commands.js", EMPTY);
const { outputFiles } = await build({
  entryPoints: ["src/compile.js"],
  alias: { regl: "./src/regl.js", scatterplot: "./src/scatterplot.js" },
  bundle: true,
  format: "esm",
  target: "es2022",
  write: false,
});
const page = join(mkdtempSync(join(tmpdir(), "lookalike-map-")), "map.html");
writeFileSync(
  page,
  `<!doctype html><meta charset="utf-8">
<style>:root { --noise: #888888; --text: #000000; --stage: #ffffff; --accent: #0066cc }</style><body><div id="map"><select></select>
<button class="reset"></button><div class="stage" style="width: 640px; height: 480px">
<canvas></canvas><div class="labels"></div></div><div class="tip"></div><p role="status"></p></div>
<script type="module">${outputFiles[0].text.replaceAll("</script", "<\\/script")}</script>`,
);
const dumped = execFileSync(
  BROWSER,
  ["--headless", "--no-sandbox", "--use-gl=angle", "--use-angle=swiftshader",
    "--enable-unsafe-swiftshader", "--virtual-time-budget=20000", ...(process.env.LOUD ? ["--enable-logging=stderr"] : []), "--dump-dom", `file://${page}`],
  { encoding: "utf-8", maxBuffer: 1 << 26, stdio: ["ignore", "pipe", process.env.LOUD ? "inherit" : "ignore"] },
);
const found = dumped.match(/data-commands="([^"]*)"/)?.[1];
if (!found) throw new Error(`${BROWSER} drew no map. Name another browser in CHROMIUM.`);
const text = found.replaceAll("&quot;", '"').replaceAll("&lt;", "<").replaceAll("&gt;", ">")
  .replaceAll("&nbsp;", "\u00a0").replaceAll("&amp;", "&");
const commands = JSON.parse(text).map(([key, source]) => `"${key}": ${source},\n`);
writeFileSync("src/commands.js", `// Written by compile.mjs.\nexport default {\n${commands.join("")}};\n`);
console.log(`${commands.length} commands`);
