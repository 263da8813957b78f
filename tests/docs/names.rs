//! A type name occurs once in the crate, or its module makes it plain.

use std::collections::BTreeMap;

use regex::Regex;

use super::layers::folder;

/// The names that several types have, each with the reason.
const SHARED: &[(&str, &str)] = &[
    ("Level", "of a comparison, and of a finding"),
    ("Options", "what a function of the module is asked to do"),
];

#[test]
fn a_type_name_occurs_once() {
    let declaration =
        Regex::new(r"(?m)^(?:pub(?:\([^)]*\))? )?(?:struct|enum|trait|union|type) (\w+)").unwrap();
    let mut places: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (path, text) in folder("src") {
        if path.contains("/tests") {
            continue;
        }
        let code = text.split("#[cfg(test)]\nmod").next().unwrap();
        for found in declaration.captures_iter(code) {
            places
                .entry(found[1].to_owned())
                .or_default()
                .push(path.clone());
        }
    }
    let all: usize = places.values().map(Vec::len).sum();
    places.retain(|_, places| places.len() > 1);
    let sharing: usize = places.values().map(Vec::len).sum();
    assert!(
        sharing * 10 < all,
        "{sharing} of {all} types share {} names: {places:#?}",
        places.len()
    );
    for (name, places) in &places {
        assert!(
            SHARED.iter().any(|(shared, _)| shared == name),
            "`{name}` is declared in {}: give the new one a name of its own",
            places.join(" and ")
        );
    }
    for (name, _) in SHARED {
        assert!(
            places.contains_key(*name),
            "`{name}` occurs once now: take it from the list"
        );
    }
}
