//! The list of desks: what of the whole fleet a [`ListQuery`] shows, with counts for the filters.

use std::cmp::Ordering;

use askama::Template;
use carillon_schemas::Timestamp;

use super::clock::Clock;
use super::frame::Frame;
use super::list_query::{Column, Filter, ListQuery, PAGE_SIZE};
use super::row_view::{RowView, calls_of, is_behind, registered};
use super::state_mark::Standing;
use crate::service::DeskRow;

/// One page of the list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ListView {
    pub(super) query: ListQuery,
    pub(super) rows: Vec<RowView>,
    /// Desks that the search and the filter let through.
    pub(super) matching: usize,
    counts: [usize; Filter::ALL.len()],
    found: usize,
    fleet: usize,
}

/// A filter as offered.
pub(super) struct Chip {
    pub(super) word: &'static str,
    pub(super) count: usize,
    pub(super) href: String,
    pub(super) current: bool,
}

/// The head of a column.
pub(super) struct Head {
    pub(super) word: &'static str,
    pub(super) href: String,
    pub(super) order: Option<&'static str>,
}

impl ListView {
    /// What the query shows of the fleet at a time.
    pub(super) fn of(fleet: &[DeskRow], query: ListQuery, now: Timestamp) -> Self {
        let words: Vec<String> = query
            .search
            .to_lowercase()
            .split_whitespace()
            .map(str::to_owned)
            .collect();
        let mut counts = [0; Filter::ALL.len()];
        let mut found = 0;
        let mut shown: Vec<(Standing, &DeskRow)> = Vec::new();
        for desk in fleet.iter().filter(|desk| matches(desk, &words)) {
            found += 1;
            let standing = Standing::of(desk, now);
            for (count, filter) in counts.iter_mut().zip(Filter::ALL) {
                *count += usize::from(lets_through(filter, standing, desk));
            }
            if query
                .filter
                .is_none_or(|filter| lets_through(filter, standing, desk))
            {
                shown.push((standing, desk));
            }
        }
        shown.sort_by(|left, right| {
            let order = compare(query.column, left, right);
            let order = if query.descending {
                order.reverse()
            } else {
                order
            };
            order
                .then_with(|| by_name(left.1, right.1))
                .then_with(|| left.1.id.cmp(&right.1.id))
        });
        let matching = shown.len();
        let page = query.page.clamp(1, matching.div_ceil(PAGE_SIZE).max(1));
        let rows = shown
            .iter()
            .skip((page - 1) * PAGE_SIZE)
            .take(PAGE_SIZE)
            .map(|(_, desk)| RowView::of(desk, now))
            .collect();
        Self {
            query: query.on_page(page),
            rows,
            matching,
            counts,
            found,
            fleet: fleet.len(),
        }
    }

    /// Whether there is no desk at all yet.
    pub(super) fn fleet_is_empty(&self) -> bool {
        self.fleet == 0
    }

    /// The filters, with how many desks of the search each lets through.
    pub(super) fn chips(&self) -> Vec<Chip> {
        let all = Chip {
            word: "All",
            count: self.found,
            href: self.query.through(None).address("/desks"),
            current: self.query.filter.is_none(),
        };
        let filters = Filter::ALL.into_iter().zip(self.counts);
        // A revoked desk is rare: its filter is offered where there is one.
        let offered = filters.filter(|(filter, count)| *filter != Filter::Revoked || *count > 0);
        std::iter::once(all)
            .chain(offered.map(|(filter, count)| Chip {
                word: filter.word(),
                count,
                href: self.query.through(Some(filter)).address("/desks"),
                current: self.query.filter == Some(filter),
            }))
            .collect()
    }

    /// The heads of the columns; each orders by its column.
    pub(super) fn columns(&self) -> Vec<Head> {
        Column::ALL
            .into_iter()
            .map(|column| Head {
                word: column.word(),
                href: self.query.ordered_by(column).address("/desks"),
                order: (self.query.column == column).then_some(if self.query.descending {
                    "descending"
                } else {
                    "ascending"
                }),
            })
            .collect()
    }

    /// Where the stream of this view is.
    pub(super) fn events_address(&self) -> String {
        self.query.address("/portal/events")
    }

    /// The order for a screen reader.
    pub(super) fn order_in_words(&self) -> String {
        let way = if self.query.descending {
            "descending"
        } else {
            "ascending"
        };
        format!(
            "ordered by {}, {way}",
            self.query.column.word().to_lowercase()
        )
    }

    /// Why the list is empty though the fleet is not.
    pub(super) fn nothing_found(&self) -> String {
        match (self.query.search.as_str(), self.query.filter) {
            ("", Some(filter)) => format!("No desk is in the state “{}” now.", filter.word()),
            (search, Some(filter)) => {
                format!("No desk in the state “{}” has “{search}”.", filter.word())
            }
            (search, None) => format!(
                "No desk has “{search}” in its name, host, version or an account's address."
            ),
        }
    }

    pub(super) fn pages(&self) -> usize {
        self.matching.div_ceil(PAGE_SIZE).max(1)
    }

