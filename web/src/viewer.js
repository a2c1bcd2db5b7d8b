// The only files that know NiiVue: this one and texture.js. An image in three planes and 3D, and a drawing in it.
//
// NiiVue draws the image and takes the strokes of the mouse; labels are drawn above it by lines.js.
// The server hands out every volume in RAS voxel order; the voxels here are those of the server, first axis fastest.

import { DRAG_MODE, MULTIPLANAR_TYPE, NVImage, Niivue, SHOW_RENDER, SLICE_TYPE } from "@niivue/niivue";

import { planeAxes } from "./contours.js";
import { Lines, colorOf } from "./lines.js";
import { shade, windowHere } from "./texture.js";

const ACROSS = { [SLICE_TYPE.AXIAL]: 2, [SLICE_TYPE.CORONAL]: 1, [SLICE_TYPE.SAGITTAL]: 0 };
const SOLID_OPACITY = 0.8; // Of the label in 3D, where it has no outline.

/** Whether there is no graphics card: 3D takes seconds then. */
function isSoftware(gl) {
  const about = gl.getExtension("WEBGL_debug_renderer_info");
  const name = about ? gl.getParameter(about.UNMASKED_RENDERER_WEBGL) : "";
  return /swiftshader|llvmpipe|software|basic render/i.test(name);
}

/** Read the image of a case, bytes of a NIfTI file, before it is shown. */
export function readImage({ image, window: [low, high] }) {
  return NVImage.loadFromUrl({
    url: "image.nii", name: "image.nii", buffer: image.buffer, colormap: "gray", cal_min: low, cal_max: high,
  });
}

export class Viewer {
  constructor(figure) {
    this.canvas = figure.appendChild(document.createElement("canvas"));
    this.canvas.tabIndex = 0;
    this.lines = new Lines(figure);
    this.onMove = () => {};
    this.onStroke = () => {};
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
    });
  }

  async attach() {
    const { nv } = this;
    await nv.attachToCanvas(this.canvas);
    this.drawScene = nv.drawScene.bind(nv);
    this.refreshDrawing = nv.refreshDrawing.bind(nv);
    this.solid = !isSoftware(nv.gl);
    windowHere(nv, () => this.solid);
    nv.drawOpacity = 0; // In the planes, where lines.js shows the drawing.
    nv.drawAddUndoBitmap = () => {}; // Undo is ours; NiiVue's packs the whole drawing after each stroke.
    nv.refreshDrawing = () => this.drawingChanged();
    nv.drawScene = () => this.redraw();
    const drawImage3D = nv.drawImage3D.bind(nv);
    nv.drawImage3D = (...rest) => {
      nv.drawOpacity = SOLID_OPACITY;
      drawImage3D(...rest);
      nv.drawOpacity = 0;
    };
    nv.onLocationChange = () => {
      this.onMove(this.place);
      this.linked?.follow(this.place);
    };
    this.canvas.addEventListener("pointerup", () => setTimeout(() => this.onStroke()));
    window.addEventListener("pointerup", (event) => {
      if (event.target !== this.canvas) this.onStroke();
    });
    this.setSolid(this.solid);
  }

  /** Whether the label and the image are shown in 3D, too. */
  setSolid(on) {
    this.solid = on;
    this.nv.opts.multiplanarShowRender = on ? SHOW_RENDER.ALWAYS : SHOW_RENDER.NEVER;
    if (on) shade(this.nv);
    this.redraw();
  }

  // ---- drawing on the screen

  /** Draw before the browser shows the next picture, once for all that changes until then. */
  redraw() {
    this.frame ??= requestAnimationFrame(() => this.settle());
  }

  /** Draw at once. */
  settle() {
    cancelAnimationFrame(this.frame);
    this.frame = undefined;
    if (!this.shape) return;
    if (this.solid && this.outdated) this.uploadDrawing();
    this.drawScene();
    this.lines.draw(this.canvas, this.tiles(), this);
  }

  /** The planes on the screen. */
  tiles() {
    return this.nv.screenSlices
      .map((tile, number) => {
        const [left, top, width, height] = tile.leftTopWidthHeight;
        const axis = ACROSS[tile.axCorSag];
        const box = [Math.min(left, left + width), top, Math.abs(width), height];
        return { axis, box, at: axis === undefined ? null : this.tileMap(number, tile, axis) };
      })
      .filter(({ at }) => at);
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

  // ---- a case

  /** Show a case: its image as `readImage` read it, its size, and the drawing to begin with. `settle` draws it. */
  show({ volume, shape, drawing, classes }) {
    const { nv } = this;
    this.shape = shape;
    while (nv.volumes.length) nv.removeVolume(nv.volumes[0]);
    this.setLabelColors(classes.length - 1);
    nv.addVolume(volume);
    nv.drawBitmap = drawing.slice();
    this.drawingChanged();
  }

  /** Colors of the drawing in 3D, as of the outlines. */
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

  /** See `Lines`. */
  setLayers(layers) {
    this.lines.setLayers(layers);
    this.redraw();
  }

  setFillOpacity(opacity) {
    this.lines.fillOpacity = opacity;
    this.redraw();
  }

  // ---- the drawing

  get drawing() {
    return this.nv.drawBitmap;
  }

  setDrawing(bytes) {
    if (this.drawing?.length !== bytes.length) {
      throw new Error(`expected a drawing of ${this.drawing?.length} voxels, got ${bytes.length}`);
    }
    this.drawing.set(bytes);
    this.drawingChanged();
  }

  drawingChanged() {
    this.outdated = true;
    this.lines.forgetDrawing();
    this.redraw();
  }

  /** Bring the drawing to the graphics card, which 3D alone needs. */
  uploadDrawing() {
    const { nv } = this;
    nv.drawTexture = nv.r8Tex(nv.drawTexture, nv.gl.TEXTURE7, nv.back.dims, false);
    this.refreshDrawing(false);
    this.outdated = false;
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

  // ---- the place

  get place() {
    const [x, y, z] = this.nv.frac2vox(this.nv.scene.crosshairPos);
    return [x, y, z].map((value, axis) => Math.min(Math.max(Math.round(value), 0), this.shape[axis] - 1));
  }

  goTo(place) {
    this.nv.scene.crosshairPos = this.nv.vox2frac(place);
    this.nv.createOnLocationChange();
    this.redraw();
  }

  /** Go where another view went, without telling it. */
  follow(place) {
    if (String(place) === String(this.place)) return;
    this.nv.scene.crosshairPos = this.nv.vox2frac(place);
    this.redraw();
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
}
