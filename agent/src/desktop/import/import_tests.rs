//! Moving over: a file with every key, files that are broken, and what is read back.

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;

const EVERY_KEY: &str = include_str!("every_key.ini");
const CONTACTS: &[u8] = include_bytes!("Contacts.xml");

fn sixteen(text: &str) -> Vec<u8> {
    let marked = std::iter::once(0xfeff).chain(text.encode_utf16());
    marked.flat_map(u16::to_le_bytes).collect()
}

fn secrets() -> Secrets {
    Secrets {
        passwords: Passwords::read(b"1001@pbx.example.org,correct horse\n").unwrap(),
        plain: false,
    }
}

fn import(ini: &str) -> (AgentFile, Report, String) {
    let bytes = sixteen(ini);
    let desk = Desk {
        name: None,
        ini: &bytes,
        contacts: None,
    };
    let (yaml, report) = agent_yaml(&desk, &secrets()).unwrap();
    (AgentFile::from_yaml(&yaml).unwrap(), report, yaml)
}

#[test]
fn the_fixture_holds_every_key_and_every_key_is_carried_over_or_named() {
    let ini = Ini::read(EVERY_KEY.as_bytes()).unwrap();
    for key in KEYS {
        let section = match key.section {
            "Account" => "Account1",
            other => other,
        };
        let there = match key.name {
            "*" => ini.keys(section).next().is_some(),
            name => ini.value(section, name).is_some(),
        };
        assert!(there, "[{section}] {} is not in the fixture", key.name);
    }
    let (_, report, _) = import(EVERY_KEY);
    let told: BTreeSet<_> = report
        .carried
        .iter()
        .map(|carried| carried.key.to_lowercase())
        .chain(report.left.iter().map(|left| left.key.to_lowercase()))
        .collect();
    for section in ini.sections() {
        for key in ini
            .keys(section)
            .filter(|key| ini.value(section, key).is_some())
        {
            let named = format!("[{section}] {key}").to_lowercase();
            let whole = format!("[{section}]").to_lowercase();
            assert!(
                told.contains(&named) || told.contains(&whole),
                "{named} is lost"
            );
        }
    }
}

#[test]
fn the_table_for_people_is_the_table_of_the_code() {
    let text = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/microsip.md"))
        .unwrap();
    for key in KEYS {
        let becomes = match key.becomes {
            Becomes::Setting(setting) => format!("`{setting}`"),
            Becomes::Nothing(why) => format!("not carried over: {why}"),
        };
        let row = format!("| `[{}]` | `{}` | {becomes} |", key.section, key.name);
        assert!(
            text.contains(&row),
            "docs/microsip.md lacks this row:\n{row}"
        );
    }
}

#[test]
fn a_whole_file_becomes_a_desk() {
    let (file, report, yaml) = import(EVERY_KEY);
    assert_eq!(file.accounts.len(), 3, "{yaml}");
    // The one in use comes first.
    let second = &file.accounts[0];
    assert_eq!((second.id.as_str(), second.enabled), ("account2", false));
    let first = &file.accounts[1];
    assert_eq!(first.address.as_str(), "sip:1001@pbx.example.org");
    assert_eq!(first.registrar.as_deref(), Some("sip.example.org:5070"));
    assert_eq!(first.outbound_proxy.as_deref(), Some("proxy.example.org"));
    assert_eq!(first.password.as_ref().unwrap().expose(), "correct horse");
    assert_eq!(first.username.as_deref(), Some("auth1001"));
    assert_eq!(first.display_name.as_deref(), Some("Jürgen \"J\" Groß"));
    assert_eq!(first.register_expires, 600);
    assert_eq!(first.connection.keep_alive_interval, Some(15));
    assert_eq!(first.max_calls, 4);
    let features = &first.features;
    assert_eq!(features.call_waiting, Some(false));
    assert_eq!(features.do_not_disturb, Some(true));
    let forward = features.forward.as_ref().unwrap();
    assert_eq!(forward.no_answer.as_deref(), Some("1009"));
    assert_eq!(forward.no_answer_after(), 10);
    assert_eq!(
        features.auto_answer.as_ref().unwrap().from,
        ["1001", "1002"]
    );
    assert_eq!(features.dial_plan.len(), 3);
    assert_eq!(
        (features.hide_caller_id, features.publish_presence),
        (Some(true), Some(true))
    );
    assert_eq!(file.accounts[2].id.as_str(), "local");
    assert!(!file.accounts[2].register);
    let media = &file.media;
    assert_eq!(media.input(), "Headset Microphone (USB)");
    assert_eq!(media.output_volume(), 80);
    // 70 there, raised by both switches: 50 + 20 to the power of 1.7.
    assert_eq!(media.input_volume(), 200);
    let ringing = &media.ringing;
    assert_eq!(ringing.device.as_deref(), Some("Speakers (Realtek)"));
    assert_eq!(
        (ringing.sound(), ringing.volume()),
        ("C:\\Sounds\\ring.wav", 100)
    );
    assert_eq!(media.recording.folder(), "C:\\Recordings");
    assert!(media.recording.auto());
    assert_eq!(file.network.rtp_ports(), 20_000..=20_100);
    assert_eq!(
        file.phonebooks[0].url,
        "https://phones.example.org/users.xml"
    );
    let hook = &file.hooks[0];
    assert_eq!(
        hook.run,
        ["C:\\Program Files\\CRM\\pop.exe", "/in", "{number}"]
    );
    let last = file.hooks.last().unwrap();
    assert_eq!(last.run, ["C:\\Program Files\\CRM\\end.exe", "{number}"]);
    assert_eq!(file.contacts[0].number, "*97");
    let left = |key: &str| {
        report
            .left
            .iter()
            .find(|left| left.key == key)
            .map(|left| left.why.clone())
    };
    assert!(left("[Account2] SRTP").unwrap().contains("disabled"));
    assert!(
        left("[Account2] password")
            .unwrap()
            .contains("--password-file")
    );
    assert!(left("[Settings] audioCodecs").unwrap().contains("OPUS"));
    assert!(
        !yaml.contains("obfuscated1"),
        "an obfuscated password is no password"
    );
}