    pub(super) fn first_shown(&self) -> usize {
        (self.query.page - 1) * PAGE_SIZE + 1
    }

    pub(super) fn last_shown(&self) -> usize {
        (self.query.page - 1) * PAGE_SIZE + self.rows.len()
    }

    pub(super) fn previous_page(&self) -> Option<String> {
        (self.query.page > 1).then(|| self.query.on_page(self.query.page - 1).address("/desks"))
    }

    pub(super) fn next_page(&self) -> Option<String> {
        (self.query.page < self.pages())
            .then(|| self.query.on_page(self.query.page + 1).address("/desks"))
    }

    /// Whether another view has the same desks in the same order, so that single rows can be sent.
    pub(super) fn has_same_desks(&self, other: &Self) -> bool {
        let ids = |view: &Self| {
            view.rows
                .iter()
                .map(|row| row.id.clone())
                .collect::<Vec<_>>()
        };
        self.matching == other.matching && self.fleet == other.fleet && ids(self) == ids(other)
    }

    /// Whether another view has the same counts.
    pub(super) fn has_same_counts(&self, other: &Self) -> bool {
        (self.counts, self.found, self.fleet) == (other.counts, other.found, other.fleet)
    }
}

/// The page.
#[derive(Template)]
#[template(path = "desks/list.html")]
pub(super) struct ListPage<'a> {
    pub(super) frame: &'a Frame,
    pub(super) list: &'a ListView,
    pub(super) now: Clock,
}

/// The filters alone.
#[derive(Template)]
#[template(path = "desks/counts_partial.html")]
pub(super) struct CountsPartial<'a> {
    pub(super) list: &'a ListView,
}

/// The table alone.
#[derive(Template)]
#[template(path = "desks/list_partial.html")]
pub(super) struct ListPartial<'a> {
    pub(super) list: &'a ListView,
    pub(super) now: Clock,
}

/// Every word is somewhere on the desk.
fn matches(desk: &DeskRow, words: &[String]) -> bool {
    let has = |text: &str, word: &str| text.to_lowercase().contains(word);
    words.iter().all(|word| {
        has(&desk.name, word)
            || desk.accounts.iter().any(|account| {
                has(account.address.as_str(), word)
                    || account.label.as_ref().is_some_and(|label| has(label, word))
            })
            || [&desk.host, &desk.agent_version]
                .into_iter()
                .flatten()
                .any(|text| has(text, word))
            || desk.id.as_str() == word
    })
}

fn lets_through(filter: Filter, standing: Standing, desk: &DeskRow) -> bool {
    match filter {
        Filter::Well => standing == Standing::Well,
        Filter::Attention => standing == Standing::Attention,
        Filter::Offline => standing == Standing::Offline,
        Filter::Pending => standing == Standing::Pending,
        Filter::Revoked => standing == Standing::Revoked,
        Filter::InCall => calls_of(desk) > 0,
        Filter::Behind => is_behind(desk),
    }
}

fn compare(column: Column, left: &(Standing, &DeskRow), right: &(Standing, &DeskRow)) -> Ordering {
    let (left_standing, left) = left;
    let (right_standing, right) = right;
    match column {
        Column::Name => by_name(left, right),
        Column::State => left_standing.cmp(right_standing),
        Column::Accounts => {
            let key = |desk: &DeskRow| (registered(desk), desk.accounts.len());
            key(left).cmp(&key(right))
        }
        Column::Calls => calls_of(left).cmp(&calls_of(right)),
        Column::Generation => (left.wanted, left.applied).cmp(&(right.wanted, right.applied)),
        Column::Seen => left.last_seen.cmp(&right.last_seen),
        Column::Version => left.agent_version.cmp(&right.agent_version),
    }
}

/// As a person orders names: whatever the case, and "Room 2" before "Room 10".
fn by_name(left: &DeskRow, right: &DeskRow) -> Ordering {
    let (mut left, mut right) = (left.name.as_str(), right.name.as_str());
    loop {
        match (left.chars().next(), right.chars().next()) {
            (None, None) => return Ordering::Equal,
            (None, Some(_)) => return Ordering::Less,
            (Some(_), None) => return Ordering::Greater,
            (Some(a), Some(b)) if a.is_ascii_digit() && b.is_ascii_digit() => {
                let (number, rest) = leading_number(left);
                let (other, other_rest) = leading_number(right);
                match (number.len(), number).cmp(&(other.len(), other)) {
                    Ordering::Equal => (left, right) = (rest, other_rest),
                    order => return order,
                }
            }
            (Some(a), Some(b)) => {
                let order = a.to_lowercase().cmp(b.to_lowercase());
                if order != Ordering::Equal {
                    return order;
                }
                (left, right) = (&left[a.len_utf8()..], &right[b.len_utf8()..]);
            }
        }
    }
}

