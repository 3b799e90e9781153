//! What goes out: data to stdout or to a file, everything else to stderr.
//!
//! Lives here: writing, and why it failed. Does not: what is written, how a terminal shows it (see `terminal`).

mod stdout;
mod terminal;
#[cfg(test)]
mod tests;

use std::fs::{self, File, OpenOptions, Permissions};
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use ctrec_analyze::finding::Finding;
use ctrec_analyze::text::visible_lines;

pub(crate) use stdout::check as check_stdout;
pub(crate) use terminal::{colour, columns_of_stderr, heed_environment, look_of_stderr, look_of_stdout};

/// Data could not be written, to the last byte.
#[derive(Debug, thiserror::Error)]
#[error("cannot write {place}; {}", advice(source))]
pub(crate) struct OutputError {
    place: String,
    #[source]
    source: io::Error,
}

impl OutputError {
    /// What happened to a place.
    pub(crate) fn to(place: &Path, source: io::Error) -> Self {
        Self { place: format!("{place:?}"), source }
    }
}

fn advice(source: &io::Error) -> &'static str {
    match source.kind() {
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => "make room there, or write elsewhere",
        ErrorKind::NotFound => "make its folder first",
        ErrorKind::IsADirectory => "name a file in that folder",
        _ => "write to a place that you may write to",
    }
}

/// Data goes to stdout.
pub(crate) fn print(text: &str) -> Result<(), OutputError> {
    if !text.is_empty() {
        stdout::check().map_err(to_stdout)?;
    }
    let mut out = io::stdout().lock();
    out.write_all(text.as_bytes()).and_then(|()| out.flush()).map_err(to_stdout)
}

/// What happened to stdout.
pub(crate) fn to_stdout(source: io::Error) -> OutputError {
    OutputError { place: "to stdout".to_owned(), source }
}

/// Text for stderr that was laid out for it, colours and all: what others chose in it is harmless already.
pub(crate) fn show(text: &str) {
    // As in `tell`.
    let _shown = writeln!(io::stderr(), "{}", text.trim_end());
}

/// Everything but data goes to stderr, a line or several at a time, made harmless to look at.
pub(crate) fn tell(text: &str) {
    // There is nowhere left to tell that stderr takes nothing, and the exit code still says how it ended.
    let _told = writeln!(io::stderr(), "{}", visible_lines(text));
}

/// What a result lacks for what the recording misses, a line a finding. It is said even where little is to be said: a
/// profile is read by machines that refuse, or drop, what is not of its form, so it cannot say that itself.
pub(crate) fn warn<'a>(findings: impl IntoIterator<Item = &'a Finding>) {
    for warning in findings.into_iter().filter_map(Finding::warning) {
        tell(&format!("warning: {warning}"));
    }
}

/// Writes a file whole or not at all. A pipe or a device is written as it stands.
pub(crate) fn write(file: &Path, text: &str) -> Result<(), OutputError> {
    let written = match fs::metadata(file) {
        Ok(there) if there.is_file() => replace(file, text, Some(there.permissions())),
        Ok(_) => OpenOptions::new().write(true).open(file).and_then(|mut out| out.write_all(text.as_bytes())),
        Err(error) if error.kind() == ErrorKind::NotFound => replace(file, text, None),
        Err(error) => Err(error),
    };
    written.map_err(|source| OutputError::to(file, source))
}

/// Writes beside the file and renames: who looks meanwhile, or after a failure, finds the old one.
fn replace(file: &Path, text: &str, permissions: Option<Permissions>) -> io::Result<()> {
    let mut target = file.to_owned();
    if permissions.is_some() {
        // Where a link leads, so that it stays one; and only what may be written is replaced.
        target = fs::canonicalize(file)?;
        drop(OpenOptions::new().write(true).open(&target)?);
    }
    let folder = target.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut temporary = tempfile::Builder::new()
        .prefix(".ctrec-")
        .permissions(Permissions::from_mode(0o666)) // less the umask, as for any new file
        .tempfile_in(folder)?;
    temporary.write_all(text.as_bytes())?;
    let out: &File = temporary.as_file();
    if let Some(permissions) = permissions {
        out.set_permissions(permissions)?;
    }
    out.sync_all()?;
    temporary.persist(&target).map_err(|error| error.error)?;
    Ok(())
}
