//! The server's side of the mechanisms: its challenges, and whether the responses are right. No
//! clock, no random numbers.

use hmac::Hmac;
use md5::Md5;
use zeroize::Zeroizing;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::scram::{BOUND, Hash, Keys, prepared};
use super::{Mechanism, hex, hmac};

/// How many rounds SCRAM asks for: the minimum of RFC 7677 §4, so that a slow machine does not
/// wait.
const ROUNDS: u32 = 4096;

/// What the server knows when an exchange begins.
#[derive(Clone)]
pub struct AuthContext {
    /// The names that may log in. A token without a name belongs to the first.
    pub users: Vec<String>,
    /// The password of each, which is its token, too.
    pub password: Zeroizing<String>,
    /// ANONYMOUS does not ask for a name.
    pub is_anonymous_allowed: bool,
    /// The names in the client's certificate, for EXTERNAL; empty if it sent none that is trusted.
    pub certified: Vec<String>,
    /// The `tls-server-end-point` of the connection (RFC 5929 §4).
    pub binding: Option<Vec<u8>>,
    /// Printable ASCII text without a comma that no other exchange had.
    pub nonce: String,
    /// The server's name in challenges.
    pub host: String,
}

/// The server's verdict on a response.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SaslVerdict {
    /// Continue: the octets of the challenge, before base64.
    Challenge(Vec<u8>),
    /// The client is authenticated.
    Right(Identity),
    /// The credentials were wrong, or the client was refused.
    Wrong,
    /// The client violates the mechanism.
    Broken(&'static str),
}

/// The user who has logged in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Identity {
    /// The user with this name.
    User(String),
    /// An anonymous user.
    Anonymous,
}

/// One exchange, on the server's side.
pub struct Verifier {
    mechanism: &'static Mechanism,
    known: AuthContext,
    stage: ServerStage,
}

enum ServerStage {
    First,
    /// LOGIN: the name comes next.
    Name,
    /// LOGIN: the password for this name comes next.
    Password(Vec<u8>),
    /// SCRAM: the client's final message comes next.
    Proof(Proof),
    /// SCRAM: the empty line after the server's signature comes next.
    Signed(String),
    /// The client has received the reason for the refusal and must confirm it.
    Refused,
    Over,
}

struct Proof {
    is_right_name: bool,
    name: String,
    header: String,
    nonce: String,
    /// The client's first message without its header, a comma, and the server's first message.
    said: String,
    keys: Keys,
}

impl Verifier {
    /// Creates an exchange that has not begun.
    #[must_use]
    pub fn new(mechanism: &'static Mechanism, known: AuthContext) -> Self {
        Self {
            mechanism,
            known,
            stage: ServerStage::First,
        }
    }

    /// Begins it with the decoded initial response from the AUTH line, if there was one.
    pub fn begin(&mut self, initial: Option<&[u8]>) -> SaslVerdict {
        match (self.mechanism.name, initial) {
            ("LOGIN", None) => {
                self.stage = ServerStage::Name;
                SaslVerdict::Challenge(b"Username:".to_vec())
            }
            // Not in the draft, but common.
            ("LOGIN", Some(name)) => self.ask_password(name),
            ("CRAM-MD5", None) => {
                self.known.nonce = format!("<{}@{}>", self.known.nonce, self.known.host);
                SaslVerdict::Challenge(self.known.nonce.clone().into_bytes())
            }
            // RFC 5034 §4: an initial response is an error if the server speaks first.
            ("CRAM-MD5", Some(_)) => {
                self.stage = ServerStage::Over;
                SaslVerdict::Broken("the server speaks first in this mechanism")
            }
            (_, None) => SaslVerdict::Challenge(Vec::new()),
            (_, Some(initial)) => self.answer(initial),
        }
    }

    /// Takes a decoded response of the client.
    pub fn answer(&mut self, response: &[u8]) -> SaslVerdict {
        match std::mem::replace(&mut self.stage, ServerStage::Over) {
            ServerStage::First => match self.mechanism.name {
                "PLAIN" => self.plain(response),
                "CRAM-MD5" => self.cram(response),
                "XOAUTH2" => self.xoauth2(response),
                "OAUTHBEARER" => self.bearer(response),
                "EXTERNAL" => self.external(response),
                "ANONYMOUS" if self.known.is_anonymous_allowed => {
                    SaslVerdict::Right(Identity::Anonymous)
                }
                name if name.starts_with("SCRAM-") => self.scram_first(response),
                _ => SaslVerdict::Wrong,
            },
            ServerStage::Name => self.ask_password(response),
            ServerStage::Password(name) => self.compare(&name, response),
            ServerStage::Proof(proof) => self.scram_last(&proof, response),
            ServerStage::Signed(name) if response.is_empty() => {
                SaslVerdict::Right(Identity::User(name))
            }
            ServerStage::Signed(_) => SaslVerdict::Broken("an empty line ends this mechanism"),
            ServerStage::Refused | ServerStage::Over => SaslVerdict::Wrong,
        }
    }

