//! The rows of the extensions in force: capabilities, TLS, SASL, UTF-8 and languages.

use super::{Arg, ArgumentKind, Command, DataKind, Effect, Provenance, Shape, States};

pub(super) const ROWS: &[Command] = &[
    Command {
        verb: "CAPA",
        args: &[],
        states: States::BOTH,
        bare: Shape::Multi,
        with_argument: Shape::Multi,
        effect: Effect::Nothing,
        pipelines: true,
        fields: &[],
        data: DataKind::Set,
        standing: Provenance::Optional,
        source: "RFC 2449 §5",
        help: "ask what the server can do",
        about: "The answer lists the capabilities, one a line (a tag, and behind it perhaps parameters), up \
                to a line with one dot. Tags may be in upper or lower case, and the order means nothing.\n\n\
                Worth knowing: `USER` (the plain login works), `SASL PLAIN SCRAM-SHA-256` (mechanisms for `AUTH`), \
                `STLS`, `TOP`, `UIDL`, `UTF8`, `LANG`, `PIPELINING` (you need not wait for each reply), `RESP-CODES` \
                (text such as `[IN-USE]` has a meaning), `EXPIRE` (days that mail is kept), `LOGIN-DELAY` (seconds \
                between two logins).\n\n\
                Send it once more inside TLS and once more when you are logged in, and compare: `STLS` has to vanish \
                inside TLS, and an answer from before TLS can have been changed on the way. Many servers drop `SASL` \
                and `USER` after the login, against the letter of the RFC.\n\n\
                `-ERR` means that the server has no such command, as popa3d. That is legal: go on without it and try \
                what you need. GNU pop3d refuses `CAPA` just between `USER` and `PASS`.\n\n\
                The list is a promise, not proof: tags are forgotten and misspelt (Twisted: `PIPELINE`).",
        example: include_str!("../../../transcripts/commands/CAPA.pop3"),
    },
    Command {
        verb: "STLS",
        args: &[],
        states: States::AUTHORIZATION,
        bare: Shape::Single,
        with_argument: Shape::Single,
        effect: Effect::Tls,
        pipelines: false,
        fields: &[],
        data: DataKind::Nothing,
        standing: Provenance::Optional,
        source: "RFC 2595 §4",
        help: "switch this connection to TLS",
        about: "It turns the open connection on port 110 into an encrypted one. Right behind the `+OK` line \
                comes the TLS handshake, which poptalk does for you, certificate check included. You are then still \
                before the login, and there is no second greeting: just type on.\n\n\
                All that you learnt before is void, since somebody on the way may have changed it: the capabilities, \
                the timestamp of the greeting, a `USER` already sent. Send `CAPA` again; `STLS` must be gone from \
                it.\n\n\
                Send it alone and wait. Octets that arrive behind the `+OK` and before the handshake are not from \
                the server you mean to trust: poptalk shows and records them, uses none, and closes.\n\n\
                `-ERR`: TLS is active already, you are logged in, `UTF8` came first, or TLS is not set up. If you \
                want TLS and do not get it, stop there. Whoever takes `STLS` out of the list, or answers `-ERR` for \
                the server, waits for you to send the password in the clear. Port 995 speaks TLS from the first \
                octet and leaves no such gap.\n\n\
                The word is `STLS`; `STARTTLS` belongs to IMAP and SMTP.",
        example: include_str!("../../../transcripts/commands/STLS.pop3"),
    },
    Command {
        verb: "AUTH",
        args: &[
            Arg::required("mechanism", ArgumentKind::Mechanism),
            Arg::optional("initial-response", ArgumentKind::Secret("response")),
        ],
        states: States::AUTHORIZATION,
        // Not in RFC 5034, but widely done: the mechanisms, one a line.
        bare: Shape::Multi,
        with_argument: Shape::Sasl,
        effect: Effect::Login,
        pipelines: false,
        fields: &[],
        data: DataKind::Set,
        standing: Provenance::Optional,
        source: "RFC 5034 §4",
        help: "log in by a SASL mechanism, such as PLAIN",
        about: "It logs you in by a mechanism of your choice; `SASL` in the answer to `CAPA` names those \
                that the server has. `PLAIN` sends name and password (inside TLS only, please), `SCRAM-SHA-256` \
                proves that you know the password without sending it, `XOAUTH2` and `OAUTHBEARER` carry a token.\n\n\
                Then the two sides take turns. The server sends a challenge: `+`, a space, base64; with nothing \
                behind the space it is empty. You answer with a line of base64, or `*` to give up. The end is a \
                status line: `+OK`, you are logged in, or `-ERR`, nothing has changed and you may try another \
                mechanism.\n\n\
                Where the client speaks first, its answer may already stand on the `AUTH` line, as initial response; \
                `=` there means an empty one. That line may have 255 octets with its CRLF. A longer token goes on a \
                line of its own, after the empty challenge; Office 365 insists on that for `XOAUTH2`.\n\n\
                `-ERR` can mean wrong credentials (`[AUTH]`), an unknown mechanism, broken base64, or a plain \
                password without TLS. A refused token first gets a challenge with the reason as JSON: answer \
                `XOAUTH2` with an empty line, `OAUTHBEARER` with `AQ==`, and the `-ERR` comes.\n\n\
                `AUTH` alone is in no RFC; Dovecot, Cyrus and WildDuck list their mechanisms, others say `-ERR`. \
                Your answers are secret: the transcript has `{{response}}`. `:auth PLAIN` makes the line and shows \
                how.",
        example: include_str!("../../../transcripts/commands/AUTH.pop3"),
    },
    Command {
        verb: "UTF8",
        args: &[],
        states: States::AUTHORIZATION,
        bare: Shape::Single,
        with_argument: Shape::Single,
        effect: Effect::Nothing,
        pipelines: true,
        fields: &[],
        data: DataKind::Nothing,
        standing: Provenance::Optional,
        source: "RFC 6856 §2.1",
        help: "switch the session to UTF-8 mode, before the login",
        about: "It tells the server that you understand UTF-8. From `+OK` on, headers of messages and the \
                text of replies may have characters beyond ASCII. Without it a server has to rewrite the headers of \
                such a message, or refuse it with `-ERR [UTF8]`.\n\n\
                It belongs between `STLS` and the login: after `UTF8` you may not start TLS any more, after the \
                login it comes too late, and there is no way back. Stalwart has it the wrong way round and takes it \
                only after the login.\n\n\
                The capability `UTF8` announces it. `UTF8 USER` says more: names and passwords may be in UTF-8, even \
                without this command. If `USER` is missing there, keep to ASCII in both.\n\n\
                Bodies with octets beyond ASCII are sent by most servers anyway; it is the headers that this is \
                about.",
        example: include_str!("../../../transcripts/commands/UTF8.pop3"),
    },
    Command {
        verb: "LANG",
        args: &[Arg::optional("tag", ArgumentKind::Language)],
        states: States::BOTH,
        bare: Shape::Multi,
        with_argument: Shape::Single,
        effect: Effect::Nothing,
        pipelines: true,
        fields: &["tag"],
        data: DataKind::Listing,
        standing: Provenance::Optional,
        source: "RFC 6856 §3",
        help: "list or choose the language of the reply texts",
        about: "Alone it lists the languages that the server speaks, one a line: the tag (`de`, `fr-CA`), a \
                space, and perhaps the language's own name; a line with one dot ends the list. `LANG de` chooses \
                one, `LANG *` leaves the choice to the server, and both get a single line: `+OK`, the tag that is \
                now in force, and a text already in that language.\n\n\
                It changes the text behind `+OK` and `-ERR`, which is then in UTF-8, and nothing else: the status \
                indicators, response codes such as `[IN-USE]`, the listings and your mail stay as they are.\n\n\
                `-ERR` means that the language is not there, or that the server has no `LANG` (look for the \
                capability `LANG`); the old language stays. Few servers have it. Choose after `STLS`, not before: in \
                the clear somebody could set a language in which you cannot read the errors.",
        example: include_str!("../../../transcripts/commands/LANG.pop3"),
    },
];
