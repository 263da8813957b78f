//! Colours: when they are used, and for what.

use owo_colors::{OwoColorize, Stream};

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum ColorChoice {
    /// On a terminal with colours, unless NO_COLOR is set.
    #[default]
    Auto,
    Always,
    Never,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Paint {
    Plain,
    Positive,
    Negative,
    Challenge,
    Warning,
    Note,
    /// A word that differs in the other recording.
    Changed,
    Prompt,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Style {
    pub(crate) has_colour: bool,
}

impl Style {
    pub(crate) fn new(choice: ColorChoice, stream: Stream) -> Self {
        let shows_colours = shows_colours();
        let has_colour = match choice {
            ColorChoice::Always => true,
            ColorChoice::Never => false,
            // The crate looks at NO_COLOR, TERM and whether it is a terminal.
            ColorChoice::Auto => {
                let probe = "x".if_supports_color(stream, |text| text.red()).to_string();
                probe.len() > 1 && shows_colours
            }
        };
        Self { has_colour }
    }

    pub(crate) fn paint(self, paint: Paint, text: &str) -> String {
        if !self.has_colour || text.is_empty() {
            return text.to_owned();
        }
        match paint {
            Paint::Plain => text.to_owned(),
            Paint::Positive => text.green().to_string(),
            Paint::Negative => text.red().to_string(),
            Paint::Challenge => text.cyan().to_string(),
            Paint::Warning => text.yellow().to_string(),
            Paint::Note => text.dimmed().to_string(),
            // Visible on white, and without colours.
            Paint::Changed => text.yellow().underline().to_string(),
            Paint::Prompt => text.bold().to_string(),
        }
    }
}

/// Whether a terminal can show colours; a console of Windows is asked to.
fn shows_colours() -> bool {
    #[cfg(windows)]
    return crossterm::ansi_support::supports_ansi();
    #[cfg(not(windows))]
    true
}