    fn ask_password(&mut self, name: &[u8]) -> SaslVerdict {
        self.stage = ServerStage::Password(name.to_vec());
        SaslVerdict::Challenge(b"Password:".to_vec())
    }

    fn compare(&self, name: &[u8], password: &[u8]) -> SaslVerdict {
        self.verdict(name, password == self.known.password.as_bytes())
    }

    fn verdict(&self, name: &[u8], is_right: bool) -> SaslVerdict {
        let mut users = self.known.users.iter();
        match users.find(|user| user.as_bytes() == name) {
            Some(user) if is_right => SaslVerdict::Right(Identity::User(user.clone())),
            _ => SaslVerdict::Wrong,
        }
    }

    /// RFC 4616 §2: `[authzid] NUL authcid NUL password`. No user may act for another here.
    fn plain(&self, response: &[u8]) -> SaslVerdict {
        let fields: Vec<&[u8]> = response.split(|octet| *octet == 0).collect();
        match fields.as_slice() {
            [authzid, name, password] if authzid.is_empty() || authzid == name => {
                self.compare(name, password)
            }
            [_, _, _] => SaslVerdict::Wrong,
            _ => SaslVerdict::Broken("PLAIN is: NUL, name, NUL, password"),
        }
    }

    /// RFC 2195 §2.
    fn cram(&self, response: &[u8]) -> SaslVerdict {
        let Some(space) = memchr::memrchr(b' ', response) else {
            return SaslVerdict::Broken("CRAM-MD5 is: name, space, digest");
        };
        let (name, digest) = response.split_at(space);
        let right = hex(&hmac::<Hmac<Md5>>(
            self.known.password.as_bytes(),
            self.known.nonce.as_bytes(),
        ));
        let digest = digest.trim_ascii_start();
        self.verdict(name, digest == right.as_bytes())
    }

    fn xoauth2(&mut self, response: &[u8]) -> SaslVerdict {
        let fields: Vec<&[u8]> = response.split(|octet| *octet == 1).collect();
        let [user, token, b"", b""] = fields.as_slice() else {
            return SaslVerdict::Broken("XOAUTH2 is: user=NAME ^A auth=Bearer TOKEN ^A ^A");
        };
        let (user, token) = (user.strip_prefix(b"user="), bearer_token(token));
        self.token(user, token)
    }

    /// RFC 7628 §3.1.
    fn bearer(&mut self, response: &[u8]) -> SaslVerdict {
        let fields: Vec<&[u8]> = response.split(|octet| *octet == 1).collect();
        let header = fields.first().copied().unwrap_or_default();
        let escaped = header
            .strip_prefix(b"n,a=")
            .and_then(|rest| rest.strip_suffix(b","));
        // RFC 7628 §3.1: the header is that of RFC 5801 §4, its name escaped as in SCRAM.
        let user = escaped.map(|name| std::str::from_utf8(name).ok().and_then(plain_name));
        if user == Some(None) {
            return SaslVerdict::Broken("in a name `,` is `=2C` and `=` is `=3D`");
        }
        let user = user.flatten();
        let token = fields.iter().find_map(|field| bearer_token(field));
        if !response.ends_with(b"\x01\x01") || !header.ends_with(b",") {
            return SaslVerdict::Broken(
                "OAUTHBEARER is: n,a=NAME, ^A host=.. ^A port=.. ^A auth=Bearer TOKEN ^A ^A",
            );
        }
        // The name may be omitted if the token identifies the user.
        let first = self.known.users.first().cloned().unwrap_or_default();
        self.token(Some(user.unwrap_or(first).as_bytes()), token)
    }

    fn token(&mut self, user: Option<&[u8]>, token: Option<&[u8]>) -> SaslVerdict {
        let is_right = token == Some(self.known.password.as_bytes());
        let verdict = self.verdict(user.unwrap_or_default(), is_right);
        if verdict != SaslVerdict::Wrong {
            return verdict;
        }
        // The reason goes into a challenge; the client answers it, and then the refusal follows
        // (RFC 7628 §3.2.3).
        self.stage = ServerStage::Refused;
        SaslVerdict::Challenge(
            br#"{"status":"invalid_token","schemes":"bearer","scope":"pop"}"#.to_vec(),
        )
    }

    /// RFC 4422, appendix A: the identity comes from the certificate; a name may be one of those in
    /// it.
    fn external(&self, response: &[u8]) -> SaslVerdict {
        let mut certified = self.known.certified.iter();
        let found = certified.find(|name| {
            let is_named = response.is_empty() || response == name.as_bytes();
            is_named && self.known.users.contains(name)
        });
        match found {
            Some(name) => SaslVerdict::Right(Identity::User(name.clone())),
            None => SaslVerdict::Wrong,
        }
    }

