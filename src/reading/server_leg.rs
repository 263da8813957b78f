//! A transcript of `poptalk proxy` as the server saw it: what the proxy itself sent is left out,
//! and so is its client's TLS. Each item keeps its line of the file, or nearly so.

use std::collections::VecDeque;

use crate::pop3::tracker::{LineEnd, Side};
use crate::transcript::event::Event;
use crate::transcript::text::ParseError;
use crate::transcript::{Item, Piece, Row};

/// How many lines may come before the event that names the server.
const AHEAD_MAX: usize = 64;

/// The items of a transcript, as they would have been recorded on the connection to the server. Of
/// a transcript that no proxy made they are the items themselves.
pub(crate) struct ServerLeg<I> {
    items: I,
    phase: LegPhase,
    ready: VecDeque<Item>,
    /// What passed between proxy and server before the client was greeted; the greeting came before
    /// it.
    early: Vec<Item>,
    /// The row that follows is the proxy's own.
    is_own: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum LegPhase {
    Start,
    Plain,
    Proxied,
}

/// The server's address, where an event says that a proxy is connected to it.
fn upstream(event: &str) -> Option<String> {
    match Event::parse(event) {
        Event::ConnectedUpstream(address) => Some(address),
        _ => None,
    }
}

pub(crate) fn is_proxied(
    items: impl Iterator<Item = Result<Item, ParseError>>,
) -> Result<bool, ParseError> {
    for item in items.take(AHEAD_MAX) {
        match item? {
            Item::Event(event) if upstream(&event).is_some() => return Ok(true),
            Item::Row(_) => return Ok(false),
            _ => {}
        }
    }
    Ok(false)
}

impl<I: Iterator<Item = Result<Item, ParseError>>> ServerLeg<I> {
    pub(crate) fn new(items: I) -> Self {
        Self {
            items,
            phase: LegPhase::Start,
            ready: VecDeque::new(),
            early: Vec::new(),
            is_own: false,
        }
    }

    fn take(&mut self, item: Item) {
        match self.phase {
            LegPhase::Plain => self.ready.push_back(item),
            LegPhase::Proxied => self.proxied(item),
            LegPhase::Start => match item {
                Item::Event(event) if let Some(address) = upstream(&event) => {
                    self.phase = LegPhase::Proxied;
                    for item in &mut self.ready {
                        if matches!(item, Item::Event(_)) {
                            *item = Item::Blank;
                        }
                    }
                    let event = Event::connected(address);
                    self.ready.push_back(Item::Event(event.to_string()));
                }
                item => {
                    if matches!(item, Item::Row(_)) || self.ready.len() >= AHEAD_MAX {
                        self.phase = LegPhase::Plain;
                    }
                    self.ready.push_back(item);
                }
            },
        }
    }

    fn proxied(&mut self, item: Item) {
        match item {
            Item::Event(event) => self.event(event),
            Item::Row(row) if row.side == Side::Server && self.is_own => {
                self.is_own = row.end == LineEnd::None;
                self.ready.push_back(Item::Blank);
            }
            Item::Row(row) if row.side == Side::Server => {
                self.ready.push_back(Item::Row(row));
                self.ready.extend(self.early.drain(..));
            }
            item => self.ready.push_back(item),
        }
    }

    fn event(&mut self, text: String) {
        match Event::parse(&text) {
            Event::ProxyAnswersStls => {
                // The client's line comes before it, perhaps not alone.
                let asked = self.ready.iter_mut().rev();
                let mut asked =
                    asked.filter(|item| matches!(item, Item::Row(row) if row.side == Side::Client));
                if let Some(item) = asked.next() {
                    *item = Item::Blank;
                }
                self.is_own = true;
                self.ready.push_back(Item::Blank);
            }
            Event::ProxyAddsStls => {
                self.is_own = true;
                self.ready.push_back(Item::Blank);
            }
            Event::UpstreamLine { side, text } => {
                let pieces = [Piece::Octets(text.into_bytes())];
                let row = Row::new(side, 0, pieces, LineEnd::Crlf);
                self.early.push(Item::Row(row));
            }
            Event::Upstream(event) => {
                let event = Item::Event(event.to_string());
                if self.early.is_empty() {
                    self.ready.push_back(event);
                } else {
                    self.early.push(event);
                }
            }
            event if event.kind().is_timed() => self.ready.push_back(Item::Blank),
            _ => self.ready.push_back(Item::Event(text)),
        }
    }
}

impl<I: Iterator<Item = Result<Item, ParseError>>> Iterator for ServerLeg<I> {
    type Item = Result<Item, ParseError>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            // A client's row waits for the event after it: the proxy may be the one that answers.
            let is_open = match self.ready.front() {
                Some(Item::Row(row)) => row.side == Side::Client && self.ready.len() < 2,
                Some(_) => self.phase == LegPhase::Start,
                None => true,
            };
            if !is_open {
                return self.ready.pop_front().map(Ok);
            }
            match self.items.next() {
                Some(Ok(item)) => self.take(item),
                Some(Err(error)) => return Some(Err(error)),
                None => {
                    self.ready.extend(self.early.drain(..));
                    return self.ready.pop_front().map(Ok);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::transcript::text;

    fn leg(file: &str) -> String {
        let items = text::parse(file.as_bytes()).unwrap().items;
        let items = ServerLeg::new(items.into_iter().map(Ok)).map(Result::unwrap);
        let transcript = crate::transcript::Transcript {
            items: items.collect(),
        };
        text::print(&transcript)
    }

    #[test]
    fn what_no_proxy_made_stays_as_it_is() {
        let file = "#!pop3 1\nserver: a\n\n* connected 192.0.2.1:110\nS: +OK\nC: STLS\nS: +OK\n* tls x\nC: QUIT\nS: +OK\n";
        assert_eq!(leg(file), file);
        assert_eq!(leg("C: NOOP\nS: +OK\n"), "C: NOOP\nS: +OK\n");
    }

    #[test]
    fn the_client_s_tls_and_the_proxy_s_answers_are_left_out() {
        let file = "#!pop3 1\n\n* connected 192.0.2.9:1\n* connected upstream 192.0.2.1:995\n* upstream tls v1.3\nS: +OK\n\
                    C: CAPA\nS: +OK\nS: TOP\n* the proxy adds STLS to the capabilities\nS: STLS\nS: .\nC: STLS\n\
                    * the proxy answers STLS\nS: +OK\n* tls v1.3\nC: QUIT\nS: +OK\n* closed by server\n";
        let want = "#!pop3 1\n\n\n* connected 192.0.2.1:995\n* tls v1.3\nS: +OK\nC: CAPA\nS: +OK\nS: TOP\n\n\nS: .\n\n\n\n\nC: QUIT\n\
                    S: +OK\n* closed by server\n";
        assert_eq!(leg(file), want);
    }

    #[test]
    fn what_the_proxy_asked_before_the_greeting_stands_behind_it() {
        let file = "* connected 192.0.2.9:1\n* connected upstream 192.0.2.1:110\n* upstream C: STLS\n* upstream S: +OK begin\n\
                    * upstream tls v1.3\nS: +OK hello\nC: QUIT\nS: +OK\n";
        let want = "\n* connected 192.0.2.1:110\nS: +OK hello\nC: STLS\nS: +OK begin\n* tls v1.3\nC: QUIT\nS: +OK\n";
        assert_eq!(leg(file), want);
    }
}
