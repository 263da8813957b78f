//! The SASL mechanisms found in POP3, with a sentence for each.

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct MechanismHelp {
    /// Its name, upper case.
    pub(crate) name: &'static str,
    pub(crate) means: &'static str,
    /// What to know before using it.
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

const ONLY_TLS: &str = "use it only inside TLS. Otherwise anyone who reads the traffic gets the \
                        password.";
const TOKEN: &str = "use it only inside TLS. The token comes from the provider's OAuth service and lasts about an hour.";
const OLD: &str = "prefer SCRAM-SHA-256 if the server offers it, or PLAIN inside TLS.";
const SAFE: &str = "prefer it to other mechanisms if the server offers it, and still use TLS.";
const REALM: &str = "it works only if you have an account and a ticket in the server's network.";

pub(crate) const ROWS: &[MechanismHelp] = &[
    row(
        "PLAIN",
        "The client sends the name and the password together in base64, which hides nothing.",
        ONLY_TLS,
        "RFC 4616",
    ),
    row(
        "LOGIN",
        "The server asks for the name, then for the password. Both are sent in base64, which hides \
         nothing.",
        ONLY_TLS,
        "draft-murchison-sasl-login",
    ),
    row(
        "CRAM-MD5",
        "The server sends a challenge. The client answers with a digest of the challenge and the \
         password.",
        OLD,
        "RFC 2195",
    ),
    row(
        "CRAM-SHA1",
        "Like CRAM-MD5, but with SHA-1.",
        OLD,
        "no RFC: Courier",
    ),
    row(
        "CRAM-SHA256",
        "Like CRAM-MD5, but with SHA-256.",
        OLD,
        "no RFC: Courier",
    ),
    row(
        "DIGEST-MD5",
        "A challenge and a digest, as in HTTP. RFC 6331 declared it historic in 2011.",
        OLD,
        "RFC 2831, RFC 6331",
    ),
    row(
        "SCRAM-MD5",
        "An early relative of the SCRAM mechanisms, based on MD5.",
        OLD,
        "no RFC",
    ),
    row(
        "SCRAM-SHA-1",
        "Both sides prove in three steps that they know the password, without sending it.",
        SAFE,
        "RFC 5802",
    ),
    row(
        "SCRAM-SHA-1-PLUS",
        "SCRAM-SHA-1 bound to the TLS connection, so that an attacker between client and server is \
         detected.",
        SAFE,
        "RFC 5802",
    ),
    row(
        "SCRAM-SHA-256",
        "SCRAM with SHA-256: both sides prove in three steps that they know the password, without \
         sending it.",
        SAFE,
        "RFC 7677",
    ),
    row(
        "SCRAM-SHA-256-PLUS",
        "SCRAM-SHA-256 bound to the TLS connection, so that an attacker between client and server \
         is detected.",
        SAFE,
        "RFC 7677",
    ),
    row(
        "SCRAM-SHA-512",
        "Like SCRAM-SHA-256, but with SHA-512.",
        SAFE,
        "no RFC",
    ),
    row(
        "XOAUTH2",
        "An OAuth token instead of the password, in the form that Google and Microsoft defined.",
        TOKEN,
        "no RFC: Google, Microsoft",
    ),
    row(
        "OAUTHBEARER",
        "An OAuth token instead of the password, in the form that the RFC defines.",
        TOKEN,
        "RFC 7628",
    ),
    row(
        "EXTERNAL",
        "The client has already proved its identity elsewhere, usually with a client certificate in TLS.",
        "useful only with a client certificate.",
        "RFC 4422 appendix A",
    ),
    row(
        "ANONYMOUS",
        "A login without an account. The client may say who is logging in, but need not.",
        "rare in POP3, where it gives access to public mail.",
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
        "Kerberos or NTLM, whichever both sides agree on.",
        REALM,
        "no RFC: Microsoft",
    ),
    row(
        "NTLM",
        "Microsoft's older challenge-response login, in three messages.",
        "Exchange 2003 sends its challenge as `+OK`. Do not take that for a successful login.",
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
        "A list of passwords, each valid for one login.",
        OLD,
        "RFC 2444",
    ),
    row("SKEY", "The predecessor of OTP.", OLD, "RFC 2222"),
    row(
        "KERBEROS_V4",
        "A ticket from Kerberos version 4, which is long obsolete.",
        OLD,
        "RFC 2222",
    ),
    row(
        "X-ZIMBRA",
        "A private mechanism that Zimbra's components use to log in to each other.",
        "not meant for users.",
        "no RFC: Zimbra",
    ),
    row(
        "X-PLAIN-SUBMIT",
        "A private token that some servers list with SASL. Its purpose is not published.",
        "ignore it.",
        "no RFC: seen in a scan of mail servers",
    ),
];

/// Returns the row of a mechanism, ignoring case.
pub(crate) fn find(name: &str) -> Option<&'static MechanismHelp> {
    ROWS.iter().find(|row| row.name.eq_ignore_ascii_case(name))
}
