//! stub
pub fn page(_: &str, _: &super::spool::Spool) -> std::io::Result<()> {
    Ok(())
}
