//! stub
#[derive(Debug)]
pub struct Spool;
impl Spool {
    pub fn new() -> std::io::Result<Self> {
        Ok(Self)
    }
    pub fn append(&self, _: &[u8]) {}
    pub fn finish(&self) {}
}
