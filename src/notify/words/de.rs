//! What letters say in German.

use crate::notify::words::{Part, Words};

pub(in crate::notify) const WORDS: Words = Words {
    greeting: "Guten Tag {name},",
    greeting_nobody: "Guten Tag,",
    footer: "Diese Nachricht hat CasperVPN geschrieben. Antworten darauf liest niemand.",
    unknown_address: "einer unbekannten Adresse",
    password_reset: Part {
        subject: "Neues Passwort setzen",
        paragraphs: [
            "jemand hat ein neues Passwort für Ihr VPN-Konto angefordert. Hier können Sie es setzen:",
            "Der Link gilt einmal und {minutes} Minuten lang. Wenn Sie das nicht waren, müssen Sie nichts tun: Ihr Passwort bleibt, wie es ist.",
        ],
    },
    invite: Part {
        subject: "Einladung zu einem VPN",
        paragraphs: [
            "Sie sind eingeladen, ein Konto für das VPN anzulegen. Wählen Sie hier Anmeldenamen und Passwort:",
            "Der Link gilt einmal und {days} Tage lang. Wenn Sie damit nicht gerechnet haben, müssen Sie nichts tun.",
        ],
    },
    sign_in_locked: Part {
        subject: "Die Anmeldung an Ihrem Konto ist gesperrt",
        paragraphs: [
            "für Ihr VPN-Konto wurden zu viele falsche Passwörter eingegeben. Deshalb muss jeder weitere Versuch bis zu einer Minute warten. Der letzte kam von {address}.",
            "Wenn Sie das waren, warten Sie und versuchen Sie es noch einmal. Wenn nicht: Ihr Passwort wurde nicht erraten; wählen Sie im Zweifel ein längeres.",
        ],
    },
    second_factor_locked: Part {
        subject: "Jemand kennt Ihr Passwort",
        paragraphs: [
            "für Ihr VPN-Konto wurde nach dem richtigen Passwort immer wieder ein falscher zweiter Faktor eingegeben. Deshalb muss jeder weitere Versuch bis zu einer Stunde warten. Der letzte kam von {address}.",
            "Wenn Sie das nicht waren, kennt jemand Ihr Passwort: Ändern Sie es jetzt, und sagen Sie den Betreibern des VPN Bescheid.",
        ],
    },
    factor_added: Part {
        subject: "Ein zweiter Faktor wurde hinzugefügt",
        paragraphs: [
            "Ihrem VPN-Konto wurde um {at} ein zweiter Faktor für die Anmeldung hinzugefügt.",
            "Wenn Sie das nicht waren, sagen Sie sofort den Betreibern des VPN Bescheid.",
        ],
    },
    factor_removed: Part {
        subject: "Ein zweiter Faktor wurde entfernt",
        paragraphs: [
            "von Ihrem VPN-Konto wurde um {at} ein zweiter Faktor für die Anmeldung entfernt.",
            "Wenn Sie das nicht waren, sagen Sie sofort den Betreibern des VPN Bescheid.",
        ],
    },
    test: Part {
        subject: "Testnachricht",
        paragraphs: [
            "dies ist ein Test: E-Mail funktioniert.",
            "Nachrichten über Passwörter und Einladungen kommen auf diesem Weg an.",
        ],
    },
};
