// Outlines of label maps in a plane: the sides of voxels where the class changes, to the voxel and not smoothed.

/** Array axes of a plane across `axis`: [first, second]. */
export function planeAxes(axis) {
  return [0, 1, 2].filter((other) => other !== axis);
}

/**
 * Sides of one plane as a Map from class to a flat list of x1, y1, x2, y2 in voxels; voxel i covers i to i + 1.
 * `label` holds one byte per voxel, first axis fastest.
 */
export function outlines(label, shape, axis, index) {
  const [first, second] = planeAxes(axis);
  const stride = [1, shape[0], shape[0] * shape[1]];
  const width = shape[first];
  const height = shape[second];
  const start = index * stride[axis];
  const found = new Map();
  const add = (value, ...side) => {
    if (!value) return;
    if (!found.has(value)) found.set(value, []);
    found.get(value).push(...side);
  };
  const at = (x, y) =>
    x < 0 || y < 0 || x >= width || y >= height ? 0 : label[start + x * stride[first] + y * stride[second]];
  for (let y = 0; y <= height; y++) {
    for (let x = 0; x <= width; x++) {
      const here = at(x, y);
      const left = at(x - 1, y);
      const below = at(x, y - 1);
      if (here !== left) {
        add(here, x, y, x, y + 1);
        add(left, x, y, x, y + 1);
      }
      if (here !== below) {
        add(here, x, y, x + 1, y);
        add(below, x, y, x + 1, y);
      }
    }
  }
  return found;
}

/** Runs of equal class along the first axis of a plane, as a Map from class to a flat list of x, y, length. */
export function runs(label, shape, axis, index) {
  const [first, second] = planeAxes(axis);
  const stride = [1, shape[0], shape[0] * shape[1]];
  const found = new Map();
  for (let y = 0; y < shape[second]; y++) {
    let from = 0;
    let value = 0;
    for (let x = 0; x <= shape[first]; x++) {
      const here =
        x < shape[first] ? label[index * stride[axis] + x * stride[first] + y * stride[second]] : 0;
      if (here === value && x < shape[first]) continue;
      if (value) {
        if (!found.has(value)) found.set(value, []);
        found.get(value).push(from, y, x - from);
      }
      from = x;
      value = here;
    }
  }
  return found;
}
