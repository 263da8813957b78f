//! What is shown, of transcripts in memory.
