//! SCRAM, the client's side (RFC 5802, RFC 7677).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::Hmac;
use pbkdf2::pbkdf2_hmac;
use sha1::{Digest, Sha1};
use sha2::Sha256;
use zeroize::Zeroizing;

use super::{Credentials, SaslError, Turn};

/// More rounds than this are refused: a server could keep the client busy indefinitely.
const ROUNDS_MAX: u32 = 10_000_000;

/// The header of a message that is bound to the server's certificate (RFC 5929 §4).
pub(super) const BOUND: &str = "p=tls-server-end-point,,";

pub(super) struct Scram {
    hash: Hash,
    /// `n,,`, `y,,` or `p=tls-server-end-point,,`.
    header: &'static str,
    stage: ScramStage,
}

enum ScramStage {
    Begin,
    /// The first message, without its header.
    First(String),
    /// The text that the server must sign, and the signature that it must send.
    Proved(Vec<u8>),
    Verified,
    /// Something was wrong: nothing more is sent.
    Failed,
}

impl Scram {
    /// RFC 5802 §6: `p` binds. `y` means that the client could bind, but that the server did not
    /// announce it; a server that did then knows that an attacker removed it from the list. `n`
    /// means that the client cannot bind or was told not to.
    pub(super) fn new(mechanism: &str, credentials: &Credentials) -> Self {
        let header = match (mechanism.ends_with("-PLUS"), &credentials.binding) {
            (true, _) => BOUND,
            (false, Some(_)) if credentials.is_plus_missing => "y,,",
            (false, _) => "n,,",
        };
        Self {
            hash: Hash::of(mechanism),
            header,
            stage: ScramStage::Begin,
        }
    }

    pub(super) fn is_verified(&self) -> bool {
        matches!(self.stage, ScramStage::Verified)
    }

    pub(super) fn next(
        &mut self,
        credentials: &Credentials,
        challenge: &[u8],
    ) -> Result<Turn, SaslError> {
        match std::mem::replace(&mut self.stage, ScramStage::Failed) {
            ScramStage::Begin => self.first(credentials),
            ScramStage::First(first) => self.prove(credentials, &first, challenge),
            ScramStage::Proved(signature) => self.verify(&signature, challenge),
            ScramStage::Verified | ScramStage::Failed => Err(SaslError::TooLong("SCRAM")),
        }
    }

    fn first(&mut self, credentials: &Credentials) -> Result<Turn, SaslError> {
        if self.header == BOUND && credentials.binding.is_none() {
            return Err(SaslError::NoBinding);
        }
        let user = prepared(credentials.user.as_bytes())?;
        let bare = format!("n={},r={}", name(&user), credentials.nonce);
        let turn = Turn::new(
            format!("{}{bare}", self.header),
            &[(
                "parts",
                &format!("{} {bare}   (binding, name, our nonce)", self.header),
            )],
        );
        self.stage = ScramStage::First(bare);
        Ok(turn)
    }

    fn prove(
        &mut self,
        credentials: &Credentials,
        first: &str,
        challenge: &[u8],
    ) -> Result<Turn, SaslError> {
        let server_first = std::str::from_utf8(challenge)
            .map_err(|_| SaslError::Scram("first message is not UTF-8"))?;
        let (nonce, salt, rounds) = read_first(server_first, &credentials.nonce)?;
        let mut binding = self.header.as_bytes().to_vec();
        if self.header == BOUND {
            binding.extend_from_slice(credentials.binding.as_deref().unwrap_or_default());
        }
        let unsigned = format!("c={},r={nonce}", STANDARD.encode(binding));
        let message = format!("{first},{server_first},{unsigned}");
        let password = prepared(&credentials.secret)?;
        let keys = Keys::new(self.hash, &password, &salt, rounds);
        let proof = keys.proof(message.as_bytes());
        let signature = keys.signature(message.as_bytes());
        let hash = self.hash.name();
        let turn = Turn::new(
            format!("{unsigned},p={}", STANDARD.encode(&*proof)),
            &[
                (
                    "key",
                    &format!("PBKDF2-HMAC-{hash} of ••••••, the salt, {rounds} rounds"),
                ),
                (
                    "signed",
                    "our first message, the challenge, and this message without its proof",
                ),
                (
                    "parts",
                    &format!("{unsigned},p=••••••   (binding, both nonces, the proof)"),
                ),
            ],
        );
        self.stage = ScramStage::Proved(signature);
        Ok(turn)
    }

    fn verify(&mut self, signature: &[u8], challenge: &[u8]) -> Result<Turn, SaslError> {
        let text = String::from_utf8_lossy(challenge);
        if let Some(error) = text.strip_prefix("e=") {
            return Err(SaslError::Told(error.to_owned()));
        }
        let told = text
            .strip_prefix("v=")
            .and_then(|told| {
                STANDARD
                    .decode(told.split(',').next().unwrap_or_default())
                    .ok()
            })
            .ok_or(SaslError::Scram("final message has no signature"))?;
        if !is_same(&told, signature) {
            return Err(SaslError::Impostor);
        }
        self.stage = ScramStage::Verified;
        Ok(Turn::new(
            "",
            &[(
                "server",
                "its signature is correct: it knows the password, too",
            )],
        ))
    }
}

