//! stub
#[derive(Debug, clap::Args)]
pub struct PracticeArgs {}
pub fn run(_: PracticeArgs) -> crate::exit::Exit {
    crate::exit::Exit::Well
}
