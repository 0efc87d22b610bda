//! Filters as RFC 4515 writes them, what is none, and what is put into templates.

use super::*;
use proptest::prelude::*;

fn equal(attribute: &str, value: &str) -> LdapFilter {
    LdapFilter::Compare(Comparison::Equal, attribute.into(), value.into())
}

#[test]
fn filters_are_read_as_rfc_4515_writes_them() {
    let read = |text: &str| LdapFilter::parse(text).unwrap();
    assert_eq!(read("(cn=Babs Jensen)"), equal("cn", "Babs Jensen"));
    assert_eq!(
        read("(!(cn=Tim Howes))"),
        LdapFilter::Not(Box::new(equal("cn", "Tim Howes")))
    );
    assert_eq!(
        read("(&(objectClass=Person)(|(sn=Jensen)(cn=Babs J*)))"),
        LdapFilter::And(vec![
            equal("objectClass", "Person"),
            LdapFilter::Or(vec![
                equal("sn", "Jensen"),
                LdapFilter::Substrings {
                    attribute: "cn".into(),
                    first: Some("Babs J".into()),
                    any: vec![],
                    last: None,
                },
            ]),
        ])
    );
    assert_eq!(
        read("(o=univ*of*mich*)"),
        LdapFilter::Substrings {
            attribute: "o".into(),
            first: Some("univ".into()),
            any: vec!["of".into(), "mich".into()],
            last: None,
        }
    );
    assert_eq!(read("(seeAlso=)"), equal("seeAlso", ""));
    assert_eq!(read("(cn=*)"), LdapFilter::Present("cn".into()));
    assert_eq!(
        read(r"(o=Parens R Us \28for all your parenthetical needs\29)"),
        equal("o", "Parens R Us (for all your parenthetical needs)")
    );
    assert_eq!(
        read(r"(filename=C:\5cMyFile)"),
        equal("filename", r"C:\MyFile")
    );
    assert_eq!(
        read("(sn:dn:2.4.6.8.10:=Barney Rubble)"),
        LdapFilter::Extensible {
            attribute: Some("sn".into()),
            rule: Some("2.4.6.8.10".into()),
            name_too: true,
            value: "Barney Rubble".into(),
        }
    );
    assert_eq!(
        read("(:1.2.3:=Wilma)"),
        LdapFilter::Extensible {
            attribute: None,
            rule: Some("1.2.3".into()),
            name_too: false,
            value: "Wilma".into(),
        }
    );
    assert_eq!(
        read("(age>=18)"),
        LdapFilter::Compare(Comparison::AtLeast, "age".into(), "18".into())
    );
}

#[test]
fn what_is_no_filter_is_refused_with_its_place() {
    for text in [
        "",
        "cn=x",
        "(cn=x",
        "(cn=x))",
        "()",
        "(&)",
        "(cn)",
        "(=x)",
        "(c n=x)",
        "(cn=(x))",
        r"(cn=\zz)",
        r"(cn=\2)",
        "(:=x)",
        "(cn=x\0)",
        "(!(cn=x)(cn=y))",
    ] {
        let refused = LdapFilter::parse(text);
        assert!(
            matches!(refused, Err(LdapFilterError::Syntax { .. })),
            "{text:?}: {refused:?}"
        );
    }
    let deep = format!("{}(a=b){}", "(!".repeat(9), ")".repeat(9));
    assert_eq!(LdapFilter::parse(&deep), Err(LdapFilterError::TooDeep));
    let long = format!("(a={})", "b".repeat(MAX_FILLED));
    assert_eq!(LdapFilter::parse(&long), Err(LdapFilterError::TooLong));
}

#[test]
fn a_template_must_have_a_place_for_what_is_put_in() {
    let check = |template: &str| LdapFilter::check(template, &["{number}", "{digits}"]);
    check("(telephoneNumber={number})").unwrap();
    check("(|(a={digits})(b=*{number}*))").unwrap();
    assert_eq!(check("(cn=*)"), Err(LdapFilterError::NoPlace("{number}")));
    assert!(check("(a={number}").is_err());
    let long = format!("(a={{number}}{})", "b".repeat(MAX_FILTER));
    assert_eq!(check(&long), Err(LdapFilterError::TooLong));
}

#[test]
fn attack_b_what_a_person_types_is_never_a_filter_of_its_own() {
    let typed = "*)(uid=*))(|(uid=*";
    let filled = LdapFilter::fill("(cn=*{text}*)", &[("{text}", &escaped(typed))]);
    assert_eq!(
        filled.unwrap(),
        LdapFilter::Substrings {
            attribute: "cn".into(),
            first: None,
            any: vec![typed.into()],
            last: None,
        }
    );
}

proptest! {
    /// Whatever is typed is one value, whole.
    #[test]
    fn attack_b_any_text_stays_a_value(text in "\\PC{1,40}|[*()\\\\\0{}&|!=a-z]{1,40}") {
        let safe = escaped(&text);
        let filled = LdapFilter::fill("(&(objectClass=person)(cn={text}))", &[("{text}", &safe)]);
        let expected = LdapFilter::And(vec![equal("objectClass", "person"), equal("cn", &text)]);
        prop_assert_eq!(filled, Ok(expected));
    }

    #[test]
    fn any_text_can_be_read(text in "[()&|!=*:\\\\a-z0-9<>~]{0,60}|\\PC{0,60}") {
        let _ = LdapFilter::parse(&text);
    }
}