/// The nonce, salt and rounds from the server's first message.
fn read_first(text: &str, own_nonce: &str) -> Result<(String, Vec<u8>, u32), SaslError> {
    let mut fields = text.split(',');
    let mut field = |key: &str| fields.next().and_then(|field| field.strip_prefix(key));
    // RFC 5802 §5.1: an extension that must be understood comes first. None is defined yet.
    if text.starts_with("m=") {
        return Err(SaslError::Scram(
            "first message requires an unknown extension",
        ));
    }
    let nonce = field("r=").ok_or(SaslError::Scram(
        "first message does not begin with a nonce",
    ))?;
    if !nonce.starts_with(own_nonce) || nonce.len() == own_nonce.len() {
        return Err(SaslError::Scram(
            "nonce does not begin with ours: an attacker may be on the network path",
        ));
    }
    let salt = field("s=").and_then(|salt| STANDARD.decode(salt).ok());
    let salt = salt.ok_or(SaslError::Scram("salt is missing or not base64"))?;
    // RFC 5802 §7: a positive number, without sign and leading zeros.
    let rounds = field("i=")
        .filter(|digits| digits.starts_with(|c: char| c.is_ascii_digit() && c != '0'))
        .and_then(|digits| digits.parse().ok());
    let rounds = rounds
        .filter(|rounds| (1..=ROUNDS_MAX).contains(rounds))
        .ok_or(SaslError::Scram(
            "number of rounds is missing, or more than ten million",
        ))?;
    Ok((nonce.to_owned(), salt, rounds))
}

/// A name with SCRAM's special characters escaped (RFC 5802 §5.1).
pub(super) fn name(name: &str) -> String {
    name.replace('=', "=3D").replace(',', "=2C")
}

/// A name or password, prepared according to RFC 4013.
pub(super) fn prepared(text: &[u8]) -> Result<Zeroizing<String>, SaslError> {
    let text = std::str::from_utf8(text).map_err(|_| SaslError::Forbidden)?;
    let prepared = stringprep::saslprep(text).map_err(|_| SaslError::Forbidden)?;
    Ok(Zeroizing::new(prepared.into_owned()))
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Hash {
    Sha1,
    Sha256,
}

impl Hash {
    pub(super) fn of(mechanism: &str) -> Self {
        if mechanism.contains("256") {
            Self::Sha256
        } else {
            Self::Sha1
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Sha1 => "SHA-1",
            Self::Sha256 => "SHA-256",
        }
    }

    fn digest(self, octets: &[u8]) -> Vec<u8> {
        match self {
            Self::Sha1 => Sha1::digest(octets).to_vec(),
            Self::Sha256 => Sha256::digest(octets).to_vec(),
        }
    }

    fn hmac(self, key: &[u8], text: &[u8]) -> Vec<u8> {
        match self {
            Self::Sha1 => super::hmac::<Hmac<Sha1>>(key, text),
            Self::Sha256 => super::hmac::<Hmac<Sha256>>(key, text),
        }
    }
}

/// What both sides compute from the password (RFC 5802 §3).
pub(super) struct Keys {
    hash: Hash,
    client: Zeroizing<Vec<u8>>,
    stored: Vec<u8>,
    server: Zeroizing<Vec<u8>>,
}

impl Keys {
    /// Computes it from a prepared password, the salt and the number of rounds.
    pub(super) fn new(hash: Hash, password: &str, salt: &[u8], rounds: u32) -> Self {
        let mut salted = Zeroizing::new(vec![0; hash.digest(b"").len()]);
        match hash {
            Hash::Sha1 => pbkdf2_hmac::<Sha1>(password.as_bytes(), salt, rounds, &mut salted),
            Hash::Sha256 => pbkdf2_hmac::<Sha256>(password.as_bytes(), salt, rounds, &mut salted),
        }
        let client = Zeroizing::new(hash.hmac(&salted, b"Client Key"));
        Self {
            hash,
            stored: hash.digest(&client),
            server: Zeroizing::new(hash.hmac(&salted, b"Server Key")),
            client,
        }
    }

    fn proof(&self, message: &[u8]) -> Zeroizing<Vec<u8>> {
        Zeroizing::new(xor(&self.client, &self.hash.hmac(&self.stored, message)))
    }

    pub(super) fn is_proof(&self, proof: &[u8], message: &[u8]) -> bool {
        let client = Zeroizing::new(xor(proof, &self.hash.hmac(&self.stored, message)));
        proof.len() == self.client.len() && is_same(&self.hash.digest(&client), &self.stored)
    }

    pub(super) fn signature(&self, message: &[u8]) -> Vec<u8> {
        self.hash.hmac(&self.server, message)
    }
}

fn xor(one: &[u8], other: &[u8]) -> Vec<u8> {
    one.iter().zip(other).map(|(a, b)| a ^ b).collect()
}

/// Compares in constant time.
fn is_same(one: &[u8], other: &[u8]) -> bool {
    let difference = one.iter().zip(other).fold(0, |sum, (a, b)| sum | (a ^ b));
    one.len() == other.len() && difference == 0
}
