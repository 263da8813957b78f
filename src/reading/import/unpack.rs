//! Files that were compressed after they were recorded. Those of gzip are read; of others the error
//! names the program.

use std::borrow::Cow;
use std::io::Read;

use flate2::read::MultiGzDecoder;

use super::{FILE_MAX, Problem, Source};

/// How a file begins (gzip: RFC 1952 §2.3.1), and the command that unpacks it.
const OTHERS: &[(&[u8], &str, &str)] = &[
    (
        &[0x28, 0xb5, 0x2f, 0xfd],
        "zstd",
        "unpack it first: zstd -d FILE",
    ),
    (
        &[0x04, 0x22, 0x4d, 0x18],
        "lz4",
        "unpack it first: lz4 -d FILE",
    ),
    (
        &[0xfd, b'7', b'z', b'X', b'Z', 0],
        "xz",
        "unpack it first: xz -d FILE",
    ),
    (b"BZh", "bzip2", "unpack it first: bzip2 -d FILE"),
    (&[0x1f, 0x9d], "compress", "unpack it first: gzip -d FILE"),
    (b"PK\x03\x04", "zip", "unpack it first: unzip FILE"),
    (
        &[b'7', b'z', 0xbc, 0xaf],
        "7z",
        "unpack it first: 7z x FILE",
    ),
];

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Unpacked<'a> {
    /// As they were before they were compressed.
    pub(crate) octets: Cow<'a, [u8]>,
    /// The compressed file ends too early or is damaged: these are the octets before that place.
    pub(crate) is_cut: bool,
}

/// Unpacks a file that was compressed by gzip. Any other comes back as it is.
///
/// Errors: another compression, more than [`FILE_MAX`] octets, nothing that can be unpacked.
pub(crate) fn unpack<'a>(source: &Source<'a>) -> Result<Unpacked<'a>, Problem> {
    if let Some((_, by, hint)) = OTHERS
        .iter()
        .find(|(magic, ..)| source.octets.starts_with(magic))
    {
        let what = format!("compressed by {by}, which poptalk can't read");
        return Err(Problem::new(source, None, &what, *hint));
    }
    if !source.octets.starts_with(&[0x1f, 0x8b]) {
        return Ok(Unpacked {
            octets: Cow::Borrowed(source.octets),
            is_cut: false,
        });
    }
    let mut octets = Vec::new();
    let read = MultiGzDecoder::new(source.octets)
        .take(FILE_MAX + 1)
        .read_to_end(&mut octets);
    if octets.len() as u64 > FILE_MAX {
        let what = format!("more than {} MiB when unpacked", FILE_MAX >> 20);
        let hint =
            "unpack it and shorten it, or filter a capture: tcpdump -r FILE -w LESS tcp port 110";
        return Err(Problem::new(source, None, &what, hint));
    }
    if read.is_err() && octets.is_empty() {
        let hint = "see what is wrong with it: gzip -t FILE";
        return Err(Problem::new(source, None, "gzip data is damaged", hint));
    }
    Ok(Unpacked {
        octets: Cow::Owned(octets),
        is_cut: read.is_err(),
    })
}

/// A file's name without the ending of gzip.
pub(crate) fn unpacked_name(name: &str) -> &str {
    [".gz", ".gzip", ".GZ"]
        .iter()
        .find_map(|end| name.strip_suffix(end))
        .unwrap_or(name)
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use flate2::Compression;
    use flate2::write::GzEncoder;

    use super::*;

    fn pack(octets: &[u8]) -> Vec<u8> {
        let mut packer = GzEncoder::new(Vec::new(), Compression::fast());
        packer.write_all(octets).unwrap();
        packer.finish().unwrap()
    }

    fn unpacked(octets: &[u8]) -> Result<Unpacked<'_>, Problem> {
        unpack(&Source { name: "x", octets })
    }

    #[test]
    fn gzip_is_read_also_in_parts_and_cut_short() {
        let two = [pack(b"abc"), pack(b"def")].concat();
        let whole = unpacked(&two).unwrap();
        assert_eq!((&*whole.octets, whole.is_cut), (&b"abcdef"[..], false));
        let text: Vec<u8> = (0..100_000_u32).flat_map(u32::to_le_bytes).collect();
        let packed = pack(&text);
        let cut = unpacked(&packed[..packed.len() / 2]).unwrap();
        assert!(cut.is_cut && text.starts_with(&cut.octets) && !cut.octets.is_empty());
        assert!(unpacked(&packed[..12]).is_err());
        assert_eq!(&*unpacked(b"+OK\r\n").unwrap().octets, b"+OK\r\n");
    }

    #[test]
    fn a_bomb_ends_at_the_bound() {
        let mebibyte = pack(&vec![0; 1 << 20]);
        let bomb = mebibyte.repeat(usize::try_from(FILE_MAX >> 20).unwrap() + 1);
        let problem = unpacked(&bomb).unwrap_err();
        assert_eq!(problem.to_string(), "x: more than 128 MiB when unpacked");
    }

    #[test]
    fn other_compressions_are_named() {
        let problem = unpacked(b"\x28\xb5\x2f\xfd....").unwrap_err();
        assert_eq!(
            problem.to_string(),
            "x: compressed by zstd, which poptalk can't read"
        );
        assert_eq!(problem.hint, "unpack it first: zstd -d FILE");
    }
}
