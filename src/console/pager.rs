//! stub
pub fn page(_: &super::spool::Spool, _: &str, _: bool) -> std::io::Result<()> {
    Ok(())
}
