//! Mailboxes in a folder of the test's own.

use std::io::Write;
use std::path::PathBuf;

use super::crlf::tests::reference;
use super::*;

fn mailbox(path: &Path) -> Mailbox {
    Mailbox::open(path, true).unwrap()
}

/// Writes a file that is old: what changes it within the same tick of the clock is noticed all the
/// same.
fn write_old(path: &Path, octets: &[u8]) {
    fs::write(path, octets).unwrap();
    let file = File::options().write(true).open(path).unwrap();
    file.set_modified(std::time::SystemTime::UNIX_EPOCH)
        .unwrap();
}

/// An mbox file of these octets.
fn mbox_of(octets: &[u8]) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("mbox");
    write_old(&path, octets);
    (folder, path)
}

/// A Maildir of messages with these names, such as `cur/1:2,S`.
#[cfg(not(windows))]
fn maildir_of(files: &[(&str, &[u8])]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for name in maildir::FOLDERS {
        fs::create_dir(folder.path().join(name)).unwrap();
    }
    for (name, octets) in files {
        write_old(&folder.path().join(name), octets);
    }
    folder
}

/// The octets of a message; None where it can't be read to its end.
fn octets(message: &Message) -> Option<Vec<u8>> {
    let mut octets = Vec::new();
    let mut source = message.source().unwrap().open().ok()?;
    source.read_to_end(&mut octets).ok()?;
    assert_eq!(octets.len() as u64, message.size());
    Some(octets)
}

fn texts(messages: &[Message]) -> Vec<String> {
    let octets = messages.iter().map(|message| octets(message).unwrap());
    octets
        .map(|octets| String::from_utf8(octets).unwrap())
        .collect()
}

/// A message of a few blocks; `seed` makes it another one of the same size.
fn long(seed: u8) -> Vec<u8> {
    let lines = (0..9000_u32).map(|line| format!("{line} {}\n", char::from(b'a' + seed)));
    lines.collect::<String>().into_bytes()
}

#[test]
fn an_mbox_file_is_taken_apart_and_its_quotes_are_taken_away() {
    let (_folder, path) = mbox_of(
        b"From a Mon\nSubject: 1\n\n>From here\n>>From there\nFrom inside\n\nFrom b Tue\nSubject: 2\n\nend\n",
    );
    let messages = mailbox(&path).all().unwrap();
    assert_eq!(
        texts(&messages),
        [
            "Subject: 1\r\n\r\nFrom here\r\n>From there\r\nFrom inside\r\n",
            "Subject: 2\r\n\r\nend\r\n"
        ]
    );
    fs::write(&path, b"").unwrap();
    assert!(mailbox(&path).all().unwrap().is_empty());
    fs::write(&path, b"Subject: 1\n").unwrap();
    assert!(mailbox(&path).all().is_err());
}

#[cfg(not(windows))]
#[test]
fn a_unique_id_is_made_of_the_octets_on_the_wire_or_of_the_name() {
    let (_folder, path) = mbox_of(b"From a\nSubject: 1\n\n>From here\n\nFrom b\n\nFrom c\nno end");
    let messages = mailbox(&path).all().unwrap();
    let ids: Vec<_> = messages.iter().map(Message::unique_id).collect();
    assert_eq!(
        ids,
        [
            "590d479ba57693c015df8e896da4d54dbde2a440",
            "e3b0c44298fc1c149afbf4c8996fb92427ae41e4",
            // Without the line end that is not in the file.
            "c1d16127cad537c209c827bed8db2fd11ab51476"
        ]
    );
    let folder = maildir_of(&[("cur/1.host:2,S", b"x"), ("new/2 2", b"y")]);
    let messages = mailbox(folder.path()).all().unwrap();
    let ids: Vec<_> = messages.iter().map(Message::unique_id).collect();
    assert_eq!(ids, ["1.host", "04412575067f0bdb6722e31a7ee45744cc1ecf2d"]);
}

#[test]
fn messages_that_are_the_same_have_unique_ids_all_the_same() {
    let (_folder, path) = mbox_of(b"From a\nx\n\nFrom a\nx\n\nFrom a\nx\n");
    let messages = mailbox(&path).all().unwrap();
    let ids: HashSet<_> = messages.iter().map(Message::unique_id).collect();
    assert_eq!(ids.len(), 3);
    assert!(ids.iter().all(|id| id.len() <= ID_MAX));
}

