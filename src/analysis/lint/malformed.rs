//! What is known of a secret that was hidden: the recorder judged its shape, and an event says what was wrong with it.

use super::{Context, Site};
use crate::reading::dialogue::EventAt;
use crate::transcript::event::{Flaw, Malformed, SecretKind};

impl Context {
    /// A spot at the client's last row, when `event` says that it held a secret with this flaw.
    pub(crate) fn malformed(
        &self,
        event: &EventAt,
        secret: SecretKind,
        flaw: Flaw,
        what: &str,
    ) -> Option<Site> {
        (event.malformed() == Some(Malformed { secret, flaw }))
            .then(|| Site::at(self.now.client_row, what))
    }

    pub(super) fn secret_was_malformed(&mut self, event: &EventAt) {
        let is_response = |malformed: &Malformed| {
            malformed.flaw == Flaw::NotBase64
                && matches!(
                    malformed.secret,
                    SecretKind::InitialResponse | SecretKind::Response
                )
        };
        if event.malformed().as_ref().is_some_and(is_response) {
            self.login.malformed_response = Some(self.now.client_row);
        }
    }
}