#[test]
fn levels_mean_what_they_meant() {
    let imported = |settings: &str| {
        let (file, report, _) = import(&format!("[Settings]\n{settings}"));
        let left = report
            .left
            .into_iter()
            .map(|left| left.key)
            .collect::<Vec<_>>();
        (file.media, left)
    };
    for (settings, expected, told) in [
        // The switches decide whether it is MicroSIP's own level or the system's.
        ("volumeInput=70\nswLevelAdjustment=1", Some(70), false),
        ("volumeInput=70\nswLevelAdjustment=0", None, true),
        ("volumeInput=70", None, true),
        (
            "volumeInput=40\nswLevelAdjustment=1\nmicAmplification=1",
            Some(40),
            false,
        ),
        (
            "volumeInput=60\nswLevelAdjustment=1\nmicAmplification=1",
            Some(100),
            false,
        ),
        (
            "volumeInput=64\nswLevelAdjustment=1\nmicAmplification=1",
            Some(138),
            false,
        ),
        ("volumeInput=60\nmicAmplification=1", Some(147), false),
        ("volumeInput=100\nmicAmplification=1", Some(200), true),
        ("volumeInput=101\nswLevelAdjustment=1", None, true),
        ("volumeInput=loud\nswLevelAdjustment=1", None, true),
    ] {
        let (media, left) = imported(settings);
        assert_eq!(
            media.input_volume,
            expected.filter(|p| *p != 100),
            "{settings}"
        );
        let named = left.contains(&"[Settings] volumeInput".to_owned());
        assert_eq!(named, told, "{settings}: {left:?}");
    }
    let (media, _) = imported("volumeOutput=100\nvolumeRing=0");
    assert_eq!((media.output_volume, media.ringing.volume), (None, Some(0)));
}

#[test]
fn it_rings_where_it_rang() {
    let device = |settings: &str| {
        import(&format!("[Settings]\n{settings}"))
            .0
            .media
            .ringing
            .device
    };
    assert_eq!(
        device("audioRingDevice=Speakers").as_deref(),
        Some("Speakers")
    );
    // MicroSIP's usual place is the system's, not the headset that calls are heard at.
    for usual in ["", "audioRingDevice=\n", "audioRingDevice=Default\n"] {
        let there = device(&format!("{usual}audioOutputDevice=Headset"));
        assert_eq!(there.as_deref(), Some("default"), "{usual}");
        assert_eq!(device(usual), None);
    }
    for (path, comes) in [
        ("C:\\r.WAV", true),
        ("\\\\server\\r.wav", true),
        ("r.wav", false),
        ("C:\\r.mp3", false),
    ] {
        let (file, report, _) = import(&format!("[Settings]\nringingSound={path}"));
        assert_eq!(file.media.ringing.sound.is_some(), comes, "{path}");
        assert_eq!(report.left.is_empty(), comes, "{path}");
    }
}

