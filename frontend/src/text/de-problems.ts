// What the page says in German when the API refuses, and why an upload failed.
import type { Look } from "@/lib/upload/rules/sniff";
import type { AllWords } from "./all-english";

const NOT_FITTING =
  "Diese Seite und der Server passen nicht zusammen. Vielleicht wurde Slipway aktualisiert. Laden Sie die Seite neu und versuchen Sie es dann noch einmal.";
const CONTINUES = "Ein neuer Versuch macht dort weiter, wo das Hochladen aufgehört hat.";
const GONE =
  "Dieses Video wurde gelöscht oder ist abgelaufen. Versuchen Sie es noch einmal, um es von vorn zu senden.";

export const problems: AllWords["problems"] = {
  body_too_large: { else: NOT_FITTING },
  content_type_mismatch: {
    else: "Der Name der Datei passt nicht zu ihrem Inhalt. Geben Sie ihr die richtige Endung und wählen Sie sie noch einmal aus.",
  },
  csrf_rejected: {
    else: "Der Server kennt diese Adresse der Seite nicht. Öffnen Sie die Seite unter ihrer eigenen Adresse und versuchen Sie es noch einmal. Ist das ihre Adresse, sagen Sie dem Betreiber Bescheid.",
  },
  database_unavailable: {
    send: `Die Datenbank von Slipway antwortet nicht. Versuchen Sie es gleich noch einmal. ${CONTINUES}`,
    else: "Die Datenbank von Slipway antwortet nicht. Versuchen Sie es gleich noch einmal.",
  },
  email_taken: { else: "Zu dieser E-Mail-Adresse gibt es schon ein Konto. Melden Sie sich damit an." },
  file_empty: { else: "Diese Datei ist leer. Wählen Sie ein Video mit Inhalt." },
  file_too_large: {
    else: ({ limit }) =>
      limit === null
        ? "Diese Datei ist größer, als Slipway erlaubt. Wählen Sie eine kleinere."
        : `Diese Datei ist zu groß. Slipway nimmt bis zu ${limit} an. Wählen Sie eine kleinere Datei.`,
  },
  filename_invalid: {
    else: "Slipway nimmt den Namen dieser Datei nicht an. Benennen Sie sie um und wählen Sie sie noch einmal aus.",
  },
  idempotency_conflict: {
    else: "Der Server hat dieses Video mit einem anderen verwechselt. Wählen Sie die Datei noch einmal aus.",
  },
  installation_full: {
    else: "Diese Seite hat für diese Datei zu wenig Platz. Wählen Sie eine kleinere, löschen Sie ein Video und versuchen Sie es nach einer Minute noch einmal, oder bitten Sie den Betreiber um mehr Platz.",
  },
  internal_error: {
    send: `Auf dem Server ist ein Fehler aufgetreten. Versuchen Sie es noch einmal. ${CONTINUES}`,
    else: "Auf dem Server ist ein Fehler aufgetreten. Versuchen Sie es noch einmal. Tritt er wieder auf, sagen Sie dem Betreiber Bescheid.",
  },
  invalid_credentials: {
    password: "Dieses Passwort ist falsch. Versuchen Sie es noch einmal.",
    end_session: "Dieses Passwort ist falsch. Versuchen Sie es noch einmal.",
    delete_account: "Dieses Passwort ist falsch. Versuchen Sie es noch einmal.",
    else: "Die E-Mail-Adresse oder das Passwort ist falsch. Prüfen Sie beides und versuchen Sie es noch einmal.",
  },
  malformed_request: { else: NOT_FITTING },
  method_not_allowed: { else: NOT_FITTING },
  network: {
    // The title says that the server isn't answering.
    session: "Prüfen Sie Ihre Verbindung und versuchen Sie es noch einmal.",
    policy: "Prüfen Sie Ihre Verbindung und versuchen Sie es noch einmal.",
    send: `Der Server antwortet nicht. Prüfen Sie Ihre Verbindung und versuchen Sie es noch einmal. ${CONTINUES}`,
    else: "Der Server antwortet nicht. Prüfen Sie Ihre Verbindung und versuchen Sie es noch einmal.",
  },
  not_authenticated: {
    list: "Ihre Sitzung ist beendet. Melden Sie sich an, um die Liste zu aktualisieren.",
    else: "Ihre Sitzung ist beendet. Melden Sie sich noch einmal an.",
  },
  not_found: { end_session: "Diese Sitzung ist schon beendet.", else: NOT_FITTING },
  overloaded: {
    send: `Slipway ist ausgelastet. Versuchen Sie es gleich noch einmal. ${CONTINUES}`,
    else: "Slipway ist ausgelastet. Versuchen Sie es gleich noch einmal.",
  },
  parts_incomplete: {
    else: "Einige Teile der Datei sind nicht angekommen. Wählen Sie die Datei noch einmal aus.",
  },
  password_too_weak: {
    else: "Dieses Passwort ist zu kurz, zu lang oder wird als eines der ersten erraten. Wählen Sie ein anderes.",
  },
  quota_exceeded: {
    else: ({ used, quota }) =>
      used === null || quota === null
        ? "Ihr Platz reicht für diese Datei nicht. Wählen Sie eine kleinere, oder löschen Sie ein Video und versuchen Sie es nach einer Minute noch einmal."
        : `Ihr Platz reicht für diese Datei nicht. Sie belegen ${used} von ${quota}. Wählen Sie eine kleinere Datei, oder löschen Sie ein Video und versuchen Sie es nach einer Minute noch einmal.`,
  },
  rate_limited: {
    sign_in: ({ wait }) => `Zu viele Anmeldeversuche. ${later(wait)}`,
    password: ({ wait }) => `Zu viele falsche Passwörter. ${later(wait)}`,
    end_session: ({ wait }) => `Zu viele falsche Passwörter. ${later(wait)}`,
    delete_account: ({ wait }) => `Zu viele falsche Passwörter. ${later(wait)}`,
    else: ({ wait }) => `Zu viele Anfragen. ${later(wait)}`,
  },
  registration_closed: {
    else: "Hier lassen sich keine Konten anlegen. Ein Konto bekommen Sie vom Betreiber dieser Seite.",
  },
  storage_unavailable: {
    send: `Der Videospeicher antwortet nicht. Versuchen Sie es gleich noch einmal. ${CONTINUES}`,
    else: "Der Videospeicher antwortet nicht. Versuchen Sie es gleich noch einmal.",
  },
  too_many_accounts: {
    else: "Diese Seite hat so viele Konten, wie sie haben darf. Ein Konto bekommen Sie vom Betreiber.",
  },
  too_many_uploads: {
    else: "Zu viele Videos sind noch unvollständig. Laden Sie zuerst eines fertig hoch oder verwerfen Sie eines.",
  },
  too_many_videos: {
    else: ({ videos }) =>
      `Sie haben so viele Videos, wie Sie haben dürfen${videos === null ? "" : `, nämlich ${videos}`}. Löschen Sie einige, zum Beispiel fehlgeschlagene, und versuchen Sie es in ein paar Minuten noch einmal.`,
  },
  unreadable_answer: {
    send: ({ status }) =>
      `Der Server hat ohne Begründung mit ${status} geantwortet. Versuchen Sie es gleich noch einmal. ${CONTINUES}`,
    else: ({ status }) =>
      `Der Server hat ohne Begründung mit ${status} geantwortet. Versuchen Sie es gleich noch einmal.`,
  },
  unsupported_container: { else: "Slipway nimmt Dateien dieser Art nicht an. Wählen Sie ein Video." },
  validation_error: {
    sign_in:
      "Die E-Mail-Adresse oder das Passwort ist falsch. Prüfen Sie beides und versuchen Sie es noch einmal.",
    register: ({ field }) =>
      field === "email"
        ? "Diese E-Mail-Adresse kann nicht stimmen. Sie braucht einen Namen, ein @ und eine Domäne, zum Beispiel sie@example.com."
        : field === "full_name"
          ? "Dieser Name enthält ein Zeichen, das sich nicht anzeigen lässt. Ändern Sie den Namen und versuchen Sie es noch einmal."
          : "Der Server nimmt diese E-Mail-Adresse oder diesen Namen nicht an. Prüfen Sie beides und versuchen Sie es noch einmal.",
    name: "Dieser Name enthält ein Zeichen, das sich nicht anzeigen lässt. Ändern Sie den Namen und versuchen Sie es noch einmal.",
    password: "Der Server nimmt dieses Passwort nicht an. Wählen Sie ein anderes.",
    video: "Dieses Video gibt es nicht. Vielleicht ist die Adresse unvollständig.",
    else: NOT_FITTING,
  },
  video_not_found: {
    create: GONE,
    send: GONE,
    follow: "Dieses Video wurde gelöscht.",
    else: "Dieses Video gibt es nicht. Vielleicht wurde es gelöscht.",
  },
  wrong_state: {
    create: GONE,
    send: GONE,
    else: "Slipway arbeitet noch an diesem Video. Versuchen Sie es gleich noch einmal.",
  },
};

