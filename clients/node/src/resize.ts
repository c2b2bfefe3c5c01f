/**
 * Resizing of 8-bit pixels, value for value as Pillow does it (src/libImaging/Resample.c): the
 * network's answers depend on it, and other libraries' filters differ.
 */

/** Rows of pixels from the top left, `channels` bytes each. */
export interface Pixels {
  width: number;
  height: number;
  channels: number;
  data: Uint8Array;
}

export type Filter = "bilinear" | "bicubic" | "lanczos" | "nearest";

const PRECISION = 22; // bits after the point: 32 less 8 of a value and 2 of headroom

const KERNELS: Record<Exclude<Filter, "nearest">, { support: number; at: (x: number) => number }> = {
  bilinear: { support: 1, at: (x) => Math.max(0, 1 - Math.abs(x)) },
  bicubic: { support: 2, at: cubic },
  lanczos: { support: 3, at: (x) => (Math.abs(x) < 3 ? sinc(x) * sinc(x / 3) : 0) },
};

function cubic(x: number): number {
  const a = -0.5;
  const far = Math.abs(x);
  if (far < 1) return ((a + 2) * far - (a + 3)) * far * far + 1;
  if (far < 2) return (((far - 5) * far + 8) * far - 4) * a;
  return 0;
}

function sinc(x: number): number {
  if (x === 0) return 1;
  const angle = x * Math.PI;
  return Math.sin(angle) / angle;
}

interface Window {
  start: number; // the first pixel that counts
  weights: Int32Array; // fixed-point, of it and those after it
}

function windows(from: number, to: number, filter: Exclude<Filter, "nearest">): Window[] {
  const kernel = KERNELS[filter];
  const scale = from / to;
  const widened = Math.max(1, scale);
  const support = kernel.support * widened;
  return Array.from({ length: to }, (_, place) => {
    const centre = (place + 0.5) * scale;
    const start = Math.max(0, Math.trunc(centre - support + 0.5));
    const end = Math.min(from, Math.trunc(centre + support + 0.5));
    const weights = Array.from({ length: end - start }, (_, x) =>
      kernel.at((x + start - centre + 0.5) * (1 / widened)),
    );
    const sum = weights.reduce((total, weight) => total + weight, 0);
    const fixed = weights.map((weight) => {
      const share = (sum === 0 ? weight : weight / sum) * (1 << PRECISION);
      return Math.trunc(share < 0 ? share - 0.5 : share + 0.5);
    });
    return { start, weights: Int32Array.from(fixed) };
  });
}

function clip(sum: number): number {
  return Math.min(255, Math.max(0, sum >> PRECISION));
}

function acrossTo(pixels: Pixels, width: number, filter: Exclude<Filter, "nearest">): Pixels {
  const { height, channels, data } = pixels;
  const out = new Uint8Array(width * height * channels);
  const places = windows(pixels.width, width, filter);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const { start, weights } = places[x];
      for (let c = 0; c < channels; c++) {
        let sum = 1 << (PRECISION - 1);
        let at = (y * pixels.width + start) * channels + c;
        for (const weight of weights) {
          sum += data[at] * weight;
          at += channels;
        }
        out[(y * width + x) * channels + c] = clip(sum);
      }
    }
  }
  return { width, height, channels, data: out };
}

function downTo(pixels: Pixels, height: number, filter: Exclude<Filter, "nearest">): Pixels {
  const { width, channels, data } = pixels;
  const row = width * channels;
  const out = new Uint8Array(row * height);
  windows(pixels.height, height, filter).forEach(({ start, weights }, y) => {
    for (let x = 0; x < row; x++) {
      let sum = 1 << (PRECISION - 1);
      let at = start * row + x;
      for (const weight of weights) {
        sum += data[at] * weight;
        at += row;
      }
      out[y * row + x] = clip(sum);
    }
  });
  return { width, height, channels, data: out };
}

function nearest(pixels: Pixels, width: number, height: number): Pixels {
  const { channels, data } = pixels;
  const out = new Uint8Array(width * height * channels);
  for (let y = 0; y < height; y++) {
    const fromY = Math.trunc((y + 0.5) * (pixels.height / height));
    for (let x = 0; x < width; x++) {
      const fromX = Math.trunc((x + 0.5) * (pixels.width / width));
      const at = (fromY * pixels.width + fromX) * channels;
      out.set(data.subarray(at, at + channels), (y * width + x) * channels);
    }
  }
  return { width, height, channels, data: out };
}

/**
 * Resize to a width and height in pixels; a picture of that size is returned as it is.
 *
 * Which side comes first shows in the last bit; Pillow 13 begins with a height that shrinks by more
 * than twice as many pixels as the width.
 */
export function resize(pixels: Pixels, width: number, height: number, filter: Filter): Pixels {
  if (pixels.width === width && pixels.height === height) return pixels;
  if (filter === "nearest") return nearest(pixels, width, height);
  const lost = pixels.height - height;
  const passes = [
    (from: Pixels) => (from.width === width ? from : acrossTo(from, width, filter)),
    (from: Pixels) => (from.height === height ? from : downTo(from, height, filter)),
  ];
  if (lost > 0 && lost > 2 * (pixels.width - width)) passes.reverse();
  return passes.reduce((from, pass) => pass(from), pixels);
}
