//! stub
#[derive(Debug, clap::Args)]
pub struct ServeArgs {}
pub fn run(_: ServeArgs) -> crate::exit::Exit {
    crate::exit::Exit::Well
}
