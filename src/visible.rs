//! stub
pub fn escape(octets: &[u8], out: &mut String) {
    out.push_str(
        &String::from_utf8_lossy(octets).replace(|c: char| c.is_control() && c != '\t', "?"),
    );
}
