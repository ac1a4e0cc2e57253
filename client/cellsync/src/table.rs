//! Files for spreadsheets and other programs. They hold personal data.

use std::borrow::Cow;
use std::fs::{File, OpenOptions};
use std::path::Path;

/// The file to write: a new one is for its owner only.
pub fn private(file: &Path) -> std::io::Result<File> {
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(file)
}

/// A text as a cell. A spreadsheet would compute a text that begins like a formula, so such a text gets an apostrophe before
/// it, which a spreadsheet does not show.
pub fn plain(text: &str) -> Cow<'_, str> {
    if text.starts_with(['=', '+', '-', '@', '\t', '\r']) { format!("'{text}").into() } else { text.into() }
}
