//! Which file of a crate uses which, read from the text of the sources.

use std::collections::{BTreeMap, BTreeSet};

use regex::Regex;

/// One module uses another.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Edge {
    /// The module that imports, as `net::dial`.
    pub(super) from: String,
    /// The module that is used.
    pub(super) to: String,
    /// Only the tests of the module import it.
    is_test: bool,
}

/// The modules of a crate and their imports.
#[derive(Debug)]
pub(super) struct Graph {
    /// Each pair of modules once, without what a module uses of itself.
    pub(super) edges: BTreeSet<Edge>,
}

/// A source without comments and texts.
struct Source {
    code: String,
    /// Where its tests begin.
    tests: usize,
}

type Path = Vec<String>;

impl Graph {
    /// Reads the files of `src`, by their paths from there.
    pub(super) fn of(files: &BTreeMap<String, String>) -> Self {
        let sources: BTreeMap<Path, Source> = files
            .iter()
            .filter(|(path, _)| path.contains('/'))
            .map(|(path, text)| (module(path), Source::of(text)))
            .collect();
        let exports: BTreeMap<&Path, Vec<Path>> = sources
            .iter()
            .map(|(module, source)| (module, source.exports(module)))
            .collect();
        let mut edges = BTreeSet::new();
        for (module, source) in &sources {
            for (at, path) in source.paths(module) {
                let target = resolve(&path, &sources, &exports, 0);
                if let Some(target) = target.filter(|target| target != module) {
                    edges.insert(Edge {
                        from: module.join("::"),
                        to: target.join("::"),
                        is_test: at >= source.tests || module.iter().any(|name| name == "tests"),
                    });
                }
            }
        }
        Self { edges }
    }

    /// Files of one room that import each other, directly or through others. A module and its own
    /// parts are one thing.
    pub(super) fn circles(&self) -> Vec<Vec<String>> {
        let mut next: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
        let is_part = |one: &str, other: &str| {
            one.strip_prefix(other)
                .is_some_and(|rest| rest.starts_with("::"))
        };
        for edge in self.edges.iter().filter(|edge| !edge.is_test) {
            if !is_part(&edge.from, &edge.to) && !is_part(&edge.to, &edge.from) {
                next.entry(&edge.from).or_default().insert(&edge.to);
            }
        }
        let reachable = |start: &str| {
            let mut seen = BTreeSet::new();
            let mut open = vec![start];
            while let Some(at) = open.pop() {
                for to in next.get(at).into_iter().flatten() {
                    if seen.insert(*to) {
                        open.push(to);
                    }
                }
            }
            seen
        };
        let reach: BTreeMap<&str, BTreeSet<&str>> = next
            .keys()
            .map(|module| (*module, reachable(module)))
            .collect();
        let mut circles = BTreeSet::new();
        for (module, found) in reach
            .iter()
            .filter(|(module, found)| found.contains(*module))
        {
            let circle: Vec<String> = found
                .iter()
                .filter(|other| reach.get(*other).is_some_and(|back| back.contains(module)))
                .map(|other| (*other).to_owned())
                .collect();
            circles.insert(circle);
        }
        circles.into_iter().collect()
    }
}

/// The module of a file: `net/mod.rs` and `net.rs` are `net`.
fn module(path: &str) -> Path {
    let path = path.trim_end_matches(".rs").trim_end_matches("/mod");
    path.split('/').map(str::to_owned).collect()
}

/// Returns the module that a path leads to, through what others export again.
fn resolve(
    path: &Path,
    sources: &BTreeMap<Path, Source>,
    exports: &BTreeMap<&Path, Vec<Path>>,
    depth: usize,
) -> Option<Path> {
    let length = (1..=path.len())
        .rev()
        .find(|length| sources.contains_key(&path[..*length]))?;
    let found = path[..length].to_vec();
    let Some(name) = path.get(length).filter(|_| depth < 8) else {
        return Some(found);
    };
    for export in exports.get(&found).into_iter().flatten() {
        let last = export.last()?;
        if last == name {
            return resolve(export, sources, exports, depth + 1);
        }
        let inner = export[..export.len() - 1].to_vec();
        let declares = |source: &Source| {
            let words = format!(r"\b(struct|enum|trait|fn|const|static|type) {name}\b");
            Regex::new(&words).unwrap().is_match(&source.code)
        };
        if last == "*" && sources.get(&inner).is_some_and(declares) {
            return Some(inner);
        }
    }
    Some(found)
}

