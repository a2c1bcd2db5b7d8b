// The image as a texture of NiiVue, windowed here.
//
// NiiVue sends a volume through three shaders, slice by slice, when it is loaded and whenever contrast or colors change.
// Without a graphics card that takes half a minute for 384 x 384 x 128 voxels; a table of grays takes a tenth of a second.
// What only the 3D view needs of those passes, its shading, is made while 3D is shown.

/** Let `nv` bring images to the graphics card this way; `isSolid` tells whether 3D is shown. */
export function windowHere(nv, isSolid) {
  const refresh = nv.refreshLayers.bind(nv);
  nv.refreshLayers = (image, layer) => {
    const tooLarge = Math.max(...image.dimsRAS.slice(1, 4)) > nv.uiData.max3D;
    if (layer > 0 || tooLarge) return refresh(image, layer);
    withoutVoxels(nv.gl, () => refresh(image, layer)); // Sets up all else.
    upload(nv, image);
    if (isSolid()) shade(nv);
    return undefined;
  };
}

/** Make what the 3D view is shaded by. */
export function shade(nv) {
  if (nv.volumes.length) nv.gradientGL(nv.volumes[0].hdr);
}

/** Do something while the graphics card is given no voxels and draws none. */
function withoutVoxels(gl, work) {
  const muted = ["drawArrays", "framebufferTextureLayer", "texStorage3D", "texSubImage3D"];
  for (const name of muted) gl[name] = () => {};
  gl.checkFramebufferStatus = () => gl.FRAMEBUFFER_COMPLETE;
  try {
    work();
  } finally {
    for (const name of [...muted, "checkFramebufferStatus"]) delete gl[name]; // The context's own are there again.
  }
}

function upload(nv, image) {
  const { gl } = nv;
  const [width, height, depth] = image.dimsRAS.slice(1, 4);
  const shown = new Uint8Array(grays(image, nv.colormap(image.colormap)).buffer);
  gl.activeTexture(gl.TEXTURE0);
  gl.bindTexture(gl.TEXTURE_3D, nv.volumeTexture);
  gl.pixelStorei(gl.UNPACK_ALIGNMENT, 1);
  const format = gl.LUMINANCE_ALPHA;
  gl.texImage3D(gl.TEXTURE_3D, 0, format, width, height, depth, 0, format, gl.UNSIGNED_BYTE, shown);
}

/** Gray and opacity of each voxel, a byte each. */
function grays({ img, hdr, cal_min: low, cal_max: high }, colors) {
  const pairs = Uint16Array.from({ length: 256 }, (_, i) => colors[4 * i] | (colors[4 * i + 3] << 8));
  const scale = (255 * hdr.scl_slope) / Math.max(high - low, 1e-5);
  const offset = (255 * (hdr.scl_inter - low)) / Math.max(high - low, 1e-5) + 0.5;
  const gray = (value) => pairs[Math.min(Math.max(Math.floor(value * scale + offset), 0), 255)];
  const shown = new Uint16Array(img.length);
  if (img.BYTES_PER_ELEMENT > 2) {
    for (let i = 0; i < shown.length; i++) shown[i] = gray(img[i]);
    return shown;
  }
  const table = new Uint16Array(65536);
  const signed = img instanceof Int16Array || img instanceof Int8Array;
  for (let i = 0; i < 65536; i++) table[i] = gray(signed && i > 32767 ? i - 65536 : i);
  for (let i = 0; i < shown.length; i++) shown[i] = table[img[i] & 65535];
  return shown;
}
