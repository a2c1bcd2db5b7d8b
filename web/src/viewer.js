// The only file that knows NiiVue: an image in three planes and 3D, a drawing over it, and outlines over both.
//
// NiiVue draws image and drawing. Outlines are lines on a canvas above it, since NiiVue outlines all overlays in one black.
// The server hands out every volume in RAS voxel order; the voxels here are those of the server, first axis fastest.

import { DRAG_MODE, MULTIPLANAR_TYPE, NVImage, Niivue, SHOW_RENDER, SLICE_TYPE } from "@niivue/niivue";

import { outlines, planeAxes, runs } from "./contours.js";

const ACROSS = { [SLICE_TYPE.AXIAL]: 2, [SLICE_TYPE.CORONAL]: 1, [SLICE_TYPE.SAGITTAL]: 0 };
const TRANSPARENT_BELOW_MIN = 1; // NiiVue's COLORMAP_TYPE, which it does not hand out.
const SOLID_OPACITY = 0.8; // Of the label in 3D, where it has no outline.
const COLORS = ["#ff5d5d", "#4cc2ff", "#6edc6e", "#ffd54c", "#c79bff", "#ff9d5c", "#5ce0d0", "#ff8ad0"];

export function colorOf(value) {
  return COLORS[(value - 1) % COLORS.length];
}

/** Whether there is no graphics card: 3D takes seconds then. */
function isSoftware(gl) {
  const about = gl.getExtension("WEBGL_debug_renderer_info");
  const name = about ? gl.getParameter(about.UNMASKED_RENDERER_WEBGL) : "";
  return /swiftshader|llvmpipe|software|basic render/i.test(name);
}

export class Viewer {
  constructor(figure) {
    this.canvas = figure.appendChild(document.createElement("canvas"));
    this.canvas.tabIndex = 0;
    this.lines = figure.appendChild(document.createElement("canvas"));
    this.lines.className = "lines";
    this.layers = [];
    this.fillOpacity = 0.35;
    this.onMove = () => {};
    this.onStroke = () => {};
    this.known = new Map();
    this.nv = new Niivue({
      dragAndDropEnabled: false,
      backColor: [0.05, 0.06, 0.075, 1],
      crosshairWidth: 0, // drawn with the outlines, one pixel thin
      isNearestInterpolation: false,
      multiplanarLayout: MULTIPLANAR_TYPE.GRID,
      multiplanarShowRender: SHOW_RENDER.NEVER,
      sliceType: SLICE_TYPE.MULTIPLANAR,
      isSliceMM: false,
      dragMode: DRAG_MODE.contrast,
      viewModeHotKey: "",
      clipPlaneHotKey: "",
      cycleClipPlaneHotKey: "",
      logLevel: "error",
      loadingText: "",
      maxDrawUndoBitmaps: 1,
    });
  }

  async attach() {
    await this.nv.attachToCanvas(this.canvas);
    const drawScene = this.nv.drawScene.bind(this.nv);
    this.nv.drawScene = (...rest) => {
      if (this.quiet) return undefined;
      const drawn = drawScene(...rest);
      this.drawLines();
      return drawn;
    };
    const drawImage3D = this.nv.drawImage3D.bind(this.nv);
    this.nv.drawImage3D = (...rest) => {
      const planes = this.nv.drawOpacity;
      this.nv.drawOpacity = SOLID_OPACITY;
      drawImage3D(...rest);
      this.nv.drawOpacity = planes;
    };
    this.setSolid(!isSoftware(this.nv.gl));
    this.nv.onLocationChange = () => {
      this.onMove(this.place);
      this.linked?.follow(this.place);
    };
    this.canvas.addEventListener("pointerup", () => setTimeout(() => this.onStroke()));
    window.addEventListener("pointerup", (event) => {
      if (event.target !== this.canvas) this.onStroke();
    });
  }

  /** Whether the label and the image are shown in 3D, too. */
  setSolid(on) {
    this.solid = on;
    this.nv.opts.multiplanarShowRender = on ? SHOW_RENDER.ALWAYS : SHOW_RENDER.NEVER;
    this.nv.drawScene();
  }

  /**
   * Show a case: bytes of a NIfTI file, its size, and the drawing to begin with. NiiVue would draw after each step; nothing
   * is drawn until `settle`.
   */
  async show({ image, shape, window: shown, drawing, classes }) {
    const nv = this.nv;
    this.quiet = true;
    this.shape = shape;
    this.known.clear();
    nv.closeDrawing();
    while (nv.volumes.length) nv.removeVolume(nv.volumes[0]);
    const volume = await NVImage.loadFromUrl({
      url: "image.nii",
      name: "image.nii",
      buffer: image.buffer,
      colormap: "gray",
      cal_min: shown[0],
      cal_max: shown[1],
    });
    nv.addVolume(volume);
    this.heat = null;
    this.setLabelColors(classes.length - 1);
    nv.createEmptyDrawing();
    this.setDrawing(drawing);
  }