#[test]
fn a_dial_plan_that_is_too_long_says_where_it_is_cut() {
    let plan = |count: usize| {
        let patterns: Vec<_> = (0..count).map(|n| format!("<9{n:03}:>x.")).collect();
        let ini = format!(
            "[Account1]\nusername=7\nserver=pbx\ndialPlan=({})\ndialingPrefix=0\n",
            patterns.join("|")
        );
        let (file, report, yaml) = import(&ini);
        let left = report
            .left
            .into_iter()
            .find(|left| left.key == "[Account1] dialPlan");
        (file.accounts[0].features.dial_plan.clone(), left, yaml)
    };
    let (rules, left, _) = plan(199);
    assert_eq!((rules.len(), left), (200, None));
    let (rules, left, yaml) = plan(201);
    assert_eq!(rules.len(), 200);
    assert_eq!(
        rules[199].to.as_deref(),
        Some("0$0"),
        "the prefix comes along"
    );
    let why = left.unwrap().why;
    assert!(
        why.contains("201 patterns") && why.contains("9199(x.)"),
        "{why}"
    );
    assert!(
        yaml.contains("# not carried over: [Account1] dialPlan"),
        "{yaml}"
    );
}

#[test]
fn contacts_come_along() {
    let ini = sixteen(EVERY_KEY);
    let desk = Desk {
        name: None,
        ini: &ini,
        contacts: Some(CONTACTS),
    };
    let (yaml, _) = agent_yaml(&desk, &Secrets::default()).unwrap();
    let contacts = AgentFile::from_yaml(&yaml).unwrap().contacts;
    let names: Vec<_> = contacts.iter().map(|c| c.name.as_str()).collect();
    assert_eq!(
        names,
        ["Voicemail 1001", "Anna & Ben", "Anna & Ben", "Reception"]
    );
}

#[test]
fn a_folder_becomes_a_fleet() {
    let (one, two) = (sixteen(EVERY_KEY), b"[Account1]\nusername=7\nserver=pbx\n");
    let desks = [
        Desk {
            name: Some("front desk"),
            ini: &one,
            contacts: Some(CONTACTS),
        },
        Desk {
            name: Some("back"),
            ini: two,
            contacts: None,
        },
    ];
    let secrets = Secrets {
        passwords: Passwords::read(b"back/7,secret\n").unwrap(),
        plain: false,
    };
    let (yaml, reports) = fleet_yaml(&desks, &secrets).unwrap();
    let fleet = FleetFile::from_yaml(&yaml).unwrap();
    let names: Vec<_> = fleet.desks.iter().map(|d| d.name.as_str()).collect();
    assert_eq!(names, ["front desk", "back"]);
    assert_eq!(
        fleet.desks[1].accounts[0]
            .password
            .as_ref()
            .unwrap()
            .expose(),
        "secret"
    );
    assert_eq!(reports.len(), 2);
    let broken = Desk {
        name: Some("broken"),
        ini: b"MZ\0",
        contacts: None,
    };
    let (desk, _) = fleet_yaml(&[broken], &secrets).err().unwrap();
    assert_eq!(desk, "broken");
}

#[test]
fn a_file_in_the_clear_gives_its_passwords_only_when_asked() {
    let ini = b"[Account1]\nusername=7\nserver=pbx\npassword=open sesame\n";
    let desk = Desk {
        name: None,
        ini,
        contacts: None,
    };
    let (yaml, _) = agent_yaml(&desk, &Secrets::default()).unwrap();
    assert!(!yaml.contains("open sesame"));
    let plain = Secrets {
        plain: true,
        ..Secrets::default()
    };
    let (yaml, _) = agent_yaml(&desk, &plain).unwrap();
    let file = AgentFile::from_yaml(&yaml).unwrap();
    assert_eq!(
        file.accounts[0].password.as_ref().unwrap().expose(),
        "open sesame"
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn any_values_make_a_file_that_is_read(
        values in proptest::collection::vec("[ -~äöü€\u{1}\u{200f}]{0,40}", KEYS.len()),
    ) {
        let mut settings = "[Settings]\n".to_owned();
        let mut account = "[Account1]\nusername=1001\ndomain=pbx\n".to_owned();
        for (key, value) in KEYS.iter().zip(values) {
            let into = if key.section == "Account" { &mut account } else { &mut settings };
            if key.name != "*" {
                into.push_str(&format!("{}={value}\n", key.name));
            }
        }
        let bytes = sixteen(&format!("{settings}{account}"));
        let desk = Desk { name: None, ini: &bytes, contacts: None };
        let plain = Secrets { plain: true, ..Secrets::default() };
        if let Err(error) = agent_yaml(&desk, &plain) {
            prop_assert!(matches!(error, ImportError::Ini(_)), "{error}");
        }
    }
}
