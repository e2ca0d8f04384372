// Every text of the page, in German.

import type { AllWords } from "./all-english";
import { format } from "./de-format";
import { failures, problems } from "./de-problems";
import { pluralWords } from "./plural";

const plural = pluralWords("de");

const files = plural({ one: "Datei", other: "Dateien" });
const videos = plural({ one: "Video", other: "Videos" });
const unfinishedVideos = plural({ one: "unvollständiges Video", other: "unvollständige Videos" });

export const de: AllWords = {
  site: {
    name: "Slipway",
    description: "Videos direkt in den Speicher hochladen und sehen, was in ihnen steckt.",
    home: "Slipway, Ihre Videos",
    account: (who) => `Ihr Konto, ${who}`,
    signedInAs: (email) => `Angemeldet als ${email}`,
    version: (version) => `Slipway ${version}`,
    titles: {
      home: "Ihre Videos",
      login: "Anmelden",
      register: "Konto anlegen",
      account: "Konto",
      video: "Video",
      notFound: "Nicht gefunden",
    },
    unsupportedBrowser: (browsers) =>
      `Slipway unterstützt diesen Browser nicht. Schalten Sie JavaScript ein und verwenden Sie ${browsers} oder eine neuere Version.`,
    needsJavaScript: {
      form: "Dieses Formular funktioniert ohne JavaScript. Um Videos hochzuladen und zu sehen, schalten Sie es ein.",
      else: "Ihre Videos und Ihr Konto werden mit JavaScript angezeigt. Schalten Sie es ein und laden Sie diese Seite neu.",
    },
    tryAgain: "Noch einmal versuchen",
    reload: "Seite neu laden",
    request: (id) => `Anfrage ${id}`,
    unreachable: "Slipway antwortet nicht",
    failed: {
      title: "Ein Fehler ist aufgetreten",
      page: "Diese Seite ist abgestürzt. Versuchen Sie es noch einmal. Geschieht es wieder, laden Sie die Seite neu.",
      site: "Slipway konnte nicht geladen werden. Laden Sie die Seite neu.",
    },
    notFound: {
      title: "Seite nicht gefunden",
      text: "Die Adresse ist falsch, oder die Seite ist umgezogen.",
      home: "Zu Ihren Videos",
    },
  },

  theme: {
    names: { system: "wie das System", light: "hell", dark: "dunkel" },
    current: (name) => `Darstellung: ${name}`,
    change: (name, next) => `Darstellung: ${name}. Umstellen auf: ${next}.`,
  },

  auth: {
    email: "E-Mail",
    password: "Passwort",
    showPassword: "Passwort anzeigen",
    signIn: {
      title: "Anmelden",
      text: "Willkommen zurück. Ihre Videos warten auf Sie.",
      submit: "Anmelden",
      pending: "Anmeldung läuft …",
      newHere: "Neu hier? ",
      register: "Konto anlegen",
      closed: "Neu hier? Ein Konto bekommen Sie vom Betreiber dieser Seite.",
      why: {
        ended:
          "Ihre Sitzung ist beendet, zum Beispiel weil Sie lange nicht da waren. Melden Sie sich noch einmal an.",
        deleted: "Ihr Konto ist gelöscht. Die Videos werden aus dem Speicher entfernt.",
      },
      forgotten: "Passwort vergessen? ",
    },
    register: {
      title: "Konto anlegen",
      text: "Danach laden Sie Ihr erstes Video hoch.",
      closed: "Hier lassen sich keine Konten anlegen. Ein Konto bekommen Sie vom Betreiber dieser Seite.",
      name: "Name ",
      optional: "(freiwillig)",
      passwordHint: (min) =>
        `Mindestens ${min} Zeichen. Mehrere Wörter hintereinander sind sicher und leicht zu merken.`,
      submit: "Konto anlegen",
      pending: "Konto wird angelegt …",
      haveAccount: "Schon ein Konto? ",
      signIn: "Anmelden",
    },
    signInAgain: {
      title: "Zum Fortsetzen anmelden",
      text: "Ihre Sitzung ist beendet. Melden Sie sich an, damit das Hochladen weitergeht.",
      cancelUpload: "Hochladen abbrechen",
    },
    signOut: {
      button: "Abmelden",
      title: "Abmelden?",
      pending: "Abmeldung läuft …",
      stay: "Angemeldet bleiben",
      keepUploading: "Weiter hochladen",
      cancelAndSignOut: "Abbrechen und abmelden",
      uploadRuns:
        "Ihr Video wird noch hochgeladen. Wenn Sie sich abmelden, wird das Hochladen abgebrochen und das Gesendete verworfen.",
      uploadFailed:
        "Ihr Video ist nicht vollständig hochgeladen. Wenn Sie sich abmelden, wird das Hochladen abgebrochen und das Gesendete verworfen.",
      uploadUnconfirmed:
        "Der Server hat Ihr Video noch nicht bestätigt. Bestätigt er es noch, bleibt es in Ihrer Liste.",
    },
  },

  account: {
    title: "Ihr Konto",
    loading: "Ihr Konto wird geladen",
    name: {
      title: "Name",
      label: "Name",
      hint: "Er steht oben auf der Seite. Ohne Namen steht dort Ihre E-Mail-Adresse.",
      saved: "Der Name ist gespeichert.",
      submit: "Namen speichern",
      pending: "Wird gespeichert …",
    },
    data: {
      title: "Ihre Daten",
      hint: "Eine JSON-Datei mit Ihrem Konto, Ihren Sitzungen und den Angaben zu allen Ihren Videos. Die Videos selbst laden Sie auf ihren Seiten herunter.",
      export: "Daten herunterladen",
      exporting: (count) => `Wird gesammelt … ${count}`,
      exported: "Ihre Daten sind heruntergeladen.",
    },
    delete: {
      title: "Konto löschen",
      hint: "Erst werden Ihre Videos endgültig gelöscht, dann Ihr Konto. Niemand kann sie zurückholen.",
      open: "Konto löschen …",
      question: "Konto endgültig löschen?",
      text: "Erst werden alle Ihre Videos endgültig gelöscht, dann Ihr Konto. Das lässt sich nicht rückgängig machen. Geben Sie zur Bestätigung Ihr Passwort ein.",
      uploadStops: "Das laufende Hochladen wird abgebrochen.",
      keep: "Konto behalten",
      confirm: "Endgültig löschen",
      pending: "Wird gelöscht …",
    },
    language: {
      title: "Sprache",
      label: "Sprache der Seite",
      hint: "Gilt in diesem Browser.",
      browser: (name) => `Wie der Browser (${name})`,
      notLoaded:
        "Die Sprache konnte nicht geladen werden. Prüfen Sie Ihre Verbindung und versuchen Sie es noch einmal.",
    },
    password: {
      title: "Passwort ändern",
      current: "Bisheriges Passwort",
      new: "Neues Passwort",
      hint: (min) => `Mindestens ${min} Zeichen. Ihre anderen Sitzungen enden.`,
      changed: "Das Passwort ist geändert. Ihre anderen Sitzungen sind beendet.",
      submit: "Passwort ändern",
      pending: "Wird geändert …",
    },
    sessions: {
      title: "Wo Sie angemeldet sind",
      notShown: "Ihre Sitzungen lassen sich nicht anzeigen",
      hint: "Um eine Sitzung zu beenden, geben Sie Ihr Passwort ein.",
      endOthers: "Alle anderen Sitzungen beenden",
      endedOthers: "Ihre anderen Sitzungen sind beendet.",
      end: "Beenden",
      ended: "Die Sitzung ist beendet.",
      current: "Diese Sitzung",
      signedIn: (date) => `Angemeldet am ${date}`,
      lastUsed: (date) => `Zuletzt verwendet am ${date}`,
      address: (address) => `IP-Adresse ${address}`,
      device: (browser, system) => `${browser} unter ${system}`,
      unknownDevice: "Unbekanntes Programm",
    },
  },

  upload: {
    title: "Video hochladen",
    unavailable: "Sie können gerade nichts hochladen",
    picker: {
      drop: "Ziehen Sie ein Video irgendwo auf diese Seite",
      touch: "Video hochladen",
      choose: "Video auswählen",
      limits: (formats, size) => `${formats}, bis ${size}`,
      beforeCancelled: "Das Hochladen von ",
      afterCancelled: " wurde abgebrochen.",
    },
    overlay: {
      drop: "Lassen Sie das Video los, um es hochzuladen",
      busy: "Immer nur ein Video. Dieses wird noch hochgeladen.",
    },
    refused: {
      uploadRuns:
        "Sie können immer nur ein Video hochladen. Warten Sie, bis dieses fertig ist, oder brechen Sie es ab.",
      folder: "Das ist ein Ordner. Öffnen Sie ihn und wählen Sie ein Video daraus.",
      noFile:
        "Was Sie hierher gezogen haben, enthält keine Datei. Speichern Sie das Video auf diesem Gerät und wählen Sie es dann hier aus.",
      close: "Hinweis ausblenden",
      several: (count) =>
        `Sie haben ${count} ${files(count)} ausgewählt. Sie können immer nur ein Video hochladen, wählen Sie also eine davon.`,
    },
    steps: {
      checking: "Datei wird geprüft",
      starting: "Hochladen beginnt",
      sending: "Wird hochgeladen",
      assembling: "Video wird zusammengesetzt",
    },
    cancel: "Abbrechen",
    cancelDialog: {
      title: "Hochladen abbrechen?",
      text: "Das Gesendete wird verworfen. Um das Video später hochzuladen, müssen Sie von vorn beginnen.",
      keep: "Weiter hochladen",
      confirm: "Hochladen abbrechen",
    },
    progressOf: (name) => `Fortschritt von ${name}`,
    sentOf: (sent, total) => `${sent} von ${total}`,
    allSent: "Alles gesendet. Der Speicher setzt die Teile zusammen.",
    signIn: "Anmelden",
    attemptIn: (attempt, wait) => ` Versuch ${attempt} beginnt in ${wait}.`,
    attemptRuns: (attempt) => ` Versuch ${attempt} läuft.`,
    waiting: {
      offline: "Sie sind offline. Das Hochladen geht weiter, sobald die Verbindung wieder da ist.",
      retrying: {
        no_answer: "Die Verbindung wurde unterbrochen. Die Seite versucht es weiter.",
        storage: "Der Speicher kann das Video gerade nicht annehmen. Die Seite versucht es weiter.",
        overloaded: "Slipway ist ausgelastet. Die Seite versucht es weiter.",
        storage_unavailable: "Der Videospeicher antwortet nicht. Die Seite versucht es weiter.",
        database_unavailable: "Die Datenbank von Slipway antwortet nicht. Die Seite versucht es weiter.",
        rate_limited: "Zu viele Anfragen auf einmal. Die Seite versucht es weiter.",
        else: "Der Server hat gerade eine Störung. Die Seite versucht es weiter.",
      },
      file: "Die Datei lässt sich gerade nicht lesen. Die Seite versucht es weiter.",
      signedOut: "Sie wurden abgemeldet. Melden Sie sich an, damit das Hochladen weitergeht.",
    },
    announce: {
      checking: (name) => `${name} wird geprüft.`,
      starting: (name) => `Das Hochladen von ${name} beginnt.`,
      sending: (name, size) => `${name} wird gesendet, ${size}.`,
      sent: (percent) => `${percent} gesendet.`,
      assembling: "Alles gesendet. Das Video wird zusammengesetzt.",
      cancelled: "Hochladen abgebrochen.",
      continues: (percent) => `Das Hochladen geht weiter. ${percent} gesendet.`,
      uploaded: "Hochgeladen. Die Datei wird geprüft.",
      ready: (format) =>
        format === null ? "Das Video ist bereit." : `Das Video im Format ${format} ist bereit.`,
    },
    marks: {
      checking: "Wird geprüft",
      starting: "Beginnt",
      waiting: "Wartet",
      waitingAt: (percent) => `Wartet bei ${percent}`,
      assembling: "Wird zusammengesetzt",
      ready: "Bereit",
      failed: "Fehlgeschlagen",
    },
    tell: {
      ask: "Bescheid sagen, wenn es fertig ist",
      blocked:
        "Der Browser blockiert Benachrichtigungen dieser Seite. In seinen Einstellungen können Sie sie erlauben.",
      ready: "Ihr Video ist bereit",
      failed: "Das Hochladen ist fehlgeschlagen",
    },
    pill: {
      failed: "Nicht hochgeladen",
      assembling: "Wird zusammengesetzt",
      uploading: "Wird hochgeladen",
      percent: (percent) => `Wird hochgeladen, ${percent}`,
    },
    done: {
      checking: "Hochgeladen. Die Datei wird geprüft …",
      ready: "Bereit",
      another: "Weiteres hochladen",
      anotherVideo: "Weiteres Video hochladen",
      watch: "Ansehen",
      deleted: "Dieses Video wurde gelöscht.",
      notFollowed: (why) =>
        `Ihr Video ist in Sicherheit, und diese Seite aktualisiert sich von selbst. ${why}`,
    },
    failed: {
      title: "Nicht hochgeladen",
      unconfirmedTitle: "Noch nicht bestätigt",
      close: "Schließen",
      chooseAnother: "Andere Datei auswählen",
      showLargest: "Größte Videos anzeigen",
      discardWarning:
        "Beim Verwerfen endet auch das Hochladen, das in einem anderen Tab oder auf einem anderen Gerät noch läuft.",
      discard: (count) =>
        plural({
          one: "Verwerfen und noch einmal versuchen",
          other: "Alle verwerfen und noch einmal versuchen",
        })(count),
      discarding: "Wird verworfen …",
      notDiscarded: "Einige ließen sich nicht verwerfen. Versuchen Sie es gleich noch einmal.",
    },
    report: {
      copy: "Bericht kopieren",
      copied: "Bericht kopiert",
      label: "Bericht über das fehlgeschlagene Hochladen",
    },
  },

  videos: {
    hiddenTitle: "Ihre Videos auf Slipway",
    title: "Ihre Videos",
    notLoaded: "Ihre Videos konnten nicht geladen werden",
    moreNotLoaded: "Weitere Videos konnten nicht geladen werden",
    count: (count, shown) => `${shown} ${videos(count)}`,
    countAbove: (shown) => `mehr als ${shown} Videos`,
    space: (used, quota) => `${used} von ${quota} belegt`,
    search: {
      label: "Nach Namen suchen",
      clear: "Suche leeren",
      filter: "Anzeigen",
      all: "Alle Videos",
      filters: {
        ready: "Bereit",
        checking: "In Prüfung",
        unfinished: "Unvollständig",
        failed: "Fehlgeschlagen",
      },
      sort: "Sortieren nach",
      sorts: {
        newest: "Neueste zuerst",
        oldest: "Älteste zuerst",
        name: "Name A–Z",
        name_desc: "Name Z–A",
        largest: "Größte zuerst",
        smallest: "Kleinste zuerst",
        longest: "Längste zuerst",
        shortest: "Kürzeste zuerst",
      },
      nothing: "Kein Video gefunden",
      nothingNamed: (search) => `Kein Name enthält „${search}“.`,
      nothingInFilter: "Kein Video ist in diesem Zustand.",
      nothingNamedInFilter: (search) => `Kein Video in diesem Zustand hat „${search}“ im Namen.`,
      showAll: "Alle Videos anzeigen",
      instead: (keys) =>
        `Diese Suche findet alle Ihre Videos. Drücken Sie ${keys} noch einmal, um das Sichtbare zu durchsuchen.`,
    },
    outOfDate: (why) => `Die Liste ist vielleicht nicht aktuell. ${why}`,
    loading: "Wird geladen …",
    empty: "Noch keine Videos",
    emptyHint:
      "Laden Sie oben Ihr erstes Video hoch. Dauer und Auflösung erscheinen hier, wenn der Server es geprüft hat.",
    unknown: "unbekannt",
    leftover: {
      text: "Dieses Video wird anderswo hochgeladen oder blieb unvollständig. Wenn nichts mehr daran sendet, verwerfen Sie es.",
      short: "Verwerfen Sie es, wenn nichts mehr sendet.",
    },
    columns: {
      name: "Name",
      duration: "Dauer",
      resolution: "Auflösung",
      size: "Größe",
      uploaded: "Hochgeladen",
      status: "Zustand",
    },
    statuses: {
      uploading: "Unvollständig",
      sending: "Hochladen",
      completing: "Zusammensetzen",
      processing: "Datei wird geprüft",
      ready: "Bereit",
      failed: "Fehlgeschlagen",
      expired: "Abgelaufen",
      deleting: "Wird gelöscht",
    },
    notAccepted: "Der Server konnte dieses Video nicht annehmen",
    failed: {
      content_type_mismatch:
        "Der Name der Datei passt nicht zu ihrem Inhalt. Geben Sie ihr die richtige Endung und laden Sie sie noch einmal hoch.",
      infected:
        "Ein Virenscanner hat in dieser Datei etwas Schädliches gefunden, deshalb wird sie aus dem Speicher entfernt. Prüfen Sie Ihr Gerät und laden Sie dann eine saubere Kopie hoch.",
      no_video_track: "In dieser Datei ist kein Bild. Wählen Sie ein Video.",
      object_missing: "Die hochgeladene Datei ist nicht mehr im Speicher. Laden Sie sie noch einmal hoch.",
      truncated:
        "In dieser Datei fehlt die Beschreibung des Videos. Wahrscheinlich wurde die Aufnahme oder die Kopie abgebrochen. Laden Sie die vollständige Datei hoch, oder reparieren Sie sie zuerst mit dem Programm des Kameraherstellers.",
      unreadable: "Diese Datei ließ sich nicht als Video lesen. Wählen Sie eine andere.",
      unsupported_container: "Diese Datei ist kein Video, das Slipway annimmt. Wählen Sie eine andere.",
    },
    delete: {
      button: "Löschen",
      discard: "Verwerfen",
      buttonOf: (name) => `${name} löschen`,
      discardOf: (name) => `${name} verwerfen`,
      titleOf: (count, shown) => `${shown} ${videos(count)} löschen?`,
      discardTitleOf: (count, shown) => `${shown} ${unfinishedVideos(count)} verwerfen?`,
      keep: "Behalten",
      text: "Ein paar Sekunden lang können Sie das rückgängig machen.",
      textWithUpload:
        "Auch das Hochladen in einem anderen Tab oder auf einem anderen Gerät endet. Ein paar Sekunden lang können Sie das rückgängig machen, aber ein beendetes Hochladen geht nicht von selbst weiter.",
    },
    removal: {
      title: "Gelöschte Videos",
      removing: "Wird gelöscht …",
      removed: "Gelöscht",
      partly: (what) => `Gelöscht, doch bei ${what} ist es misslungen.`,
      restoring: "Wird wiederhergestellt …",
      undo: "Rückgängig",
      close: "Schließen",
      announce: (what) => `${what} gelöscht. „Rückgängig“ bringt es zurück.`,
      restored: (what) => `${what} wiederhergestellt.`,
      tooLate: {
        all: "Das Löschen hatte schon begonnen und ließ sich nicht rückgängig machen.",
        some: "Einige ließen sich nicht wiederherstellen, weil ihr Löschen schon begonnen hatte.",
        time_over: "Die Zeit, in der sich das rückgängig machen lässt, ist vorbei.",
      },
    },
    selection: {
      title: "Ausgewählte Videos",
      start: "Auswählen",
      choose: (name) => `${name} auswählen`,
      count: (shown) => `${shown} ausgewählt`,
      all: "Alle geladenen auswählen",
      clear: "Auswahl aufheben",
    },
    leftovers: (shown) => `Unvollständige Videos: ${shown}`,
    discardAll: "Alle verwerfen",
    endsEarly: {
      unknown: "Diese Datei endet zu früh. Ein Teil des Videos fehlt.",
      nothing: "Diese Datei endet zu früh. Sie enthält fast nichts vom Video.",
      about: (percent) => `Diese Datei endet zu früh. Sie enthält etwa ${percent} des Videos.`,
      almostAll: "Diese Datei endet zu früh. Sie enthält fast das ganze Video.",
    },
  },

  problems,
  failures,

  video: {
    all: "Alle Videos",
    notLoaded: "Dieses Video konnte nicht geladen werden",
    missing: "Kein solches Video",
    missingHint:
      "Das Video wurde gelöscht, es gehört zu einem anderen Konto, oder die Adresse ist unvollständig.",
    loading: "Das Video wird geladen",
    download: "Herunterladen",
    copyLink: {
      copy: "Link kopieren",
      copied: "Link kopiert",
      label: "Link zu dieser Seite",
      hint: "Der Link zu dieser Seite. Er öffnet sich nur mit Ihrem Konto.",
    },
    copyId: { copy: "ID kopieren", copied: "ID kopiert", label: "ID des Videos" },
    codecVideo: (codec) => `Video in ${codec}`,
    sound: (codec, channels) =>
      channels > 2 ? `${codec} mit ${channels} Kanälen` : `${codec} in ${channels === 2 ? "Stereo" : "Mono"}`,
    stage: {
      noUrl:
        "Das Video ist bereit, hat aber keine Adresse zum Abspielen. Versuchen Sie es später noch einmal.",
      completing: "Der Speicher setzt die Teile zusammen.",
      processing: "Der Server prüft die Datei.",
      sending: "Diese Seite lädt das Video noch hoch.",
      interrupted:
        "Das Hochladen wurde unterbrochen. Um es fortzusetzen, wählen Sie in der Liste „Noch einmal versuchen“.",
      unfinished:
        "Dieses Video ist nicht vollständig hochgeladen. Wenn kein anderer Tab und kein anderes Gerät daran sendet, verwerfen Sie es und laden Sie die Datei noch einmal hoch.",
      expired:
        "Dieses Video wurde nie vollständig hochgeladen und ist abgelaufen. Laden Sie die Datei noch einmal hoch.",
      deleting: "Dieses Video wird gelöscht.",
    },
    trouble: {
      titles: {
        not_loaded: "Das Video konnte nicht geladen werden",
        cannot_play: "Dieser Browser kann das Video nicht abspielen",
        no_picture: "Dieser Browser kann das Bild nicht zeigen",
        ends_early: "Die Wiedergabe endete, wo Daten fehlen",
        cut_off: "Dieser Browser kann den vorhandenen Teil des Videos nicht abspielen",
        stopped: "Die Wiedergabe ist abgebrochen",
      },
      not_loaded: "Prüfen Sie Ihre Verbindung und versuchen Sie es noch einmal.",
      refused: "Der Speicher hat den Link zum Video abgelehnt. Versuchen Sie es noch einmal.",
      missing:
        "Der Speicher hat die Datei nicht mehr. Wenn Sie eine Kopie haben, laden Sie sie noch einmal hoch.",
      failing: "Der Speicher kann das Video gerade nicht senden. Versuchen Sie es später noch einmal.",
      ends_early: "Diese Datei endet zu früh. Um sie von vorn anzusehen, versuchen Sie es noch einmal.",
      stopped:
        "Versuchen Sie es noch einmal. Bricht sie dort wieder ab, laden Sie das Video herunter und öffnen Sie es in einem Programm auf Ihrem Gerät.",
      cut_off: (endsEarly) => `${endsEarly} Wenn Sie die ganze Datei haben, laden Sie sie noch einmal hoch.`,
      notSupported: (format) =>
        `${format} wird nicht von jedem Browser unterstützt. Laden Sie das Video herunter und öffnen Sie es in einem Programm auf Ihrem Gerät.`,
      theFormat: "Das Format",
      formatWith: (container, codec) => `${container} mit ${codec}`,
      download: "Video herunterladen",
    },
    details: {
      title: "Angaben",
      incomplete:
        "Einige Angaben zu diesem Video ließen sich nicht lesen. Die Datei ist so gespeichert, wie Sie sie hochgeladen haben.",
      format: "Format",
      duration: "Dauer",
      resolution: "Auflösung",
      size: "Größe",
      video: "Video",
      sound: "Ton",
      noSound: "Keiner",
      frameRate: "Bildrate",
      bitRate: "Bitrate",
      dynamicRange: "Dynamikumfang",
      orientation: "Ausrichtung",
      cropped: "Beschnitten",
      uploaded: "Hochgeladen",
      id: "ID",
      rotated: {
        90: "90° im Uhrzeigersinn gedreht",
        180: "180° gedreht",
        270: "90° gegen den Uhrzeigersinn gedreht",
      },
      mirrored: {
        0: "Gespiegelt",
        90: "Gespiegelt, dann 90° im Uhrzeigersinn gedreht",
        180: "Auf den Kopf gespiegelt",
        270: "Gespiegelt, dann 90° gegen den Uhrzeigersinn gedreht",
      },
      sides: { left: "links", top: "oben", right: "rechts", bottom: "unten" },
      croppedAt: (count, sides) => `${count} Pixel ${sides}`,
    },
  },

  format,
};