function later(wait: string | null): string {
  return wait === null ? "Versuchen Sie es später noch einmal." : `Versuchen Sie es in ${wait} noch einmal.`;
}

/** Why an upload failed, where no code of the API says it. */
export const failures: AllWords["failures"] = {
  theFile: "Die Datei",
  name_has_controls: () =>
    "Der Name der Datei enthält Steuerzeichen. Benennen Sie sie um und wählen Sie sie noch einmal aus.",
  name_too_long: ({ name, length, limit }) =>
    `Der Name von ${name} hat ${length} Zeichen. Slipway nimmt bis zu ${limit} an. Benennen Sie die Datei um und wählen Sie sie noch einmal aus.`,
  extension_unknown: ({ name, extension }, _, accepted) =>
    `${name} lässt sich nicht hochladen. Slipway nimmt keine Dateien mit der Endung ${extension} an, sondern ${accepted}.`,
  file_empty: ({ name }) =>
    `${name} ist leer (0 Byte). Liegt die Datei in einer Cloud, laden Sie sie auf dieses Gerät herunter. Wählen Sie sie dann noch einmal aus.`,
  // With the bytes, a file one byte over 2 GiB does not seem to be within the limit.
  file_too_large: ({ name, sizeBytes, limitBytes }, format) =>
    `${name} ist ${format.bytes(sizeBytes)} groß (${format.exactBytes(sizeBytes)}). Slipway nimmt bis zu ${format.bytes(limitBytes)} an. Wählen Sie eine kleinere Datei.`,
  no_video: ({ name, looksLike }, _, accepted) =>
    `${name} ist kein Video, das Slipway annimmt. Die ersten Bytes sind ${LOOKS[looksLike]}. Slipway nimmt ${accepted} an.`,
  named_otherwise: ({ name, extension, container, rightExtension }, format) =>
    `${name} hat die Endung ${extension}, der Inhalt ist aber ${format.spell(container)}. Geben Sie der Datei die Endung ${rightExtension} und wählen Sie sie noch einmal aus.`,
  file_changed: ({ name }) =>
    `${name} hat sich beim Hochladen auf Ihrem Datenträger geändert. Warten Sie, bis kein Programm mehr hineinschreibt, und wählen Sie die Datei noch einmal aus.`,
  file_unreadable: ({ name }) =>
    `${name} lässt sich nicht lesen. Vielleicht ist der Datenträger nicht mehr verbunden, oder ein Programm hat die Datei verschoben, gelöscht oder neu geschrieben. Stellen Sie sie wieder bereit und versuchen Sie es noch einmal, oder wählen Sie sie noch einmal aus.`,
  unreachable: ({ server, status }) => {
    const what =
      status === 0 ? "ist nicht erreichbar" : `antwortet immer wieder mit einem Fehler (${status})`;
    return `${server === "slipway" ? "Slipway" : "Der Speicher"} ${what}. Prüfen Sie Ihre Verbindung und versuchen Sie es noch einmal. ${CONTINUES}`;
  },
  still_completing: () =>
    "Ihre Datei ist hochgeladen, aber die Verarbeitung dauert länger als sonst. Versuchen Sie es in ein paar Minuten noch einmal.",
  upload_gone: () => GONE,
  upload_lost: () =>
    "Der Speicher hat die gesendeten Teile nicht mehr. Versuchen Sie es noch einmal, um das Video von vorn zu senden.",
  storage_blocked: ({ by }) =>
    `${by ?? "Eine Erweiterung, ein Firmennetz oder eine CORS-Regel"} scheint den Speicher zu sperren. Versuchen Sie es mit einem anderen Browser oder in einem anderen Netz, oder sagen Sie dem Betreiber Bescheid.`,
  request_too_large: () =>
    "Ein Proxy oder ein Schutzprogramm scheint die Größe von Anfragen an den Speicher zu begrenzen. Versuchen Sie es mit einem anderen Browser oder in einem anderen Netz, oder sagen Sie dem Betreiber Bescheid.",
  storage_refused: ({ status, storeCode }) =>
    `Der Speicher hat einen Teil der Datei abgelehnt (${storeCode ?? `Status ${status}`}). Versuchen Sie es noch einmal. Geschieht es wieder, senden Sie den Bericht an den Betreiber.`,
  data_damaged: () =>
    "Ein Teil der Datei kommt immer wieder beschädigt an, oder ein Programm schreibt in die Datei. Versuchen Sie es in einem anderen Netz noch einmal, ohne Proxy und Virenscanner.",
  page_failed: ({ error }) =>
    `Auf dieser Seite ist ein Fehler aufgetreten (${error}). Versuchen Sie es noch einmal. Tritt er wieder auf, senden Sie den Bericht an den Betreiber.`,
};

const LOOKS: Readonly<Record<Look, string>> = {
  playlist: "die einer Wiedergabeliste",
  picture: "die eines Bildes",
  sound: "die einer Tondatei",
  ogg: "die einer Ogg-Datei",
  flash: "die eines Flash-Videos",
  mpeg_stream: "die eines MPEG-Datenstroms",
  windows_media: "die einer Windows-Media-Datei",
  archive: "die eines Archivs",
  pdf: "die eines PDF-Dokuments",
  program: "die eines Programms",
  zeros: "alle null",
  text: "Text",
  unknown: "nicht die eines Videos",
};
