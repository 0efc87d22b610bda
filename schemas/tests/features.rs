//! Calling features as an admin writes them: what is taken, what is refused and where, and the pattern language of dial plans.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use carillon_schemas::dial_rule::{DialRule, MAX_PATTERN, MAX_RESULT, Pattern};
use carillon_schemas::fleet_file::FleetFile;
use proptest::prelude::*;

fn refusal(features: &str) -> String {
    let yaml = format!(
        "desks:\n  - name: a\n    accounts: [{{id: m, address: 'sip:1@h', features: {features}}}]\n"
    );
    FleetFile::from_yaml(&yaml).unwrap_err().to_string()
}

#[test]
fn settings_out_of_bounds_are_named() {
    for (features, path) in [
        ("{forward: {always: ''}}", "features.forward.always"),
        (
            "{forward: {no_answer_after: 1}}",
            "features.forward.no_answer_after",
        ),
        (
            "{auto_answer: {from: ['a b']}}",
            "features.auto_answer.from[0]",
        ),
        ("{lamps: ['<x>']}", "features.lamps[0]"),
        (
            "{emergency: {numbers: ['1-1-2']}}",
            "features.emergency.numbers[0]",
        ),
        ("{emergency: {location: {}}}", "features.emergency.location"),
        (
            "{emergency: {location: {point: {latitude: 91, longitude: 0}}}}",
            "features.emergency.location",
        ),
        (
            "{emergency: {location: {civic: {A3: Wien}}}}",
            "features.emergency.location",
        ),
        (
            "{emergency: {location: {civic: {country: AT, street: x}}}}",
            "features.emergency.location",
        ),
        (
            "{emergency: {location: {uri: 'file:///etc/passwd'}}}",
            "features.emergency.location",
        ),
        ("{dial_plan: [{match: '0x.'}]}", "features.dial_plan[0]"),
        (
            "{dial_plan: [{match: '0x.', to: '1', block: 'no'}]}",
            "features.dial_plan[0]",
        ),
        (
            "{dial_plan: [{match: '0x.', to: '$1'}]}",
            "features.dial_plan[0]",
        ),
        (
            "{dial_plan: [{match: 'x.x.', to: '1'}]}",
            "features.dial_plan[0]",
        ),
    ] {
        let text = refusal(features);
        assert!(text.contains(path), "{features}: {text}");
    }
    assert!(refusal("{do_not_distrub: true}").contains("did you mean \"do_not_disturb\""));
    assert!(refusal("{dial_plan: [{mach: 'x', to: '1'}]}").contains("did you mean \"match\""));
}

fn apply(pattern: &str, to: &str, dialled: &str) -> Option<String> {
    let rule = DialRule {
        pattern: pattern.to_owned(),
        to: Some(to.to_owned()),
        block: None,
    };
    rule.check().unwrap();
    rule.apply(dialled).map(Result::unwrap)
}

#[test]
fn patterns_stand_for_what_the_table_says() {
    for (pattern, to, dialled, wanted) in [
        ("0(zx.)", "+43$1", "01234567", Some("+431234567")),
        ("0(zx.)", "+43$1", "0034", None),
        ("00(x.)", "+$1", "0049301", Some("+49301")),
        ("x", "$0", "5", Some("5")),
        ("x.", "$0", "555", Some("555")),
        ("x.", "$0", "", None),
        (
            "[2-57#]x",
            "sip:$0@gw.example",
            "#1",
            Some("sip:#1@gw.example"),
        ),
        ("[2-57#]x", "$0", "61", None),
        ("*(xx)*(x.)#", "$2@$1", "*21*777#", Some("777@21")),
        ("9(x.)(xx)", "$1-$2", "912345", Some("123-45")),
        ("+1x.", "$0", "+1", None),
        ("112", "$0", "1122", None),
        ("a", "$0", "A", Some("A")),
    ] {
        assert_eq!(
            apply(pattern, to, dialled).as_deref(),
            wanted,
            "{pattern} {dialled}"
        );
    }
}

#[test]
fn broken_patterns_are_refused() {
    for bad in [
        "",
        ".",
        "x.x.",
        "((x))",
        "(x",
        "x)",
        "[",
        "[]",
        "[a-",
        "[1-",
        "[1-]",
        "[5-2]",
        "[a-d]",
        "e",
        "1 2",
        "()",
        &"x".repeat(MAX_PATTERN + 1),
        "(1)(2)(3)(4)(5)(6)(7)(8)(9)(0)",
        "\u{e4}",
    ] {
        assert!(Pattern::read(bad).is_err(), "{bad}");
    }
}

proptest! {
    /// Whatever is written and dialled: no panic, and what matches is cut into groups that are part of it.
    #[test]
    fn patterns_never_go_astray(pattern in "[0-9xz.()\\[\\]#*+-]{0,24}", dialled in "[0-9*#+]{0,40}") {
        if let Ok(read) = Pattern::read(&pattern)
            && let Some(groups) = read.matches(&dialled)
        {
            prop_assert_eq!(groups[0], dialled.as_str());
            for group in groups {
                prop_assert!(dialled.contains(group));
            }
        }
    }

    /// A pattern of digits alone matches itself and nothing else.
    #[test]
    fn digits_match_themselves(digits in "[0-9]{1,20}", other in "[0-9]{1,20}") {
        let read = Pattern::read(&digits).unwrap();
        prop_assert!(read.matches(&digits).is_some());
        prop_assert_eq!(read.matches(&other).is_some(), digits == other);
    }

    /// A repeated element takes exactly what is left over.
    #[test]
    fn one_repeat_takes_the_rest(head in "[0-9]{0,5}", rest in "[0-9]{1,30}", tail in "[0-9]{0,5}") {
        let pattern = format!("{head}(x.){tail}");
        let dialled = format!("{head}{rest}{tail}");
        let read = Pattern::read(&pattern).unwrap();
        prop_assert_eq!(read.matches(&dialled).unwrap()[1], rest.as_str());
    }

    /// Results stay within their bound.
    #[test]
    fn results_are_bounded(dialled in "[0-9]{1,250}") {
        let rule = DialRule { pattern: "(x.)".into(), to: Some("$1$1$1$1$1$1$1$1".into()), block: None };
        if let Some(Ok(made)) = rule.apply(&dialled) {
            prop_assert!(made.len() <= MAX_RESULT);
        }
    }
}
