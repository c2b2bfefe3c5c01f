// Bundles src/: the map's drawing into ../scatterplot/, what else moves in a report into report.js;
// and beside each the licences of all that went into it.
import { readFileSync, readdirSync, writeFileSync } from "node:fs";
import { build } from "esbuild";

async function bundle(entry, outfile, notices, options) {
  const { metafile } = await build({
    entryPoints: [entry],
    outfile,
    bundle: true,
    minify: true,
    format: "iife",
    target: "es2022",
    charset: "ascii",
    legalComments: "none", // the notices have them whole
    metafile: true,
    ...options,
  });
  const folders = new Set(
    Object.entries(Object.values(metafile.outputs)[0].inputs)
      .filter(([, used]) => used.bytesInOutput > 0)
      .map(([path]) => path.match(/^node_modules\/((?:@[^/]+\/)?[^/]+)/)?.[0])
      .filter(Boolean),
  );
  const licences = [...folders].sort().map((folder) => {
    const { name, version, license } = JSON.parse(readFileSync(`${folder}/package.json`, "utf8"));
    const file = readdirSync(folder).find((entry) => /^licen[cs]e/i.test(entry));
    const text = file ? readFileSync(`${folder}/${file}`, "utf8").trim() : `License: ${license}`;
    return `${name} ${version}\n\n${text}\n`;
  });
  const rule = `\n${"-".repeat(80)}\n\n`;
  const head = `${outfile.split("/").pop()} contains the packages below.\n`;
  writeFileSync(notices, `${head}${rule}${licences.join(rule)}`);
}

await bundle("src/scatterplot.js", "../scatterplot/scatterplot.js", "../scatterplot/NOTICES.txt", {
  alias: { regl: "./src/regl.js" },
  globalName: "scatterplot",
});
await bundle("src/main.js", "report.js", "NOTICES.txt", {
  alias: { scatterplot: "./src/loaded_scatterplot.js" },
});
