//! `agent.yaml` edited under a running desk, with the real file watcher.

use std::path::Path;

use crate::desk::{Desk, in_system, state, until};

fn yaml(password: &str) -> String {
    format!("accounts:\n  - id: own\n    address: sip:1001@127.0.0.1\n    password: {password}\n")
}

/// As editors do: a new file in place of the old.
fn replace(path: &Path, text: &str) {
    let new = path.with_extension("swp");
    std::fs::write(&new, text).unwrap();
    std::fs::rename(new, path).unwrap();
}

fn runs(desk: &Desk, password: &str) -> bool {
    desk.told.running() == (None, Some(password.to_owned()))
}

#[test]
fn an_edit_takes_effect_and_a_broken_one_says_so() {
    in_system(async {
        let (_temporary, folder) = state();
        let path = folder.place("agent.yaml");
        let desk = Desk::start(&folder);
        until("an empty start", || {
            desk.told.last().is_some_and(|c| c.accounts.is_empty())
        })
        .await;
        std::fs::write(&path, yaml("one")).unwrap();
        until("the new file runs", || runs(&desk, "one")).await;
        replace(&path, &yaml("two"));
        until("the edit runs", || runs(&desk, "two")).await;
        replace(&path, &yaml("three").replace("password", "pasword"));
        until("the error shows", || desk.view().agent_file_error.is_some()).await;
        let error = desk.view().agent_file_error.unwrap();
        assert!(error.contains("did you mean \"password\""), "{error}");
        assert!(!error.contains("three"), "{error}");
        assert!(runs(&desk, "two"), "what ran before runs on");
        replace(&path, &yaml("four"));
        until("the repair runs", || runs(&desk, "four")).await;
        assert_eq!(desk.view().agent_file_error, None);
        std::fs::remove_file(&path).unwrap();
        until("without the file", || {
            desk.told.last().is_some_and(|c| c.accounts.is_empty())
        })
        .await;
    });
}

#[test]
fn an_edit_that_cannot_run_leaves_what_ran() {
    in_system(async {
        let (_temporary, folder) = state();
        let path = folder.place("agent.yaml");
        std::fs::write(&path, yaml("one")).unwrap();
        let desk = Desk::start(&folder);
        until("it runs", || runs(&desk, "one")).await;
        replace(
            &path,
            &format!("{}media: {{input: refuse-me}}\n", yaml("two")),
        );
        until("the error shows", || desk.view().agent_file_error.is_some()).await;
        assert!(runs(&desk, "one"));
    });
}