    /// RFC 5802 §7: the client's first message.
    fn scram_first(&mut self, response: &[u8]) -> SaslVerdict {
        let is_plus = self.mechanism.name.ends_with("-PLUS");
        let Ok(text) = std::str::from_utf8(response) else {
            return SaslVerdict::Broken("the first message is not UTF-8");
        };
        let mut parts = text.splitn(3, ',');
        let (Some(flag), Some(authzid), Some(bare)) = (parts.next(), parts.next(), parts.next())
        else {
            return SaslVerdict::Broken("the first message is: n,,n=NAME,r=NONCE");
        };
        match flag {
            "n" if !is_plus => {}
            // RFC 5802 §6: the server announces channel binding, so an attacker must have removed
            // it from the list.
            "y" if !is_plus && self.known.binding.is_some() => {
                return SaslVerdict::Broken(
                    "a mechanism with -PLUS was announced, but removed on the way",
                );
            }
            "y" if !is_plus => {}
            "p=tls-server-end-point" if is_plus => {}
            _ => return SaslVerdict::Broken("this channel binding does not fit the mechanism"),
        }
        let mut fields = bare.split(',');
        let mut field = |key: &str| fields.next().and_then(|field| field.strip_prefix(key));
        let (Some(name), Some(nonce)) = (field("n=").and_then(plain_name), field("r=")) else {
            return SaslVerdict::Broken("the first message is: n,,n=NAME,r=NONCE");
        };
        if nonce.is_empty() || !nonce.bytes().all(|octet| octet.is_ascii_graphic()) {
            return SaslVerdict::Broken("a nonce has only visible ASCII characters");
        }
        let is_own = authzid.is_empty()
            || authzid.strip_prefix("a=").and_then(plain_name).as_ref() == Some(&name);
        let Ok(password) = prepared(self.known.password.as_bytes()) else {
            return SaslVerdict::Wrong;
        };
        let hash = Hash::of(self.mechanism.name);
        // The salt of a name is always the same, even if the name does not exist (RFC 5802 §9).
        let salt: Vec<u8> = hmac::<Hmac<Md5>>(b"poptalk", name.as_bytes());
        let nonce = format!("{nonce}{}", self.known.nonce);
        let first = format!("r={nonce},s={},i={ROUNDS}", STANDARD.encode(&salt));
        self.stage = ServerStage::Proof(Proof {
            is_right_name: is_own && self.known.users.contains(&name),
            name,
            header: format!("{flag},{authzid},"),
            nonce,
            said: format!("{bare},{first}"),
            keys: Keys::new(hash, &password, &salt, ROUNDS),
        });
        SaslVerdict::Challenge(first.into_bytes())
    }

    /// RFC 5802 §7: the client's last message.
    fn scram_last(&mut self, proof: &Proof, response: &[u8]) -> SaslVerdict {
        let broken = SaslVerdict::Broken("the final message is: c=BINDING,r=NONCE,p=PROOF");
        let Ok(text) = std::str::from_utf8(response) else {
            return broken;
        };
        let Some((unsigned, told)) = text.rsplit_once(",p=") else {
            return broken;
        };
        let mut binding = proof.header.clone().into_bytes();
        if proof.header == BOUND {
            binding.extend_from_slice(self.known.binding.as_deref().unwrap_or_default());
        }
        // The client must not be able to tell a wrong binding from a wrong password.
        let right = format!("c={},r={}", STANDARD.encode(binding), proof.nonce);
        let Ok(told) = STANDARD.decode(told) else {
            return broken;
        };
        let message = format!("{},{unsigned}", proof.said);
        let is_proof = proof.keys.is_proof(&told, message.as_bytes());
        if !is_proof || unsigned != right || !proof.is_right_name {
            return SaslVerdict::Wrong;
        }
        self.stage = ServerStage::Signed(proof.name.clone());
        let signature = proof.keys.signature(message.as_bytes());
        // POP3 has no data with success, so the signature is sent as one more challenge (RFC 5034
        // §4).
        SaslVerdict::Challenge(format!("v={}", STANDARD.encode(signature)).into_bytes())
    }
}

/// The mechanisms that the server offers on a connection, in the order of the announcement.
///
/// RFC 5034 §3 and RFC 4616 §4: PLAIN, LOGIN and bearer tokens reveal the secret to anyone who
/// reads them, so they are offered only inside TLS. Channel binding needs a server certificate,
/// EXTERNAL a client certificate.
pub(crate) fn offered(is_tls: bool, known: &AuthContext) -> Vec<&'static Mechanism> {
    super::MECHANISMS
        .iter()
        .filter(|row| is_tls || !row.is_plain)
        .filter(|row| known.binding.is_some() || !row.name.ends_with("-PLUS"))
        .filter(|row| match row.name {
            "EXTERNAL" => !known.certified.is_empty(),
            "ANONYMOUS" => known.is_anonymous_allowed,
            _ => true,
        })
        .collect()
}

fn bearer_token(field: &[u8]) -> Option<&[u8]> {
    let rest = field.strip_prefix(b"auth=")?;
    let (scheme, token) = rest.split_at_checked(b"Bearer ".len())?;
    scheme.eq_ignore_ascii_case(b"Bearer ").then_some(token)
}

/// A name without SCRAM's escapes (RFC 5802 §5.1); None if an `=` is not part of an escape.
fn plain_name(escaped: &str) -> Option<String> {
    let plain = escaped.replace("=2C", ",").replace("=3D", "=");
    (super::scram::name(&plain) == escaped).then_some(plain)
}
