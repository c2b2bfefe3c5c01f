/** Preprocessing: from pixels to the network's input, as timm does it. */

import { resize, type Filter, type Pixels } from "./resize.js";

/** What a model's description says of it, in timm's words. */
export interface Preprocessing {
  input_size: [number, number, number]; // channels, height, width
  interpolation: Filter;
  crop_pct: number; // side of the crop over the side that the picture is resized to
  crop_mode: string; // center, squash or border
  mean: number[]; // by channel, of values from 0 to 1
  std: number[];
}

const LONGEST_ASPECT = 16; // length kept of a picture that is centre-cropped
const UNSET_CROP_PCT = 0.875;

/** Round halves to even, as Python does. */
function round(value: number): number {
  const floor = Math.floor(value);
  if (value - floor !== 0.5) return Math.round(value);
  return floor % 2 === 0 ? floor : floor + 1;
}

function crop(pixels: Pixels, left: number, top: number, width: number, height: number): Pixels {
  const { channels, data } = pixels;
  const out = new Uint8Array(width * height * channels);
  for (let y = 0; y < height; y++) {
    const at = ((top + y) * pixels.width + left) * channels;
    out.set(data.subarray(at, at + width * channels), y * width * channels);
  }
  return { width, height, channels, data: out };
}

function padded(pixels: Pixels, width: number, height: number, fill: number[]): Pixels {
  const { channels } = pixels;
  const out = new Uint8Array(width * height * channels);
  for (let at = 0; at < out.length; at++) out[at] = fill[at % channels];
  const left = Math.floor((width - pixels.width) / 2);
  const top = Math.floor((height - pixels.height) / 2);
  for (let y = 0; y < pixels.height; y++) {
    const row = pixels.data.subarray(y * pixels.width * channels, (y + 1) * pixels.width * channels);
    out.set(row, ((top + y) * width + left) * channels);
  }
  return { width, height, channels, data: out };
}

function withoutLongEnds(pixels: Pixels, width: number, height: number): Pixels {
  const shorter = Math.min(pixels.width, pixels.height);
  const longest = Math.floor(
    (shorter * LONGEST_ASPECT * Math.max(width, height)) / Math.min(width, height),
  );
  if (Math.max(pixels.width, pixels.height) <= longest) return pixels;
  const newWidth = Math.min(pixels.width, longest);
  const newHeight = Math.min(pixels.height, longest);
  const left = Math.floor((pixels.width - newWidth) / 2);
  const top = Math.floor((pixels.height - newHeight) / 2);
  return crop(pixels, left, top, newWidth, newHeight);
}

function resizedTo(pixels: Pixels, mode: string, wide: number, high: number): [number, number] {
  if (mode === "squash") return [wide, high];
  if (mode === "center" && wide === high) {
    return pixels.width <= pixels.height
      ? [wide, Math.trunc((wide * pixels.height) / pixels.width)]
      : [Math.trunc((wide * pixels.width) / pixels.height), wide];
  }
  const ratios = [pixels.width / wide, pixels.height / high];
  const ratio = mode === "border" ? Math.max(...ratios) : Math.min(...ratios);
  return [round(pixels.width / ratio), round(pixels.height / ratio)];
}

/** Make the network's input of RGB pixels: (3, height, width), normalised. */
export function preprocess(rgb: Pixels, how: Preprocessing): Float32Array {
  const [, height, width] = how.input_size;
  const share = how.crop_pct || UNSET_CROP_PCT;
  const mode = how.crop_mode === "squash" || how.crop_mode === "border" ? how.crop_mode : "center";
  const from = mode === "center" ? withoutLongEnds(rgb, width, height) : rgb;
  const wide = Math.floor(width / share);
  const high = Math.floor(height / share);
  let picture = resize(from, ...resizedTo(from, mode, wide, high), how.interpolation);
  if (picture.width < width || picture.height < height) {
    const fill = how.mean.map((value) => (mode === "border" ? round(255 * value) : 0));
    picture = padded(picture, Math.max(width, picture.width), Math.max(height, picture.height), fill);
  }
  const left = round((picture.width - width) / 2);
  const top = round((picture.height - height) / 2);
  const { data, channels } = crop(picture, left, top, width, height);
  const planes = new Float32Array(3 * width * height);
  for (let c = 0; c < 3; c++) {
    const mean = Math.fround(how.mean[c]);
    const std = Math.fround(how.std[c]);
    for (let at = 0; at < width * height; at++) {
      const value = Math.fround(data[at * channels + c] / 255);
      planes[c * width * height + at] = Math.fround(Math.fround(value - mean) / std);
    }
  }
  return planes;
}