impl Source {
    fn of(text: &str) -> Self {
        let noise = r##"(?s)//[^\n]*|/\*.*?\*/|b?r#".*?"#|b?"(?:\\.|[^"\\])*"|b?'(?:\\[^\n]{1,8}?|[^\\'\n])'"##;
        let code = Regex::new(noise)
            .unwrap()
            .replace_all(text, " ")
            .into_owned();
        let tests = code.find("#[cfg(test)]").unwrap_or(code.len());
        Self { code, tests }
    }

    /// The absolute paths that the module exports again; `*` ends one of all names.
    fn exports(&self, module: &Path) -> Vec<Path> {
        let uses = Regex::new(r"(?s)\bpub(?:\([^)]*\))?\s+use\s+([^;]*);").unwrap();
        let found = uses.captures_iter(&self.code);
        found.flat_map(|found| expand(&found[1], module)).collect()
    }

    /// The absolute paths that the module names, and where.
    fn paths(&self, module: &Path) -> Vec<(usize, Path)> {
        let inner = [module.as_slice(), &["tests".to_owned()]].concat();
        let mut found = Vec::new();
        let paths = Regex::new(r"(?s)\buse\s+([^;]*);|\b((?:crate|super)(?:::\w+)+)").unwrap();
        for one in paths.captures_iter(&self.code) {
            let at = one.get(0).unwrap().start();
            let module = if at >= self.tests { &inner } else { module };
            let tree = one.get(1).or(one.get(2)).unwrap().as_str();
            found.extend(expand(tree, module).into_iter().map(|path| (at, path)));
        }
        found
    }
}

/// Expands a tree of `use`: `crate::{a, b::{self, c}}`. Paths of other crates are left out.
fn expand(tree: &str, module: &Path) -> Vec<Path> {
    let mut flat = Vec::new();
    flatten("", tree, &mut flat);
    flat.iter()
        .filter_map(|path| absolute(path, module))
        .collect()
}

fn flatten(before: &str, tree: &str, flat: &mut Vec<String>) {
    let tree = tree.trim();
    let Some(open) = tree.find('{') else {
        let name = tree.split(" as ").next().unwrap_or(tree);
        if !name.is_empty() {
            flat.push(format!("{before}{}", name.trim()));
        }
        return;
    };
    let before = format!("{before}{}", &tree[..open]);
    let inner = &tree[open + 1..];
    let inner = &inner[..matching(inner).unwrap_or(inner.len())];
    let (mut depth, mut start) = (0_usize, 0);
    for (at, c) in inner.char_indices().chain([(inner.len(), ',')]) {
        match c {
            '{' => depth += 1,
            '}' => depth = depth.saturating_sub(1),
            ',' if depth == 0 => {
                flatten(&before, &inner[start..at], flat);
                start = at + 1;
            }
            _ => {}
        }
    }
}

/// Where the brace closes that was opened before this text.
fn matching(text: &str) -> Option<usize> {
    let mut depth = 0_usize;
    text.char_indices().find_map(|(at, c)| {
        match c {
            '{' => depth += 1,
            '}' if depth == 0 => return Some(at),
            '}' => depth -= 1,
            _ => {}
        }
        None
    })
}

fn absolute(path: &str, module: &Path) -> Option<Path> {
    let mut words: Vec<&str> = path.split("::").map(str::trim).collect();
    if words.last() == Some(&"self") {
        words.pop();
    }
    let mut words = words.into_iter().peekable();
    let mut base = match words.peek().copied()? {
        "crate" => {
            words.next();
            Vec::new()
        }
        "self" => {
            words.next();
            module.clone()
        }
        "super" => {
            let mut base = module.clone();
            while words.next_if_eq(&"super").is_some() {
                base.pop();
            }
            base
        }
        // `pub use model::*` in the parent of `model`, or another crate.
        _ => module.clone(),
    };
    base.extend(words.map(str::to_owned));
    Some(base)
}