  /** Draw what was changed since `show`. */
  settle() {
    this.quiet = false;
    this.nv.drawScene();
  }

  /** Colors of the drawing, as of the outlines. */
  setLabelColors(count) {
    const map = { R: [0], G: [0], B: [0], A: [0], labels: [""] };
    for (let value = 1; value <= Math.max(1, count); value++) {
      const color = colorOf(value);
      map.R.push(parseInt(color.slice(1, 3), 16));
      map.G.push(parseInt(color.slice(3, 5), 16));
      map.B.push(parseInt(color.slice(5, 7), 16));
      map.A.push(255);
      map.labels.push(String(value));
    }
    this.nv.setDrawColormap(map);
  }

  get drawing() {
    return this.nv.drawBitmap;
  }

  setDrawing(bytes) {
    if (!this.nv.drawBitmap || this.nv.drawBitmap.length !== bytes.length) {
      throw new Error(`expected a drawing of ${this.nv.drawBitmap?.length} voxels, got ${bytes.length}`);
    }
    this.nv.drawBitmap.set(bytes);
    this.drawingChanged();
  }

  drawingChanged() {
    this.known.clear();
    this.nv.refreshDrawing(true);
  }

  /** Opacity of the drawing's fill in the planes and in 3D. */
  setDrawOpacity(opacity) {
    this.nv.setDrawOpacity(opacity);
  }

  /** A map, bytes of a NIfTI file, as a warm overlay; or nothing. */
  async setHeat(bytes) {
    if (this.heat) this.nv.removeVolume(this.heat);
    this.heat = null;
    if (!bytes) return;
    const heat = await NVImage.loadFromUrl({
      url: "uncertainty.nii",
      name: "uncertainty.nii",
      buffer: bytes.buffer,
      colormap: "warm",
      opacity: this.fillOpacity,
    });
    heat.cal_max = heat.global_max;
    heat.cal_min = heat.global_max / 5; // The image stays visible where the network was sure.
    heat.colormapType = TRANSPARENT_BELOW_MIN;
    this.heat = heat;
    this.nv.addVolume(heat);
  }

  /** Draw with a class, or erase with 0. */
  setPen(value, { size, filled }) {
    this.nv.opts.penSize = size;
    this.nv.setDrawingEnabled(true);
    this.nv.setPenValue(value, filled);
  }

  stopPen() {
    this.nv.setDrawingEnabled(false);
  }

  get place() {
    const [x, y, z] = this.nv.frac2vox(this.nv.scene.crosshairPos);
    return [x, y, z].map((value, axis) => Math.min(Math.max(Math.round(value), 0), this.shape[axis] - 1));
  }

  goTo(place) {
    this.nv.scene.crosshairPos = this.nv.vox2frac(place);
    this.nv.createOnLocationChange();
    this.nv.drawScene();
  }

  /** Go where another view went, without telling it. */
  follow(place) {
    if (String(place) === String(this.place)) return;
    this.nv.scene.crosshairPos = this.nv.vox2frac(place);
    this.nv.drawScene();
  }

  /** Steps across the plane under the pointer are the wheel's; this is one step along an axis. */
  step(axis, by) {
    const place = this.place;
    place[axis] = Math.min(Math.max(place[axis] + by, 0), this.shape[axis] - 1);
    this.goTo(place);
  }

  /** The axis across the plane that was used last. */
  get axis() {
    const tile = this.nv.screenSlices[this.nv.uiData?.clickedTile ?? -1];
    return tile && tile.axCorSag in ACROSS ? ACROSS[tile.axCorSag] : 2;
  }

  /** Move both views together. NiiVue does so only for the view that has the focus, hence the places are ours. */
  linkWith(other) {
    this.linked = other;
    other.linked = this;
    this.nv.broadcastTo([other.nv], { "2d": true, "3d": true });
    other.nv.broadcastTo([this.nv], { "2d": true, "3d": true });
  }

  /** Layers: { label, style: "outline" | "fill" | "off", dash, width, color }, drawn in this order. */
  setLayers(layers) {
    this.layers = layers;
    this.known.clear();
    this.nv.drawScene();
  }

