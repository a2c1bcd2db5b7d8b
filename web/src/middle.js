// Where a case without regions is looked at first.

/** The center of what is drawn, else of the image. */
export function middle({ drawing, shape }) {
  const sum = [0, 0, 0];
  let count = 0;
  let i = 0;
  for (let z = 0; z < shape[2]; z++) {
    for (let y = 0; y < shape[1]; y++) {
      for (let x = 0; x < shape[0]; x++) {
        if (!drawing[i++]) continue;
        sum[0] += x;
        sum[1] += y;
        sum[2] += z;
        count += 1;
      }
    }
  }
  return sum.map((total, axis) => Math.round(count ? total / count : shape[axis] / 2));
}
