// What the page says, in German and English.
"use strict";
const WORDS = {
  de: {
    title: "Anlagendokumente", other: "English", leave: "Abmelden", back: "Zurück",
    customer: "Mit Zugangscode", staff: "Als Techniker", system: "Anlagennummer", mail: "Ihre E-Mail-Adresse",
    ask: "Code anfordern", have: "Ich habe schon einen Code", code: "Zugangscode", enter: "Öffnen", user: "Benutzer",
    password: "Kennwort", signIn: "Anmelden", again: "Neuen Code anfordern",
    sent: "Wenn die Angaben stimmen, ist eine E-Mail mit dem Code unterwegs. Er gilt {minutes} Minuten.",
    search: "Nummer, Name oder Modell", systems: "Anlagen", more: "Mehr anzeigen", none: "Nichts gefunden.",
    folders: "Ordner", calls: "Servicecalls", noFolders: "Für diese Anlage gibt es noch keine Dokumente.",
    noFiles: "Dieser Ordner ist leer.", noCalls: "Keine veröffentlichten Servicecalls.", internal: "nur intern",
    download: "Herunterladen", show: "Ansehen", open: "offen", solved: "gelöst", received: "eingegangen",
    changed: "geändert", over: "Ihre Anmeldung ist abgelaufen. Bitte melden Sie sich neu an.",
    many: "Zu viele Versuche. Bitte warten Sie einige Minuten.", unreachable: "Der Dienst ist gerade nicht erreichbar.",
    wrong: "Das hat nicht geklappt. Bitte prüfen Sie Ihre Angaben.", loading: "Wird geladen …",
  },
  en: {
    title: "System documents", other: "Deutsch", leave: "Sign out", back: "Back",
    customer: "With an access code", staff: "As a technician", system: "System number", mail: "Your e-mail address",
    ask: "Send me a code", have: "I already have a code", code: "Access code", enter: "Open", user: "User",
    password: "Password", signIn: "Sign in", again: "Send me another code",
    sent: "If what you entered is right, an e-mail with the code is on its way. It is valid for {minutes} minutes.",
    search: "Number, name or model", systems: "Systems", more: "Show more", none: "Nothing found.",
    folders: "Folders", calls: "Service calls", noFolders: "There are no documents for this system yet.",
    noFiles: "This folder is empty.", noCalls: "No published service calls.", internal: "staff only",
    download: "Download", show: "View", open: "open", solved: "solved", received: "received",
    changed: "changed", over: "Your session has ended. Please sign in again.",
    many: "Too many attempts. Please wait a few minutes.", unreachable: "The service cannot be reached at the moment.",
    wrong: "That did not work. Please check what you entered.", loading: "Loading …",
  },
};