/// The digits a text begins with, without leading zeros, and what follows.
fn leading_number(text: &str) -> (&str, &str) {
    let end = text
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(text.len());
    (text[..end].trim_start_matches('0'), &text[end..])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fleet::DeskState;
    use crate::portal::frame::{Place, Visitor};
    use crate::portal::samples::{self, HOSTILE, NOW};

    fn view(fleet: &[DeskRow], query: &str) -> ListView {
        ListView::of(fleet, ListQuery::read(query), NOW)
    }

    fn names(view: &ListView) -> Vec<&str> {
        view.rows.iter().map(|row| row.name.as_str()).collect()
    }

    fn rendered(list: &ListView) -> String {
        let now = Clock::at(NOW);
        let visitor = Visitor {
            name: "admin".into(),
            csrf: "token".into(),
        };
        let frame = Frame::new(visitor, Place::Desks, now);
        ListPage {
            frame: &frame,
            list,
            now,
        }
        .render()
        .unwrap()
    }

    #[test]
    fn names_are_ordered_as_people_do() {
        let fleet: Vec<_> = ["Room 10", "room 2", "Zoë", "Atrium", "Room 02b"]
            .map(samples::row)
            .into();
        assert_eq!(
            names(&view(&fleet, "")),
            ["Atrium", "room 2", "Room 02b", "Room 10", "Zoë"]
        );
        assert_eq!(names(&view(&fleet, "sort=-name"))[0], "Zoë");
    }

    #[test]
    fn every_column_orders_both_ways() {
        let mut fleet: Vec<_> = ["A", "B", "C"].map(samples::row).into();
        fleet[1].calls.clear();
        fleet[1].wanted = carillon_schemas::Generation(1);
        fleet[1].last_seen = None;
        fleet[1].agent_version = None;
        fleet[1].accounts.clear();
        fleet[1].state = DeskState::Enrolled;
        fleet[1].connected = false;
        for column in ["accounts", "calls", "generation", "seen", "agent"] {
            assert_eq!(
                names(&view(&fleet, &format!("sort={column}")))[0],
                "B",
                "{column}"
            );
            assert_eq!(
                names(&view(&fleet, &format!("sort=-{column}")))[2],
                "B",
                "{column}"
            );
        }
    }

    #[test]
    fn search_needs_every_word_somewhere() {
        let fleet: Vec<_> = ["Reception", "Room 2"].map(samples::row).into();
        assert_eq!(names(&view(&fleet, "q=RECEP")), ["Reception"]);
        assert_eq!(names(&view(&fleet, "q=pbx.example+room")), ["Room 2"]);
        assert_eq!(view(&fleet, "q=nowhere").matching, 0);
    }

    #[test]
    fn filters_count_and_let_through() {
        let mut fleet: Vec<_> = ["well", "pending", "offline", "behind"]
            .map(samples::row)
            .into();
        fleet[1].state = DeskState::Pending;
        fleet[1].calls.clear();
        fleet[2].connected = false;
        fleet[2].last_seen = Some(Timestamp(NOW.0 - 3_600));
        fleet[2].enrolled = fleet[2].last_seen;
        fleet[2].calls.clear();
        fleet[3].applied = None;
        fleet[3].calls.clear();
        for (filter, wanted) in [
            ("ok", vec!["behind", "well"]),
            ("not-enrolled", vec!["pending"]),
            ("offline", vec!["offline"]),
            ("behind", vec!["behind"]),
            ("in-call", vec!["well"]),
            ("attention", vec![]),
        ] {
            let list = view(&fleet, &format!("state={filter}"));
            assert_eq!(names(&list), wanted, "{filter}");
            let chips = list.chips();
            let chip = chips.iter().find(|chip| chip.current).unwrap();
            assert_eq!(chip.count, wanted.len(), "{filter}");
        }
        let page = rendered(&view(&fleet, "state=offline"));
        assert!(page.contains("was registered"));
    }

    #[test]
    fn pages_are_bounded_and_a_page_too_far_is_the_last() {
        let fleet: Vec<_> = (0..120)
            .map(|n| samples::row(&format!("Desk {n}")))
            .collect();
        let last = view(&fleet, "page=999");
        assert_eq!(
            (
                last.query.page,
                last.rows.len(),
                last.first_shown(),
                last.last_shown()
            ),
            (3, 20, 101, 120)
        );
        assert!(last.next_page().is_none());
        assert_eq!(last.previous_page().unwrap(), "/desks?page=2");
        assert_eq!(view(&fleet, "").rows.len(), PAGE_SIZE);
    }

    #[test]
    fn nothing_a_desk_says_becomes_markup() {
        let page = rendered(&view(&[samples::hostile_page().row], ""));
        samples::assert_harmless(&page);
        assert!(page.contains("&#60;script"));
        let query = format!("q={}", super::super::list_query::percent(HOSTILE));
        samples::assert_harmless(&rendered(&view(&[samples::row("a")], &query)));
    }

    #[test]
    fn an_empty_fleet_and_an_empty_answer_offer_the_next_step() {
        assert!(rendered(&view(&[], "")).contains("href=\"/desks/new\">Add the first desk"));
        let none = rendered(&view(&[samples::row("a")], "q=nowhere"));
        assert!(none.contains("No desk matches") && none.contains("Show all desks"));
    }
}
