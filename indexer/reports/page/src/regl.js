// regl as regl-scatterplot imports it, with its drawing commands compiled when the page is built: no
// policy has to allow `eval`.
import createRegl from "@plotly/regl/dist/regl.unchecked.js";
import commands from "./commands.js";

export const created = []; // for compile.mjs

export default function regl(options) {
  const made = createRegl({ ...options, cachedCode: { ...commands } });
  created.push(made);
  return made;
}
