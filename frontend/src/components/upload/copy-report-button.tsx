import { CopyButton } from "@/components/copy-button";
import { useText } from "@/text/use-text";

/** Copy the report on a failed upload. */
export function CopyReportButton({ makeReport }: { makeReport: () => string }) {
  const { report } = useText().upload;
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