#[cfg(not(windows))]
#[test]
fn messages_of_many_blocks_and_of_none_come_as_they_are() {
    let one_line = vec![b'x'; 3 * BLOCK];
    // The quote, the line end and the blank line stand on the borders of blocks.
    let borders = |shift: usize| {
        let first = vec![b'y'; BLOCK - 1 - shift];
        [&first[..], b"\r\n>From \n\r\n", &vec![b'z'; BLOCK - 3]].concat()
    };
    let long = long(0);
    let mut bodies = vec![&long[..], b"", b"\n", b"a\r", b"a\r\n\r\n", &one_line];
    let shifted: Vec<_> = (0..9).map(borders).collect();
    bodies.extend(shifted.iter().map(Vec::as_slice));
    let mut file = Vec::new();
    for body in &bodies {
        file.extend_from_slice(b"From a\n");
        file.extend_from_slice(body);
        file.extend_from_slice(b"\n\n");
    }
    let (_folder, path) = mbox_of(&file);
    let names: Vec<_> = (10..)
        .map(|name| format!("new/{name}"))
        .take(bodies.len())
        .collect();
    let files: Vec<_> = names
        .iter()
        .map(String::as_str)
        .zip(bodies.clone())
        .collect();
    let folder = maildir_of(&files);
    let in_mbox = mailbox(&path).all().unwrap();
    let in_maildir = mailbox(folder.path()).all().unwrap();
    assert_eq!(
        (in_mbox.len(), in_maildir.len()),
        (bodies.len(), bodies.len())
    );
    for ((body, in_mbox), in_maildir) in bodies.iter().zip(&in_mbox).zip(&in_maildir) {
        assert!(octets(in_maildir).unwrap() == reference(body, false));
        let body = [body, &b"\n"[..]].concat();
        assert!(octets(in_mbox).unwrap() == reference(&body, true));
    }
}

#[cfg(not(windows))]
#[test]
fn a_file_that_is_not_as_it_was_is_not_served() {
    let changes: [fn(&Path); 4] = [
        |path| fs::remove_file(path).unwrap(),
        |path| fs::write(path, "x\n").unwrap(),
        |path| fs::write(path, "one\ntwo\nthree\n").unwrap(),
        |path| fs::write(path, "two\none\n").unwrap(),
    ];
    for change in changes {
        let folder = maildir_of(&[("cur/1:2,", b"one\ntwo\n"), ("cur/2:2,", b"two\n")]);
        let messages = mailbox(folder.path()).all().unwrap();
        change(&folder.path().join("cur/1:2,"));
        assert_eq!(octets(&messages[0]), None);
        assert_eq!(octets(&messages[1]).unwrap(), b"two\r\n");
    }
}

#[cfg(not(windows))]
#[test]
fn a_file_that_gets_other_flags_is_found_again() {
    let folder = maildir_of(&[("new/1.host", b"one\n"), ("cur/2.host:2,", b"two\n")]);
    let messages = mailbox(folder.path()).all().unwrap();
    let moved = |from: &str, to: &str| {
        fs::rename(folder.path().join(from), folder.path().join(to)).unwrap();
    };
    moved("new/1.host", "cur/1.host:2,S");
    moved("cur/2.host:2,", "cur/2.host:2,RS");
    // Another one, whose name begins the same.
    fs::write(folder.path().join("cur/1.host1:2,"), b"ten\n").unwrap();
    assert_eq!(texts(&messages), ["one\r\n", "two\r\n"]);
    moved("cur/1.host:2,S", "new/1.host");
    assert_eq!(texts(&messages), ["one\r\n", "two\r\n"]);
}

#[test]
fn what_is_added_to_an_mbox_file_changes_no_message_before() {
    let (_folder, path) = mbox_of(b"From a\none\n\nFrom b\n>From two\n\n");
    let messages = mailbox(&path).all().unwrap();
    let mut file = File::options().append(true).open(&path).unwrap();
    file.write_all(b"From c\nthree\n\n").unwrap();
    assert_eq!(texts(&messages), ["one\r\n", "From two\r\n"]);
    // Somebody else removes the first one, and puts another in the place of the second one.
    fs::write(
        &path,
        b"From b\n>From two\n\nFrom c\nthree\n\nFrom d\nfour\n\n",
    )
    .unwrap();
    assert!(messages.iter().all(|message| octets(message).is_none()));
}

#[cfg(not(windows))]
#[test]
fn a_file_that_changes_while_it_is_read_breaks_off() {
    let changes: [fn(&Path); 4] = [
        |path| {
            File::options()
                .write(true)
                .open(path)
                .unwrap()
                .set_len(5000)
                .unwrap()
        },
        |path| fs::write(path, [b"From a\n", &long(1)[..], b"\n"].concat()).unwrap(),
        |path| fs::write(path, b"").unwrap(),
        // Who replaces it leaves the one that is open as it is.
        |path| fs::remove_file(path).unwrap(),
    ];
    for (at, change) in changes.iter().enumerate() {
        let (_folder, path) = mbox_of(&[b"From a\n", &long(0)[..], b"\n"].concat());
        let folder = maildir_of(&[("new/1", &long(0))]);
        for (root, path) in [
            (&path, &path),
            (&folder.path().to_owned(), &folder.path().join("new/1")),
        ] {
            let messages = mailbox(root).all().unwrap();
            let mut source = messages[0].source().unwrap().open().unwrap();
            let mut first = [0; 1000];
            source.read_exact(&mut first).unwrap();
            change(path);
            let mut rest = Vec::new();
            let result = source.read_to_end(&mut rest);
            assert_eq!(result.is_ok(), at == 3, "{at} {}", path.display());
            assert!(
                first.starts_with(b"0 a\r\n") && rest.len() as u64 <= messages[0].size() - 1000
            );
        }
    }
}

