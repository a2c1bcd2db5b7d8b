// What is drawn above the image, on a canvas of its own: crosshair, outlines and fills of label maps, warm maps.

import { outlines, planeAxes, planeOf, runs } from "./contours.js";

const COLORS = ["#ff5d5d", "#4cc2ff", "#6edc6e", "#ffd54c", "#c79bff", "#ff9d5c", "#5ce0d0", "#ff8ad0"];
const WARM_FROM = 51; // Of 255: below, the image stays as it is.

/** The color of a class, as #rrggbb; those of many classes go round the circle of hues in golden steps. */
export function colorOf(value) {
  return COLORS[value - 1] ?? ofHue((value * 137.508) % 360, 0.5 + 0.08 * (value % 4));
}

function ofHue(hue, lightness) {
  const chroma = 0.9 * Math.min(lightness, 1 - lightness);
  const part = (offset) => {
    const turn = (offset + hue / 30) % 12;
    const share = lightness - chroma * Math.max(-1, Math.min(turn - 3, 9 - turn, 1));
    return Math.round(255 * share).toString(16).padStart(2, "0");
  };
  return `#${part(0)}${part(8)}${part(4)}`;
}

/**
 * Layers: { label, keep, style, dash, width, color }, drawn in this order; `label` holds one byte per voxel or is "drawing",
 * `keep` picks values, `style` is "outline", "fill", "warm" or "off".
 */
export class Lines {
  constructor(figure) {
    this.canvas = figure.appendChild(document.createElement("canvas"));
    this.canvas.className = "lines";
    this.layers = [];
    this.known = new Map();
    this.fillOpacity = 0.35;
  }

  setLayers(layers) {
    this.layers = layers;
    this.known.clear();
  }

  /** Look at the label that is drawn in anew. */
  forgetDrawing() {
    for (const layer of this.layers) if (layer.label === "drawing") this.known.delete(layer);
  }

  /** Draw over the planes; a tile is { axis, box, at }, `at` the way from voxels of the plane to pixels. */
  draw({ width, height }, tiles, { shape, place, drawing }) {
    if (this.canvas.width !== width || this.canvas.height !== height) Object.assign(this.canvas, { width, height });
    const pen = this.canvas.getContext("2d");
    pen.clearRect(0, 0, width, height);
    for (const { axis, box, at } of tiles) {
      pen.save();
      pen.beginPath();
      pen.rect(...box);
      pen.clip();
      drawCrosshair(pen, planeAxes(axis).map((one) => place[one]), at);
      for (const layer of this.layers) {
        if (layer.style === "off" || !layer.label) continue;
        this.drawLayer(pen, layer, at, () => {
          const map = layer.label === "drawing" ? drawing : layer.label;
          return planeOf(map, shape, axis, place[axis], layer.keep);
        }, `${axis}:${place[axis]}`);
      }
      pen.restore();
    }
  }

  drawLayer(pen, layer, at, plane, key) {
    const cached = (kind, make) => {
      if (!this.known.has(layer)) this.known.set(layer, new Map());
      const known = this.known.get(layer);
      if (known.size > 30) known.clear();
      if (!known.has(kind + key)) known.set(kind + key, make(plane()));
      return known.get(kind + key);
    };
    if (layer.style === "warm") {
      drawWarm(pen, cached("warm", warmed), at, this.fillOpacity);
      return;
    }
    if (layer.style === "fill") drawFill(pen, layer, cached("fill", runs), at, this.fillOpacity);
    drawOutline(pen, layer, cached("outline", outlines), at);
  }
}

/** Two thin lines that leave the place itself free. */
function drawCrosshair(pen, [column, row], at) {
  const dpr = window.devicePixelRatio || 1;
  const x = (column + 0.5) * at.scaleX + at.offsetX;
  const y = (row + 0.5) * at.scaleY + at.offsetY;
  const far = Math.max(pen.canvas.width, pen.canvas.height);
  pen.strokeStyle = "rgba(255, 255, 255, 0.45)";
  pen.lineWidth = dpr;
  pen.setLineDash([]);
  pen.beginPath();
  for (const [dx, dy] of [[1, 0], [-1, 0], [0, 1], [0, -1]]) {
    pen.moveTo(x + dx * 8 * dpr, y + dy * 8 * dpr);
    pen.lineTo(x + dx * far, y + dy * far);
  }
  pen.stroke();
}

function drawOutline(pen, layer, found, at) {
  const dpr = window.devicePixelRatio || 1;
  pen.lineWidth = (layer.width ?? 1.5) * dpr;
  pen.setLineDash((layer.dash ?? []).map((length) => length * dpr));
  for (const [value, paths] of found) {
    pen.strokeStyle = layer.color ?? colorOf(value);
    pen.beginPath();
    for (const path of paths) {
      for (let i = 0; i < path.length; i += 2) {
        const [x, y] = [path[i] * at.scaleX + at.offsetX, path[i + 1] * at.scaleY + at.offsetY];
        if (i) pen.lineTo(x, y);
        else pen.moveTo(x, y);
      }
      pen.closePath();
    }
    pen.stroke();
  }
}

function drawFill(pen, layer, found, at, opacity) {
  pen.globalAlpha = opacity;
  for (const [value, list] of found) {
    pen.fillStyle = layer.color ?? colorOf(value);
    for (let i = 0; i < list.length; i += 3) {
      const [x, y] = [list[i] * at.scaleX + at.offsetX, list[i + 1] * at.scaleY + at.offsetY];
      pen.fillRect(x, y, list[i + 2] * at.scaleX, at.scaleY);
    }
  }
  pen.globalAlpha = 1;
}

function drawWarm(pen, picture, at, opacity) {
  pen.save();
  pen.globalAlpha = opacity;
  pen.transform(at.scaleX, 0, 0, at.scaleY, at.offsetX, at.offsetY);
  pen.drawImage(picture, 0, 0);
  pen.restore();
}

/** A plane of bytes in warm colors, from orange to yellow. */
function warmed({ values, width, height }) {
  const picture = Object.assign(document.createElement("canvas"), { width, height });
  const pen = picture.getContext("2d");
  const pixels = pen.createImageData(width, height);
  values.forEach((value, i) => {
    if (value >= WARM_FROM) pixels.data.set([255, 127 + value / 2, 0, 255], 4 * i);
  });
  pen.putImageData(pixels, 0, 0);
  return picture;
}
