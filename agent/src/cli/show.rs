//! `status` and `accounts`.

use std::path::Path;
use std::time::Duration;

use carillon_schemas::AccountId;
use serde_json::json;

use super::calls::call_row;
use super::client::Client;
use super::exit::{Exit, Failure};
use super::print::{self, ago, line, or_dash, plain};
use crate::control::DeskView;
use crate::provisioning::LinkView;
use crate::view::AccountView;

/// How long a restart may take to begin.
const PATIENCE: Duration = Duration::from_secs(10);

pub(super) fn status(state: &Path, as_json: bool) -> Result<(), Failure> {
    let view: DeskView = Client::of(state)?.get("/v1/status")?;
    if as_json {
        print::json(&view);
        return Ok(());
    }
    let agent = &view.agent;
    line(&format!(
        "agent     {} for {}, restarts {}",
        agent.version,
        ago(agent.started),
        agent.restarts
    ));
    line(&format!(
        "desk      {}",
        agent.name.as_deref().map_or_else(|| "-".into(), plain)
    ));
    line(&format!(
        "config    generation {}{}",
        or_dash(agent.generation),
        agent
            .applied_at
            .map_or(String::new(), |at| format!(", applied {} ago", ago(at)))
    ));
    for text in link_lines(&view.link) {
        line(&text);
    }
    if let Some(error) = &view.link.agent_file_error {
        line(&format!("yaml      {}", plain(error)));
    }
    if let Some(why) = view.notifications.as_ref().and_then(|n| n.why.as_deref()) {
        line(&format!("notify    {}", plain(why)));
    }
    for actor in &agent.given_up {
        line(&format!(
            "given up  {actor} (see the log; 'carillon accounts restart' tries again)"
        ));
    }
    if !agent.accounts.is_empty() {
        line("");
        print::table(&agent.accounts.iter().map(account_row).collect::<Vec<_>>());
    }
    if !agent.calls.is_empty() {
        line("");
        print::table(&agent.calls.iter().map(call_row).collect::<Vec<_>>());
    }
    Ok(())
}

pub(super) fn accounts(state: &Path, as_json: bool) -> Result<(), Failure> {
    let accounts: Vec<AccountView> = Client::of(state)?.get("/v1/accounts")?;
    if as_json {
        print::json(&accounts);
    } else if accounts.is_empty() {
        line("no account (enrol this desk, or write one into agent.yaml)");
    } else {
        print::table(&accounts.iter().map(account_row).collect::<Vec<_>>());
    }
    Ok(())
}

pub(super) fn restart_account(
    state: &Path,
    account: &AccountId,
    as_json: bool,
) -> Result<(), Failure> {
    let path = format!("/v1/accounts/{account}/restart");
    Client::of(state)?.post::<()>(&path, &json!({}), PATIENCE)?;
    if as_json {
        print::json(&json!({ "restarted": account }));
    } else {
        line(&format!("account {account} starts anew"));
    }
    Ok(())
}

/// Chooses the account to call on, by its id or its place in the list.
pub(super) fn use_account(state: &Path, account: &str, as_json: bool) -> Result<(), Failure> {
    let client = Client::of(state)?;
    let accounts: Vec<AccountView> = client.get("/v1/accounts")?;
    let ids = || accounts.iter().map(|account| account.status.id.as_str());
    let place = account.parse::<usize>().ok().and_then(|n| n.checked_sub(1));
    let id = ids()
        .find(|id| *id == account)
        .or_else(|| ids().nth(place?))
        .ok_or_else(|| {
            let known: Vec<&str> = ids().take(16).collect();
            let text = format!(
                "there is no account {:?}; there is: {}",
                plain(account),
                known.join(", ")
            );
            Failure::new(Exit::Refused, "no-such-account", text)
        })?;
    client.post::<()>(&format!("/v1/accounts/{id}/use"), &json!({}), PATIENCE)?;
    if as_json {
        print::json(&json!({ "preferred": id }));
    } else {
        line(&format!("calls go out on account {id}"));
    }
    Ok(())
}

fn link_lines(link: &LinkView) -> Vec<String> {
    let Some(server) = &link.server else {
        return vec!["server    none: not enrolled".into()];
    };
    let contact = link.last_contact.map_or("no contact yet".into(), |at| {
        format!("last contact {} ago", ago(at))
    });
    let mut lines = vec![format!("server    {server}, {contact}")];
    if let Some(trouble) = &link.trouble {
        lines.push(format!("trouble   {}", plain(trouble)));
    }
    if link.stale {
        lines.push("stale     no current word that this configuration is the newest".into());
    }
    if let Some(refused) = &link.refused {
        let generation = or_dash(refused.generation);
        let reason = plain(&refused.reason);
        lines.push(format!(
            "refused   generation {generation}, {} ago: {reason}",
            ago(refused.at)
        ));
    }
    lines
}

fn account_row(account: &AccountView) -> Vec<String> {
    let status = &account.status;
    vec![
        if account.preferred { "*" } else { "" }.to_owned(),
        status.id.to_string(),
        status.state.as_str().to_owned(),
        status.address.clone(),
        ago(status.since),
        status.reason.as_deref().map_or_else(String::new, plain),
    ]
}
