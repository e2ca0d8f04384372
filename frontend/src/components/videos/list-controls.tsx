// Searches, filters and sorts the list of videos.
"use client";

import { Search } from "lucide-react";
import { type RefObject, useEffect, useRef, useState } from "react";
import { CloseButton } from "@/components/ui/close-button";
import { Input } from "@/components/ui/input";
import { Select } from "@/components/ui/select";
import { FILTERS, isFilter, type ListView, MAX_SEARCH_CHARACTERS, SORTS, type Sort } from "@/lib/list/view";
import { useVideosText } from "@/text/videos-text";

export function ListControls({
  view,
  onChange,
  field,
}: {
  view: ListView;
  onChange: (change: Partial<ListView>) => void;
  field: RefObject<HTMLInputElement | null>;
}) {
  const t = useVideosText().videos.search;
  return (
    <search className="mb-3 grid grid-cols-2 gap-2 sm:grid-cols-[minmax(0,1fr)_auto_auto]">
      <SearchField field={field} value={view.search} onChange={(search) => onChange({ search })} />
      <Select
        aria-label={t.filter}
        value={view.filter ?? ""}
        onChange={({ target: { value } }) => onChange({ filter: isFilter(value) ? value : null })}
      >
        <option value="">{t.all}</option>
        {Object.keys(FILTERS)
          .filter(isFilter)
          .map((filter) => (
            <option key={filter} value={filter}>
              {t.filters[filter]}
            </option>
          ))}
      </Select>
      <Select
        aria-label={t.sort}
        value={view.sort}
        onChange={({ target }) => onChange({ sort: target.value as Sort })}
      >
        {SORTS.map((sort) => (
          <option key={sort} value={sort}>
            {t.sorts[sort]}
          </option>
        ))}
      </Select>
    </search>
  );
}

// Each search is a request, so it waits until the person pauses.
const PAUSE_MS = 250;

function SearchField({
  field,
  value,
  onChange,
}: {
  field: RefObject<HTMLInputElement | null>;
  value: string;
  onChange: (value: string) => void;
}) {
  const t = useVideosText().videos.search;
  const [typed, setTyped] = useState(value);
  const asked = useRef(value);
  const timer = useRef<ReturnType<typeof setTimeout>>(undefined);

  // The address was changed by something else.
  useEffect(() => {
    if (value === asked.current) return;
    clearTimeout(timer.current);
    asked.current = value;
    setTyped(value);
  }, [value]);
  useEffect(() => () => clearTimeout(timer.current), []);

  function ask(text: string, afterMs: number) {
    setTyped(text);
    clearTimeout(timer.current);
    const search = () => {
      asked.current = text.trim();
      onChange(asked.current);
    };
    if (afterMs === 0) search();
    else timer.current = setTimeout(search, afterMs);
  }

  function clear() {
    ask("", 0);
    field.current?.focus();
  }

  return (
    <div className="relative max-sm:col-span-full">
      <Search
        aria-hidden="true"
        className="pointer-events-none absolute start-3.5 top-1/2 size-4 -translate-y-1/2 text-muted-foreground"
      />
      <Input
        ref={field}
        type="text"
        inputMode="search"
        enterKeyHint="search"
        autoComplete="off"
        spellCheck={false}
        maxLength={MAX_SEARCH_CHARACTERS}
        // An empty field has the page's direction, for its placeholder.
        dir={typed === "" ? undefined : "auto"}
        aria-label={t.label}
        placeholder={t.label}
        className="px-10! sm:text-sm"
        value={typed}
        onChange={({ target }) => ask(target.value, PAUSE_MS)}
        onKeyDown={(event) => {
          if (event.key === "Enter") ask(typed, 0);
          if (event.key !== "Escape" || typed === "") return;
          event.preventDefault();
          clear();
        }}
      />
      {typed !== "" && <CloseButton className="absolute! end-1 top-1" label={t.clear} onClick={clear} />}
    </div>
  );
}
