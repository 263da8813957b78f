//! What telnet and nc print around a session, in English, French, German and Spanish.

use std::sync::LazyLock;

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

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum PhraseMeaning {
    /// The rest of the line: an address, or a host and dots.
    Trying(String),
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

/// Reads what a phrase means from the rest of its line.
type PhraseReader = fn(&str) -> PhraseMeaning;

/// All phrases, as lines are compared with them; the first that fits is right.
static PHRASES: LazyLock<Vec<(PhraseReader, String)>> = LazyLock::new(|| {
    let lists: [(PhraseReader, &[&str]); 8] = [
        (|rest| PhraseMeaning::refused("", rest), REFUSED),
        (|_| PhraseMeaning::Lost, LOST),
        (|_| PhraseMeaning::Left, LEFT),
        (|_| PhraseMeaning::Escape, ESCAPE),
        (PhraseMeaning::trying, TRYING),
        (|rest| PhraseMeaning::Connected(rest.to_owned()), CONNECTED),
        (|rest| PhraseMeaning::Wrong(rest.to_owned()), &["telnet: "]),
        (|_| PhraseMeaning::Prompt, &["telnet> "]),
    ];
    let all = lists.into_iter();
    all.flat_map(|(means, list)| list.iter().map(move |phrase| (means, plain(phrase))))
        .collect()
});

impl PhraseMeaning {
    /// Reads a line. Letters that are not ASCII match any: a console writes them in its own
    /// encoding.
    pub(super) fn of(line: &[u8]) -> Option<Self> {
        let line = line.trim_ascii();
        // All phrases begin with a letter; most lines of a message are longer, or begin otherwise.
        if line.len() > LINE_MAX || !line.first()?.is_ascii_alphabetic() {
            return None;
        }
        let line = plain(&String::from_utf8_lossy(line));
        if line.starts_with("Connection to ") && line.contains(" closed by foreign host") {
            return Some(Self::Lost);
        }
        let mut phrases = PHRASES.iter();
        phrases.find_map(|(means, phrase)| Some(means(line.strip_prefix(phrase.as_str())?)))
    }

    /// Windows continues in the same line: `Connecting To X...Could not open ...`.
    fn trying(rest: &str) -> Self {
        let refused = rest.split_once("...").and_then(|(host, more)| {
            let mut phrases = REFUSED.iter();
            let text_after =
                phrases.find_map(|phrase| more.strip_prefix(plain(phrase).as_str()))?;
            Some(Self::refused(host, text_after))
        });
        refused.unwrap_or_else(|| Self::Trying(rest.to_owned()))
    }

    fn refused(host: &str, rest: &str) -> Self {
        let mut digits = rest.split(|c: char| !c.is_ascii_digit());
        Self::Refused {
            host: host.to_owned(),
            port: digits.find(|word| !word.is_empty()).map(str::to_owned),
            why: rest.rsplit_once(": ").map_or("", |(_, why)| why).to_owned(),
        }
    }
}

/// A text in which one mark represents each run of characters that are not ASCII.
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
