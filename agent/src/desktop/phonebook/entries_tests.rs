//! Phonebooks as other phones write them, and as nobody should.

use proptest::prelude::*;

use super::*;

/// Whom it holds, sorted: a JSON object has no order.
fn people(body: &[u8]) -> Vec<(String, String)> {
    let entries = read(PhonebookFormat::Auto, body).unwrap();
    let people = entries.people.into_iter();
    let mut people: Vec<_> = people
        .map(|contact| (contact.name, contact.number))
        .collect();
    people.sort();
    people
}

fn pairs(wanted: &[(&str, &str)]) -> Vec<(String, String)> {
    let wanted = wanted.iter();
    let mut pairs: Vec<_> = wanted
        .map(|(name, number)| ((*name).to_owned(), (*number).to_owned()))
        .collect();
    pairs.sort();
    pairs
}

#[test]
fn every_format_is_read() {
    let documents: [(&str, &[(&str, &str)]); 9] = [
        (
            r#"<?xml version="1.0"?><contacts refresh="0">
               <contact number="1001" name="Reception &amp; Post" firstname="" lastname="" phone="" mobile="+49 170 1" email="a@b" presence="1" starred="0" info=""/>
               <contact number="1002" firstname="Anna" lastname="Berg"/></contacts>"#,
            &[("Reception & Post", "1001"), ("Reception & Post", "+49 170 1"), ("Anna Berg", "1002")],
        ),
        (
            r#"{"refresh":0,"items":[{"number":"1001","name":"Reception","email":"","presence":1},{"number":1002,"firstname":"Anna","lastname":"Berg"}]}"#,
            &[("Reception", "1001"), ("Anna Berg", "1002")],
        ),
        (
            "<CiscoIPPhoneDirectory><Title>T</Title><Prompt>P</Prompt>
             <DirectoryEntry><Name>J&#252;rgen</Name><Telephone>1003</Telephone></DirectoryEntry>
             <DirectoryEntry><Name><![CDATA[A <b>]]></Name><Telephone>1004</Telephone><Telephone>1005</Telephone></DirectoryEntry>
             <SoftKeyItem><Name>Exit</Name><URL>x</URL></SoftKeyItem></CiscoIPPhoneDirectory>",
            &[("Jürgen", "1003"), ("A <b>", "1004"), ("A <b>", "1005")],
        ),
        (
            "<YealinkIPPhoneDirectory><DirectoryEntry><Name>Test</Name><Telephone>505</Telephone></DirectoryEntry></YealinkIPPhoneDirectory>",
            &[("Test", "505")],
        ),
        (
            r#"<YealinkIPPhoneBook><Title>Y</Title><Menu Name="IT"><Unit Name="Helpdesk" Phone1="200" Phone2="" Phone3="201" default_photo="Resource:"/></Menu></YealinkIPPhoneBook>"#,
            &[("Helpdesk", "200"), ("Helpdesk", "201")],
        ),
        (
            r#"<root_contact><contact display_name="Lena" office_number="300" mobile_number="0170 2" other_number="" line="0" ring="Auto" group_id_name="All"/></root_contact>"#,
            &[("Lena", "300"), ("Lena", "0170 2")],
        ),
        (
            r#"[{"display_name":"Lena","office_number":"300","mobile_number":"0170 2"},{"name":"Karl","numbers":["1",{"type":"home","number":"2"}]}]"#,
            &[("Lena", "300"), ("Lena", "0170 2"), ("Karl", "1"), ("Karl", "2")],
        ),
        (
            "BEGIN:VCARD\r\nVERSION:3.0\r\nN:Berg;Anna;;;\r\nFN:Anna B\r\n erg\\, Dr.\r\nTEL;TYPE=work,voice:+49 89 1\r\nTEL;TYPE=fax:+49 89 2\r\nitem1.IMPP:sip:anna@example.org\r\nPHOTO;ENCODING=b:AAAA\r\nEND:VCARD\r\n",
            &[("Anna Berg, Dr.", "+49 89 1"), ("Anna Berg, Dr.", "sip:anna@example.org")],
        ),
        (
            "BEGIN:VCARD\nVERSION:4.0\nFN:Ben\nTEL;VALUE=uri;TYPE=\"voice,home\":tel:+49-89-3;ext=5\nEND:VCARD\nBEGIN:VCARD\nVERSION:2.1\nN;CHARSET=UTF-8;ENCODING=QUOTED-PRINTABLE:M=C3=BCller;J=C3=B6=\nrg\nTEL;CELL:4\nEND:VCARD\n",
            &[("Ben", "+49-89-3"), ("Jörg Müller", "4")],
        ),
    ];
    for (document, wanted) in documents {
        assert_eq!(people(document.as_bytes()), pairs(wanted), "{document}");
        let sixteen: Vec<u8> = std::iter::once(0xfeff)
            .chain(document.encode_utf16())
            .flat_map(u16::to_le_bytes)
            .collect();
        assert_eq!(people(&sixteen), pairs(wanted), "as UTF-16");
    }
    let latin = b"<contacts><contact name=\"J\xfcrgen\" number=\"1\"/></contacts>";
    assert_eq!(people(latin), pairs(&[("Jürgen", "1")]));
}

