//! The rows of the command table.

use super::{Arg, Command, Effect, Kind, Shape, Standing, States};

const MSG: Arg = Arg {
    name: "msg",
    kind: Kind::Message,
    optional: false,
};

/// Every command that poptalk knows, in the order in which a learner meets them.
pub const COMMANDS: &[Command] = &[Command {
    verb: "RETR",
    args: &[MSG],
    states: States::TRANSACTION,
    bare: Shape::Multi,
    with_argument: Shape::Multi,
    effect: Effect::Nothing,
    pipelines: true,
    fields: &[],
    standing: Standing::Required,
    source: "RFC 1939 §5",
    help: "fetch a whole message",
    about: "The number after `+OK` is decoration; the line with one dot ends the message.",
    example: include_str!("../../transcripts/commands/RETR.pop3"),
}];
