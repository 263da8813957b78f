//! Secrets on their way through the recorder, cut anywhere.
