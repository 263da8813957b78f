//! Attacks stored in files, and what the judging commands print of them.
