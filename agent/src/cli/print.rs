//! Output: tidy columns for people, one JSON value a line for programs.

use std::fmt::Display;
use std::io::Write as _;

use carillon_schemas::Timestamp;
use serde::Serialize;

/// Prints a value for programs.
pub(super) fn json(value: &impl Serialize) {
    // Views of plain values: they always serialise.
    line(&serde_json::to_string(value).unwrap_or_default());
}

/// Prints a line. A reader that has gone, as `head` does, is no error.
pub(super) fn line(text: &str) {
    let _ = writeln!(std::io::stdout().lock(), "{text}");
}

/// Rows in columns as wide as their widest cell.
pub(super) fn table(rows: &[Vec<String>]) {
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let width = |column: usize| {
        rows.iter()
            .filter_map(|row| row.get(column))
            .map(|cell| cell.chars().count())
            .max()
            .unwrap_or(0)
    };
    let widths: Vec<usize> = (0..columns).map(width).collect();
    for row in rows {
        let mut text = String::new();
        for (cell, width) in row.iter().zip(&widths) {
            text.push_str(&format!("{cell:width$}  "));
        }
        line(text.trim_end());
    }
}

/// A text from a stranger, without what would steer a terminal.
pub(super) fn plain(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).collect()
}

/// A value, or a dash.
pub(super) fn or_dash<T: Display>(value: Option<T>) -> String {
    value.map_or_else(|| "-".to_owned(), |value| value.to_string())
}

/// How long ago, roughly.
pub(super) fn ago(time: Timestamp) -> String {
    let seconds = Timestamp::of(std::time::SystemTime::now())
        .since(time)
        .as_secs();
    match seconds {
        0..=119 => format!("{seconds} s"),
        120..=7_199 => format!("{} min", seconds / 60),
        7_200..=172_799 => format!("{} h", seconds / 3_600),
        _ => format!("{} days", seconds / 86_400),
    }
}
