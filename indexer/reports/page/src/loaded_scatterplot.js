// The map's drawing as another script of the page has loaded it.
export const createScatterplot = (options) => globalThis.scatterplot.createScatterplot(options);
