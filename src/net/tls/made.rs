//! Makes TLS connectors once and reuses them. Reading the authorities of the system costs tens
//! of milliseconds, so a connector is made once in a process, if need be ahead of time.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::SystemTime;

use native_tls::TlsConnector;
#[cfg(not(any(windows, target_vendor = "apple")))]
use openssl::{
    error::ErrorStack,
    x509::X509,
    x509::store::{X509Store, X509StoreBuilder},
};

use super::{TlsError, TlsSettings, Version, read_ca, read_identity};
use crate::base::lock::lock;

static CONNECTORS: MadeOnce<Recipe, TlsConnector> = MadeOnce::new();

/// The connector for these settings: the one that was made before, or a new one.
pub(super) fn connector(settings: &TlsSettings) -> Result<TlsConnector, TlsError> {
    CONNECTORS.get(&Recipe::of(settings), || make(settings))
}

/// Begins to make what a connection with these settings needs. Errors are reported by the
/// connection that uses it.
pub(crate) fn prepare(settings: &TlsSettings) {
    let ahead = |make: fn(&TlsSettings)| {
        let settings = settings.clone();
        let thread = std::thread::Builder::new().name("authorities".to_owned());
        // Without a thread it is made when it is needed.
        let _ = thread.spawn(move || make(&settings));
    };
    ahead(|settings| _ = connector(settings));
    #[cfg(not(any(windows, target_vendor = "apple")))]
    if settings.is_insecure {
        ahead(|settings| _ = authorities(settings));
    }
}

#[cfg(not(any(windows, target_vendor = "apple")))]
static AUTHORITIES: MadeOnce<(Option<GivenFile>, bool), Arc<X509Store>> = MadeOnce::new();

/// The authorities that are trusted, to say what is wrong with a certificate that was
/// accepted anyway.
#[cfg(not(any(windows, target_vendor = "apple")))]
pub(super) fn authorities(settings: &TlsSettings) -> Result<Arc<X509Store>, ErrorStack> {
    let given = settings.ca.as_deref().map(GivenFile::at);
    AUTHORITIES.get(&(given, settings.is_ca_only), || {
        let mut store = X509StoreBuilder::new()?;
        if !settings.is_ca_only {
            store.set_default_paths()?;
        }
        let pem = settings
            .ca
            .as_ref()
            .and_then(|path| std::fs::read(path).ok());
        for authority in X509::stack_from_pem(&pem.unwrap_or_default())? {
            store.add_cert(authority)?;
        }
        Ok(Arc::new(store.build()))
    })
}

fn make(settings: &TlsSettings) -> Result<TlsConnector, TlsError> {
    let mut builder = TlsConnector::builder();
    builder
        .danger_accept_invalid_certs(settings.skips_verification())
        // Where there are names to choose from, the certificate is compared with them after the
        // handshake.
        .danger_accept_invalid_hostnames(
            settings.skips_verification() || !settings.choices().is_empty(),
        )
        .disable_built_in_roots(settings.is_ca_only)
        .request_alpns(&["pop3"])
        .max_protocol_version(settings.max.map(Into::into));
    if let Some(min) = settings.min {
        builder.min_protocol_version(Some(min.into()));
    }
    if let Some((certificate, key)) = &settings.own_certificate {
        builder.identity(read_identity(certificate, key)?);
    }
    let given = settings.ca.as_deref().map(read_ca).transpose()?;
    let own = native_tls::Certificate::stack_from_pem(&settings.own_pem).unwrap_or_default();
    for certificate in given.into_iter().flatten().chain(own) {
        builder.add_root_certificate(certificate);
    }
    builder
        .build()
        .map_err(|error| TlsError::new(error.to_string()))
}

/// What a connector is made of.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Recipe {
    skips_verification: bool,
    checks_host: bool,
    is_ca_only: bool,
    files: Vec<GivenFile>,
    own_pem: Vec<u8>,
    versions: (Option<Version>, Option<Version>),
}

