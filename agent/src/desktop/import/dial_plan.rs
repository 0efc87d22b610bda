//! MicroSIP's dial plans as rules of ours.
//!
//! A plan is a list of patterns between bars: `x` is a digit, `[2-5]` one of a set, `.` repeats what stands before
//! it, `<9:>` dials nothing in place of a 9, and `!` at the end blocks. Ours say the same with groups.

use carillon_schemas::dial_rule::DialRule;

/// The rules of a plan, and the patterns that could not be read, with why.
pub(super) fn rules(plan: &str) -> (Vec<DialRule>, Vec<String>) {
    let plan = plan.trim();
    let plan = plan
        .strip_prefix('(')
        .and_then(|inner| inner.strip_suffix(')'))
        .unwrap_or(plan);
    let (mut rules, mut trouble) = (Vec::new(), Vec::new());
    for pattern in plan.split('|').map(str::trim).filter(|p| !p.is_empty()) {
        match rule(pattern) {
            Ok(rule) => rules.push(rule),
            Err(why) => {
                let shown: String = pattern.chars().take(40).collect();
                trouble.push(format!("pattern {shown:?}: {why}"));
            }
        }
    }
    (rules, trouble)
}

fn rule(pattern: &str) -> Result<DialRule, String> {
    let (pattern, blocked) = match pattern.strip_suffix('!') {
        Some(rest) => (rest, true),
        None => (pattern, false),
    };
    // Times after which it dials by itself: here people press a key for that.
    let pattern = pattern.trim_end_matches(['T', 't']);
    let pattern = pattern
        .strip_suffix("S0")
        .or_else(|| pattern.strip_suffix("s0"))
        .unwrap_or(pattern);
    let (mut ours, mut to, mut groups) = (String::new(), String::new(), 0);
    let mut rest = pattern;
    while !rest.is_empty() {
        if let Some(inner) = rest.strip_prefix('<') {
            let (change, after) = inner.split_once('>').ok_or("'<' is not closed")?;
            let (dialled, instead) = change.split_once(':').ok_or("'<' holds no ':'")?;
            if dialled.contains(['<', '(', ')']) || instead.contains(['<', '(', ')', '$']) {
                return Err("what is changed holds brackets".to_owned());
            }
            ours.push_str(dialled);
            to.push_str(instead);
            rest = after;
            continue;
        }
        let end = rest.find('<').unwrap_or(rest.len());
        groups += 1;
        ours.push_str(&format!("({})", &rest[..end]));
        to.push_str(&format!("${groups}"));
        rest = &rest[end..];
    }
    let rule = if blocked {
        DialRule {
            pattern: ours,
            to: None,
            block: Some("the dial plan blocks this number".to_owned()),
        }
    } else {
        DialRule {
            pattern: ours,
            to: Some(to),
            block: None,
        }
    };
    rule.check()?;
    Ok(rule)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn dial(plan: &str, number: &str) -> Option<Result<String, String>> {
        let (rules, trouble) = rules(plan);
        assert_eq!(trouble, [""; 0], "{plan}");
        rules.iter().find_map(|rule| rule.apply(number))
    }

    #[test]
    fn numbers_become_what_the_plan_says() {
        for (plan, number, dialled) in [
            ("(911|<9:>x.|<:0049>[1-9]x.)", "911", "911"),
            ("(911|<9:>x.|<:0049>[1-9]x.)", "91234", "1234"),
            ("(<:0049>[1-8]x.)", "89123", "004989123"),
            ("<+:00>x.", "+4989", "004989"),
            ("8<1:2>xxx", "81567", "82567"),
            ("xxxxS0", "1234", "1234"),
        ] {
            let Some(Ok(out)) = dial(plan, number) else {
                panic!("{plan} does not fit {number}");
            };
            assert_eq!(out, dialled, "{plan}");
        }
        assert!(matches!(dial("0900x.!|x.", "0900123"), Some(Err(_))));
        assert_eq!(dial("xxx", "12"), None);
    }

    #[test]
    fn what_cannot_be_read_is_named() {
        for plan in ["<9x.", "<9>x", "x..", "ä", "<(9):>x"] {
            let (rules, trouble) = rules(plan);
            assert!(rules.is_empty(), "{plan}");
            assert_eq!(trouble.len(), 1, "{plan}");
        }
    }

    proptest! {
        #[test]
        fn any_plan_makes_rules_that_are_right(plan in "[x0-9<>:|.()!+*#\\[\\]ST-]{0,40}") {
            for rule in rules(&plan).0 {
                prop_assert!(rule.check().is_ok());
            }
        }
    }
}
