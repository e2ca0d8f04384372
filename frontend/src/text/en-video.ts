// The English texts of a video's page.
import { pluralWords } from "./plural";

const pixels = pluralWords("en")({ one: "pixel", other: "pixels" });

export const enVideo = {
  video: {
    all: "All videos",
    notLoaded: "This video couldn't be loaded",
    missing: "No such video",
    missingHint: "The video was deleted, it belongs to another account, or the address is incomplete.",
    loading: "Loading the video",
    download: "Download",
    copyLink: {
      copy: "Copy link",
      copied: "Link copied",
      label: "Link to this page",
      hint: "The link to this page. It opens for your account only.",
    },
    copyId: { copy: "Copy ID", copied: "ID copied", label: "ID of the video" },
    codecVideo: (codec: string) => `${codec} video`,
    sound: (codec: string, channels: number) =>
      channels > 2 ? `${codec} with ${channels} channels` : `${codec} ${channels === 2 ? "stereo" : "mono"}`,
    stage: {
      noUrl: "The video is ready, but has no URL to play it from. Try again later.",
      completing: "The storage is assembling the parts.",
      processing: "The server is checking the file.",
      sending: "This page is still uploading the video.",
      interrupted: "This upload was interrupted. To continue it, go to the list and choose “Try again”.",
      unfinished:
        "This upload isn't finished. If no other tab or device is sending it, discard it and upload the file again.",
      expired: "This upload was never finished and has expired. Upload the file again.",
      deleting: "This video is being deleted.",
    },
    trouble: {
      titles: {
        not_loaded: "The video couldn't be loaded",
        cannot_play: "This browser can't play the video",
        no_picture: "This browser can't show the picture",
        ends_early: "The player stopped where data is missing",
        cut_off: "This browser can't play what there is of the video",
        stopped: "The player stopped",
      },
      not_loaded: "Check your connection and try again.",
      refused: "The storage refused the link to the video. Try again.",
      missing: "The storage no longer has the file. If you have a copy, upload it again.",
      failing: "The storage can't send the video at the moment. Try again later.",
      ends_early: "This file ends early. To watch it from the start, try again.",
      stopped:
        "Try again. If it stops there again, download the video and open it in a player on your device.",
      cut_off: (endsEarly: string) => `${endsEarly} If you have the whole file, upload it again.`,
      notSupported: (format: string) =>
        `${format} isn't supported by every browser. Download the video and open it in a player on your device.`,
      theFormat: "The format",
      formatWith: (container: string, codec: string) => `${container} with ${codec}`,
      download: "Download the video",
    },
    details: {
      title: "Details",
      incomplete: "Some details of this video couldn't be read. The file is stored as you uploaded it.",
      format: "Format",
      duration: "Duration",
      resolution: "Resolution",
      size: "Size",
      video: "Video",
      sound: "Sound",
      noSound: "None",
      frameRate: "Frame rate",
      bitRate: "Bit rate",
      dynamicRange: "Dynamic range",
      orientation: "Orientation",
      cropped: "Cropped",
      uploaded: "Uploaded",
      id: "ID",
      rotated: { 90: "Rotated 90° clockwise", 180: "Rotated 180°", 270: "Rotated 90° anticlockwise" },
      mirrored: {
        0: "Mirrored",
        90: "Mirrored, then rotated 90° clockwise",
        180: "Flipped upside down",
        270: "Mirrored, then rotated 90° anticlockwise",
      },
      sides: { left: "left", top: "top", right: "right", bottom: "bottom" },
      croppedAt: (count: number, sides: string) => `${count} ${pixels(count)} at the ${sides}`,
    },
  },
};
