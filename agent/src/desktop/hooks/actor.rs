//! The actor: hears what happens, and has it carried out, so many at a time.

use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::{Duration, SystemTime};

use actix::{
    Actor, ActorContext as _, ActorFutureExt as _, AsyncContext as _, Context,
    ContextFutureSpawner as _, Handler, Recipient, WrapFuture as _,
};
use carillon_schemas::hook::{DEFAULT_TIMEOUT, HookWhen};
use carillon_schemas::identifier::hex;
use carillon_schemas::{AccountId, Timestamp};

use super::facts::{Facts, OwnSide};
use super::failures::Failures;
use super::lane::{Entry, Lane};
use super::news::{News, Occurrence};
use super::webhook::Post;
use super::{opener, program, template, webhook};
use crate::agent::Farewell;
use crate::command::{QueryHooks, Subscribe};
use crate::event::AgentEvent;
use crate::provisioning::tls::ServerTrust;
use crate::running::RunningHook;
use crate::session::SessionPlace;

/// Programs that run at once, and what is opened among them.
const PROGRAMS: usize = 8;
/// Posts that are under way at once, those that wait for another try among them.
const POSTS: usize = 4;
/// Works that wait, of each kind.
const WAITING: usize = 64;
/// How long failures of one hook are gathered after the first was told.
const GATHER: Duration = Duration::from_secs(60);

/// What the actor works with.
#[derive(Clone, Debug, Default, actix::MessageResponse)]
pub struct Assignment {
    /// The hooks that may run.
    pub hooks: Vec<RunningHook>,
    /// The desk's name.
    pub desk: Option<String>,
    /// What each account is to itself.
    pub accounts: BTreeMap<AccountId, OwnSide>,
    /// Where addresses are opened.
    pub session: SessionPlace,
}

/// Whom the actor asks and tells.
#[derive(Clone)]
pub struct Setup {
    /// What to work with.
    pub assignment: Recipient<QueryHooks>,
    /// Where to ask for events.
    pub subscribe: Recipient<Subscribe>,
    /// Where failures go.
    pub events: Recipient<AgentEvent>,
}

/// The actor.
pub struct Hooks {
    setup: Setup,
    assignment: Assignment,
    news: News,
    programs: Lane<Job>,
    posts: Lane<Job>,
    failures: Failures,
}

/// One hook's work, everything filled in.
struct Job {
    /// The hook's name.
    hook: Rc<str>,
    work: Work,
    limit: Duration,
}

enum Work {
    Run {
        argv: Vec<String>,
        variables: Vec<(String, String)>,
    },
    Open {
        url: String,
        session: SessionPlace,
    },
    Post(Post),
}

impl Hooks {
    /// An actor that is not started yet.
    pub fn new(setup: Setup) -> Self {
        Self {
            setup,
            assignment: Assignment::default(),
            news: News::default(),
            programs: Lane::new(PROGRAMS, WAITING),
            posts: Lane::new(POSTS, WAITING),
            failures: Failures::default(),
        }
    }

    /// Asks for the hooks in force; what happens meanwhile waits.
    fn fetch(&self, ctx: &mut Context<Self>) {
        let asked = self.setup.assignment.send(QueryHooks);
        asked
            .into_actor(self)
            .map(|answer, hooks, _| {
                // The root is gone: so are we, soon.
                if let Ok(assignment) = answer {
                    hooks.assignment = assignment;
                }
            })
            .wait(ctx);
    }

    fn carry_out(&mut self, occurrence: &Occurrence, ctx: &mut Context<Self>) {
        for index in 0..self.assignment.hooks.len() {
            let hook = &self.assignment.hooks[index];
            if !concerns(hook, occurrence) {
                continue;
            }
            let name: Rc<str> = hook.name.as_str().into();
            match self.job(hook, &occurrence.facts) {
                Ok(job) => self.submit(job, ctx),
                Err(why) => self.failed(&name, &why, ctx),
            }
        }
    }

    fn job(&self, running: &RunningHook, facts: &Facts) -> Result<Job, String> {
        let hook = &running.hook;
        let limit = Duration::from_secs(hook.timeout.unwrap_or(DEFAULT_TIMEOUT).into());
        let work = match (&hook.open, &hook.post, &running.key) {
            (Some(open), ..) => Work::Open {
                url: template::url(open, facts).ok_or_else(|| {
                    format!("its address has more than {} bytes", template::MAX_URL)
                })?,
                session: SessionPlace {
                    user: facts.own.session_user.clone(),
                    ..self.assignment.session.clone()
                },
            },
            (None, Some(post), Some(key)) => {
                let id = name_of_post()?;
                let mut body = facts.json();
                body.insert("id".to_owned(), id.clone().into());
                if let Some(desk) = &self.assignment.desk {
                    body.insert("desk".to_owned(), desk.clone().into());
                }
                Work::Post(Post {
                    url: post.url.clone(),
                    trust: ServerTrust::of(None, key.ca_file.as_deref()),
                    secret: key.secret.clone(),
                    id,
                    body: serde_json::Value::Object(body).to_string(),
                    limit,
                })
            }
            _ => Work::Run {
                argv: hook
                    .run
                    .iter()
                    .map(|argument| template::argument(argument, facts))
                    .collect(),
                variables: template::environment(facts),
            },
        };
        Ok(Job {
            hook: running.name.as_str().into(),
            work,
            limit,
        })
    }

