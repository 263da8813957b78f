//! What is sent for a recorded row: its octets, and for each hole its value in this session.

use zeroize::Zeroizing;

use super::{Replay, ReplayError};
use crate::base::lock::lock;
use crate::modes::login;
use crate::modes::plan;
use crate::net::engine::Risk;
use crate::pop3::command::{Command, Words};
use crate::pop3::sasl::{self, Credentials, Mechanism, SaslError, SaslExchange};
use crate::pop3::tracker::LineEnd;
use crate::transcript::{Hole, Piece};

impl Replay<'_> {
    /// The octets of a row, its holes filled.
    pub(super) fn fill(
        &mut self,
        row: usize,
        pieces: &[Piece],
        end: LineEnd,
        is_response: bool,
    ) -> Result<Zeroizing<Vec<u8>>, ReplayError> {
        if !is_response {
            self.learn(pieces);
        }
        let mut line = Zeroizing::new(Vec::new());
        for piece in pieces {
            match piece {
                Piece::Octets(octets) => line.extend_from_slice(octets),
                Piece::Hole(hole) if self.options.sends_names => {
                    line.extend_from_slice(format!("{{{{{}}}}}", hole.name()).as_bytes());
                }
                Piece::Hole(hole) => {
                    let octets = self.hole(row, hole, is_response)?;
                    if octets.iter().any(|octet| b"\r\n".contains(octet)) {
                        return Err(ReplayError::Lacks(
                            row,
                            "the value of the hole contains CR or LF, which would end the line",
                            "give a value without CR and LF",
                        ));
                    }
                    line.extend_from_slice(&octets);
                }
            }
        }
        line.extend_from_slice(end.octets());
        Ok(line)
    }

    /// Keeps who logs in, and how.
    fn learn(&mut self, pieces: &[Piece]) {
        let line = Piece::head(pieces);
        let Some(command) = Command::of_line(line) else {
            return;
        };
        let argument = Words::of(line).nth(1).map(String::from_utf8_lossy);
        match (command.verb, argument) {
            ("USER" | "APOP", Some(name)) => self.user = Some(name.into_owned()),
            ("AUTH", Some(name)) => {
                self.mechanism = Mechanism::named(&name);
                self.exchange = None;
            }
            _ => {}
        }
    }

    fn hole(
        &mut self,
        row: usize,
        hole: &Hole,
        is_response: bool,
    ) -> Result<Zeroizing<Vec<u8>>, ReplayError> {
        let Hole::Named(name) = hole else {
            return Err(ReplayError::Hole(row, hole.name().to_owned()));
        };
        if let Some(value) = self.options.values.get(name) {
            return Ok(Zeroizing::new(value.clone().into_bytes()));
        }
        let risk = self.connection.snapshot().risk();
        if let Some(risk @ Risk::NotPop3) = risk {
            return Err(ReplayError::Risk(row, risk));
        }
        match name.as_str() {
            "password" | "secret" => self.password(row),
            "digest" => {
                let secret = self.password(row)?;
                let stamp = lock(&self.answers).session.timestamp.clone();
                let stamp = stamp.ok_or(ReplayError::Lacks(
                    row,
                    "the server's greeting has no timestamp, so there is no APOP (RFC 1939 §7)",
                    "the recording needs a server with APOP",
                ))?;
                Ok(Zeroizing::new(
                    sasl::apop(&stamp, &secret).as_bytes().to_vec(),
                ))
            }
            "response" => self.response(row, is_response),
            other => Err(ReplayError::Hole(row, other.to_owned())),
        }
    }

    fn password(&self, row: usize) -> Result<Zeroizing<Vec<u8>>, ReplayError> {
        if let Some(password) = &self.options.password {
            return Ok(Zeroizing::new(password.clone().into_bytes()));
        }
        let user = self.user.as_deref().unwrap_or_default();
        plan::password(self.plan, &self.connection, user, None)
            .map_err(|error| ReplayError::Password(row, error))
    }

    /// A SASL response, computed for the challenge of this session.
    fn response(
        &mut self,
        row: usize,
        is_response: bool,
    ) -> Result<Zeroizing<Vec<u8>>, ReplayError> {
        let mechanism = self.mechanism.ok_or(ReplayError::Lacks(
            row,
            "poptalk can't compute the responses of this mechanism",
            "give each as --set response=BASE64",
        ))?;
        let broken = |error| ReplayError::Sasl(row, error);
        let mut turn = None;
        if self.exchange.is_none() {
            let user = self.user.clone();
            let user = user.ok_or(ReplayError::Lacks(
                row,
                "the recording does not say who logged in",
                "name the user with -u",
            ))?;
            let secret = match mechanism.wants_secret() {
                true => self.password(row)?,
                false => Zeroizing::default(),
            };
            let target = self.connection.target();
            let credentials = Credentials {
                user,
                secret,
                host: target.host.clone(),
                port: target.port,
                nonce: login::nonce().map_err(|_| broken(SaslError::Forbidden))?,
                binding: lock(&self.answers).binding.clone(),
                is_plus_missing: false,
            };
            let mut exchange = SaslExchange::new(mechanism, credentials);
            turn = exchange.initial().map_err(broken)?;
            self.exchange = Some(exchange);
        }
        let exchange = self.exchange.as_mut();
        let turn = match (turn, exchange) {
            (Some(turn), _) => turn,
            (None, Some(exchange)) => {
                let challenge = std::mem::take(&mut lock(&self.answers).session.challenge);
                exchange.answer(&challenge).map_err(broken)?
            }
            (None, None) => return Ok(Zeroizing::default()),
        };
        Ok(Zeroizing::new(turn.text(!is_response).as_bytes().to_vec()))
    }
}
