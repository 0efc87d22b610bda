//! What a list of desks shows, as it stands in the address: search, filter, order and page.
//!
//! Reads leniently (an unknown word means the default) and within bounds, so that an old bookmark still opens.

use actix_web::web;
use serde::Deserialize;

/// The most desks on one page.
pub(super) const PAGE_SIZE: usize = 50;
/// The longest search, in characters.
pub(super) const MAX_SEARCH: usize = 100;

/// A view of the list.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct ListQuery {
    pub(super) search: String,
    pub(super) filter: Option<Filter>,
    pub(super) column: Column,
    pub(super) descending: bool,
    /// From 1.
    pub(super) page: usize,
}

/// Which desks are shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Filter {
    Well,
    Attention,
    Offline,
    Pending,
    InCall,
    Behind,
    Revoked,
}

impl Filter {
    /// All, as offered.
    pub(super) const ALL: [Self; 7] = [
        Self::Well,
        Self::Attention,
        Self::Offline,
        Self::Pending,
        Self::InCall,
        Self::Behind,
        Self::Revoked,
    ];

    /// The word in the address.
    pub(super) fn key(self) -> &'static str {
        match self {
            Self::Well => "ok",
            Self::Attention => "attention",
            Self::Offline => "offline",
            Self::Pending => "not-enrolled",
            Self::InCall => "in-call",
            Self::Behind => "behind",
            Self::Revoked => "revoked",
        }
    }

    /// The word for a person.
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Well => "OK",
            Self::Attention => "Needs attention",
            Self::Offline => "Offline",
            Self::Pending => "Not enrolled",
            Self::InCall => "In a call",
            Self::Behind => "Behind",
            Self::Revoked => "Revoked",
        }
    }
}

/// By what the list is ordered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Column {
    #[default]
    Name,
    State,
    Accounts,
    Calls,
    Generation,
    Seen,
    Version,
}

impl Column {
    /// All, in the order of the table.
    pub(super) const ALL: [Self; 7] = [
        Self::Name,
        Self::State,
        Self::Accounts,
        Self::Calls,
        Self::Generation,
        Self::Seen,
        Self::Version,
    ];

    /// The word in the address.
    pub(super) fn key(self) -> &'static str {
        match self {
            Self::Name => "name",
            Self::State => "state",
            Self::Accounts => "accounts",
            Self::Calls => "calls",
            Self::Generation => "generation",
            Self::Seen => "seen",
            Self::Version => "agent",
        }
    }

    /// The column's head.
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Name => "Desk",
            Self::State => "State",
            Self::Accounts => "Accounts",
            Self::Calls => "Calls",
            Self::Generation => "Generation wanted / applied",
            Self::Seen => "Last seen",
            Self::Version => "Agent",
        }
    }
}

#[derive(Deserialize, Default)]
struct Raw {
    q: Option<String>,
    state: Option<String>,
    sort: Option<String>,
    page: Option<String>,
}

impl ListQuery {
    /// Reads the query of an address.
    pub(super) fn read(query: &str) -> Self {
        let raw = web::Query::<Raw>::from_query(query)
            .map(web::Query::into_inner)
            .unwrap_or_default();
        let sort = raw.sort.as_deref().unwrap_or("");
        let (descending, key) = sort
            .strip_prefix('-')
            .map_or((false, sort), |key| (true, key));
        let column = Column::ALL.into_iter().find(|column| column.key() == key);
        Self {
            search: raw
                .q
                .unwrap_or_default()
                .trim()
                .chars()
                .take(MAX_SEARCH)
                .collect(),
            filter: Filter::ALL
                .into_iter()
                .find(|filter| Some(filter.key()) == raw.state.as_deref()),
            column: column.unwrap_or_default(),
            descending: descending && column.is_some(),
            page: raw
                .page
                .and_then(|page| page.parse().ok())
                .unwrap_or(1)
                .clamp(1, usize::MAX / PAGE_SIZE),
        }
    }

    /// The address of this view below a path, with what differs from the default.
    pub(super) fn address(&self, path: &str) -> String {
        let mut parts = Vec::new();
        if !self.search.is_empty() {
            parts.push(format!("q={}", percent(&self.search)));
        }
        if let Some(filter) = self.filter {
            parts.push(format!("state={}", filter.key()));
        }
        if !self.is_default_order() {
            parts.push(format!("sort={}", self.sort_key()));
        }
        if self.page > 1 {
            parts.push(format!("page={}", self.page));
        }
        if parts.is_empty() {
            path.to_owned()
        } else {
            format!("{path}?{}", parts.join("&"))
        }
    }

    /// The order as it stands in the address.
    pub(super) fn sort_key(&self) -> String {
        format!(
            "{}{}",
            if self.descending { "-" } else { "" },
            self.column.key()
        )
    }

    /// By name, upwards.
    pub(super) fn is_default_order(&self) -> bool {
        self.column == Column::Name && !self.descending
    }

    /// The same view on another page.
    pub(super) fn on_page(&self, page: usize) -> Self {
        Self {
            page,
            ..self.clone()
        }
    }

    /// The first page of the same view through another filter.
    pub(super) fn through(&self, filter: Option<Filter>) -> Self {
        Self {
            filter,
            page: 1,
            ..self.clone()
        }
    }

    /// The first page ordered by a column; the other way round when it is that already.
    pub(super) fn ordered_by(&self, column: Column) -> Self {
        Self {
            column,
            descending: self.column == column && !self.descending,
            page: 1,
            ..self.clone()
        }
    }
}

/// Percent-encodes a text for a query (RFC 3986 §2.3: only the unreserved stay).
pub(super) fn percent(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_reads_as_it_was_written() {
        let query = ListQuery {
            search: "Empfang & \"Büro\" +1%".into(),
            filter: Some(Filter::Pending),
            column: Column::Seen,
            descending: true,
            page: 3,
        };
        let address = query.address("/desks");
        let (path, text) = address.split_once('?').unwrap();
        assert_eq!(path, "/desks");
        assert_eq!(ListQuery::read(text), query);
    }

    #[test]
    fn nonsense_reads_as_the_default() {
        for nonsense in [
            "",
            "state=x&sort=--&page=-1",
            "page=99999999999999999999",
            "%zz=%",
            "sort=-",
            "q=%20",
        ] {
            let query = ListQuery::read(nonsense);
            assert_eq!(query.address("/desks"), "/desks", "{nonsense}");
        }
    }

    #[test]
    fn a_search_is_cut_to_its_bound() {
        let long = format!(
            "q={}",
            "é".repeat(5_000)
                .bytes()
                .map(|b| format!("%{b:02X}"))
                .collect::<String>()
        );
        assert_eq!(ListQuery::read(&long).search.chars().count(), MAX_SEARCH);
    }

    #[test]
    fn a_column_turns_around_when_it_is_chosen_again() {
        let first = ListQuery::read("").ordered_by(Column::Calls);
        assert!(!first.descending);
        assert!(first.ordered_by(Column::Calls).descending);
        assert!(
            !first
                .ordered_by(Column::Calls)
                .ordered_by(Column::Name)
                .descending
        );
    }
}
