// Bundles src/ into report.js, and the licences of all that went into it into NOTICES.txt.
import { readFileSync, readdirSync, writeFileSync } from "node:fs";
import { build } from "esbuild";

const { metafile } = await build({
  entryPoints: ["src/main.js"],
  outfile: "report.js",
  alias: { regl: "./src/regl.js" },
  bundle: true,
  minify: true,
  format: "iife",
  target: "es2022",
  charset: "ascii",
  legalComments: "none", // NOTICES.txt has them whole
  metafile: true,
});

const folders = new Set(
  Object.entries(Object.values(metafile.outputs)[0].inputs)
    .filter(([, used]) => used.bytesInOutput > 0)
    .map(([path]) => path.match(/^node_modules\/((?:@[^/]+\/)?[^/]+)/)?.[0])
    .filter(Boolean),
);
const notices = [...folders].sort().map((folder) => {
  const { name, version, license } = JSON.parse(readFileSync(`${folder}/package.json`, "utf8"));
  const file = readdirSync(folder).find((entry) => /^licen[cs]e/i.test(entry));
  const text = file ? readFileSync(`${folder}/${file}`, "utf8").trim() : `License: ${license}`;
  return `${name} ${version}\n\n${text}\n`;
});
const rule = `\n${"-".repeat(80)}\n\n`;
writeFileSync("NOTICES.txt", `report.js contains the packages below.\n${rule}${notices.join(rule)}`);
