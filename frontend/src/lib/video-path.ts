/** Return the path of a video's page. */
export function videoPath(id: string): string {
  return `/video?id=${encodeURIComponent(id)}`;
}
