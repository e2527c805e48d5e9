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
            "für Ihr VPN-Konto wurden zu viele falsche Passwörter eingegeben. Deshalb kann sich {minutes} Minuten lang niemand anmelden. Der letzte Versuch kam von {address}.",
            "Wenn Sie das waren, warten Sie und versuchen Sie es noch einmal. Wenn nicht: Ihr Passwort wurde nicht erraten; wählen Sie im Zweifel ein längeres.",
        ],
    },
    new_sign_in: Part {
        subject: "Neue Anmeldung an Ihrem Konto",
        paragraphs: [
            "jemand hat sich um {at} von {address} an Ihrem VPN-Konto angemeldet.",
            "Wenn Sie das nicht waren, ändern Sie jetzt Ihr Passwort und sagen Sie den Betreibern des VPN Bescheid.",
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