    fn submit(&mut self, job: Job, ctx: &mut Context<Self>) {
        let hook = Rc::clone(&job.hook);
        match self.lane(&job.work).enter(job) {
            Entry::Start(job) => Self::start(job, ctx),
            Entry::Waits => {}
            Entry::Full => self.failed(&hook, "left out: too many hooks run and wait already", ctx),
        }
    }

    fn lane(&mut self, work: &Work) -> &mut Lane<Job> {
        match work {
            Work::Run { .. } | Work::Open { .. } => &mut self.programs,
            Work::Post(_) => &mut self.posts,
        }
    }

    fn start(job: Job, ctx: &mut Context<Self>) {
        let work = async move {
            let result = carried_out(&job).await;
            (job, result)
        };
        ctx.spawn(
            actix::fut::wrap_future::<_, Self>(work).map(|(job, result), hooks, ctx| {
                if let Err(why) = result {
                    hooks.failed(&job.hook, &why, ctx);
                }
                if let Some(next) = hooks.lane(&job.work).leave() {
                    Self::start(next, ctx);
                }
            }),
        );
    }

    fn failed(&mut self, hook: &str, why: &str, ctx: &mut Context<Self>) {
        if self.failures.note(hook, why) {
            self.tell(hook, why.to_owned());
            Self::gather(hook.to_owned(), ctx);
        }
    }

    fn gather(hook: String, ctx: &mut Context<Self>) {
        ctx.run_later(GATHER, move |hooks, ctx| {
            if let Some(why) = hooks.failures.due(&hook) {
                hooks.tell(&hook, why);
                Self::gather(hook, ctx);
            }
        });
    }

    fn tell(&self, hook: &str, why: String) {
        tracing::warn!(hook, "a hook failed: {why}");
        self.setup.events.do_send(AgentEvent::HookFailed {
            hook: hook.to_owned(),
            why,
        });
    }
}

/// Whether a hook waits for this.
fn concerns(running: &RunningHook, occurrence: &Occurrence) -> bool {
    let (hook, facts) = (&running.hook, &occurrence.facts);
    hook.on == facts.event
        && (!occurrence.turned_away || hook.when == HookWhen::BeforeFilters)
        && hook
            .account
            .as_ref()
            .is_none_or(|account| *account == facts.account)
        && (hook.direction.is_none() || hook.direction == facts.direction)
}

async fn carried_out(job: &Job) -> Result<(), String> {
    match &job.work {
        Work::Run { argv, variables } => {
            let said = program::run(argv, variables.clone(), job.limit).await;
            let said = said.map_err(|error| error.to_string())?;
            tracing::info!(hook = &*job.hook, "a hook has run; it said: {said}");
            Ok(())
        }
        // A service has no desktop; its user's session part does.
        Work::Open { url, session } if session.service => {
            if session.open_url(url) {
                Ok(())
            } else {
                Err(
                    "nobody is there to see it: no session part is attached for its user"
                        .to_owned(),
                )
            }
        }
        Work::Open { url, .. } => opener::open(url, job.limit)
            .await
            .map_err(|error| error.to_string()),
        Work::Post(post) => webhook::deliver(post)
            .await
            .map_err(|error| error.to_string()),
    }
}

/// A name that no other post has.
fn name_of_post() -> Result<String, String> {
    let mut random = [0; 16];
    getrandom::fill(&mut random)
        .map_err(|error| format!("no random numbers from the system: {error}"))?;
    Ok(hex(&random))
}

impl Actor for Hooks {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Context<Self>) {
        // The root never waits: what does not fit is counted and told.
        ctx.set_mailbox_capacity(1_024);
        let listen = Subscribe(ctx.address().recipient());
        self.setup.subscribe.do_send(listen);
        self.fetch(ctx);
    }
}

impl Handler<AgentEvent> for Hooks {
    type Result = ();

    fn handle(&mut self, event: AgentEvent, ctx: &mut Context<Self>) {
        if let AgentEvent::ConfigApplied { .. } = event {
            self.fetch(ctx);
        }
        let now = Timestamp::of(SystemTime::now());
        for occurrence in self.news.of(&event, now, &self.assignment.accounts) {
            self.carry_out(&occurrence, ctx);
        }
    }
}

/// The agent leaves: what still runs is ended.
impl Handler<Farewell> for Hooks {
    type Result = ();

    fn handle(&mut self, _: Farewell, ctx: &mut Context<Self>) {
        ctx.stop();
    }
}