impl Recipe {
    fn of(settings: &TlsSettings) -> Self {
        let own = settings.own_certificate.iter();
        let files = settings
            .ca
            .iter()
            .chain(own.flat_map(|(certificate, key)| [certificate, key]));
        Self {
            skips_verification: settings.skips_verification(),
            checks_host: settings.choices().is_empty(),
            is_ca_only: settings.is_ca_only,
            files: files.map(|path| GivenFile::at(path)).collect(),
            own_pem: settings.own_pem.clone(),
            versions: (settings.min, settings.max),
        }
    }
}

/// A file and when it was changed: if it has changed since it was read, it is read again.
#[derive(Debug, Clone, PartialEq, Eq)]
struct GivenFile {
    path: PathBuf,
    modified: Option<SystemTime>,
}

impl GivenFile {
    fn at(path: &Path) -> Self {
        let file = std::fs::metadata(path);
        Self {
            path: path.to_owned(),
            modified: file.and_then(|file| file.modified()).ok(),
        }
    }
}

/// Things that are made once, each with what it was made of.
struct MadeOnce<R, T>(Mutex<Vec<(R, MadeSlot<T>)>>);

/// Its lock is held while the thing is made.
type MadeSlot<T> = Arc<Mutex<Option<T>>>;

impl<R: Clone + PartialEq, T: Clone> MadeOnce<R, T> {
    const fn new() -> Self {
        Self(Mutex::new(Vec::new()))
    }

    /// The thing made of this. A second thread that needs it waits for the first one.
    fn get<E>(&self, recipe: &R, make: impl FnOnce() -> Result<T, E>) -> Result<T, E> {
        let slot = self.slot(recipe);
        let mut made = lock(&slot);
        if let Some(thing) = &*made {
            return Ok(thing.clone());
        }
        let thing = make()?;
        Ok(made.insert(thing).clone())
    }

    fn slot(&self, recipe: &R) -> MadeSlot<T> {
        let mut all = lock(&self.0);
        if let Some((_, slot)) = all.iter().find(|(known, _)| known == recipe) {
            return Arc::clone(slot);
        }
        if all.len() == MADE_MAX {
            all.remove(0);
        }
        let slot = MadeSlot::default();
        all.push((recipe.clone(), Arc::clone(&slot)));
        slot
    }
}

/// How many things of a kind are remembered: a person may try many options on one connection after
/// the other.
const MADE_MAX: usize = 8;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thing_is_made_once_and_a_failure_is_tried_again() {
        let made = MadeOnce::new();
        assert_eq!(made.get(&1, || Err("no")), Err("no"));
        assert_eq!(made.get(&1, || Ok::<_, &str>("one")), Ok("one"));
        assert_eq!(made.get(&1, || Err("made again")), Ok("one"));
        assert_eq!(made.get(&2, || Ok::<_, &str>("two")), Ok("two"));
        for number in 3..20 {
            made.get(&number, || Ok::<_, &str>("more")).unwrap();
        }
        assert_eq!(lock(&made.0).len(), MADE_MAX);
        assert_eq!(made.get(&1, || Err("forgotten")), Err("forgotten"));
    }

    #[test]
    fn a_second_thread_waits_for_what_the_first_one_makes() {
        let made = MadeOnce::new();
        let (sent, seen) = std::sync::mpsc::channel();
        std::thread::scope(|scope| {
            scope.spawn(|| {
                made.get(&(), || {
                    sent.send(()).unwrap();
                    Ok::<_, &str>("first")
                })
            });
            seen.recv().unwrap();
            assert_eq!(made.get(&(), || Ok::<_, &str>("second")), Ok("first"));
        });
    }

    #[test]
    fn a_file_that_has_changed_is_read_again() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let settings = TlsSettings {
            ca: Some(file.path().to_owned()),
            ..TlsSettings::default()
        };
        let before = Recipe::of(&settings);
        assert_eq!(before, Recipe::of(&settings));
        file.as_file().set_modified(SystemTime::UNIX_EPOCH).unwrap();
        assert!(before != Recipe::of(&settings));
    }
}
