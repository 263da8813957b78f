//! SCRAM, the client's side (RFC 5802, RFC 7677).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use pbkdf2::pbkdf2_hmac;
use sha1::{Digest, Sha1};
use sha2::Sha256;
use zeroize::Zeroizing;

use super::{Credentials, SaslError, Turn};

/// More rounds than this are refused: a server could keep us busy for ever.
const ROUNDS_MAX: u32 = 10_000_000;

/// Where a SCRAM exchange stands.
pub(super) struct Scram {
    is_sha256: bool,
    /// `n,,`, `y,,` or `p=tls-server-end-point,,`.
    header: String,
    stage: Stage,
}

enum Stage {
    Begin,
    /// The first message, without its header.
    First(String),
    /// What the server must sign with, and the signature that it must send.
    Proved(Vec<u8>),
    Verified,
}

impl Scram {
    pub(super) fn new(mechanism: &str, credentials: &Credentials) -> Self {
        let is_plus = mechanism.ends_with("-PLUS");
        let header = match (is_plus, &credentials.binding) {
            (true, Some(_)) => "p=tls-server-end-point,,",
            _ => "n,,",
        };
        Self {
            is_sha256: mechanism.contains("256"),
            header: header.to_owned(),
            stage: Stage::Begin,
        }
    }

    pub(super) fn is_verified(&self) -> bool {
        matches!(self.stage, Stage::Verified)
    }

    pub(super) fn next(
        &mut self,
        credentials: &Credentials,
        challenge: &[u8],
    ) -> Result<Turn, SaslError> {
        match std::mem::replace(&mut self.stage, Stage::Begin) {
            Stage::Begin => self.first(credentials),
            Stage::First(first) => self.prove(credentials, &first, challenge),
            Stage::Proved(signature) => self.verify(&signature, challenge),
            Stage::Verified => Err(SaslError::TooLong("SCRAM")),
        }
    }

    fn first(&mut self, credentials: &Credentials) -> Result<Turn, SaslError> {
        let user = prepared(credentials.user.as_bytes())?;
        let bare = format!("n={},r={}", name(&user), credentials.nonce);
        let turn = Turn::new(
            format!("{}{bare}", self.header),
            &[(
                "made of",
                &format!("{} {bare}   (binding, name, our nonce)", self.header),
            )],
        );
        self.stage = Stage::First(bare);
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
        let mut binding = self.header.clone().into_bytes();
        if self.header.starts_with('p') {
            binding.extend_from_slice(credentials.binding.as_deref().unwrap_or_default());
        }
        let unsigned = format!("c={},r={nonce}", STANDARD.encode(binding));
        let message = format!("{first},{server_first},{unsigned}");
        let password = prepared(&credentials.secret)?;
        let (proof, signature) = if self.is_sha256 {
            proof_sha256(password.as_bytes(), &salt, rounds, message.as_bytes())
        } else {
            proof_sha1(password.as_bytes(), &salt, rounds, message.as_bytes())
        };
        let hash = if self.is_sha256 { "SHA-256" } else { "SHA-1" };
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
                    "made of",
                    &format!("{unsigned},p=••••••   (binding, both nonces, the proof)"),
                ),
            ],
        );
        self.stage = Stage::Proved(signature);
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
            .ok_or(SaslError::Scram("last message has no signature"))?;
        let difference = told
            .iter()
            .zip(signature)
            .fold(0, |sum, (a, b)| sum | (a ^ b));
        if told.len() != signature.len() || difference != 0 {
            return Err(SaslError::Impostor);
        }
        self.stage = Stage::Verified;
        Ok(Turn::new(
            "",
            &[(
                "server",
                "its signature is right: it knows the password, too",
            )],
        ))
    }
}

/// The nonce, salt and rounds of the server's first message.
fn read_first(text: &str, own_nonce: &str) -> Result<(String, Vec<u8>, u32), SaslError> {
    let mut fields = text.split(',');
    let mut field = |key: &str| fields.next().and_then(|field| field.strip_prefix(key));
    // An unknown extension that is mandatory would stand first (RFC 5802 §5.1, `m`).
    let nonce = field("r=").ok_or(SaslError::Scram(
        "first message does not begin with a nonce",
    ))?;
    if !nonce.starts_with(own_nonce) || nonce.len() == own_nonce.len() {
        return Err(SaslError::Scram(
            "nonce does not begin with ours: somebody may be in between",
        ));
    }
    let salt = field("s=").and_then(|salt| STANDARD.decode(salt).ok());
    let salt = salt.ok_or(SaslError::Scram("salt is missing or not base64"))?;
    let rounds = field("i=").and_then(|rounds| rounds.parse().ok());
    let rounds = rounds
        .filter(|rounds| (1..=ROUNDS_MAX).contains(rounds))
        .ok_or(SaslError::Scram(
            "count of rounds is missing, or beyond ten million",
        ))?;
    Ok((nonce.to_owned(), salt, rounds))
}

/// A name with what SCRAM's messages use escaped (RFC 5802 §5.1).
pub(super) fn name(name: &str) -> String {
    name.replace('=', "=3D").replace(',', "=2C")
}

/// A name or password as RFC 4013 prepares it.
fn prepared(text: &[u8]) -> Result<Zeroizing<String>, SaslError> {
    let text = std::str::from_utf8(text).map_err(|_| SaslError::Forbidden)?;
    let prepared = stringprep::saslprep(text).map_err(|_| SaslError::Forbidden)?;
    Ok(Zeroizing::new(prepared.into_owned()))
}

/// The client's proof and the server's signature (RFC 5802 §3), for one hash function.
macro_rules! proof {
    ($function:ident, $hash:ty, $length:literal) => {
        fn $function(
            password: &[u8],
            salt: &[u8],
            rounds: u32,
            message: &[u8],
        ) -> (Zeroizing<Vec<u8>>, Vec<u8>) {
            let hmac = |key: &[u8], text: &[u8]| {
                // A key of any length is taken.
                Hmac::<$hash>::new_from_slice(key).map_or_else(
                    |_| Vec::new(),
                    |mut mac| {
                        mac.update(text);
                        mac.finalize().into_bytes().to_vec()
                    },
                )
            };
            let mut salted = Zeroizing::new([0_u8; $length]);
            pbkdf2_hmac::<$hash>(password, salt, rounds, &mut *salted);
            let client_key = Zeroizing::new(hmac(&*salted, b"Client Key"));
            let stored_key = <$hash>::digest(&*client_key);
            let client_signature = hmac(&stored_key, message);
            let proof = client_key
                .iter()
                .zip(client_signature)
                .map(|(a, b)| a ^ b)
                .collect();
            let server_key = Zeroizing::new(hmac(&*salted, b"Server Key"));
            (Zeroizing::new(proof), hmac(&server_key, message))
        }
    };
}

proof!(proof_sha1, Sha1, 20);
proof!(proof_sha256, Sha256, 32);
