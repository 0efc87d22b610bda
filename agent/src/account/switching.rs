//! Features while the account runs: other settings, switches, keys and texts. Calls that stand are not touched.

use std::time::Duration;

use actix::{ActorFutureExt, Context, Handler, ResponseActFuture, WrapFuture};
use carillon_schemas::features::Features;
use tokio::sync::oneshot;

use super::messages::{PressByInfo, SendText, SwitchesChanged, UseFeatures};
use super::{Account, now};
use crate::call::CallSettings;
use crate::command::CommandError;
use crate::running::RunningAccount;

/// How long a call-back of an emergency call may take.
const RESCUE: Duration = Duration::from_secs(30 * 60);

impl Account {
    /// The calling features in force.
    pub(super) fn features(&self) -> Features {
        self.switches.borrow().over(&self.account.config.features)
    }

    /// What the account's next call is made with.
    pub(super) fn call_settings(&self) -> CallSettings {
        let mut settings = self.settings.clone();
        let user = &self.account.config.features.session_user;
        settings.session.user.clone_from(user);
        settings
    }

    pub(super) fn awaits_rescue(&self) -> bool {
        self.rescue_called
            .is_some_and(|at| now().saturating_duration_since(at) < RESCUE)
    }

    /// Goes on with other settings; what is watched follows.
    pub(super) fn use_account(&mut self, account: RunningAccount) {
        let other = account.config.features != self.account.config.features;
        self.account = account;
        if other {
            self.watch_anew();
        }
    }
}

impl Handler<UseFeatures> for Account {
    type Result = ();

    fn handle(&mut self, UseFeatures(account): UseFeatures, ctx: &mut Context<Self>) {
        self.use_account(account);
        self.drive(ctx);
    }
}

impl Handler<SwitchesChanged> for Account {
    type Result = ();

    fn handle(&mut self, _: SwitchesChanged, ctx: &mut Context<Self>) {
        self.drive(ctx);
    }
}

impl Handler<PressByInfo> for Account {
    type Result = Result<(), CommandError>;

    fn handle(&mut self, keys: PressByInfo, ctx: &mut Context<Self>) -> Self::Result {
        let (call, _) = self.line(keys.number)?;
        let pressed = self.endpoint.press_keys(now(), call, &keys.digits);
        self.drive(ctx);
        pressed.map_err(|error| self.refused(Some(keys.number), "", error))
    }
}

impl Handler<SendText> for Account {
    type Result = ResponseActFuture<Self, Result<u16, CommandError>>;

    fn handle(&mut self, message: SendText, ctx: &mut Context<Self>) -> Self::Result {
        let target: String = message.target.chars().take(80).collect();
        let bad = move |why: String| CommandError::NotDelivered { target, why };
        let uri = crate::call::target_uri(&message.target, &self.account.config.address)
            .map_err(|error| error.to_string());
        let sent = uri.and_then(|uri| {
            self.endpoint
                .send_message(now(), &uri, &message.text)
                .map_err(|error| error.to_string())
        });
        let id = match sent {
            Ok(id) => id,
            Err(why) => return Box::pin(std::future::ready(Err(bad(why))).into_actor(self)),
        };
        let (tell, told) = oneshot::channel();
        self.interests.texts.insert(id, tell);
        self.drive(ctx);
        Box::pin(told.into_actor(self).map(move |told, _, _| match told {
            Ok(Ok(status)) => Ok(status),
            Ok(Err(why)) => Err(bad(why)),
            Err(_) => Err(bad(
                "the account left before there was an answer".to_owned(),
            )),
        }))
    }
}
