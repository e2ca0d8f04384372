/**
 * Return the chosen IDs after a click on the checkbox of `id`.
 * With `from`, every ID between the two in `order` gets the state that `id` gets.
 */
export function withChoice(
  chosen: ReadonlySet<string>,
  order: readonly string[],
  id: string,
  from: string | null,
): ReadonlySet<string> {
  const isChosen = !chosen.has(id);
  const ends = [order.indexOf(id), from === null ? -1 : order.indexOf(from)];
  const isRange = ends.every((end) => end >= 0);
  const changed = isRange ? order.slice(Math.min(...ends), Math.max(...ends) + 1) : [id];
  const after = new Set(chosen);
  for (const one of changed) {
    if (isChosen) after.add(one);
    else after.delete(one);
  }
  return after;
}
