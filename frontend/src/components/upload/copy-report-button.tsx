import { CopyButton } from "@/components/copy-button";
import { useVideosText } from "@/text/videos-text";

/** Copy the report on a failed upload. */
export function CopyReportButton({ makeReport }: { makeReport: () => string }) {
  const { report } = useVideosText().upload;
  return (
    <CopyButton
      variant="ghost"
      className="max-sm:-ms-3 max-sm:px-3"
      makeText={makeReport}
      texts={report}
      rows={8}
    />
  );
}
