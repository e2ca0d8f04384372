// Cuts a file name in two, so that the middle is left out where the name is too long.

const SHORT = 24;
const TAIL = 12;

/**
 * Return the start and the end of a name, which together are the name. The end is empty in a short name.
 * "holiday-in-the-mountains-part-2.mp4" -> ["holiday-in-the-mountain", "s-part-2.mp4"]
 */
export function splitName(name: string): readonly [start: string, end: string] {
  // A letter may be of several code points, which must stay together.
  const letters = [...new Intl.Segmenter().segment(name)].map(({ segment }) => segment);
  if (letters.length <= SHORT) return [name, ""];
  return [letters.slice(0, -TAIL).join(""), letters.slice(-TAIL).join("")];
}
