//! The rows of the current extensions: capabilities, TLS, SASL, UTF-8 and languages.

use super::{
    Arg, ArgumentKind, Command, DataKind, Effect, MULTI, Provenance, SINGLE, Shape, States,
};

pub(super) const ROWS: &[Command] = &[
    Command {
        verb: "CAPA",
        states: States::BOTH,
        data: DataKind::Set,
        provenance: Provenance::Optional,
        source: "RFC 2449 §5",
        help: "ask what the server can do",
        about: "The reply lists the capabilities, one per line (a tag, perhaps followed by \
                parameters), and ends with a line with a single dot. Tags may be in upper or \
                lower case, and their order has no meaning.\n\n\
                The most useful ones are `USER` (the plain login works), `SASL PLAIN \
                SCRAM-SHA-256` (mechanisms for `AUTH`), `STLS`, `TOP`, `UIDL`, `UTF8`, \
                `LANG`, `PIPELINING` (you need not wait for each reply), `RESP-CODES` (text \
                such as `[IN-USE]` has a meaning), `EXPIRE` (days that mail is kept), and \
                `LOGIN-DELAY` (seconds between two logins).\n\n\
                Send it again inside TLS and after login, and compare: `STLS` must disappear \
                inside TLS, and an attacker on the network path can change a reply that comes \
                before TLS. Many servers no longer list `SASL` and `USER` after login, \
                although the RFC requires it.\n\n\
                `-ERR` means that the server does not have this command; popa3d is one example. \
                That is allowed: continue without it and try what you need. GNU pop3d refuses \
                `CAPA` only between `USER` and `PASS`.\n\n\
                The list can be wrong: tags may be missing or misspelled (Twisted: `PIPELINE`).",
        example: include_str!("../../../transcripts/commands/CAPA.pop3"),
        ..MULTI
    },
    Command {
        verb: "STLS",
        states: States::AUTHORIZATION,
        effect: Effect::Tls,
        pipelines: false,
        provenance: Provenance::Optional,
        source: "RFC 2595 §4",
        help: "switch this connection to TLS",
        about: "It turns the open connection on port 110 into an encrypted one. The TLS \
                handshake follows right after the `+OK` line; poptalk performs it for you and \
                verifies the certificate. You are still not logged in, and there is no second \
                greeting: just continue.\n\n\
                Everything you learned before TLS is void, because an attacker on the network \
                path may have changed it: the capabilities, the timestamp of the greeting, a \
                `USER` already sent. Send `CAPA` again; it must no longer list `STLS`.\n\n\
                Send it alone and wait. Octets that arrive after the `+OK` and before the \
                handshake may not come from the server: poptalk shows and records them, uses \
                none of them, and closes the connection.\n\n\
                `-ERR`: TLS is already active, you are logged in, you sent `UTF8` first, or \
                TLS is not set up. If you want TLS and cannot get it, stop. An attacker who \
                removes `STLS` from the list, or answers `-ERR` in place of the server, is \
                waiting for you to send the password in cleartext. Port 995 uses TLS from the \
                first octet and leaves no such gap.\n\n\
                The command is `STLS`; `STARTTLS` belongs to IMAP and SMTP.",
        example: include_str!("../../../transcripts/commands/STLS.pop3"),
        ..SINGLE
    },
    Command {
        verb: "AUTH",
        args: &[
            Arg::required("mechanism", ArgumentKind::Mechanism),
            Arg::optional("initial-response", ArgumentKind::Secret("response")),
        ],
        states: States::AUTHORIZATION,
        // Not in RFC 5034, but common: the mechanisms, one per line.
        bare: Shape::Multi,
        with_argument: Shape::Sasl,
        effect: Effect::Login,
        pipelines: false,
        data: DataKind::Set,
        provenance: Provenance::Optional,
        source: "RFC 5034 §4",
        help: "log in with a SASL mechanism, such as PLAIN",
        about: "It logs you in with a mechanism of your choice; the capability `SASL` lists \
                those that the server supports. `PLAIN` sends the name and the password (use \
                it only inside TLS), `SCRAM-SHA-256` proves that you know the password \
                without sending it, and `XOAUTH2` and `OAUTHBEARER` send a token.\n\n\
                Then the two sides take turns. The server sends a challenge: `+`, a space, \
                base64; if nothing follows the space, the challenge is empty. You answer with \
                a line of base64, or `*` to cancel. The exchange ends with a status line: \
                after `+OK` you are logged in; after `-ERR` nothing has changed, and you may \
                try another mechanism.\n\n\
                If the client speaks first, its response may already follow on the `AUTH` \
                line, as the initial response; `=` means an empty one. That line may have at most \
                255 octets, including its CRLF. A longer token goes on a line by itself, after \
                the empty challenge; Office 365 requires that for `XOAUTH2`.\n\n\
                `-ERR` can mean wrong credentials (`[AUTH]`), an unknown mechanism, invalid \
                base64, or a plain password without TLS. After a token is refused, the server \
                first sends a challenge with the reason as JSON: answer `XOAUTH2` with an \
                empty line and `OAUTHBEARER` with `AQ==`, and the `-ERR` follows.\n\n\
                No RFC defines `AUTH` without a mechanism; Dovecot, Cyrus and WildDuck list their \
                mechanisms, others answer `-ERR`. Your responses are secret: the transcript has \
                `{{response}}`. `:auth PLAIN` builds the line and shows how.",
        example: include_str!("../../../transcripts/commands/AUTH.pop3"),
        ..SINGLE
    },
    Command {
        verb: "UTF8",
        states: States::AUTHORIZATION,
        provenance: Provenance::Optional,
        source: "RFC 6856 §2.1",
        help: "switch the session to UTF-8 mode, before login",
        about: "It says that the client accepts UTF-8. After `+OK`, message headers and reply \
                texts may contain non-ASCII characters. Without it a server has to rewrite \
                the headers of such a message, or refuse it with `-ERR [UTF8]`.\n\n\
                It belongs between `STLS` and the login: after `UTF8` you cannot start TLS, \
                after login it is too late, and you cannot switch back. Stalwart has this \
                backwards and accepts it only after login.\n\n\
                The capability `UTF8` announces it. `UTF8 USER` says more: names and \
                passwords may be in UTF-8, even without this command. If `USER` is missing \
                there, use only ASCII in both.\n\n\
                Most servers send message bodies with non-ASCII octets anyway; this command is \
                about headers.",
        example: include_str!("../../../transcripts/commands/UTF8.pop3"),
        ..SINGLE
    },
    Command {
        verb: "LANG",
        args: &[Arg::optional("tag", ArgumentKind::Language)],
        states: States::BOTH,
        bare: Shape::Multi,
        fields: &["tag"],
        data: DataKind::Listing,
        provenance: Provenance::Optional,
        source: "RFC 6856 §3",
        help: "list or choose the language of the reply texts",
        about: "Without an argument it lists the languages that the server supports, one per \
                line: the tag (`de`, `fr-CA`), a space, and perhaps the language's own name; \
                a line with a single dot ends the list. `LANG de` chooses one, `LANG *` \
                leaves the choice to the server, and both get a single line: `+OK`, the tag \
                that is now in effect, and a text already in that language.\n\n\
                It changes only the text after `+OK` and `-ERR`, which is then in UTF-8. \
                Status indicators, response codes such as `[IN-USE]`, listings and your mail \
                stay the same.\n\n\
                `-ERR` means that the server does not have this language or does not have `LANG` \
                (look for the capability `LANG`); the language does not change. Few servers have \
                it. Choose after `STLS`, not before: without TLS an attacker could set a language \
                in which you cannot read the errors.",
        example: include_str!("../../../transcripts/commands/LANG.pop3"),
        ..SINGLE
    },
];
