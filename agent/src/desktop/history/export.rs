//! The history as a file for other programs: JSON, or CSV that a spreadsheet can open without harm.

use super::entry::Entry;
use super::ledger::{Ledger, LedgerError, MAX_PAGE, Query};
use carillon_schemas::status::Direction;

/// The largest export, in bytes.
pub const MAX_EXPORT: usize = 32 << 20;

/// How an export is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// Comma-separated values (RFC 4180).
    Csv,
    /// A JSON list.
    Json,
}

/// Why there is no export.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    /// The history cannot be read.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// Too much for one answer.
    #[error(
        "the history has more than {MAX_EXPORT} bytes (narrow it down by 'search', 'kind' or 'before')"
    )]
    TooLarge,
    /// What cannot be written.
    #[error("an entry cannot be written: {0}")]
    Json(#[from] serde_json::Error),
}

impl Format {
    /// The format of that word.
    #[must_use]
    pub fn of(word: &str) -> Option<Self> {
        match word {
            "csv" => Some(Self::Csv),
            "json" => Some(Self::Json),
            _ => None,
        }
    }

    /// What an answer says of it.
    #[must_use]
    pub fn content_type(self) -> &'static str {
        match self {
            Self::Csv => "text/csv; charset=utf-8; header=present",
            Self::Json => "application/json",
        }
    }
}

/// Everything that a query finds, whatever its limit. Blocks.
///
/// # Errors
/// When the history cannot be read, or is larger than an export may be.
pub fn export(ledger: &Ledger, query: &Query, format: Format) -> Result<Vec<u8>, ExportError> {
    let mut query = query.clone();
    query.limit = MAX_PAGE;
    let mut out = match format {
        Format::Csv => b"time,kind,direction,account,peer,name,outcome,seconds,text\r\n".to_vec(),
        Format::Json => b"[".to_vec(),
    };
    let mut first = true;
    loop {
        let page = ledger.page(&query)?;
        let Some(last) = page.last() else { break };
        query.before = Some(last.id);
        for entry in &page {
            match format {
                Format::Csv => out.extend_from_slice(row(entry).as_bytes()),
                Format::Json => {
                    if !first {
                        out.extend_from_slice(b",\n");
                    }
                    serde_json::to_writer(&mut out, entry)?;
                }
            }
            first = false;
        }
        if out.len() > MAX_EXPORT {
            return Err(ExportError::TooLarge);
        }
    }
    if format == Format::Json {
        out.push(b']');
    }
    Ok(out)
}

fn row(entry: &Entry) -> String {
    let what = &entry.what;
    let direction = match what.direction {
        Direction::Incoming => "incoming",
        Direction::Outgoing => "outgoing",
    };
    let cells = [
        what.at.to_string(),
        what.kind.word().to_owned(),
        direction.to_owned(),
        cell(&what.account),
        cell(&what.peer),
        cell(what.name.as_deref().unwrap_or_default()),
        what.outcome.word().to_owned(),
        what.seconds.to_string(),
        cell(what.text.as_deref().unwrap_or_default()),
    ];
    format!("{}\r\n", cells.join(","))
}

/// A cell that no spreadsheet takes for a formula: one that begins like one gets an apostrophe before it.
fn cell(text: &str) -> String {
    let begins = text.trim_start_matches([' ', '\u{a0}', '\u{feff}']);
    let formula = begins.starts_with([
        '=', '+', '-', '@', '\t', '\r', '\n', '|', '%', '＝', '＋', '－', '＠',
    ]);
    // A NUL ends the text in some programs.
    let text = text.replace('\0', "\u{fffd}");
    let text = if formula { format!("'{text}") } else { text };
    format!("\"{}\"", text.replace('"', "\"\""))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn no_cell_begins_a_formula() {
        for (text, written) in [
            ("Reception", "\"Reception\""),
            (
                "=HYPERLINK(\"http://evil\")",
                "\"'=HYPERLINK(\"\"http://evil\"\")\"",
            ),
            ("+49 89", "\"'+49 89\""),
            (" @SUM(1)", "\"' @SUM(1)\""),
            ("\t=1", "\"'\t=1\""),
            ("a,b\r\nc", "\"a,b\r\nc\""),
            ("", "\"\""),
        ] {
            assert_eq!(cell(text), written);
        }
    }

    proptest! {
        #[test]
        fn a_cell_is_one_cell_whatever_is_in_it(text in ".{0,40}") {
            let cell = cell(&text);
            let inner = cell.strip_prefix('"').unwrap().strip_suffix('"').unwrap();
            prop_assert!(!inner.replace("\"\"", "").contains('"'), "{cell}");
            prop_assert!(!inner.starts_with(['=', '+', '-', '@', '\t', '\r']), "{cell}");
        }
    }
}
