//! Secrets from every source, through every other part of the program.