  drawLines() {
    const { canvas, lines, nv } = this;
    if (lines.width !== canvas.width || lines.height !== canvas.height) {
      lines.width = canvas.width;
      lines.height = canvas.height;
    }
    const pen = lines.getContext("2d");
    pen.clearRect(0, 0, lines.width, lines.height);
    if (!this.shape || !nv.volumes.length || !nv.drawBitmap) return;
    nv.screenSlices.forEach((tile, number) => {
      if (tile.axCorSag in ACROSS) this.drawTile(pen, tile, number);
    });
  }

  drawTile(pen, tile, number) {
    const axis = ACROSS[tile.axCorSag];
    const index = this.place[axis];
    const [left, top, width, height] = tile.leftTopWidthHeight;
    const at = this.tileMap(number, tile, axis);
    if (!at) return;
    pen.save();
    pen.beginPath();
    pen.rect(Math.min(left, left + width), top, Math.abs(width), height);
    pen.clip();
    this.crosshair(pen, axis, at);
    for (const layer of this.layers) {
      if (layer.style === "off" || !layer.label) continue;
      const label = layer.label === "drawing" ? this.drawing : layer.label;
      if (layer.style === "fill" && layer.label !== "drawing") this.fill(pen, layer, label, axis, index, at);
      this.outline(pen, layer, label, axis, index, at);
    }
    pen.restore();
  }

  /** From voxels of a plane to pixels: found from two corners of the tile, whatever way it is shown. */
  tileMap(number, tile, axis) {
    const [left, top, width, height] = tile.leftTopWidthHeight;
    const [x0, y0, x1, y1] = [left, top, left + width, top + height].map(Number);
    const near = this.nv.screenXY2TextureFrac(x0 + (x1 - x0) * 0.25, y0 + (y1 - y0) * 0.25, number, false);
    const far = this.nv.screenXY2TextureFrac(x0 + (x1 - x0) * 0.75, y0 + (y1 - y0) * 0.75, number, false);
    const [first, second] = planeAxes(axis);
    const [w, h] = [this.shape[first], this.shape[second]];
    const scaleX = ((x1 - x0) * 0.5) / ((far[first] - near[first]) * w);
    const scaleY = ((y1 - y0) * 0.5) / ((far[second] - near[second]) * h);
    const offsetX = x0 + (x1 - x0) * 0.25 - near[first] * w * scaleX;
    const offsetY = y0 + (y1 - y0) * 0.25 - near[second] * h * scaleY;
    if (![scaleX, scaleY, offsetX, offsetY].every(Number.isFinite)) return null;
    return { scaleX, scaleY, offsetX, offsetY };
  }

  /** Two thin lines that leave the place itself free. */
  crosshair(pen, axis, at) {
    const [first, second] = planeAxes(axis);
    const dpr = window.devicePixelRatio || 1;
    const x = (this.place[first] + 0.5) * at.scaleX + at.offsetX;
    const y = (this.place[second] + 0.5) * at.scaleY + at.offsetY;
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

  outline(pen, layer, label, axis, index, at) {
    const sides = this.cached(`o${axis}:${index}`, layer, () => outlines(label, this.shape, axis, index));
    const dpr = window.devicePixelRatio || 1;
    pen.lineWidth = (layer.width ?? 1.5) * dpr;
    pen.setLineDash((layer.dash ?? []).map((length) => length * dpr));
    for (const [value, list] of sides) {
      pen.strokeStyle = layer.color ?? colorOf(value);
      pen.beginPath();
      for (let i = 0; i < list.length; i += 4) {
        pen.moveTo(list[i] * at.scaleX + at.offsetX, list[i + 1] * at.scaleY + at.offsetY);
        pen.lineTo(list[i + 2] * at.scaleX + at.offsetX, list[i + 3] * at.scaleY + at.offsetY);
      }
      pen.stroke();
    }
  }

  fill(pen, layer, label, axis, index, at) {
    const found = this.cached(`f${axis}:${index}`, layer, () => runs(label, this.shape, axis, index));
    pen.globalAlpha = this.fillOpacity;
    for (const [value, list] of found) {
      pen.fillStyle = layer.color ?? colorOf(value);
      for (let i = 0; i < list.length; i += 3) {
        pen.fillRect(
          list[i] * at.scaleX + at.offsetX,
          list[i + 1] * at.scaleY + at.offsetY,
          list[i + 2] * at.scaleX,
          at.scaleY,
        );
      }
    }
    pen.globalAlpha = 1;
  }

  cached(key, layer, make) {
    const whole = `${this.layers.indexOf(layer)}${key}`;
    if (!this.known.has(whole)) {
      if (this.known.size > 60) this.known.clear();
      this.known.set(whole, make());
    }
    return this.known.get(whole);
  }
}
