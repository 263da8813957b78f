//! The SASL mechanisms that are met in POP3, a sentence for each.

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct MechanismHelp {
    /// Its name, upper case.
    pub(crate) name: &'static str,
    pub(crate) means: &'static str,
    /// What to know before it is used.
    pub(crate) next: &'static str,
    pub(crate) source: &'static str,
}

const fn row(
    name: &'static str,
    means: &'static str,
    next: &'static str,
    source: &'static str,
) -> MechanismHelp {
    MechanismHelp {
        name,
        means,
        next,
        source,
    }
}

const ONLY_TLS: &str = "use it inside TLS only: whoever reads along has the password.";
const TOKEN: &str =
    "inside TLS only. The token comes from the provider's OAuth service and lasts about an hour.";
const OLD: &str = "take SCRAM-SHA-256, or PLAIN inside TLS, where the server has it.";
const SAFE: &str = "the best choice where the server has it; inside TLS all the same.";
const REALM: &str = "works only with an account and a ticket of the same network.";

pub(crate) const ROWS: &[MechanismHelp] = &[
    row(
        "PLAIN",
        "Name and password in one line of base64, which hides nothing.",
        ONLY_TLS,
        "RFC 4616",
    ),
    row(
        "LOGIN",
        "The server asks for name and password one after the other, in base64, which hides nothing.",
        ONLY_TLS,
        "draft-murchison-sasl-login",
    ),
    row(
        "CRAM-MD5",
        "The server sends a challenge and the client answers with a digest of it and the password.",
        OLD,
        "RFC 2195",
    ),
    row(
        "CRAM-SHA1",
        "As CRAM-MD5, with SHA-1.",
        OLD,
        "no RFC: Courier",
    ),
    row(
        "CRAM-SHA256",
        "As CRAM-MD5, with SHA-256.",
        OLD,
        "no RFC: Courier",
    ),
    row(
        "DIGEST-MD5",
        "Challenge and digest after the manner of HTTP; historic since 2011.",
        OLD,
        "RFC 2831, RFC 6331",
    ),
    row(
        "SCRAM-MD5",
        "An early cousin of the SCRAM mechanisms, with MD5.",
        OLD,
        "no RFC",
    ),
    row(
        "SCRAM-SHA-1",
        "Both sides prove in three steps that they know the password, and nobody sends it.",
        SAFE,
        "RFC 5802",
    ),
    row(
        "SCRAM-SHA-1-PLUS",
        "SCRAM-SHA-1 bound to the TLS connection, so that nobody can sit in between.",
        SAFE,
        "RFC 5802",
    ),
    row(
        "SCRAM-SHA-256",
        "Both sides prove in three steps that they know the password, and nobody sends it; with SHA-256.",
        SAFE,
        "RFC 7677",
    ),
    row(
        "SCRAM-SHA-256-PLUS",
        "SCRAM-SHA-256 bound to the TLS connection, so that nobody can sit in between.",
        SAFE,
        "RFC 7677",
    ),
    row(
        "SCRAM-SHA-512",
        "As SCRAM-SHA-256, with SHA-512.",
        SAFE,
        "no RFC",
    ),
    row(
        "XOAUTH2",
        "An OAuth token in place of the password, in the form that Google and Microsoft made up.",
        TOKEN,
        "no RFC: Google, Microsoft",
    ),
    row(
        "OAUTHBEARER",
        "An OAuth token in place of the password, in the form of the RFC.",
        TOKEN,
        "RFC 7628",
    ),
    row(
        "EXTERNAL",
        "The login was proved elsewhere already, usually by a client certificate in TLS.",
        "useful only with a client certificate.",
        "RFC 4422 appendix A",
    ),
    row(
        "ANONYMOUS",
        "A login as nobody, with a word about yourself if you like.",
        "rare in POP3; it opens what is public.",
        "RFC 4505",
    ),
    row(
        "GSSAPI",
        "A Kerberos ticket for the service `pop@HOST`.",
        REALM,
        "RFC 4752",
    ),
    row(
        "GSS-SPNEGO",
        "Kerberos or NTLM, as both sides agree.",
        REALM,
        "no RFC: Microsoft",
    ),
    row(
        "NTLM",
        "Microsoft's older challenge and response, in three messages.",
        "Exchange 2003 sends its challenge as `+OK`, which looks like a login and is none.",
        "no RFC: Microsoft; MailKit issue 391",
    ),
    row(
        "MSN",
        "A private mechanism of Microsoft's old online service.",
        OLD,
        "no RFC: Microsoft",
    ),
    row(
        "OTP",
        "A list of passwords that are good for one login each.",
        OLD,
        "RFC 2444",
    ),
    row("SKEY", "The forerunner of OTP.", OLD, "RFC 2222"),
    row(
        "KERBEROS_V4",
        "A ticket of Kerberos version 4, long gone.",
        OLD,
        "RFC 2222",
    ),
    row(
        "X-ZIMBRA",
        "A private mechanism by which the parts of Zimbra log in at each other.",
        "not for people.",
        "no RFC: Zimbra",
    ),
    row(
        "X-PLAIN-SUBMIT",
        "A private token, listed with SASL by some servers; what it does is not published.",
        "nothing to do with it.",
        "no RFC: seen in a scan of servers",
    ),
];

/// The row of a mechanism, without regard to case.
pub(crate) fn find(name: &str) -> Option<&'static MechanismHelp> {
    ROWS.iter().find(|row| row.name.eq_ignore_ascii_case(name))
}
