// The map's drawing: regl-scatterplot with its commands, for the report and for the console.
export { default as createScatterplot } from "regl-scatterplot";
