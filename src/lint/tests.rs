use std::path::{Path, PathBuf};

use super::*;
use crate::text::parse;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("transcripts/lint")
}

fn judged(text: &[u8]) -> Vec<Finding> {
    judge(&mut Reader::new(text), Lint::new()).unwrap_or_else(|error| panic!("{error}"))
}

fn witness(rule: &Rule, kind: &str) -> Vec<Finding> {
    let path = folder().join(format!("{}.{kind}.pop3", rule.id));
    let text = std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    judged(&text)
}

#[test]
fn the_bad_witness_of_a_rule_has_exactly_this_finding() {
    let mut wrong = Vec::new();
    for rule in rules() {
        let mut want: Vec<&str> = std::iter::once(rule.id)
            .chain(rule.also.iter().copied())
            .collect();
        want.sort_unstable();
        let mut found: Vec<&str> = witness(rule, "bad").iter().map(|one| one.id).collect();
        found.sort_unstable();
        if found != want {
            wrong.push(format!("{}: {found:?}, not {want:?}", rule.id));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_good_witness_of_a_rule_has_no_finding_that_matters() {
    let mut wrong = Vec::new();
    for rule in rules() {
        for one in witness(rule, "good") {
            if one.id == rule.id || one.level > Level::Info {
                wrong.push(format!(
                    "{}: {} at row {:?}: {}",
                    rule.id, one.id, one.row, one.message
                ));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_witness_belongs_to_a_rule_and_is_printed_as_it_is() {
    for entry in std::fs::read_dir(folder()).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        let id = name.split('.').next().unwrap();
        assert!(rule(id).is_some(), "{name} has no rule");
        let text = std::fs::read(folder().join(&name)).unwrap();
        let transcript = parse(&text).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(
            crate::text::print(&transcript),
            String::from_utf8(text).unwrap(),
            "{name}"
        );
    }
}

#[test]
fn rows_are_complete() {
    let mut ids = std::collections::BTreeSet::new();
    for rule in rules() {
        assert!(ids.insert(rule.id), "{} stands twice", rule.id);
        let is_kebab = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        assert!(rule.id.chars().all(is_kebab), "{}", rule.id);
        assert!(
            !rule.check.is_empty() && rule.level != Level::Difference,
            "{}",
            rule.id
        );
        for text in [rule.source, rule.says, rule.hint] {
            assert!(
                !text.is_empty() && !text.ends_with('.') && !text.contains('\n'),
                "{}",
                rule.id
            );
        }
        for also in rule.also {
            assert!(super::rule(also).is_some(), "{}: {also}", rule.id);
        }
    }
    assert!(ids.len() >= 200);
}
