//! What is known of a secret that was hidden: the recorder judged its shape, and an event says what was wrong with it.

use super::{Known, Spot};
use crate::reading::dialogue::Event;
use crate::transcript::event::{Flaw, Malformed, Secret};

impl Known {
    /// A spot at the client's last row, when `event` says that it held a secret with this flaw.
    #[must_use]
    pub fn malformed(&self, event: &Event, secret: Secret, flaw: Flaw, what: &str) -> Option<Spot> {
        (event.malformed() == Some(Malformed { secret, flaw }))
            .then(|| Spot::at(self.client_row, what))
    }

    pub(super) fn secret_was_malformed(&mut self, event: &Event) {
        let is_response = |malformed: &Malformed| {
            malformed.flaw == Flaw::NotBase64
                && matches!(malformed.secret, Secret::InitialResponse | Secret::Response)
        };
        if event.malformed().as_ref().is_some_and(is_response) {
            self.malformed_response = Some(self.client_row);
        }
    }
}