#[test]
fn what_is_no_phonebook_says_so() {
    let auto = PhonebookFormat::Auto;
    for (format, body, why) in [
        (auto, "<html><body>Please sign in</body></html>", "nobody"),
        (auto, "GIF89a", "no phonebook of any format"),
        (auto, "", "no phonebook of any format"),
        (auto, "{\"error\": 1}", "no list of people"),
        (auto, "[", "JSON"),
        (auto, "[]", "nobody"),
        (auto, "<contacts><contact name='a' number='1'/>", "too soon"),
        (auto, "BEGIN:VCARD\nFN:A\nTEL:1\n", "does not end"),
        (PhonebookFormat::Cisco, "[]", "(cisco)"),
        (PhonebookFormat::Vcard, "<contacts/>", "(vcard)"),
        (
            auto,
            "<!DOCTYPE lolz [<!ENTITY lol \"lol\"><!ENTITY lol2 \"&lol;&lol;\">]><contacts><contact name=\"&lol2;\" number=\"1\"/></contacts>",
            "document type",
        ),
        (
            auto,
            "<contacts><contact number='1'><name>&lol;</name></contact></contacts>",
            "does not know",
        ),
    ] {
        let error = read(format, body.as_bytes()).unwrap_err().to_string();
        assert!(error.contains(why), "{why}: {error}");
    }
    let deep = "<a>".repeat(1_000_000);
    assert!(
        read(auto, deep.as_bytes())
            .unwrap_err()
            .to_string()
            .contains("deep")
    );
    let deep = "[".repeat(1_000_000);
    assert!(read(auto, deep.as_bytes()).is_err());
}

#[test]
fn too_many_are_counted_and_left_out() {
    let many: Vec<String> = (0..MAX_ENTRIES + 7)
        .map(|n| format!("<contact name='n{n}' number='{n}'/>"))
        .collect();
    let document = format!("<contacts>{}</contacts>", many.concat());
    let entries = read(PhonebookFormat::Microsip, document.as_bytes()).unwrap();
    assert_eq!((entries.people.len(), entries.left_out), (MAX_ENTRIES, 7));
    let numbers: Vec<String> = (0..100).map(|n| format!("\"{n}\"")).collect();
    let one = format!("[{{\"name\":\"x\",\"numbers\":[{}]}}]", numbers.join(","));
    assert_eq!(people(one.as_bytes()).len(), MAX_NUMBERS);
}

#[test]
fn what_steers_a_terminal_or_is_too_long_is_taken_out() {
    let bad = format!(
        "[{{\"name\":\"a\\u0000b\\u001b[31m\\nc\",\"number\":\"1\"}},{{\"name\":\"{}\",\"number\":\"2\"}}]",
        "ä".repeat(9_999)
    );
    let found = people(bad.as_bytes());
    assert_eq!(found[0].0, "a b [31m c");
    assert!(found[1].0.len() <= MAX_CONTACT_TEXT);
}

proptest! {
    #[test]
    fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        let _ = read(PhonebookFormat::Auto, &bytes);
    }

    #[test]
    fn any_card_is_read_or_refused(inner in "[A-Z;:=,\\\\.\n a-z0-9]{0,200}") {
        let card = format!("BEGIN:VCARD\nFN:A\nTEL:1\n{inner}\nEND:VCARD\n");
        if let Ok(entries) = read(PhonebookFormat::Auto, card.as_bytes()) {
            prop_assert!(entries.people.iter().all(|c| c.validate("c").is_ok()));
        }
    }

    #[test]
    fn any_markup_is_read_or_refused(inner in "[<>/a-z=\"'& ;#0-9\\[\\]!-]{0,200}") {
        let _ = read(PhonebookFormat::Auto, format!("<contacts>{inner}</contacts>").as_bytes());
    }
}
