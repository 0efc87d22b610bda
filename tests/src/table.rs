//! The benchmark's table: ours and a peer's figure side by side, with the goal.

use serde::Serialize;

/// What a figure must be.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Goal {
    /// Below a fixed value.
    Below(f64),
    /// At most a fixed value.
    AtMost(f64),
    /// At least a fixed value.
    AtLeast(f64),
    /// At most the peer's figure.
    NoMoreThanPeer,
    /// Written down only.
    None,
}

/// One row. A figure that could not be had is `None`, and its goal not met.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Row {
    /// What was measured.
    pub name: String,
    /// Our figure.
    pub ours: Option<f64>,
    /// The peer's figure.
    pub peer: Option<f64>,
    /// Ours by the peer's.
    pub ratio: Option<f64>,
    /// The unit of both.
    pub unit: String,
    /// The goal, for a reader.
    pub goal: Option<String>,
    /// Whether ours meets it.
    pub met: Option<bool>,
}

impl Row {
    /// Judges a pair of figures, rounded to two digits behind the point.
    pub fn new(name: &str, unit: &str, ours: Option<f64>, peer: Option<f64>, goal: Goal) -> Self {
        let round = |figure: f64| (figure * 100.0).round() / 100.0;
        let ratio = ours
            .zip(peer)
            .filter(|(_, peer)| *peer > 0.0)
            .map(|(ours, peer)| round(ours / peer));
        let (text, met) = match goal {
            Goal::Below(limit) => (
                Some(format!("< {limit}")),
                Some(ours.is_some_and(|o| o < limit)),
            ),
            Goal::AtMost(limit) => (
                Some(format!("<= {limit}")),
                Some(ours.is_some_and(|o| o <= limit)),
            ),
            Goal::AtLeast(limit) => (
                Some(format!(">= {limit}")),
                Some(ours.is_some_and(|o| o >= limit)),
            ),
            Goal::NoMoreThanPeer => (
                Some("<= peer".to_owned()),
                Some(ours.zip(peer).is_some_and(|(ours, peer)| ours <= peer)),
            ),
            Goal::None => (None, None),
        };
        Self {
            name: name.to_owned(),
            ours: ours.map(round),
            peer: peer.map(round),
            ratio,
            unit: unit.to_owned(),
            goal: text,
            met,
        }
    }
}

/// The table as text, for a terminal and for the README.
pub fn render(rows: &[Row], peer: &str) -> String {
    let figure = |value: Option<f64>| value.map_or_else(|| "-".to_owned(), |v| format!("{v:.2}"));
    let mut lines = vec![
        format!("| figure | unit | carillon | {peer} | ratio | goal | met |"),
        "|---|---|---:|---:|---:|---|---|".to_owned(),
    ];
    for row in rows {
        let met = match row.met {
            Some(true) => "yes",
            Some(false) => "NO",
            None => "-",
        };
        lines.push(format!(
            "| {} | {} | {} | {} | {} | {} | {met} |",
            row.name,
            row.unit,
            figure(row.ours),
            figure(row.peer),
            figure(row.ratio),
            row.goal.as_deref().unwrap_or("-"),
        ));
    }
    lines.join("\n")
}

/// The middle figure; `None` of none.
pub fn median(figures: &[f64]) -> Option<f64> {
    let mut sorted = figures.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted.get(sorted.len() / 2).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_goal_is_met_by_a_figure_alone() {
        assert_eq!(
            Row::new("x", "ms", Some(4.0), Some(8.0), Goal::Below(5.0)).met,
            Some(true)
        );
        assert_eq!(
            Row::new("x", "ms", Some(5.0), None, Goal::Below(5.0)).met,
            Some(false)
        );
        assert_eq!(
            Row::new("x", "ms", None, Some(1.0), Goal::Below(5.0)).met,
            Some(false)
        );
        assert_eq!(
            Row::new("x", "ms", Some(9.0), Some(8.0), Goal::NoMoreThanPeer).met,
            Some(false)
        );
        assert_eq!(
            Row::new("x", "ms", Some(8.0), Some(8.0), Goal::NoMoreThanPeer).met,
            Some(true)
        );
        assert_eq!(Row::new("x", "ms", Some(8.0), None, Goal::None).met, None);
    }

    #[test]
    fn the_ratio_is_ours_by_theirs() {
        let row = Row::new("x", "MiB", Some(4.5), Some(9.0), Goal::None);
        assert_eq!(row.ratio, Some(0.5));
        assert_eq!(
            Row::new("x", "1/s", Some(0.0), Some(0.0), Goal::None).ratio,
            None
        );
        assert!(render(&[row], "baresip").contains("| x | MiB | 4.50 | 9.00 | 0.50 | - | - |"));
    }

    #[test]
    fn the_median_is_the_middle() {
        assert_eq!(median(&[9.0, 1.0, 5.0]), Some(5.0));
        assert_eq!(median(&[]), None);
    }
}
