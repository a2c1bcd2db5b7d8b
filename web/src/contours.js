// Label maps in a plane: outlines along the sides of voxels, not smoothed, and runs of equal class.

/** Array axes of a plane across `axis`: [first, second]. */
export function planeAxes(axis) {
  return [0, 1, 2].filter((other) => other !== axis);
}

/**
 * One plane of a map that holds one byte per voxel, first axis fastest: { values, width, height }, first axis fastest.
 * With `keep` it is 1 where that holds of a value, else 0.
 */
export function planeOf(map, shape, axis, index, keep) {
  const [first, second] = planeAxes(axis);
  const stride = [1, shape[0], shape[0] * shape[1]];
  const [width, height] = [shape[first], shape[second]];
  const values = new Uint8Array(width * height);
  for (let y = 0, to = 0; y < height; y++) {
    let from = index * stride[axis] + y * stride[second];
    for (let x = 0; x < width; x++, from += stride[first]) values[to++] = map[from];
  }
  if (keep) for (let i = 0; i < values.length; i++) values[i] = keep(values[i]) ? 1 : 0;
  return { values, width, height };
}

/**
 * Outlines as a Map from class to closed paths, each a flat list of corners x, y in voxels; voxel i covers i to i + 1.
 * Whole paths, since dashes begin anew with each.
 */
export function outlines({ values, width, height }) {
  const sides = new Map(); // Of each class the sides that leave a corner, the class to their left.
  const across = width + 1;
  const add = (value, from, to) => {
    if (!sides.has(value)) sides.set(value, new Map());
    const leaving = sides.get(value);
    if (leaving.has(from)) leaving.get(from).push(to);
    else leaving.set(from, [to]);
  };
  for (let y = 0, at = 0; y < height; y++) {
    for (let x = 0; x < width; x++, at++) {
      const value = values[at];
      if (!value) continue;
      const corner = y * across + x;
      if (y === 0 || values[at - width] !== value) add(value, corner, corner + 1);
      if (x === width - 1 || values[at + 1] !== value) add(value, corner + 1, corner + 1 + across);
      if (y === height - 1 || values[at + width] !== value) add(value, corner + 1 + across, corner + across);
      if (x === 0 || values[at - 1] !== value) add(value, corner + across, corner);
    }
  }
  return new Map([...sides].map(([value, leaving]) => [value, chained(leaving, across)]));
}

/** Sides put together to closed paths; corners on a straight line are left out. */
function chained(leaving, across) {
  const paths = [];
  for (const [start, ends] of leaving) {
    while (ends.length) {
      const path = [];
      let [corner, step] = [start, 0];
      do {
        const next = leaving.get(corner).pop();
        if (next - corner !== step) path.push(corner % across, Math.floor(corner / across));
        [corner, step] = [next, next - corner];
      } while (corner !== start);
      paths.push(path);
    }
  }
  return paths;
}

/** Runs of equal class along the first axis, as a Map from class to a flat list of x, y, length. */
export function runs({ values, width, height }) {
  const found = new Map();
  for (let y = 0; y < height; y++) {
    let from = 0;
    for (let x = 1; x <= width; x++) {
      const value = values[y * width + from];
      if (x < width && values[y * width + x] === value) continue;
      if (value) {
        if (!found.has(value)) found.set(value, []);
        found.get(value).push(from, y, x - from);
      }
      from = x;
    }
  }
  return found;
}
