//! What telnet and nc say around a session, in English, French, German and Spanish.

/// They try an address or a host.
const TRYING: &[&str] = &[
    "Trying ",
    "Connecting To ",
    "Versuche ",
    "Verbindungsaufbau zu ",
    "Verbindungsaufbau mit ",
    "Essai de ",
    "Connexion \u{e0} ",
    "Probando ",
    "Intentando ",
    "Conectando a ",
    "Conect\u{e1}ndose a ",
];

/// They are connected.
const CONNECTED: &[&str] = &[
    "Connected to ",
    "Verbunden mit ",
    "Connect\u{e9} \u{e0} ",
    "Conectado a ",
    "Ncat: Connected to ",
    "ncat: connected to ",
];

const ESCAPE: &[&str] = &[
    "Escape character is ",
    "Escape-Zeichen ist ",
    "Das Escape-Zeichen ist ",
    "Le caract\u{e8}re d'\u{e9}chappement est ",
    "Caract\u{e8}re d'\u{e9}chappement : ",
    "El car\u{e1}cter de escape es ",
    "El car\u{e1}cter de escape es: ",
];

/// The server closed.
const LOST: &[&str] = &[
    "Connection closed by foreign host",
    "Connection to host lost",
    "Verbindung zu Host verloren",
    "Verbindung zum Host verloren",
    "Verbindung durch fremden Host ",
    "Verbindung vom fremden Host ",
    "Verbindung von Gegenstelle ",
    "Connexion ferm\u{e9}e par ",
    "Perte de la connexion \u{e0} l'h\u{f4}te",
    "Connexion \u{e0} l'h\u{f4}te perdue",
    "Conexi\u{f3}n cerrada por ",
    "Se ha perdido la conexi\u{f3}n con el host",
    "Se perdi\u{f3} la conexi\u{f3}n con el host",
    "Ncat: Connection closed",
];

/// The user closed, at the prompt of telnet.
const LEFT: &[&str] = &[
    "Connection closed.",
    "Verbindung geschlossen.",
    "Verbindung beendet.",
    "Connexion ferm\u{e9}e.",
    "Conexi\u{f3}n cerrada.",
];

/// Windows could not connect: the port and why follow.
const REFUSED: &[&str] = &[
    "Could not open connection to the host",
    "Es konnte keine Verbindung mit dem Host hergestellt werden",
    "Impossible d'ouvrir une connexion \u{e0} l'h\u{f4}te",
    "No se puede abrir la conexi\u{f3}n al host",
    "No se pudo abrir la conexi\u{f3}n al host",
];

/// The longest line that is one of these.
const LINE_MAX: usize = 256;

/// What such a line says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Said {
    /// The rest of the line: an address, or a host and dots.
    Trying(String),
    /// Likewise.
    Connected(String),
    Escape,
    Lost,
    Left,
    /// Where it was tried, which port, and why not.
    Refused {
        host: String,
        port: Option<String>,
        why: String,
    },
    /// `telnet: ` and what is wrong.
    Wrong(String),
    /// `telnet> `, its prompt.
    Prompt,
}

impl Said {
    /// Reads a line. Letters that are not ASCII match any: a console writes them in its own encoding.
    pub(super) fn of(line: &[u8]) -> Option<Self> {
        let line = line.trim_ascii();
        if line.len() > LINE_MAX {
            return None;
        }
        let line = plain(&String::from_utf8_lossy(line));
        let after = |starts: &[&str]| {
            let mut starts = starts.iter();
            starts.find_map(|start| line.strip_prefix(&plain(start)).map(str::to_owned))
        };
        let within = |phrases: &[&str]| {
            let mut phrases = phrases.iter();
            phrases.find_map(|phrase| line.split_once(&plain(phrase)))
        };
        if let Some((front, rest)) = within(REFUSED) {
            let host = TRYING
                .iter()
                .find_map(|start| front.strip_prefix(&plain(start)));
            let digits = rest.split(|c: char| !c.is_ascii_digit());
            return Some(Self::Refused {
                host: host.unwrap_or_default().trim_end_matches('.').to_owned(),
                port: digits.map(str::to_owned).find(|word| !word.is_empty()),
                why: rest.rsplit_once(": ").map_or("", |(_, why)| why).to_owned(),
            });
        }
        if after(LOST).is_some() || line.contains(" closed by foreign host") {
            return Some(Self::Lost);
        }
        if after(LEFT).is_some() {
            return Some(Self::Left);
        }
        if after(ESCAPE).is_some() {
            return Some(Self::Escape);
        }
        let wrong = || after(&["telnet: "]).map(Self::Wrong);
        let prompt = || after(&["telnet> "]).map(|_| Self::Prompt);
        let found = after(TRYING).map(Self::Trying);
        found
            .or_else(|| after(CONNECTED).map(Self::Connected))
            .or_else(wrong)
            .or_else(prompt)
    }
}

/// A text in which one mark stands for each run of characters that are not ASCII.
fn plain(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut was_ascii = true;
    for c in text.chars() {
        if c.is_ascii() {
            plain.push(c);
        } else if was_ascii {
            plain.push('?');
        }
        was_ascii = c.is_ascii();
    }
    plain
}
