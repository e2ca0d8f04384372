// The English texts about uploads and about the list of videos.
import { failures } from "./en-failures";
import { pluralWords } from "./plural";

const plural = pluralWords("en");

const files = plural({ one: "file", other: "files" });
const uploads = plural({ one: "upload", other: "uploads" });
const videos = plural({ one: "video", other: "videos" });

export const enVideos = {
  upload: {
    title: "Upload a video",
    unavailable: "You can't upload at the moment",
    picker: {
      drop: "Drop a video anywhere on this page",
      touch: "Upload a video",
      choose: "Choose a video",
      limits: (formats: string, size: string) => `${formats}, up to ${size}`,
      beforeCancelled: "The upload of ",
      afterCancelled: " was cancelled.",
    },
    overlay: {
      drop: "Drop the video to upload it",
      busy: "One video at a time. This one is still uploading.",
    },
    refused: {
      close: "Hide this notice",
      uploadRuns: "You can upload one video at a time. Wait until this one is done, or cancel it.",
      folder: "That is a folder. Open it and choose one video from it.",
      noFile: "What you dropped contains no file. Save the video on this device, then choose it here.",
      several: (count: number) =>
        `You chose ${count} ${files(count)}. You can upload one video at a time, so choose one of them.`,
    },
    steps: {
      checking: "Checking the file",
      starting: "Starting",
      sending: "Uploading",
      assembling: "Assembling the video",
    },
    cancel: "Cancel",
    cancelDialog: {
      title: "Cancel this upload?",
      text: "What was sent is discarded. To upload the video later, you will have to start again.",
      keep: "Keep uploading",
      confirm: "Cancel the upload",
    },
    progressOf: (name: string) => `Upload of ${name}`,
    sentOf: (sent: string, total: string) => `${sent} of ${total}`,
    allSent: "All sent. The storage is assembling the parts.",
    signIn: "Sign in",
    attemptIn: (attempt: number, wait: string) => ` Attempt ${attempt} starts in ${wait}.`,
    attemptRuns: (attempt: number) => ` Attempt ${attempt} is running.`,
    waiting: {
      offline: "You're offline. The upload continues when the connection is back.",
      retrying: {
        no_answer: "The connection was interrupted. The page keeps trying.",
        storage: "The storage can't take the video at the moment. The page keeps trying.",
        overloaded: "Slipway is busy. The page keeps trying.",
        storage_unavailable: "The video storage isn't answering. The page keeps trying.",
        database_unavailable: "Slipway's database isn't answering. The page keeps trying.",
        rate_limited: "Too many requests at once. The page keeps trying.",
        else: "The server has a problem at the moment. The page keeps trying.",
      },
      file: "The file can't be read at the moment. The page keeps trying.",
      signedOut: "You were signed out. Sign in to continue the upload.",
    },
    announce: {
      checking: (name: string) => `Checking ${name}.`,
      starting: (name: string) => `Starting the upload of ${name}.`,
      sending: (name: string, size: string) => `Sending ${name}, ${size}.`,
      sent: (percent: string) => `${percent} sent.`,
      continues: (percent: string) => `The upload continues. ${percent} sent.`,
      assembling: "All sent. Assembling the video.",
      cancelled: "Upload cancelled.",
      uploaded: "Uploaded. Checking the file.",
      ready: (format: string | null) =>
        format === null ? "The video is ready." : `The ${format} video is ready.`,
    },
    marks: {
      checking: "Checking",
      starting: "Starting",
      waiting: "Waiting",
      waitingAt: (percent: string) => `Waiting at ${percent}`,
      assembling: "Assembling",
      ready: "Ready",
      failed: "Failed",
    },
    tell: {
      ask: "Tell me when it is done",
      blocked: "The browser blocks notifications from this page. You can allow them in its settings.",
      ready: "Your video is ready",
      failed: "The upload failed",
    },
    pill: {
      failed: "Upload failed",
      assembling: "Assembling",
      uploading: "Uploading",
      percent: (percent: string) => `Uploading ${percent}`,
    },
    done: {
      checking: "Uploaded. Checking the file…",
      ready: "Ready",
      another: "Upload another",
      anotherVideo: "Upload another video",
      watch: "Watch",
      deleted: "This video was deleted.",
      notFollowed: (why: string) => `Your video is safe, and this page updates by itself. ${why}`,
    },
    failed: {
      title: "Not uploaded",
      unconfirmedTitle: "Not confirmed yet",
      close: "Close",
      chooseAnother: "Choose another file",
      showLargest: "Show the largest videos",
      discardWarning: "Discarding also stops an upload that another tab or device is still sending.",
      discard: (count: number) =>
        plural({ one: "Discard it and try again", other: "Discard them and try again" })(count),
      discarding: "Discarding…",
      notDiscarded: "Some of them couldn't be discarded. Try again in a moment.",
    },
    report: {
      copy: "Copy report",
      copied: "Report copied",
      label: "Report on the failed upload",
    },
  },

  videos: {
    hiddenTitle: "Your videos on Slipway",
    title: "Your videos",
    notLoaded: "Your videos couldn't be loaded",
    moreNotLoaded: "More videos couldn't be loaded",
    count: (count: number, shown: string) => `${shown} ${videos(count)}`,
    countAbove: (shown: string) => `more than ${shown} videos`,
    space: (used: string, quota: string) => `${used} of ${quota} used`,
    search: {
      label: "Search by name",
      clear: "Clear the search",
      filter: "Show",
      all: "All videos",
      filters: {
        ready: "Ready",
        checking: "Being checked",
        unfinished: "Not finished",
        failed: "Failed",
      },
      sort: "Sort by",
      sorts: {
        newest: "Newest first",
        oldest: "Oldest first",
        name: "Name A–Z",
        name_desc: "Name Z–A",
        largest: "Largest first",
        smallest: "Smallest first",
        longest: "Longest first",
        shortest: "Shortest first",
      },
      nothing: "No video matches",
      nothingNamed: (search: string) => `No name contains “${search}”.`,
      nothingInFilter: "No video is in this state.",
      nothingNamedInFilter: (search: string) => `No video in this state has “${search}” in its name.`,
      showAll: "Show all videos",
      instead: (keys: string) =>
        `The search looks through all your videos. Press ${keys} again to search what is on the screen.`,
    },
    outOfDate: (why: string) => `The list may be out of date. ${why}`,
    loading: "Loading…",
    empty: "No videos yet",
    emptyHint:
      "Upload your first video above. Its duration and resolution appear here when the server has checked it.",
    unknown: "unknown",
    leftover: {
      text: "This upload was started elsewhere or left unfinished. If nothing is sending it, discard it.",
      short: "Discard it if nothing sends it.",
    },
    columns: {
      name: "Name",
      duration: "Duration",
      resolution: "Resolution",
      size: "Size",
      uploaded: "Uploaded",
      status: "Status",
    },
    statuses: {
      uploading: "Not finished",
      sending: "Uploading",
      completing: "Assembling",
      processing: "Checking the file",
      ready: "Ready",
      failed: "Failed",
      expired: "Expired",
      deleting: "Deleting",
    },
    notAccepted: "The server couldn't accept this video",
    failed: {
      content_type_mismatch:
        "The file's name doesn't match its content. Rename it so that its extension is right, then upload it again.",
      infected:
        "A virus scanner found something harmful in this file, so it is removed from the storage. Scan your device, and then upload a clean copy.",
      no_video_track: "There's no picture in this file. Choose a video.",
      object_missing: "The uploaded file is no longer in the storage. Upload it again.",
      truncated:
        "The description of the video is missing from this file. The recording or the copy was probably cut off. Upload the complete file, or repair it with the camera maker's software first.",
      unreadable: "This file couldn't be read as a video. Choose another file.",
      unsupported_container: "This file is not a video that Slipway accepts. Choose another file.",
    },
    delete: {
      button: "Delete",
      discard: "Discard",
      buttonOf: (name: string) => `Delete ${name}`,
      discardOf: (name: string) => `Discard ${name}`,
      titleOf: (count: number, shown: string) => `Delete ${shown} ${videos(count)}?`,
      discardTitleOf: (count: number, shown: string) => `Discard ${shown} unfinished ${uploads(count)}?`,
      keep: "Keep them",
      text: "You can undo this for a few seconds.",
      textWithUpload:
        "An upload that another tab or device is still sending stops. You can undo this for a few seconds, but a stopped upload doesn't go on by itself.",
    },
    removal: {
      title: "Deleted videos",
      removing: "Deleting…",
      removed: "Deleted",
      partly: (what: string) => `Deleted, but this failed for ${what}.`,
      restoring: "Bringing it back…",
      undo: "Undo",
      close: "Close",
      announce: (what: string) => `${what} deleted. Undo brings it back.`,
      restored: (what: string) => `${what} restored.`,
      tooLate: {
        all: "The deletion had begun, so it couldn't be undone.",
        some: "Some of them couldn't be brought back, because their deletion had begun.",
        time_over: "The time to undo this is over.",
      },
    },
    selection: {
      title: "Chosen videos",
      start: "Select",
      choose: (name: string) => `Select ${name}`,
      count: (shown: string) => `${shown} selected`,
      all: "Select all loaded",
      clear: "Clear the selection",
    },
    leftovers: (shown: string) => `Unfinished uploads: ${shown}`,
    discardAll: "Discard all",
    endsEarly: {
      unknown: "This file ends early. Part of the video is missing.",
      nothing: "This file ends early. It contains almost none of the video.",
      about: (percent: string) => `This file ends early. It contains about ${percent} of the video.`,
      almostAll: "This file ends early. It contains almost all of the video.",
    },
  },

  failures,
};