#[test]
fn what_is_added_while_a_message_is_read_does_not_break_it_off() {
    let (_folder, path) = mbox_of(&[b"From a\n", &long(0)[..], b"\n"].concat());
    let messages = mailbox(&path).all().unwrap();
    let mut source = messages[0].source().unwrap().open().unwrap();
    let mut read = vec![0; 1000];
    source.read_exact(&mut read).unwrap();
    let mut file = File::options().append(true).open(&path).unwrap();
    file.write_all(b"From c\nthree\n\n").unwrap();
    source.read_to_end(&mut read).unwrap();
    assert!(read == reference(&long(0), false));
}

#[test]
fn removing_keeps_each_other_message_octet_for_octet() {
    let places: [&[u8]; 4] = [
        b"From a\r\n\r\n>From x\r\n\r\n",
        b"From b\nx\n\n\n",
        &[b"From c\n", &long(0)[..], b"\n"].concat(),
        b"From d\nno end",
    ];
    for marks in 1..16_usize {
        let is_marked = |at: usize| marks & (1 << at) != 0;
        let (_folder, path) = mbox_of(&places.concat());
        let mailbox = mailbox(&path);
        let messages = mailbox.all().unwrap();
        let removed = messages.iter().enumerate().filter(|(at, _)| is_marked(*at));
        let removed: Vec<_> = removed.map(|(_, message)| message).collect();
        mailbox.remove(&removed).unwrap();
        let kept = places.iter().enumerate().filter(|(at, _)| !is_marked(*at));
        let kept: Vec<&[u8]> = kept.map(|(_, place)| *place).collect();
        assert!(fs::read(&path).unwrap() == kept.concat(), "{marks:b}");
    }
}

#[cfg(windows)]
#[test]
fn a_maildir_is_refused_where_its_names_are_not_possible() {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("cur")).unwrap();
    let error = Mailbox::open(folder.path(), false).unwrap_err();
    assert_eq!(error, NO_MAILDIR);
}

#[cfg(unix)]
#[test]
fn links_in_a_maildir_are_not_followed() {
    use std::os::unix::fs::symlink;
    let outside = tempfile::tempdir().unwrap();
    fs::write(outside.path().join("secret"), "not a mail\n").unwrap();
    let folder = maildir_of(&[("cur/1:2,S", b"Subject: 1\n")]);
    let inside = |name: &str| folder.path().join(name);
    symlink(outside.path().join("secret"), inside("new/2")).unwrap();
    let mailbox = mailbox(folder.path());
    assert_eq!(texts(&mailbox.all().unwrap()), ["Subject: 1\r\n"]);
    assert!(mailbox.are_links_told.load(Ordering::Relaxed));
    // A folder of it may be a link as well.
    fs::remove_dir_all(inside("new")).unwrap();
    symlink(outside.path(), inside("new")).unwrap();
    assert_eq!(texts(&mailbox.all().unwrap()), ["Subject: 1\r\n"]);
}

#[cfg(unix)]
#[test]
fn a_message_that_becomes_a_fifo_or_a_link_after_the_login_is_refused_at_once() {
    let folder = maildir_of(&[("cur/1:2,S", b"Subject: 1\n")]);
    let path = folder.path().join("cur/1:2,S");
    let messages = mailbox(folder.path()).all().unwrap();
    fs::remove_file(&path).unwrap();
    let made = std::process::Command::new("mkfifo").arg(&path).status();
    assert!(made.unwrap().success());
    assert_eq!(octets(&messages[0]), None);
    fs::remove_file(&path).unwrap();
    std::os::unix::fs::symlink("/etc/passwd", &path).unwrap();
    assert_eq!(octets(&messages[0]), None);
}

#[cfg(unix)]
#[test]
fn a_folder_that_becomes_a_link_after_the_login_is_not_followed() {
    let outside = maildir_of(&[("cur/1:2,S", b"not a mail\n")]);
    let folder = maildir_of(&[("cur/1:2,S", b"Subject: 1\n")]);
    let at = |name: &str| folder.path().join(name);
    let mailbox = mailbox(folder.path());
    let messages = mailbox.all().unwrap();
    fs::rename(at("cur"), at("old")).unwrap();
    std::os::unix::fs::symlink(outside.path().join("cur"), at("cur")).unwrap();
    let now = octets(&messages[0]);
    assert_eq!(now.as_deref(), Some(&b"Subject: 1\r\n"[..]));
    fs::remove_file(at("old/1:2,S")).unwrap();
    assert_eq!(octets(&messages[0]), None);
    assert!(mailbox.all().unwrap().is_empty());
}
