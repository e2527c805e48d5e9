//! What letters say in Spanish.

use crate::notify::words::{Part, Words};

pub(in crate::notify) const WORDS: Words = Words {
    greeting: "Hola, {name}:",
    greeting_nobody: "Hola:",
    footer: "Este mensaje lo ha escrito CasperVPN. Nadie lee las respuestas.",
    unknown_address: "una dirección desconocida",
    password_reset: Part {
        subject: "Establezca una contraseña nueva",
        paragraphs: [
            "Alguien ha pedido una contraseña nueva para su cuenta de la VPN. Puede establecerla aquí:",
            "El enlace sirve una sola vez y durante {minutes} minutos. Si no ha sido usted, no haga nada: su contraseña seguirá siendo la misma.",
        ],
    },
    invite: Part {
        subject: "Invitación a una VPN",
        paragraphs: [
            "Le han invitado a crear una cuenta para la VPN. Elija aquí un nombre de usuario y una contraseña:",
            "El enlace sirve una sola vez y durante {days} días. Si no esperaba esta invitación, no haga nada.",
        ],
    },
    sign_in_locked: Part {
        subject: "El inicio de sesión en su cuenta está bloqueado",
        paragraphs: [
            "Se han introducido demasiadas contraseñas incorrectas para su cuenta de la VPN, así que cada nuevo intento tiene que esperar hasta un minuto. El último llegó desde {address}.",
            "Si ha sido usted, espere y vuelva a intentarlo. Si no, nadie ha averiguado su contraseña; si tiene dudas, elija una más larga.",
        ],
    },
    second_factor_locked: Part {
        subject: "Alguien conoce su contraseña",
        paragraphs: [
            "En su cuenta de la VPN se ha introducido una y otra vez un segundo factor incorrecto después de la contraseña correcta, así que cada nuevo intento tiene que esperar hasta una hora. El último llegó desde {address}.",
            "Si no ha sido usted, alguien conoce su contraseña: cámbiela ahora y avise a quien administra la VPN.",
        ],
    },
    factor_added: Part {
        subject: "Se ha añadido un segundo factor",
        paragraphs: [
            "Se ha añadido un segundo factor de inicio de sesión a su cuenta de la VPN ({at}).",
            "Si no ha sido usted, avise de inmediato a quien administra la VPN.",
        ],
    },
    factor_removed: Part {
        subject: "Se ha quitado un segundo factor",
        paragraphs: [
            "Se ha quitado un segundo factor de inicio de sesión de su cuenta de la VPN ({at}).",
            "Si no ha sido usted, avise de inmediato a quien administra la VPN.",
        ],
    },
    test: Part {
        subject: "Mensaje de prueba",
        paragraphs: [
            "Esto es una prueba: el correo funciona.",
            "Los mensajes sobre contraseñas e invitaciones llegarán por esta vía.",
        ],
    },
};
