//! Reads `~/.netrc`: who logs in where, and with which password.

use zeroize::Zeroizing;

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {what}")]
pub(crate) struct NetrcError {
    /// The line, from 1.
    pub(crate) line: usize,
    pub(crate) what: &'static str,
}

/// The password of `user` on `host` in the text of a file; that of `default` when no machine fits.
///
/// An entry without `login` fits every user. Errors: a keyword without its value.
pub(crate) fn password(
    text: &str,
    host: &str,
    user: &str,
) -> Result<Option<Zeroizing<Vec<u8>>>, NetrcError> {
    let mut tokens = Tokens { text, line: 1 };
    let mut entry: Option<NetrcEntry> = None;
    while let Some(word) = tokens.next() {
        let line = tokens.line;
        let error = |what| NetrcError { line, what };
        let mut value = || {
            let value = tokens.next();
            value.ok_or(error("a keyword without its value"))
        };
        match word.as_str() {
            "machine" | "default" => {
                if let Some(found) = entry.take().and_then(|entry| entry.password_for(user)) {
                    return Ok(Some(found));
                }
                let is_here = word.as_str() == "default" || value()?.eq_ignore_ascii_case(host);
                entry = is_here.then(NetrcEntry::default);
            }
            "login" => {
                let login = value()?;
                if let Some(entry) = &mut entry {
                    entry.login = Some(login.to_string());
                }
            }
            "password" => {
                let password = value()?;
                if let Some(entry) = &mut entry {
                    entry.password = Some(password);
                }
            }
            "account" => drop(value()?),
            "macdef" => tokens.skip_macro(),
            _ => return Err(error("unknown keyword")),
        }
    }
    Ok(entry.and_then(|entry| entry.password_for(user)))
}

#[derive(Default)]
struct NetrcEntry {
    login: Option<String>,
    password: Option<Zeroizing<String>>,
}

impl NetrcEntry {
    fn password_for(self, user: &str) -> Option<Zeroizing<Vec<u8>>> {
        let is_meant = self.login.is_none_or(|login| login == user);
        self.password
            .filter(|_| is_meant)
            .map(|password| Zeroizing::new(password.as_bytes().to_vec()))
    }
}

/// The words of the file. A word in double quotes may hold blanks; a backslash takes the next
/// character as it is.
struct Tokens<'a> {
    text: &'a str,
    line: usize,
}

impl Tokens<'_> {
    fn next(&mut self) -> Option<Zeroizing<String>> {
        self.skip_blanks();
        let mut word = Zeroizing::new(String::new());
        let is_quoted = self.text.chars().next()? == '"';
        let mut chars = self.text.strip_prefix('"').unwrap_or(self.text).chars();
        while let Some(c) = chars.next() {
            match c {
                '\\' => word.extend(chars.next()),
                '"' if is_quoted => break,
                c if !is_quoted && c.is_whitespace() => {
                    self.line += usize::from(c == '\n');
                    break;
                }
                c => word.push(c),
            }
        }
        self.text = chars.as_str();
        Some(word)
    }

    /// Passes over blanks, and over comments where a word could begin.
    fn skip_blanks(&mut self) {
        loop {
            let rest = self.text.trim_start();
            let passed = self.text.len() - rest.len();
            self.line += self
                .text
                .get(..passed)
                .unwrap_or_default()
                .matches('\n')
                .count();
            self.text = rest;
            if !rest.starts_with('#') {
                return;
            }
            self.text = rest.split_once('\n').map_or("", |(_, after)| after);
            self.line += 1;
        }
    }

    /// A macro ends with an empty line.
    fn skip_macro(&mut self) {
        let end = self.text.find("\n\n").map_or(self.text.len(), |at| at + 2);
        let (passed, rest) = self.text.split_at(end);
        self.line += passed.matches('\n').count();
        self.text = rest;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = "# mine\nmachine pop.example.org login alice password geheim\n\
        machine pop.example.org\n  login bob\n  password \"two words\"\n\
        macdef init\ncd /x\nmachine nowhere\n\nmachine a.example password p\\\"q account x\n\
        default login anna password other\n";

    fn read(host: &str, user: &str) -> Option<String> {
        let found = password(FILE, host, user).unwrap();
        found.map(|secret| String::from_utf8_lossy(&secret).into_owned())
    }

    #[test]
    fn the_machine_and_the_login_must_fit() {
        assert_eq!(read("pop.example.org", "alice").as_deref(), Some("geheim"));
        assert_eq!(read("POP.example.org", "bob").as_deref(), Some("two words"));
        assert_eq!(read("a.example", "anybody").as_deref(), Some("p\"q"));
        assert_eq!(read("elsewhere.example", "anna").as_deref(), Some("other"));
        assert_eq!(read("elsewhere.example", "bob"), None);
    }

    #[test]
    fn a_mistake_is_told_with_its_line() {
        let error = |text: &str| password(text, "h", "u").unwrap_err().to_string();
        assert_eq!(
            error("machine h\nlogin"),
            "line 2: a keyword without its value"
        );
        assert_eq!(error("\nhello"), "line 2: unknown keyword");
    }
}
