//! The part of a request's address behind the question mark.

use std::collections::BTreeMap;
use std::str::FromStr;

use carillon_schemas::Problem;

/// The most values.
const MAX_VALUES: usize = 16;

/// The values, each given once and known by name.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Query(BTreeMap<String, String>);

impl Query {
    /// Reads the values; those of other names than `known` are refused.
    ///
    /// # Errors
    /// What is not known, or given twice.
    pub(super) fn read(text: Option<&str>, known: &[&str]) -> Result<Self, Problem> {
        // Only its decoding of the query is wanted; the rest is a place-holder.
        let whole = format!("http://localhost/?{}", text.unwrap_or_default());
        let parsed = reqwest::Url::parse(&whole).map_err(|error| bad(error.to_string()))?;
        let mut values = BTreeMap::new();
        for (name, value) in parsed.query_pairs().take(MAX_VALUES) {
            if !known.contains(&name.as_ref()) {
                let name: String = name.chars().take(40).collect();
                return Err(bad(format!("{name:?} is none of: {}", known.join(", "))));
            }
            if values
                .insert(name.to_string(), value.into_owned())
                .is_some()
            {
                return Err(bad(format!("{name} is given twice")));
            }
        }
        Ok(Self(values))
    }

    /// A value as it is; `None` when it is not given, or empty.
    pub(super) fn text(&self, name: &str) -> Option<&str> {
        self.0
            .get(name)
            .map(String::as_str)
            .filter(|t| !t.is_empty())
    }

    /// A value of some kind.
    ///
    /// # Errors
    /// When it is not of that kind.
    pub(super) fn value<T: FromStr>(&self, name: &str) -> Result<Option<T>, Problem> {
        let Some(text) = self.text(name) else {
            return Ok(None);
        };
        let shown: String = text.chars().take(40).collect();
        text.parse()
            .map(Some)
            .map_err(|_| bad(format!("{name} cannot be {shown:?}")))
    }
}

/// A request that cannot be read.
pub(super) fn bad(detail: String) -> Problem {
    Problem::new(400, "bad-request", "The request cannot be read", detail)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_decoded_and_strangers_refused() {
        let query = Query::read(
            Some("search=J%C3%BCrgen+M&limit=5&before="),
            &["search", "limit", "before"],
        )
        .unwrap();
        assert_eq!(query.text("search"), Some("Jürgen M"));
        assert_eq!(query.value::<u32>("limit").unwrap(), Some(5));
        assert_eq!(query.value::<i64>("before").unwrap(), None);
        for (text, why) in [("x=1", "none of"), ("limit=1&limit=2", "twice")] {
            let problem = Query::read(Some(text), &["limit"]).unwrap_err();
            assert!(problem.detail.contains(why), "{text}: {}", problem.detail);
        }
        assert!(query.value::<u32>("search").is_err());
        assert_eq!(Query::read(None, &[]).unwrap(), Query::default());
    }
}
